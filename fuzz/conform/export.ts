/**
 * Programs written as vectors: what this project's implementation did, judged operation by operation while it was
 * recorded, in the form that `genpt conform` and other people's unit tests read.
 */
import { PageTableError, type StatusCode } from "../../impl/common.js";
import type { Configuration } from "../../models/configuration.js";
import { shapeOf } from "../../models/index.js";
import {
  type AskedOperation,
  type Operation,
  type Outcome,
  Prot,
  type Range,
} from "../../models/operations.js";
import { Inconclusive } from "../lockstep/failure.js";
import { type Finding, runProgram, runUnit, type Token } from "../lockstep/index.js";
import { PageTableSubject } from "../lockstep/subject.js";
import { errnoNumber } from "./errno.js";
import { ExportError, headerOf, vectorFormat } from "./export-header.js";
import { hex } from "./outcome.js";
import { readTree } from "./tree.js";
import { tableToJson } from "./tree-json.js";

type Json = Readonly<Record<string, unknown>>;

const LAST = (1n << 64n) - 1n;
const protNames = [
  [Prot.read, "read"],
  [Prot.write, "write"],
  [Prot.noExec, "noexec"],
  [Prot.privileged, "priv"],
  [Prot.cacheable, "cache"],
  [Prot.mmio, "mmio"],
] as const;

/** What a case follows from: a unit of a seed. */
export type ExportedUnit = Pick<Token, "configuration" | "seed" | "unit" | "operations" | "mix">;

/** @throws ExportError */
export function exportHeader(configuration: Configuration): string {
  const header = headerOf(configuration, new Recorder(configuration).table.pageSizes);
  return JSON.stringify(header);
}

/**
 * The case of a unit, as far as vectors have words for its operations.
 * @throws ExportError when the configuration cannot be expressed, or the unit breaks an invariant.
 */
export function exportUnit(unit: ExportedUnit): string {
  const recorder = new Recorder(unit.configuration);
  const name = `${unit.seed}:${unit.unit}`;
  return recorder.caseOf(unit.unit, name, () => runUnit({ ...unit, subjectOf: () => recorder }));
}

/** The case of a program; `name` is what it is called in the file. */
export function exportProgram(
  configuration: Configuration,
  operations: readonly Operation[],
  name: string,
): string {
  const recorder = new Recorder(configuration);
  const spoken = operations.flatMap((operation) => spokenAs(configuration, operation) ?? []);
  return recorder.caseOf(0, name, () => runProgram(configuration, spoken, () => recorder));
}

/** The operations of a program that its case lacks, since vectors have no words for them: how many of each. */
export function leftOut(
  configuration: Configuration,
  operations: readonly Operation[],
): ReadonlyMap<Operation["op"], number> {
  const counts = new Map<Operation["op"], number>();
  for (const operation of operations) {
    if (spokenAs(configuration, operation) !== undefined) continue;
    counts.set(operation.op, (counts.get(operation.op) ?? 0) + 1);
  }
  return counts;
}

/**
 * An operation in the words of the recordings of deployed code, undefined where these have none: there whoever writes
 * is asked to set the dirty state, and a call has no page sizes of its own.
 */
function spokenAs(configuration: Configuration, operation: Operation): Operation | undefined {
  switch (operation.op) {
    case "map":
      return operation.pageSizes === undefined ? operation : undefined;
    case "deviceWrite":
      return shapeOf(configuration).tracksDirty ? { op: "setDirty", iova: operation.iova } : undefined;
    case "unmap":
    case "unmapGathered":
    case "sync":
    case "lookup":
    case "setDirty":
    case "readAndClearDirty":
    case "failNextAllocation":
      return operation;
    default:
      return undefined;
  }
}

/** The implementation, noting what each operation gave. */
class Recorder extends PageTableSubject {
  readonly #ops: Json[] = [];
  readonly #format: string;
  /** The nth allocation from now on fails; 0: none does. */
  #failing = 0;
  #end: Json | undefined;

  constructor(configuration: Configuration) {
    super(configuration);
    this.#format = vectorFormat(configuration);
  }

  adapt(operation: Operation): Operation | undefined {
    return spokenAs(this.configuration, operation);
  }

