/** The values of a vector's JSON, asked for by name and type; what is not there or not so is named by its path. */
import type { GatheredRange } from "./vector.js";
import { VectorFormatError } from "./vector-format-error.js";

const PROT_BITS: Readonly<Record<string, number>> = {
  read: 1,
  write: 2,
  noexec: 4,
  priv: 8,
  cache: 16,
  mmio: 32,
};

/** One JSON object, its fields asked for by name and type. */
export class Fields {
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

  names(): readonly string[] {
    return [...this.#fields.keys()];
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

export function asText(value: unknown, path: string): string {
  return typeof value === "string" ? value : fail(path, "not a string");
}

export function asInteger(value: unknown, least: number, most: number, path: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  return fail(path, `not a whole number from ${least} to ${most}`);
}

/** Numbers that may be wider than 32 bits are hex strings of at most 64 bits. */
export function asAddress(value: unknown, path: string): bigint {
  if (typeof value === "string" && /^0x[0-9a-f]{1,16}$/i.test(value)) return BigInt(value);
  return fail(path, 'not a hex string of up to 64 bits, such as "0x1000"');
}

export function fail(path: string, reason: string): never {
  throw new VectorFormatError(`${path === "" ? "line" : path}: ${reason}`);
}

/** Bits of `Prot` from the names of permissions. */
export function readProt(object: Fields): number {
  let bits = 0;
  for (const [index, item] of object.list("prot").entries()) {
    const path = `${object.path}prot[${index}]`;
    const name = asText(item, path);
    const bit = Object.hasOwn(PROT_BITS, name) ? PROT_BITS[name] : undefined;
    bits |= bit ?? fail(path, `no permission is called ${JSON.stringify(name)}`);
  }
  return bits;
}
