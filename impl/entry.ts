/** The entry that a cursor stands on, as the public face gives it. */
import type { Cursor } from "./engine/cursor.js";
import type { Entry } from "./page-table-types.js";
import { fromWords } from "./words.js";

export function entryOf(cursor: Cursor): Entry {
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
