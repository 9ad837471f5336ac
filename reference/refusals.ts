/** Which requests are refused, in the order in which the operation language gives the reasons. */
import type { Configuration } from "../models/configuration.js";
import type { Code, Operation } from "../models/operations.js";
import { factsOf, permissionsOf } from "./formats.js";
import { inputEnds } from "./geometry.js";

const LAST_ADDRESS = 2n ** 64n - 1n;
const FOUR_GIB = 1n << 32n;

export const isMultiple = (value: bigint, sizeLg2: number) => BigInt.asUintN(sizeLg2, value) === 0n;

type MapRequest = Extract<Operation, { op: "map" }>;

/** Why the range cannot be an input range; OK when it can. It may not pass through the non-canonical hole. */
export function rangeCode(configuration: Configuration, iova: bigint, length: bigint): Code {
  const last = iova + length - 1n;
  const [lowerEnd, upperStart] = inputEnds(configuration);
  if (length === 0n) return "ZERO_LENGTH";
  if (last > LAST_ADDRESS) return "WRAPS";
  return last < lowerEnd || iova >= upperStart ? "OK" : "IOVA_OUT_OF_RANGE";
}

/** Why a map is refused before anything is looked at; `sizesLg2` are those that it may use, smallest first. */
export function refusalOfMap(
  configuration: Configuration,
  { iova, pa, length, prot }: MapRequest,
  sizesLg2: readonly number[],
): Code {
  const { oaWidthLg2, encryptionBit, forceWriteable } = configuration;
  const { read, write } = permissionsOf(prot);
  const lastPa = pa + length - 1n;
  const oaWidth = BigInt(oaWidthLg2);
  const encryption = BigInt(encryptionBit ?? 64);
  if (!read && !write) return "NO_PERMISSION";
  if (pa >> oaWidth !== 0n || ((pa >> encryption) & 1n) !== 0n) return "PA_OUT_OF_RANGE";
  if (forceWriteable && !write) return "READ_ONLY_REFUSED";
  const range = rangeCode(configuration, iova, length);
  if (range === "ZERO_LENGTH" || range === "WRAPS") return range;
  if (sizesLg2.length === 0 || !isMultiple(iova | pa | length, sizesLg2[0])) return "MISALIGNED";
  if (!isWithinReach(configuration, iova, pa, length, sizesLg2)) return "MISALIGNED";
  if (range !== "OK") return range;
  // The first address is free of the encryption bit, so the range meets it where the bits from c up change.
  return lastPa >> oaWidth === 0n && lastPa >> encryption === pa >> encryption ? "OK" : "PA_OUT_OF_RANGE";
}

/** Where output addresses from 2^32 on need one size: whether pages of it cover all that is there. */
function isWithinReach(
  configuration: Configuration,
  iova: bigint,
  pa: bigint,
  length: bigint,
  sizesLg2: readonly number[],
): boolean {
  const { farSizeLg2 } = factsOf(configuration);
  if (farSizeLg2 === undefined || pa + length <= FOUR_GIB) return true;
  const from = pa > FOUR_GIB ? pa : FOUR_GIB;
  return sizesLg2.includes(farSizeLg2) && isMultiple(from | (iova + from - pa) | (pa + length), farSizeLg2);
}
