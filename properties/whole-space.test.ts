/** The whole of a 64-bit space: one byte more than 64 bits can count. */
import test from "ava";
import { amdv1, Prot, statusCode, TableMemory } from "../impl/index.js";

const ALL = 1n << 64n;
/** The largest page whose output addresses are wide enough. */
const LARGEST = 1n << 51n;

test("all of 2^64 addresses are mapped, listed and unmapped, and the bytes are counted", (t) => {
  const memory = new TableMemory({ capacityBytes: 1 << 21 });
  const table = amdv1.create({ memory, vaWidthLg2: 64, topLevel: 5 });
  for (let iova = 0n; iova < ALL; iova += LARGEST) table.map(iova, 0n, LARGEST, Prot.read);
  let listed = 0n;
  for (const { sizeLg2 } of table.entries()) listed += 1n << BigInt(sizeLg2);
  t.is(listed, ALL);
  t.is(table.lookup(ALL - 1n), LARGEST - 1n);
  t.is(table.unmap(0n, ALL), ALL);
  t.is(table.lookup(ALL - 1n), undefined);
  t.deepEqual([...table.entries()], []);
  t.is(memory.quarantinedFrames, 0);
  t.is(table.format, "amdv1");
});

test("a status that there is not has a name all the same", (t) => {
  t.is(Reflect.apply(statusCode, undefined, [999]), "INVALID_ARGUMENT");
});
