/** What the deviations need to know of a configuration. */
import type { Entry } from "../../impl/common.js";
import { encryptionBit } from "./options.js";
import type { Creation, GatheredRange } from "./vector.js";

const ALL = 1n << 64n;

export interface Facts {
  readonly oaWidthLg2: bigint;
  /** The last input address, or the last of the lower half where addresses are sign-extended. */
  readonly vaLast: bigint;
  readonly growing: boolean;
  /** The page sizes that deployed code offers. */
  readonly pageSizes: bigint;
  /** The encryption bit, or 0. */
  readonly encryptionMask: bigint;
  readonly forceWriteable: boolean;
  readonly tracksDirty: boolean;
  /** Deployed code maps a length of one 4 KiB page by a path of its own. */
  readonly onePageShortcut: boolean;
  readonly noGaps: boolean;
  /** Whether an inclusive range is inside the input addresses. */
  inRange(first: bigint, last: bigint): boolean;
  /** Whether an address lies in that part of the hole which, sign bit aside, looks like the lower half. */
  aliases(iova: bigint): boolean;
  /** Whether a range begins in the lower half and ends in the hole, below `2^width`. */
  endsInHole(first: bigint, last: bigint): boolean;
  /** How many items an entry has. */
  itemsOf(entry: Entry): bigint;
  /** The bytes that a table of a level spans. */
  tableSpan(level: number): bigint;
}

export function factsOf(creation: Creation): Facts {
  const { format, config, pageSizes } = creation;
  const { maxVaLg2, maxOaLg2, features } = creation.effective ?? config;
  const signExtended = features.includes("sign_extend");
  const vaEnd = 1n << BigInt(signExtended ? maxVaLg2 - 1 : maxVaLg2);
  const bit = encryptionBit(creation);
  const granuleLg2 = format === "amdv1_mock" ? 11 : 12;
  return {
    oaWidthLg2: BigInt(maxOaLg2),
    vaLast: vaEnd - 1n,
    growing: features.includes("dynamic_top"),
    pageSizes,
    encryptionMask: bit === undefined ? 0n : 1n << BigInt(bit),
    forceWriteable: features.includes("vtdss_force_writeable"),
    tracksDirty: format === "amdv1" || format === "amdv1_mock" || format === "vtdss",
    onePageShortcut: granuleLg2 === 12,
    noGaps: features.includes("flush_range_no_gaps"),
    inRange: (first, last) => last < vaEnd || (signExtended && first >= ALL - vaEnd),
    aliases: (iova) => signExtended && iova >= ALL - 2n * vaEnd && iova < ALL - vaEnd,
    endsInHole: (first, last) => signExtended && first < vaEnd && last >= vaEnd && last < 2n * vaEnd,
    itemsOf: (entry) => 1n << BigInt(entry.sizeLg2 - granuleLg2 - 9 * entry.level),
    tableSpan: (level) => 1n << BigInt(granuleLg2 + 9 * (level + 1)),
  };
}

/** The last address that an AMDv1 table with this top level reaches. */
export function reachOf(topLevel: number): bigint {
  const bits = Math.min(12 + 9 * (topLevel + 1), 64);
  return (1n << BigInt(bits)) - 1n;
}

/** What a gather syncs for these ranges, which ascend: one range over all, or one for each piece without gaps. */
export function foldRanges(noGaps: boolean, ranges: readonly GatheredRange[]): readonly GatheredRange[] {
  const folded: [bigint, bigint][] = [];
  for (const [first, last] of ranges) {
    const pending = folded.at(-1);
    if (pending === undefined || (noGaps && first > pending[1] + 1n)) folded.push([first, last]);
    else if (last > pending[1]) pending[1] = last;
  }
  return folded;
}
