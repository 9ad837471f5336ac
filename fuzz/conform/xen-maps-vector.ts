/** Recorded maps and unmaps of an IOMMU layer, and what each did to the tables; checked as they are read. */
import { asInteger, asText, Fields, fail } from "./fields.js";

export interface XenMapsSequence {
  readonly line: number;
  readonly name: string;
  readonly vendor: "amd" | "vtd";
  /** The level of the root; 1 is the level of 4 KiB pages. */
  readonly levels: number;
  /** Bit n for pages of 2^n bytes. */
  readonly pageSizes: bigint;
  /** The fewest levels that any unit walks. */
  readonly fewestLevels: number;
  readonly ops: readonly XenMapsOp[];
  /** The leaves at the end; undefined where they are too many to be listed. */
  readonly final: readonly XenLeaf[] | undefined;
}

export interface XenMapsOp {
  readonly op: "map" | "unmap";
  readonly dfn: number;
  /** 0 of an unmap. */
  readonly mfn: number;
  /** 1 read, 2 write; 0 of an unmap. */
  readonly access: number;
  readonly pages: number;
  /** So many allocations succeed and the next fails; undefined: none fails. */
  readonly failAllocAfter: number | undefined;
  readonly recorded: XenOutcome;
}

/** Everything that is known after an operation, by the names of the recording. */
export interface XenOutcome {
  readonly rc: number;
  readonly crashed: boolean;
  readonly flags: number;
  readonly shatters: number;
  readonly coalesces: number;
  readonly queued: number;
  readonly tables: number;
  /** Leaves of 4 KiB, 2 MiB and 1 GiB. */
  readonly leaves: readonly number[];
  readonly uniform_tables: number;
}

export interface XenLeaf {
  readonly dfn: number;
  readonly mfn: number;
  readonly order: number;
  readonly access: number;
}

const FRAMES = 2 ** 52;
const LISTED_AT_MOST = 700;

export function readXenMaps(value: object, line: number): XenMapsSequence {
  const object = new Fields(value, "");
  const vendor = object.text("vendor");
  if (vendor !== "amd" && vendor !== "vtd") return fail("vendor", "amd or vtd");
  const ops = object.list("ops").map((op, index) => readOp(new Fields(op, `ops[${index}]`)));
  const leaves = ops.at(-1)?.recorded.leaves.reduce((sum, count) => sum + count, 0) ?? 0;
  const final = object.list("final").map((leaf, index) => readLeaf(leaf, `final[${index}]`));
  return {
    line,
    name: object.text("name"),
    vendor,
    levels: object.integer("levels", 1, 6),
    pageSizes: object.address("page_sizes"),
    fewestLevels: object.integer("min_pt_levels", 1, 6),
    ops,
    final: leaves > LISTED_AT_MOST ? undefined : final,
  };
}

function readOp(object: Fields): XenMapsOp {
  const op = object.text("op");
  if (op !== "map" && op !== "unmap") return fail(`${object.path}op`, "map or unmap");
  const isMap = op === "map";
  return {
    op,
    dfn: object.integer("dfn", 0, FRAMES),
    mfn: isMap ? object.integer("mfn", 0, FRAMES) : 0,
    access: isMap ? readAccess(object.value("perm"), `${object.path}perm`) : 0,
    pages: object.integer("n", 0, FRAMES),
    failAllocAfter: object.has("fail_alloc_after") ? object.count("fail_alloc_after") : undefined,
    recorded: {
      rc: object.integer("rc", -4095, 0),
      crashed: object.flag("crashed"),
      flags: object.integer("flags", 0, 7),
      shatters: object.count("shatters"),
      coalesces: object.count("coalesces"),
      queued: object.count("queued"),
      tables: object.count("tables"),
      leaves: object
        .list("leaves")
        .map((count, index) => asInteger(count, 0, FRAMES, `${object.path}leaves[${index}]`)),
      uniform_tables: object.count("uniform_tables"),
    },
  };
}

function readLeaf(value: unknown, path: string): XenLeaf {
  if (!Array.isArray(value) || value.length !== 4) return fail(path, "not a leaf of four values");
  return {
    dfn: asInteger(value[0], 0, FRAMES, `${path}[0]`),
    mfn: asInteger(value[1], 0, FRAMES, `${path}[1]`),
    order: asInteger(value[2], 0, 27, `${path}[2]`),
    access: readAccess(value[3], `${path}[3]`),
  };
}

/** "rw", "r-", "-w" or "--". */
function readAccess(value: unknown, path: string): number {
  const text = asText(value, path);
  if (!/^[r-][w-]$/.test(text)) return fail(path, 'not "rw", "r-", "-w" or "--"');
  return (text[0] === "r" ? 1 : 0) | (text[1] === "w" ? 2 : 0);
}
