/** Recorded maps and unmaps of a deployed IOMMU layer: every result, flag, count, table and leaf. */
import { fileURLToPath } from "node:url";
import test from "ava";
import { conformFile, formatReport } from "../fuzz/conform/index.js";
import { openVectorFile } from "../fuzz/conform/vector-file.js";
import { type MakeXenTables, vendorTables } from "../fuzz/conform/xen-maps-machine.js";
import { replayAsDeployed, replayAsRight } from "../fuzz/conform/xen-maps-replay.js";
import type { XenMapsOp, XenMapsSequence } from "../fuzz/conform/xen-maps-vector.js";
import { FlushFlag } from "../impl/iommu/index.js";
import { withMethods } from "./domain-scene.js";

const FILE = fileURLToPath(new URL("../../corpus/vectors/xen/maps.jsonl.gz", import.meta.url));

/** The recorded sequence of this name and vendor. */
async function sequenceOf(name: string, vendor: "amd" | "vtd"): Promise<XenMapsSequence> {
  const file = await openVectorFile(FILE);
  if (file.kind === "xen-maps") {
    for await (const sequence of file.sequences) {
      if (sequence.name === name && sequence.vendor === vendor) return sequence;
    }
  }
  throw new Error(`no sequence ${name}`);
}

test("81 sequences match as deployed; as is right 59 do, and 22 but for deviations by name", async (t) => {
  const result = await conformFile(FILE);
  if (result.kind !== "xen") return t.fail("another kind of file");
  const [deployed, right] = result.passes;
  t.is(result.failed, 0, formatReport([result]));
  t.like(deployed, { sequences: 81, operations: 6800, matched: 81, deviated: 0 });
  t.is(deployed.deviations.size, 0);
  t.like(right, { sequences: 81, operations: 6800, matched: 59, deviated: 22 });
  t.deepEqual(Object.fromEntries(right.deviations), {
    "out-of-memory-is-a-fault": { sequences: 6, operations: 7 },
    "failed-walk-leaves-tables": { sequences: 9, operations: 11 },
    "identical-map-splits": { sequences: 10, operations: 187 },
    "merges-to-unannounced-sizes": { sequences: 2, operations: 7 },
    "superpage-at-frame-0-is-lost": { sequences: 1, operations: 1 },
  });
  return undefined;
});

/** The sequence with another figure recorded of one of its operations. */
function altered(
  sequence: XenMapsSequence,
  opIndex: number,
  recorded: Partial<XenMapsOp["recorded"]>,
): XenMapsSequence {
  const ops = sequence.ops.map((op, index) =>
    index === opIndex ? { ...op, recorded: { ...op.recorded, ...recorded } } : op,
  );
  return { ...sequence, ops };
}

const ALTERED = [
  { rc: -12 },
  { crashed: true },
  { flags: 2 },
  { shatters: 1 },
  { coalesces: 0 },
  { queued: 0 },
  { tables: 2 },
  { leaves: [1, 1, 0] },
  { uniform_tables: 1 },
] as const;

for (const recorded of ALTERED) {
  const [field] = Object.keys(recorded);
  test(`another ${field} in a recording is noticed, as deployed and as is right`, async (t) => {
    const sequence = altered(await sequenceOf("2m-then-punch-4k-then-restore", "amd"), 2, recorded);
    t.is(replayAsDeployed(sequence, vendorTables).failure?.field, field);
    const right = replayAsRight(sequence, vendorTables).failure;
    t.is(right?.opIndex, 2);
    t.is(right?.field, `the naive tree, ${field}`);
  });
}

test("another leaf at the end of a recording is noticed", async (t) => {
  const sequence = await sequenceOf("2m-then-punch-4k-then-restore", "vtd");
  const final = sequence.final?.map((leaf) => ({ ...leaf, access: 1 }));
  for (const replay of [replayAsDeployed, replayAsRight]) {
    const { failure } = replay({ ...sequence, final }, vendorTables);
    t.like(failure, { opIndex: undefined, field: "leaf 0" });
  }
});

test("under a deviation a recording may not say just anything", async (t) => {
  const sequence = await sequenceOf("alloc-failure-map-1", "amd");
  t.is(replayAsRight(sequence, vendorTables).failure, undefined);
  const { failure } = replayAsRight(altered(sequence, 0, { rc: -12 }), vendorTables);
  t.like(failure, { opIndex: 0, field: "the naive tree, rc" });
});

/** Tables that make the mistakes of deployed code where they should not, or the other way round. */
const otherWay: MakeXenTables = (shape, deployed, memory, queue) =>
  vendorTables(shape, !deployed, memory, queue);

for (const name of [
  "alloc-failure-map-1",
  "2m-max",
  "quirk-mfn0-superpage-4k-unmap-silently-ignored",
  "identical-4k-inside-2m(uniform table left)",
]) {
  test(`the mistake of "${name}" is demanded as deployed and refused as is right`, async (t) => {
    const sequence = await sequenceOf(name, "amd");
    t.is(replayAsDeployed(sequence, vendorTables).failure, undefined);
    t.is(replayAsRight(sequence, vendorTables).failure, undefined);
    t.not(replayAsDeployed(sequence, otherWay).failure, undefined);
    t.not(replayAsRight(sequence, otherWay).failure, undefined);
  });
}

/** Tables that forget to say that one of them left the tree. */
const forgetful: MakeXenTables = (shape, deployed, memory, queue) => {
  const tables = vendorTables(shape, deployed, memory, queue);
  const { paging } = tables;
  const unmapPage: typeof paging.unmapPage = (dfn, order, flush) => {
    const status = paging.unmapPage(dfn, order, flush);
    flush.flags &= ~FlushFlag.all;
    return status;
  };
  return { ...tables, paging: withMethods(paging, { unmapPage }) };
};

test("tables that owe too little are found by the first recording that shows it", async (t) => {
  for (const vendor of ["amd", "vtd"] as const) {
    const sequence = await sequenceOf("2m-aligned", vendor);
    for (const replay of [replayAsDeployed, replayAsRight]) {
      t.like(replay(sequence, forgetful).failure, { opIndex: 1, field: "flags", expected: "6", got: "2" });
    }
  }
});
