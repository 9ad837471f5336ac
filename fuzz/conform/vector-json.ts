/** From the JSON of a vector file to checked values: every field named, every number in its range. */
import type {
  Creation,
  EffectiveConfig,
  GatheredRange,
  Rollback,
  VectorCase,
  VectorConfig,
  VectorItem,
  VectorOp,
  VectorTable,
} from "./vector.js";
import { VectorFormatError } from "./vector-format-error.js";

const PROT_BITS: Readonly<Record<string, number>> = {
  read: 1,
  write: 2,
  noexec: 4,
  priv: 8,
  cache: 16,
  mmio: 32,
};

const ITEMS_MAX = 512;
const ALL = 1n << 64n;

export function readCreation(value: object, line: number): Creation {
  const object = new Fields(value, "");
  const ret = object.integer("ret", -4095, 0);
  return {
    line,
    format: object.text("format"),
    config: readConfig(object.object("config")),
    ret,
    effective: ret === 0 ? readEffective(object.object("effective")) : undefined,
    pageSizes: ret === 0 ? object.address("pageSizes") : 0n,
  };
}

function readConfig(object: Fields): VectorConfig {
  return {
    name: object.text("name"),
    maxVaLg2: object.integer("maxVaLg2", 0, 255),
    maxOaLg2: object.integer("maxOaLg2", 0, 255),
    topLevel: object.has("topLevel") ? object.integer("topLevel", 0, 255) : undefined,
    features: object.list("features").map((item, index) => asText(item, `${object.path}features[${index}]`)),
    encryptMask: object.address("encryptMask"),
    pgsizeMask: object.address("pgsizeMask"),
  };
}

function readEffective(object: Fields): EffectiveConfig {
  return {
    maxVaLg2: object.integer("maxVaLg2", 1, 64),
    maxOaLg2: object.integer("maxOaLg2", 1, 64),
    topLevel: object.integer("topLevel", 0, 5),
    features: object.list("features").map((item, index) => asText(item, `${object.path}features[${index}]`)),
  };
}

export function readCase(value: object, line: number): VectorCase {
  const object = new Fields(value, "");
  const ops = object.list("ops").map((op, index) => readOp(new Fields(op, `ops[${index}]`)));
  return {
    line,
    seed: object.integer("seed", 0, Number.MAX_SAFE_INTEGER),
    name: object.has("name") ? object.text("name") : undefined,
    ops,
    tables: readTable(object.object("tables")),
    live: object.integer("live", 0, 2 ** 31),
  };
}

function readOp(object: Fields): VectorOp {
  const op = object.text("op");
  switch (op) {
    case "map":
    case "map_range":
      return readMap(object, op);
    case "unmap":
      return { op, ...object.range(), ...readRemoval(object) };
    case "unmap_fast":
      return {
        op,
        ...object.range(),
        queued: object.flag("queued"),
        ...readRemoval(object),
        pending: readPending(object),
      };
    case "sync":
      return {
        op,
        queued: object.has("queued") && object.flag("queued"),
        gather: object.ranges("gather"),
        freed: object.count("freed"),
      };
    case "iova_to_phys":
      return {
        op,
        iova: object.address("iova"),
        pa: object.value("pa") === null ? undefined : object.address("pa"),
      };
    case "set_dirty":
      return { op, iova: object.address("iova"), ret: object.integer("ret", -4095, 0) };
    case "rcd":
      return {
        op,
        ...object.range(),
        noClear: object.flag("noClear"),
        ret: object.integer("ret", -4095, 0),
        dirty: object.pairs("dirty"),
        gather: object.ranges("gather"),
      };
    default:
      return fail(`${object.path}op`, `no operation is called ${JSON.stringify(op)}`);
  }
}

function readMap(object: Fields, op: "map" | "map_range"): VectorOp {
  const ret = object.integer("ret", -4095, 0);
  const rollsBack = op === "map" && ret !== 0;
  return {
    op,
    ...object.range(),
    pa: object.address("pa"),
    prot: readProt(object),
    failAlloc: object.has("failAlloc") ? object.integer("failAlloc", 1, 2 ** 31 - 1) : 0,
    ret,
    mapped: object.address("mapped"),
    alloc: object.has("alloc") ? object.count("alloc") : 0,
    freed: object.has("freed") ? object.count("freed") : 0,
    gather: object.has("gather") ? object.ranges("gather") : [],
    newTop: object.has("newTop")
      ? object.list("newTop").map((level, index) => asInteger(level, 0, 5, `${object.path}newTop[${index}]`))
      : [],
    rollback: rollsBack ? readRemoval(object.object("rollback")) : undefined,
  };
}

function readProt(object: Fields): number {
  let bits = 0;
  for (const [index, item] of object.list("prot").entries()) {
    const path = `${object.path}prot[${index}]`;
    const name = asText(item, path);
    const bit = Object.hasOwn(PROT_BITS, name) ? PROT_BITS[name] : undefined;
    bits |= bit ?? fail(path, `no permission is called ${JSON.stringify(name)}`);
  }
  return bits;
}

