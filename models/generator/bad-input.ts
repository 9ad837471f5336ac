/** Requests that must be refused, each made from a good one by one change. */
import type { Draws } from "../draws.js";
import { Prot } from "../operations.js";
import type { MapOperation } from "./mapping.js";
import { invalidAddress } from "./places.js";
import type { AddressRange } from "./ranges.js";
import { firstOfUpperHalf, lastOf, type Space } from "./space.js";
import { powersOfTwo, smallest } from "./words.js";

const lastAddress = powersOfTwo[64] - 1n;

/**
 * The map with one thing wrong with it. What changes the length must be sure of its refusal: an accepted request
 * of an arbitrary length would write millions of leaves.
 */
export function spoiledMap(draws: Draws, space: Space, map: MapOperation): MapOperation {
  const smallestLg2 = space.sizesLg2[0];
  const limit = powersOfTwo[space.outputLg2];
  switch (draws.below(12)) {
    case 0:
      return { ...map, prot: map.prot & ~(Prot.read | Prot.write) };
    case 1:
      return { ...map, prot: map.prot & ~Prot.write };
    case 2:
      // Just beyond the output space, or far beyond.
      return { ...map, pa: draws.below(2) === 0 ? limit : powersOfTwo[63] | map.pa };
    case 3:
      return { ...map, pa: limit - powersOfTwo[smallestLg2], length: powersOfTwo[smallestLg2 + 1] };
    case 4:
      return { ...map, pa: BigInt.asUintN(64, map.pa | encryptionOrTop(space)) };
    case 5:
      return { ...map, pa: map.pa + misalignment(draws, smallestLg2) };
    case 6:
      // No permitted size at all, or only sizes that the format lacks.
      return { ...map, pageSizes: draws.below(2) === 0 ? 0n : 0x401n };
    default:
      return { ...map, ...spoiledRange(draws, space, map) };
  }
}

function encryptionOrTop(space: Space): bigint {
  return powersOfTwo[space.encryptionBit < 64 ? space.encryptionBit : space.outputLg2];
}

function misalignment(draws: Draws, smallestLg2: number): bigint {
  return draws.below(2) === 0 ? 1n : powersOfTwo[smallestLg2 - 1];
}

/** The range empty, misaligned, outside the input space or sticking out of it, or wrapping. */
export function spoiledRange(draws: Draws, space: Space, { iova, length }: AddressRange): AddressRange {
  const granule = powersOfTwo[space.granuleLg2];
  const smallestLg2 = space.sizesLg2[0];
  switch (draws.below(8)) {
    case 0:
      return { iova, length: 0n };
    case 1:
      // A removal may begin inside the last page of all: then this is address 0.
      return { iova: BigInt.asUintN(64, iova + misalignment(draws, smallestLg2)), length };
    case 2:
      // A granule is what deployed code has a short way for, which must ask whether the domain has such pages.
      if (space.granuleLg2 < smallestLg2 && draws.below(2) === 0) return { iova, length: granule };
      return { iova, length: smallest(length + misalignment(draws, smallestLg2), lastAddress) };
    case 3:
      return { iova: invalidAddress(draws, space), length };
    case 4: {
      // Sticks out of its half by a page, at the end or, of an upper half, at the begin.
      const isBelow = space.upperHalf && draws.below(2) === 0;
      const length = powersOfTwo[smallestLg2 + 1];
      if (isBelow) return { iova: firstOfUpperHalf(space) - powersOfTwo[smallestLg2], length };
      const end = lastOf(space, iova) + 1n;
      return { iova: end - powersOfTwo[smallestLg2], length };
    }
    case 5:
      return { iova: lastAddress + 1n - granule, length: granule << BigInt(1 + draws.below(3)) };
    case 6:
      // Everything that a 64-bit length can say.
      return { iova, length: lastAddress + 1n - granule };
    default:
      // From valid addresses one page into the non-canonical hole, beyond the width, or past 2^64.
      return {
        iova,
        length: smallest(
          lastOf(space, iova) + 1n - iova + powersOfTwo[smallestLg2],
          lastAddress + 1n - granule,
        ),
      };
  }
}
