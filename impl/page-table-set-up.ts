/** What a page table is made with, beside its domain. */
import type { Domain } from "./engine/domain.js";
import { PageTableError, type Status, statusCode } from "./errors.js";
import { GatherPolicy, type InvalidateWords } from "./memory/gather.js";
import type { TableMemory } from "./memory/table-memory.js";
import type { CommonOptions, GatherPolicyName } from "./options.js";
import type { ExistingTables, HardwareInfo } from "./page-table-types.js";
import { modeOf, registersOf } from "./stamp/format.js";
import { fromWords } from "./words.js";

const POLICIES: Record<GatherPolicyName, GatherPolicy> = {
  range: GatherPolicy.Range,
  "no-gaps": GatherPolicy.NoGaps,
  queued: GatherPolicy.Queued,
};

export const NOT_FOR_THREADS = "share: only tables of `genpt/shared`, in a memory made with `shared: true`";

/** The cell of the root and its level: that of tables that another thread shares, or a new one. */
export function topCellOf(memory: TableMemory, existing: ExistingTables | undefined): Int32Array {
  if (!memory.isShared) throw new PageTableError("INVALID_OPTION", NOT_FOR_THREADS);
  if (existing?.top === undefined) return new Int32Array(new SharedArrayBuffer(4)).fill(-1);
  const { top } = existing;
  if (Object.prototype.toString.call(top) !== "[object SharedArrayBuffer]" || top.byteLength !== 4) {
    throw new PageTableError("INVALID_OPTION", "top: what `share` of a table gave");
  }
  return new Int32Array(top);
}

/** What the hardware must be told of a domain's tables. */
export function hardwareInfoOf({ memory, rootWord, topLevel, settings }: Domain): HardwareInfo {
  const { vaWidthLg2, oaWidthLg2, flags, upperHalf, cleaner } = settings;
  const root = memory.addressOf(rootWord);
  const snoops = cleaner === undefined;
  const tables = { root, topLevel, vaWidthLg2, oaWidthLg2, flags, upperHalf, snoops };
  return { root, mode: modeOf(topLevel, vaWidthLg2), topLevel, registers: registersOf(tables) };
}

/** A refusal as an error. */
export function refusal(status: Status, what: string, mappedBytes: bigint): PageTableError {
  const code = statusCode(status);
  return new PageTableError(code === "OK" ? "INVALID_ARGUMENT" : code, what, mappedBytes);
}

export function invalidationOf(options: CommonOptions): InvalidateWords {
  const callback = options.invalidate;
  if (callback === undefined) return { invalidate: () => {} };
  if (typeof callback !== "function") throw new PageTableError("INVALID_OPTION", "invalidate: a function");
  return {
    invalidate: (firstLow, firstHigh, lastLow, lastHigh, leafLevels, tableLevels) =>
      callback({
        first: fromWords(firstLow, firstHigh),
        last: fromWords(lastLow, lastHigh),
        leafLevels,
        tableLevels,
      }),
  };
}

export function policyOf(policy: GatherPolicyName): GatherPolicy {
  const known = Object.hasOwn(POLICIES, policy) ? POLICIES[policy] : undefined;
  if (known !== undefined) return known;
  throw new PageTableError("INVALID_OPTION", `gather: "range", "no-gaps" or "queued", not ${String(policy)}`);
}
