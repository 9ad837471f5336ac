/** What a page table is made with, beside its domain. */
import { PageTableError } from "./errors.js";
import { GatherPolicy, type InvalidateWords } from "./memory/gather.js";
import type { TableMemory } from "./memory/table-memory.js";
import type { CommonOptions, GatherPolicyName } from "./options.js";
import type { ExistingTables } from "./page-table-types.js";
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
