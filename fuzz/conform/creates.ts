/** Replays recorded creations: whether a configuration is accepted, and what it then offers. */
import { PageTableError, TableMemory } from "../../impl/common.js";
import { errnoText, refusalText } from "./errno.js";
import { reachOf } from "./facts.js";
import type { IoCreationDeviation } from "./io-create-deviations.js";
import { createTable, encryptionBit, inexpressible, knowsFormat } from "./options.js";
import { differingField, hex, type Outcome } from "./outcome.js";
import type { Creation } from "./vector.js";

/** Where creation is known to differ, each a predicate on the configuration. */
export type CreationDeviation =
  /** 7. AMDv1 refuses to be created when it has no room to grow. */
  | "no-room-to-grow-refused"
  /** Several levels of x86-64 above what the width needs: deployed code says that memory is short. */
  | "width-below-top-out-of-memory"
  /** AMDv1 is created though no page size is left that its output width can hold. */
  | "no-page-size-accepted"
  /** 8. Sizes above the encryption bit are offered. */
  | "encryption-bit-in-address"
  /** What was asked for cannot be said with the options here. */
  | "inexpressible";

export interface CreationResult {
  readonly line: number;
  readonly format: string;
  readonly deviations: readonly (CreationDeviation | IoCreationDeviation)[];
  readonly failure: { readonly field: string; readonly expected: string; readonly got: string } | undefined;
}

export function replayCreation(creation: Creation): CreationResult {
  const { line, format } = creation;
  const reason = knowsFormat(format) ? inexpressible(creation) : `no format is called "${format}"`;
  if (reason !== undefined) return { line, format, deviations: ["inexpressible"], failure: undefined };
  const known = creation.exact ? undefined : deviationOf(creation);
  const expected = known?.instead ?? recorded(creation);
  const got = create(creation);
  const field = differingField(expected, got);
  const failure =
    field === undefined ? undefined : { field, expected: expected[field], got: got[field] ?? "nothing" };
  return { line, format, deviations: known === undefined ? [] : [known.name], failure };
}

function recorded(creation: Creation): Outcome {
  const ret = errnoText(creation.ret);
  if (creation.effective === undefined) return { ret };
  return { ret, pageSizes: hex(creation.pageSizes), topLevel: String(creation.effective.topLevel) };
}

function create(creation: Creation): Outcome {
  try {
    const table = createTable(creation, new TableMemory({ capacityBytes: 4096 }));
    return { ret: "0", pageSizes: hex(table.pageSizes), topLevel: String(table.topLevel) };
  } catch (error) {
    if (error instanceof PageTableError) return { ret: refusalText(error) };
    throw error;
  }
}

function deviationOf(creation: Creation): { name: CreationDeviation; instead: Outcome } | undefined {
  const { format, config, effective } = creation;
  const { topLevel, maxVaLg2, maxOaLg2 } = config;
  const topLevelIn = (least: number, most: number): boolean =>
    topLevel !== undefined && topLevel >= least && topLevel <= most;
  if (format === "amdv1" && maxOaLg2 === 12 && effective !== undefined) {
    return { name: "no-page-size-accepted", instead: { ret: "-EINVAL" } };
  }
  if (format === "amdv1" && topLevel !== undefined && topLevelIn(1, 5) && maxVaLg2 >= 1 && maxVaLg2 <= 64) {
    if (reachOf(topLevel) >= (1n << BigInt(maxVaLg2)) - 1n) {
      // Ours takes what the top needs; a width that does not reach one of its items is refused all the same.
      const fits = maxVaLg2 >= 12 + 9 * topLevel;
      const instead = { ret: fits ? "0" : "-EOPNOTSUPP", ...(fits ? { topLevel: String(topLevel) } : {}) };
      return { name: "no-room-to-grow-refused", instead };
    }
  }
  if (format === "x86_64" && topLevel !== undefined && topLevelIn(3, 4) && maxVaLg2 < 12 + 9 * topLevel) {
    if (maxVaLg2 > 0) return { name: "width-below-top-out-of-memory", instead: { ret: "-EOPNOTSUPP" } };
  }
  const bit = encryptionBit(creation);
  if (bit !== undefined && effective !== undefined && creation.pageSizes >> BigInt(bit + 1) !== 0n) {
    const sizes = creation.pageSizes & ((1n << BigInt(bit + 1)) - 1n);
    return {
      name: "encryption-bit-in-address",
      instead: { ret: "0", pageSizes: hex(sizes), topLevel: String(effective.topLevel) },
    };
  }
  return undefined;
}
