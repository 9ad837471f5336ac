/** Programs for fast-check: bytes that the one generator decodes, so that every shrunk input is a program too. */
import fc from "fast-check";
import { recordBytes } from "./draws.js";

/**
 * Bytes for up to `maxOperations` operations, one record each; `new ByteDraws(bytes)` decodes them. Long programs
 * are the rule, whatever size the run is configured with: short ones seldom meet themselves. Shrinking drops
 * whole records, then makes bytes smaller, so one operation's choices never slide into the next.
 */
export function programBytes(maxOperations: number): fc.Arbitrary<Uint8Array> {
  const record = fc.uint8Array({ minLength: recordBytes, maxLength: recordBytes });
  return fc.array(record, { minLength: 1, maxLength: maxOperations, size: "max" }).map(joined);
}

function joined(records: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(records.length * recordBytes);
  for (const [index, record] of records.entries()) bytes.set(record, index * recordBytes);
  return bytes;
}