  override apply(operation: AskedOperation): Outcome {
    const [framesBefore, topBefore] = [this.#frames, this.table.topLevel];
    const outcome = super.apply(operation);
    const alloc = this.journal.allocations.length;
    const freed = framesBefore + alloc - this.#frames;
    if (operation.op === "failNextAllocation") this.#failing = operation.nth;
    else if (operation.op === "map" && outcome.op === "map") {
      const newTop = this.table.topLevel === topBefore ? [] : [this.table.topLevel];
      this.#ops.push({ ...this.#map(operation, outcome, alloc), alloc, freed, newTop });
    } else this.#ops.push({ ...this.#other(operation, outcome), ...freedOf(operation, freed) });
    return outcome;
  }

  override destroy(): void {
    const { configuration, memory } = this;
    const { root, topLevel } = this.hardwareRoot();
    const { encryptionBit } = configuration;
    const mask = encryptionBit === undefined ? 0n : 1n << BigInt(encryptionBit);
    const tables = tableToJson(readTree(this.#format, memory, root, topLevel, mask));
    this.#end = { tables, live: this.#frames };
    super.destroy();
  }

  /** The line of the case of a program that `run` runs on this to its end. */
  caseOf(seed: number, name: string, run: () => { readonly finding: Finding | undefined }): string {
    const finding = findingOf(name, run);
    if (finding !== undefined)
      throw new ExportError(`${name} breaks ${finding.invariant}: ${finding.sentence}`);
    return JSON.stringify({ seed, name, ops: this.#ops, ...this.#end });
  }

  /** Frames that tables use or that wait for an invalidation. */
  get #frames(): number {
    return this.liveFrames + this.quarantinedFrames;
  }

  #map(
    { iova, pa, length, prot }: Extract<Operation, { op: "map" }>,
    { code, mappedBytes, invalidated }: Extract<Outcome, { op: "map" }>,
    allocated: number,
  ): Json {
    const failAlloc = code === "OUT_OF_MEMORY" ? this.#failing : 0;
    this.#failing = failAlloc > 0 ? 0 : Math.max(0, this.#failing - allocated);
    return {
      op: "map_range",
      iova: hex(iova),
      pa: hex(pa),
      len: hex(length),
      prot: protNames.filter(([bit]) => (prot & bit) !== 0).map(([, name]) => name),
      ...(failAlloc > 0 ? { failAlloc } : {}),
      ret: returned(code),
      mapped: hex(mappedBytes),
      gather: rangesOf(invalidated),
    };
  }

  #other(operation: AskedOperation, outcome: Outcome): Json {
    const gather = "invalidated" in outcome ? { gather: rangesOf(outcome.invalidated) } : {};
    const at = "iova" in operation ? { iova: hex(operation.iova) } : {};
    const range = "length" in operation ? { ...at, len: hex(operation.length) } : at;
    switch (outcome.op) {
      case "unmap":
        return { op: "unmap", ...range, unmapped: hex(outcome.removedBytes), ...gather };
      case "unmapGathered": {
        const unmapped = hex(outcome.removedBytes);
        return { op: "unmap_fast", ...range, queued: false, unmapped, ...gather, pending: this.#pending() };
      }
      case "sync":
        return { op: "sync", queued: false, ...gather };
      case "lookup":
        // A miss and address 0 look alike in vectors.
        return { op: "iova_to_phys", ...at, pa: outcome.pa ? hex(outcome.pa) : null };
      case "setDirty":
        return { op: "set_dirty", ...at, ret: returned(outcome.code) };
      case "readAndClearDirty": {
        const dirty = outcome.dirty.map(({ iova, length }) => [hex(iova), hex(length)]);
        const noClear = operation.op === "readAndClearDirty" && !operation.clear;
        return { op: "rcd", ...range, noClear, ret: returned(outcome.code), dirty, ...gather };
      }
      default:
        throw new ExportError(`vectors have no operation ${outcome.op}`);
    }
  }

  /** Start above end while nothing waits. */
  #pending(): readonly unknown[] {
    const [first, last] = this.pendingInvalidation ?? [LAST, 0n];
    return [hex(first), hex(last), this.quarantinedFrames];
  }
}

function findingOf(name: string, run: () => { readonly finding: Finding | undefined }): Finding | undefined {
  try {
    return run().finding;
  } catch (error) {
    if (error instanceof Inconclusive) throw new ExportError(`${name}: ${error.message}`);
    throw error;
  }
}

function freedOf({ op }: AskedOperation, freed: number): Json {
  return op === "unmap" || op === "unmapGathered" || op === "sync" ? { freed } : {};
}

function rangesOf(ranges: readonly Range[]): readonly (readonly string[])[] {
  return ranges.map((range) => range.map(hex));
}

function returned(code: StatusCode): number {
  return code === "OK" ? 0 : -errnoNumber(new PageTableError(code));
}
