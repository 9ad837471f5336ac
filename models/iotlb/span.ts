/** Inclusive ranges of input addresses, in words, `(low, high)`. */
import { highMask, lowMask } from "../walkers/words.js";

export interface Span {
  readonly firstLow: number;
  readonly firstHigh: number;
  readonly lastLow: number;
  readonly lastHigh: number;
}

/** Unsigned a ≤ b. */
function atMost(aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
  return aHigh === bHigh ? aLow >>> 0 <= bLow >>> 0 : aHigh >>> 0 < bHigh >>> 0;
}

/** Whether every address of the range is in the span. */
export function covers(
  span: Span,
  firstLow: number,
  firstHigh: number,
  lastLow: number,
  lastHigh: number,
): boolean {
  return (
    atMost(span.firstLow, span.firstHigh, firstLow, firstHigh) &&
    atMost(lastLow, lastHigh, span.lastLow, span.lastHigh)
  );
}

/** Whether some address is in both. */
export function overlaps(a: Span, b: Span): boolean {
  return (
    atMost(a.firstLow, a.firstHigh, b.lastLow, b.lastHigh) &&
    atMost(b.firstLow, b.firstHigh, a.lastLow, a.lastHigh)
  );
}

/** The smallest naturally aligned block of a power of two that holds the span, as AMD's command names it. */
export function powerOfTwoAround(span: Span): Span & { readonly lg2: number } {
  const high = span.firstHigh ^ span.lastHigh;
  const low = span.firstLow ^ span.lastLow;
  const lg2 = high !== 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(low);
  return {
    lg2,
    firstLow: span.firstLow & ~lowMask(lg2),
    firstHigh: span.firstHigh & ~highMask(lg2),
    lastLow: span.lastLow | lowMask(lg2),
    lastHigh: span.lastHigh | highMask(lg2),
  };
}

/** The span of `2^lg2` bytes around an address. */
export function spanAround(low: number, high: number, lg2: number): Span {
  return span(low & ~lowMask(lg2), high & ~highMask(lg2), low | lowMask(lg2), high | highMask(lg2));
}

const wide = new BigUint64Array(2);
const words = new Int32Array(wide.buffer);

/** An inclusive range of unsigned 64-bit addresses. */
export function spanOf(first: bigint, last: bigint): Span {
  wide[0] = first;
  wide[1] = last;
  return span(words[0], words[1], words[2], words[3]);
}

/** One place makes them, so that the JIT sees one shape. */
function span(firstLow: number, firstHigh: number, lastLow: number, lastHigh: number): Span {
  return { firstLow, firstHigh, lastLow, lastHigh };
}
