/**
 * Tables that deployed code wrote, read by the hardware walkers, agree with what the reference says is mapped after
 * the same program: three opinions of which none is the implementation's.
 */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import {
  type IoCase,
  type IoCreation,
  type IoMade,
  ioConfiguration,
  ioMode,
  openVectorFile,
  placeTree,
  programOf,
  rightTree,
  type VectorTable,
} from "../fuzz/conform/index.js";
import { createWalker, SparseMemory, type Walker, walkResultName } from "../models/index.js";
import { Reference } from "../reference/index.js";

const DIRECTORY = fileURLToPath(new URL("../../corpus/vectors/", import.meta.url));

async function checkFile(t: ExecutionContext, name: string): Promise<number> {
  const file = await openVectorFile(DIRECTORY + name);
  if (file.kind !== "io-cases" || file.header.made === undefined) return 0;
  let cases = 0;
  for await (const vector of file.cases) {
    if (vector.tables === undefined || meetsHole(vector)) continue;
    checkCase(t, file.header, file.header.made, vector, vector.tables);
    cases++;
  }
  return cases;
}

/** Deployed code stops cleaning at the first hole, so that its tables are not those of the program any more. */
function meetsHole({ ops }: IoCase): boolean {
  return ops.some((op) => op.op === "dirty_pages" && op.ret !== 0 && !op.noClear);
}

function checkCase(
  t: ExecutionContext,
  header: IoCreation,
  made: IoMade,
  vector: IoCase,
  tables: VectorTable,
): void {
  const configuration = ioConfiguration(header, made);
  const reference = new Reference(configuration);
  for (const operation of programOf(header, made, vector)) reference.apply(operation);
  const memory = new SparseMemory();
  const root = placeTree(header, made, rightTree(header.format, tables), memory);
  const walker = createWalker(configuration, memory);
  walker.setRoot(Number(BigInt.asIntN(32, root)), Number(root >> 32n), ioMode(header.format, made));
  const where = `${header.format} ${header.config.name}, seed ${vector.seed}`;
  let mapped = 0n;
  for (const run of reference.runs) {
    const size = 1n << BigInt(run.sizeLg2);
    mapped += run.count;
    for (const index of new Set([0n, run.count >> 1n, run.count - 1n])) {
      const iova = run.iova + index * size;
      t.is(walked(walker, iova), mappedAs(reference, iova), `${where}, 0x${iova.toString(16)}`);
      const last = iova + size - 1n;
      t.is(walked(walker, last), mappedAs(reference, last), `${where}, 0x${last.toString(16)}`);
    }
  }
  t.is(leavesOf(walker), mapped, where);
}

/** How many entries can be reached: items, those of an entry of several identical ones counted once. */
function leavesOf(walker: Walker): bigint {
  const entries = new Set<bigint>();
  let illegal = 0n;
  walker.sweep({
    table: () => {},
    leaf: (_level, _low, _high, _rawLow, _rawHigh, vaLow, vaHigh, sizeLg2) => {
      const iova = (BigInt(vaHigh >>> 0) << 32n) | BigInt(vaLow >>> 0);
      entries.add((iova >> BigInt(sizeLg2)) << BigInt(sizeLg2));
    },
    illegal: () => {
      illegal++;
    },
  });
  // No run has as many: what is illegal shows.
  return illegal > 0n ? -illegal : BigInt(entries.size);
}

function walked(walker: Walker, iova: bigint): string {
  const result = walker.walk(Number(BigInt.asIntN(32, iova)), Number(BigInt.asIntN(32, iova >> 32n)));
  if (result !== 0) return walkResultName(result);
  const pa = (BigInt(walker.oaHigh >>> 0) << 32n) | BigInt(walker.oaLow >>> 0);
  return text({ ...walker, pa, sizeLg2: walker.sizeLg2 });
}

function mappedAs(reference: Reference, iova: bigint): string {
  const mapped = reference.translate(iova);
  return mapped === undefined ? "nothing" : text(mapped);
}

interface Translation {
  readonly pa: bigint;
  readonly sizeLg2: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly dirty: boolean;
}

function text({ pa, sizeLg2, read, write, execute, dirty }: Translation): string {
  return `0x${pa.toString(16)} 2^${sizeLg2} ${[read, write, execute, dirty].join(" ")}`;
}

test("hardware reads in deployed tables what the reference says is mapped", async (t) => {
  let cases = 0;
  for (const name of readdirSync(DIRECTORY).sort()) {
    if (/^(arm|apple)_.*\.jsonl\.gz$/.test(name)) cases += await checkFile(t, name);
  }
  t.is(cases, 878);
});
