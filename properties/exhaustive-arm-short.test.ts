/**
 * The short descriptor has no tiny form, for a large page and a section keep attributes where a smaller page would have
 * its address. So every program of up to three operations runs in tables of full size, judged by the lockstep.
 */
import test from "ava";
import { report, runProgram } from "../fuzz/lockstep/index.js";
import { capacityFor, PageTableSubject } from "../fuzz/lockstep/subject.js";
import { findConfiguration } from "../models/index.js";
import type { Operation } from "../models/operations.js";

const DEPTH = 3;
const KiB = 1n << 10n;
const MiB = 1n << 20n;
const READ_WRITE = 3;

const map = (iova: bigint, pa: bigint, length: bigint, prot = READ_WRITE): Operation => {
  return { op: "map", iova, pa, length, prot };
};
const unmap = (iova: bigint, length: bigint): Operation => ({ op: "unmap", iova, length });

const alphabet: readonly Operation[] = [
  // Each of the four sizes, and the smaller ones where a larger one could stand.
  map(0n, 0x8000_0000n, 4n * KiB),
  map(64n * KiB, 0x8001_0000n, 64n * KiB, 1),
  map(0n, 0x8000_0000n, MiB),
  map(0n, 0x8001_0000n, MiB),
  map(0n, 0x8000_0000n, 16n * MiB),
  // Over the end of a section in small pages, over the end of a supersection in sections.
  map(MiB - 8n * KiB, 0x8000_1000n, 16n * KiB, 2),
  map(15n * MiB, 0x8010_0000n, 2n * MiB),
  // Output addresses that only some leaves reach, and a range that begins below them.
  map(16n * MiB, 0x1_0000_0000n, 16n * MiB),
  map(16n * MiB, 0xff00_0000n, 32n * MiB),
  map(16n * MiB, 0xffff_f000n, 8n * KiB),
  unmap(0n, 4n * KiB),
  unmap(64n * KiB, 4n * KiB),
  unmap(0n, 16n * MiB),
  { op: "unmapGathered", iova: 0n, length: MiB },
  { op: "sync" },
  { op: "failNextAllocation", nth: 1 },
];

/** Every program of this many operations. */
function* programsOf(length: number): Generator<readonly Operation[]> {
  if (length === 0) yield [];
  else
    for (const program of programsOf(length - 1)) for (const letter of alphabet) yield [...program, letter];
}

for (const name of ["arm-short/oas40", "arm-short/mtk-ttbrext-straddling"]) {
  test(`${name}: implementation, hardware and reference agree after every program of ${DEPTH} operations`, (t) => {
    const configuration = findConfiguration(name);
    if (configuration === undefined) return t.fail(`no configuration ${name}`);
    const subjectOf = () => new PageTableSubject(configuration, capacityFor(configuration, 24));
    const codes = new Set<string>();
    for (const program of programsOf(DEPTH)) {
      const { finding, outcomes } = runProgram(configuration, program, subjectOf);
      if (finding !== undefined) return t.fail(report(finding, { subjectOf }));
      for (const outcome of outcomes) if (outcome?.op === "map") codes.add(outcome.code);
    }
    const refusals = ["ADDRESS_IN_USE", "OUT_OF_MEMORY"];
    // MediaTek's small pages reach as far as its large ones.
    if (configuration.mediatek !== true) refusals.push("MISALIGNED");
    t.deepEqual([...codes].sort(), [...refusals, "OK"].sort());
  });
}
