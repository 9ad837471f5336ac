/** From the JSON of an `io-pgtable` recording to checked values. */
import { asAddress, asInteger, asText, Fields, fail, readProt } from "./fields.js";
import type { IoCase, IoConfig, IoCreation, IoFormat, IoMade, IoOp, MapPiece } from "./io-vector.js";
import { readSideBySide, readTable } from "./tree-json.js";

const FORMATS: Readonly<Record<string, IoFormat>> = {
  arm_64_lpae_s1: "arm_64_lpae_s1",
  arm_64_lpae_s2: "arm_64_lpae_s2",
  arm_32_lpae_s1: "arm_32_lpae_s1",
  arm_32_lpae_s2: "arm_32_lpae_s2",
  arm_mali_lpae: "arm_mali_lpae",
  arm_v7s: "arm_v7s",
  apple_dart: "apple_dart",
  apple_dart2: "apple_dart2",
};

/** Registers that hold a table's address: what stands beside it. */
const BASE_REGISTERS: readonly (readonly [recorded: string, name: string])[] = [
  ["ttbr_low", "ttbr"],
  ["vttbr_low", "vttbr"],
  ["transtab_low", "transtab"],
];
const WHOLE_REGISTERS = ["mair", "memattr", "nmrr", "prrr"] as const;
const CONTROL_REGISTERS = ["tcr", "vtcr"] as const;

/** Items of the largest root that was recorded, in a table alone or several side by side. */
const ROOT_ITEMS_MAX = 1 << 15;

export function readIoCreation(value: object, line: number): IoCreation {
  const object = new Fields(value, "");
  const name = object.text("format");
  const format = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined;
  return {
    line,
    format: format ?? fail("format", `no format is called ${JSON.stringify(name)}`),
    config: readConfig(object.object("config")),
    made: object.value("cfg_out") === null ? undefined : readMade(object.object("cfg_out")),
    topBytes: object.has("top_bytes") ? object.count("top_bytes") : undefined,
  };
}

function readConfig(object: Fields): IoConfig {
  return {
    name: object.text("name"),
    pageSizes: object.address("pgsize_bitmap"),
    vaWidthLg2: object.integer("ias", 0, 255),
    oaWidthLg2: object.integer("oas", 0, 255),
    quirks: object.list("quirk_names").map((quirk, at) => asText(quirk, `${object.path}quirk_names[${at}]`)),
    coherent: object.flag("coherent_walk"),
  };
}

function readMade(object: Fields): IoMade {
  const ttbrs = object.has("n_ttbrs") ? object.integer("n_ttbrs", 1, 4) : undefined;
  return {
    pageSizes: object.address("pgsize_bitmap"),
    vaWidthLg2: object.integer("ias", 1, 64),
    oaWidthLg2: object.integer("oas", 1, 64),
    registers: readRegisters(object, ttbrs),
    topLevel: object.integer("top_level", 0, 5),
    tableItems: object.integer("table_entries", 1, ROOT_ITEMS_MAX),
    ttbrs: ttbrs ?? 1,
  };
}

function readRegisters(object: Fields, ttbrs: number | undefined): ReadonlyMap<string, bigint> {
  const registers = new Map<string, bigint>();
  for (const [recorded, name] of BASE_REGISTERS) {
    if (object.has(recorded)) registers.set(name, object.address(recorded));
  }
  for (const name of WHOLE_REGISTERS) if (object.has(name)) registers.set(name, object.address(name));
  for (const name of CONTROL_REGISTERS) {
    if (!object.has(name)) continue;
    if (typeof object.value(name) === "string") {
      registers.set(name, object.address(name));
      continue;
    }
    const control = object.object(name);
    for (const field of control.names()) registers.set(field, BigInt(control.integer(field, 0, 63)));
  }
  if (ttbrs !== undefined) {
    registers.set("ttbrs", BigInt(ttbrs));
    registers.set("levels", BigInt(object.integer("n_levels", 1, 8)));
  }
  return registers;
}

