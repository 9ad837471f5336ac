/**
 * Programs for threads that keep their ranges apart: the input space is cut into pieces, each of one thread, that lie
 * side by side, so that many threads work in the same tables and some pieces are whole tables. Pieces are smaller
 * than what a root translates: whether a table that was once the root is freed depends on when the top grew.
 */
import { type Configuration, Prot, type Random, shapeOf } from "../../models/index.js";
import type { Operation } from "../../models/operations.js";

interface Piece {
  readonly thread: number;
  readonly iova: bigint;
  readonly sizeLg2: number;
  /** What is mapped here goes to an address that agrees with its own as far as the piece is large. */
  readonly pa: bigint;
}

const PROTS = [Prot.read | Prot.write, Prot.read, Prot.read | Prot.write | Prot.noExec];

/** A program of so many operations for each thread. */
export function drawPrograms(
  configuration: Configuration,
  random: Random,
  threads: number,
  operations: number,
): readonly (readonly Operation[])[] {
  const pieces = drawPieces(configuration, random, threads);
  return Array.from({ length: threads }, (_, thread) => {
    const own = pieces.filter((piece) => piece.thread === thread);
    return Array.from({ length: operations }, () =>
      drawOperation(configuration, random, own[random.below(own.length)]),
    );
  });
}

/** Pieces of all threads in turn, in a low, a middle and the highest area of the input space. */
function drawPieces(configuration: Configuration, random: Random, threads: number): readonly Piece[] {
  const { granuleLg2, tableBitsLg2 } = shapeOf(configuration);
  const reachLg2 = configuration.vaWidthLg2 - (configuration.signExtended ? 1 : 0);
  const areaLg2 = Math.min(granuleLg2 + 2 * tableBitsLg2, reachLg2 - 2);
  const areas = 1n << BigInt(reachLg2 - areaLg2);
  const middle = 1n << BigInt(random.below(reachLg2 - areaLg2));
  const upper = configuration.upperHalf === true ? -1n << BigInt(configuration.vaWidthLg2) : 0n;
  // Every thread has room for a piece in every area, whatever its alignment skips.
  const bitsAtMost = Math.min(
    tableBitsLg2 + 1,
    Math.floor(Math.log2(2 ** (areaLg2 - granuleLg2 - 1) / threads)),
  );
  const pieces: Piece[] = [];
  for (const area of new Set([0n, middle, areas - 1n])) {
    const first = BigInt.asUintN(64, (area << BigInt(areaLg2)) + upper);
    const end = first + (1n << BigInt(areaLg2));
    for (let iova = first, index = 0; index < 3 * threads; index++) {
      const sizeLg2 = granuleLg2 + random.below(bitsAtMost + 1);
      const size = 1n << BigInt(sizeLg2);
      iova = (iova + size - 1n) & -size;
      if (iova + size > end) break;
      const pa = drawOutput(configuration, random, sizeLg2);
      pieces.push({ thread: index % threads, iova, sizeLg2, pa });
      iova += size;
    }
  }
  return pieces;
}

/** An output address below the width, with room for the piece behind it. */
function drawOutput({ oaWidthLg2 }: Configuration, random: Random, sizeLg2: number): bigint {
  const choices = Math.min(31, oaWidthLg2 - 2 - sizeLg2);
  return (
    BigInt(random.below(2 ** choices)) << BigInt(sizeLg2 + random.below(oaWidthLg2 - 1 - sizeLg2 - choices))
  );
}

function drawOperation(configuration: Configuration, random: Random, piece: Piece): Operation {
  const { granuleLg2 } = shapeOf(configuration);
  const pagesLg2 = piece.sizeLg2 - granuleLg2;
  // A part that is a power of two, at a multiple of it, or any part, or all.
  const partLg2 = random.below(pagesLg2 + 1);
  const isAny = random.below(3) === 0;
  const pages = 2 ** pagesLg2;
  const start = isAny ? random.below(pages) : random.below(2 ** (pagesLg2 - partLg2)) * 2 ** partLg2;
  const count = isAny ? 1 + random.below(pages - start) : 2 ** partLg2;
  const offset = BigInt(start) << BigInt(granuleLg2);
  const iova = piece.iova + offset;
  const length = BigInt(count) << BigInt(granuleLg2);
  const whole = { iova: piece.iova, length: 1n << BigInt(piece.sizeLg2) };
  const kind = random.below(16);
  if (kind === 0) return { op: "sync" };
  if (kind < 3) return { op: "lookup", iova: iova + BigInt(random.below(2 ** granuleLg2)) };
  if (kind < 6) return { op: "unmap", ...whole };
  if (kind < 9) return { op: random.below(2) === 0 ? "unmap" : "unmapGathered", iova, length };
  const prot = PROTS[random.below(PROTS.length)];
  // Beside the address that agrees: then only small pages fit.
  const aside = random.below(4) === 0 ? 1n << BigInt(granuleLg2) : 0n;
  if (kind < 11) return { op: "map", ...whole, pa: piece.pa + aside, prot };
  return { op: "map", iova, pa: piece.pa + offset + aside, length, prot };
}
