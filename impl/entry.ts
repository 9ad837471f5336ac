/** The entry that a cursor stands on, as the public face gives it. */
import { ALL } from "./arguments.js";
import { Cursor } from "./engine/cursor.js";
import type { Domain } from "./engine/domain.js";
import type { AddressRange, Entry } from "./page-table-types.js";
import { fromWords, highOf, lowOf } from "./words.js";

function entryOf(cursor: Cursor): Entry {
  return {
    iova: fromWords(cursor.low, cursor.high),
    sizeLg2: cursor.sizeLg2,
    level: cursor.level,
    pa: fromWords(cursor.paLow, cursor.paHigh),
    read: cursor.readable,
    write: cursor.writable,
    execute: cursor.executable,
    dirty: cursor.dirty,
  };
}

/** The entries that touch an inclusive range inside one half, in order. */
export function* entriesBetween(
  domain: Domain,
  first: bigint,
  last: bigint,
): Generator<Entry, void, undefined> {
  const lastLow = lowOf(last);
  const lastHigh = highOf(last);
  const cursor = new Cursor(domain);
  let found = cursor.seek(lowOf(first), highOf(first), lastLow, lastHigh);
  for (; found; found = cursor.advance(lastLow, lastHigh)) yield entryOf(cursor);
}

/** The first and the last address of each half that a domain's tables translate. */
export function* halvesOf(domain: Domain): Generator<readonly [first: bigint, last: bigint]> {
  const lowerLast = fromWords(~domain.vaBeyondLow, ~domain.vaBeyondHigh);
  const { upperHalf, signExtended } = domain.settings;
  if (!upperHalf) yield [0n, lowerLast];
  if (upperHalf || signExtended) yield [ALL - 1n - lowerLast, ALL - 1n];
}

/** What had no translation for a moment in the last cut or resize. */
export function missedOf(domain: Domain): readonly AddressRange[] {
  return domain.missed.map(({ low, high, sizeLg2 }) => {
    return { iova: fromWords(low, high), lengthBytes: 1n << BigInt(sizeLg2) };
  });
}