function readRemoval(object: Fields): Rollback {
  return {
    unmapped: object.address("unmapped"),
    gather: object.ranges("gather"),
    freed: object.count("freed"),
  };
}

function readPending(object: Fields): [bigint, bigint, number] {
  const path = `${object.path}pending`;
  const list = object.list("pending");
  if (list.length !== 3) fail(path, "[start, end, pages waiting]");
  return [
    asAddress(list[0], `${path}[0]`),
    asAddress(list[1], `${path}[1]`),
    asInteger(list[2], 0, 2 ** 31, `${path}[2]`),
  ];
}

function readTable(object: Fields): VectorTable {
  const level = object.integer("level", 0, 5);
  const items: VectorItem[] = [];
  let next = 0;
  for (const [place, entry] of object.list("entries").entries()) {
    const path = `${object.path}entries[${place}]`;
    if (!Array.isArray(entry)) return fail(path, "not a list");
    const index = asInteger(entry[0], next, ITEMS_MAX - 1, `${path}[0]`);
    readEntry(entry, index, level, path, items);
    next = (items.at(-1)?.index ?? index) + 1;
  }
  return { level, items };
}

/** `[index, raw]`, `[index, count, first, stride]` or `[index, raw, TREE]`. */
function readEntry(
  entry: readonly unknown[],
  index: number,
  level: number,
  path: string,
  items: VectorItem[],
): void {
  if (entry.length === 2) {
    items.push({ index, raw: asAddress(entry[1], `${path}[1]`) });
  } else if (entry.length === 3) {
    const below = new Fields(entry[2], `${path}[2]`);
    const table = readTable(below);
    if (table.level !== level - 1) fail(`${path}[2].level`, `${level - 1} stands below ${level}`);
    items.push({ index, raw: asAddress(entry[1], `${path}[1]`), table });
  } else if (entry.length === 4) {
    const count = asInteger(entry[1], 1, ITEMS_MAX - index, `${path}[1]`);
    let raw = asAddress(entry[2], `${path}[2]`);
    const stride = asAddress(entry[3], `${path}[3]`);
    for (let at = 0; at < count; at++) {
      items.push({ index: index + at, raw });
      raw = (raw + stride) % ALL;
    }
  } else {
    fail(path, "an entry has 2, 3 or 4 elements");
  }
}

/** One JSON object, its fields asked for by name and type. */
class Fields {
  /** Where the object stands, with the dot that a field's name follows. */
  readonly path: string;
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) fail(path, "not an object");
    this.path = path === "" ? "" : `${path}.`;
    this.#fields = new Map(Object.entries(value));
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  value(name: string): unknown {
    if (!this.#fields.has(name)) fail(`${this.path}${name}`, "missing");
    return this.#fields.get(name);
  }

  text(name: string): string {
    return asText(this.value(name), `${this.path}${name}`);
  }

  flag(name: string): boolean {
    const value = this.value(name);
    return typeof value === "boolean" ? value : fail(`${this.path}${name}`, "true or false");
  }

  integer(name: string, least: number, most: number): number {
    return asInteger(this.value(name), least, most, `${this.path}${name}`);
  }

  count(name: string): number {
    return this.integer(name, 0, 2 ** 40);
  }

  address(name: string): bigint {
    return asAddress(this.value(name), `${this.path}${name}`);
  }

  object(name: string): Fields {
    return new Fields(this.value(name), `${this.path}${name}`);
  }

  list(name: string): readonly unknown[] {
    const value = this.value(name);
    return Array.isArray(value) ? value : fail(`${this.path}${name}`, "not a list");
  }

  range(): { readonly iova: bigint; readonly len: bigint } {
    return { iova: this.address("iova"), len: this.address("len") };
  }

  pairs(name: string): readonly (readonly [bigint, bigint])[] {
    return this.list(name).map((pair, index) => {
      const path = `${this.path}${name}[${index}]`;
      if (!Array.isArray(pair) || pair.length !== 2) return fail(path, "not a pair");
      return [asAddress(pair[0], `${path}[0]`), asAddress(pair[1], `${path}[1]`)] as const;
    });
  }

  ranges(name: string): readonly GatheredRange[] {
    return this.pairs(name);
  }
}

function asText(value: unknown, path: string): string {
  return typeof value === "string" ? value : fail(path, "not a string");
}

function asInteger(value: unknown, least: number, most: number, path: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  return fail(path, `not a whole number from ${least} to ${most}`);
}

/** Numbers that may be wider than 32 bits are hex strings of at most 64 bits. */
function asAddress(value: unknown, path: string): bigint {
  if (typeof value === "string" && /^0x[0-9a-f]{1,16}$/i.test(value)) return BigInt(value);
  return fail(path, 'not a hex string of up to 64 bits, such as "0x1000"');
}

function fail(path: string, reason: string): never {
  throw new VectorFormatError(`${path === "" ? "line" : path}: ${reason}`);
}