export function readIoCase(value: object, line: number, made: IoMade): IoCase {
  const object = new Fields(value, "");
  const kind = object.text("kind");
  if (kind !== "normal" && kind !== "error") fail("kind", '"normal" or "error"');
  return {
    line,
    seed: object.integer("seed", 0, Number.MAX_SAFE_INTEGER),
    isInput: kind === "error",
    ops: object.list("ops").map((op, index) => readOp(new Fields(op, `ops[${index}]`))),
    tables: kind === "normal" ? readTables(object.object("tables"), made) : undefined,
  };
}

function readTables(object: Fields, { topLevel, tableItems, ttbrs }: IoMade): IoCase["tables"] {
  const tables = object.has("ttbrs")
    ? readSideBySide(object, ttbrs, tableItems)
    : readTable(object, ROOT_ITEMS_MAX, tableItems);
  if (tables.level !== topLevel) fail(`${object.path}level`, `the root's level is ${topLevel}`);
  return tables;
}

function readOp(object: Fields): IoOp {
  const op = object.text("op");
  const iova = object.address("iova");
  switch (op) {
    case "map":
      return {
        op: "map_pages",
        iova,
        pa: object.address("pa"),
        ...readPages(object),
        prot: readProt(object),
        // Recorded counting from 0.
        failAlloc: object.has("fail_alloc") ? object.integer("fail_alloc", 0, 2 ** 31 - 1) + 1 : 0,
        ret: readRet(object),
        mapped: object.address("mapped"),
      };
    case "iommu_map":
      return {
        op: "map_split",
        iova,
        pa: object.address("pa"),
        len: object.address("size"),
        prot: readProt(object),
        ret: readRet(object),
        pieces: readPieces(object),
      };
    case "unmap":
      return {
        op: "unmap_pages",
        iova,
        ...readPages(object),
        queued: object.has("gather") && object.text("gather") === "queued",
        unmapped: object.address("unmapped"),
      };
    case "iommu_unmap":
      return { op: "unmap_split", iova, len: object.address("size"), unmapped: object.address("unmapped") };
    case "iova_to_phys":
      return { op, iova, pa: object.address("pa") };
    case "hw_dirty":
      return { op: "hardware_dirty", iova, done: object.integer("done", 0, 1) === 1 };
    case "dirty":
      return {
        op: "dirty_pages",
        iova,
        len: object.address("size"),
        noClear: object.integer("no_clear", 0, 1) === 1,
        ret: readRet(object),
        dirty: readDirty(object),
      };
    default:
      return fail(`${object.path}op`, `no operation is called ${JSON.stringify(op)}`);
  }
}

function readRet(object: Fields): number {
  return object.integer("ret", -4095, 0);
}

function readPages(object: Fields): { readonly pageSize: bigint; readonly pages: bigint } {
  return { pageSize: object.address("pgsize"), pages: BigInt(object.integer("pgcount", 0, 2 ** 40)) };
}

/** The calls that a request was split into: `[iova, pa, size, count, ret, mapped]`. */
function readPieces(object: Fields): readonly MapPiece[] {
  return object.list("calls").map((call, index) => {
    const path = `${object.path}calls[${index}]`;
    if (!Array.isArray(call) || call.length !== 6) return fail(path, "not a call of six values");
    return {
      iova: asAddress(call[0], `${path}[0]`),
      pageSize: asAddress(call[2], `${path}[2]`),
      mapped: asAddress(call[5], `${path}[5]`),
    };
  });
}

/** The dirty pages one by one, from `[iova, size, count]`. */
function readDirty(object: Fields): readonly (readonly [bigint, bigint])[] {
  const pages: (readonly [bigint, bigint])[] = [];
  for (const [index, run] of object.list("dirty").entries()) {
    const path = `${object.path}dirty[${index}]`;
    if (!Array.isArray(run) || run.length !== 3) return fail(path, "not a run of three values");
    const size = asAddress(run[1], `${path}[1]`);
    let iova = asAddress(run[0], `${path}[0]`);
    for (let count = asInteger(run[2], 1, 2 ** 31, `${path}[2]`); count > 0; count--) {
      pages.push([iova, size]);
      iova += size;
    }
  }
  return pages;
}
