/**
 * A walk of two stages is one translation after the other: what the first stage's reference says, put to the second
 * stage's reference, and so for every item of the first stage's tables before it.
 */
import test from "ava";
import type { Configuration } from "../models/configuration.js";
import { findConfiguration } from "../models/configurations.js";
import type { Outcome } from "../models/operations.js";
import { Access, Refused, walkResultName } from "../models/walkers/index.js";
import type { Reference } from "../reference/index.js";
import { joined, words } from "./behaviour.js";
import { type Pair, Scene } from "./two-stage-scene.js";

/** The seed, what the second stage permits in a table's page or two, and whether the first stage's pages are clean. */
const SCENES = Array.from({ length: 12 }, (_, n) => {
  return { seed: `seed-${n}`, tables: [3, 0, 2, 1][n % 4], clean: n % 3 > 0 };
});

/** One line for each pair: first stage, second stage, by their configurations' names. */
const PAIRS: readonly Pair[] = [
  pair("x86-64/nosign-48", "vtd-second-stage/4l"),
  pair("x86-64/vtdfs-5l", "vtd-second-stage/3l"),
  pair("x86-64/vtdfs-4l", "vtd-second-stage/4l-va40-oa39"),
  pair("x86-64/amdv2-4l", "amdv1/top3-va48-fixed"),
  pair("x86-64/amdv2-5l", "amdv1/top2-va64"),
  // A processor's nested paging.
  pair("x86-64/nosign-48", "x86-64/nosign-va40-oa40"),
  pair("x86-pae/va39", "x86-64/nosign-48"),
  pair("x86-pae32/oa36", "x86-64/nosign-48"),
  pair("riscv64/sv39", "riscv64-guest/sv39x4"),
  pair("riscv64/sv57", "riscv64-guest/sv48x4-svpbmt-queued"),
  pair("riscv64/sv39-64kup", "riscv64-guest/sv39x4-64kup-oa44"),
  pair("riscv32/sv32", "riscv32-guest/sv32x4"),
  pair("armv8-stage1/4k-all", "armv8-stage2/4k_ias48_oas48"),
  pair("armv8-stage1/4k_ias39_oas40_hd", "armv8-stage2/16k_ias48_oas48"),
  pair("armv8-stage1/4k_ias48_oas48_ttbr1", "armv8-stage2/64k-ias44-eager-hd"),
  pair("armv8-stage1/16k_ias48_oas48_hd", "armv8-stage2/4k_ias42_oas42"),
  pair("armv8-stage1/16k_ias47_oas48", "armv8-stage2/16k-ias38-eager-hd"),
  pair("armv8-stage1/16k-ttbr1-ns-nogaps", "armv8-stage2/64k_ias52_oas52"),
  pair("armv8-stage1/64k-all-hd", "armv8-stage2/4k-hd"),
  pair("armv8-stage1/64k_ias52_oas52_hd", "armv8-stage2/16k_ias44_oas44"),
  pair("armv8-stage1/64k_ias48_oas52_noncoh", "armv8-stage2/64k_ias44_oas44"),
  pair("armv8-stage1/4k-lpa2-hd-noncoh", "armv8-stage2/4k-lpa2-eager-hd"),
  pair("armv8-stage1/16k-lpa2-hd", "armv8-stage2/4k-lpa2"),
  pair("arm-lpae-stage1/ias32_oas40", "arm-lpae-stage2/ias40_oas40"),
  // Armv7 with virtualization: the short descriptor over LPAE's second stage.
  pair("arm-short/oas40", "arm-lpae-stage2/ias34-eager"),
];

function pair(first: string, second: string): Pair {
  return { name: `${first} over ${second}`, stage1: configurationOf(first), stage2: configurationOf(second) };
}

function configurationOf(name: string): Configuration {
  const found = findConfiguration(name);
  if (found === undefined) throw new RangeError(`no configuration is called ${name}`);
  return found;
}

/** What must come of an access, as text: where it goes, or which stage refuses what. */
function expected(scene: Scene, va: bigint, needed: number): string {
  const { stage1, stage2, pair } = scene;
  const readAsWrites = pair.stage2.format === "x86-64";
  const { items } = scene.firstWalk(va);
  for (const item of items) {
    const page = stage2.reference.translate(item);
    const at = `on the table walk at ${item.toString(16)}`;
    if (page === undefined) return `stage 2 faults ${at}`;
    if (!page.read || (readAsWrites && !page.write)) return `stage 2 refuses ${at}`;
  }
  const first = stage1.reference.translate(va);
  if (first === undefined) return "stage 1 faults";
  if (lacks(first, needed)) return "stage 1 refuses";
  // Only an ARM first stage begins clean here; what is to be marked dirty stands in the item read last.
  const marked = pair.stage1.dirtyTracking === true && !first.dirty ? items[items.length - 1] : undefined;
  const mayMark = marked === undefined || stage2.reference.translate(marked)?.write === true;
  if (first.write && !mayMark && (needed & Access.write) !== 0)
    return `stage 2 refuses on the table walk at ${marked?.toString(16)}`;
  const second = stage2.reference.translate(first.pa);
  const at = `at ${first.pa.toString(16)}`;
  if (second === undefined) return `stage 2 faults ${at}`;
  if (lacks(second, needed)) return `stage 2 refuses ${at}`;
  const rights = rightsText({
    read: first.read && second.read,
    write: first.write && second.write && mayMark,
    execute: first.execute && second.execute,
  });
  return `${second.pa.toString(16)} by ${at}, 2^${Math.min(first.sizeLg2, second.sizeLg2)}, ${rights}`;
}

/** The same of the walker. */
function seen({ walker }: Scene, va: bigint, needed: number): string {
  const result = walker.walk(...words(va), needed);
  const ipa = joined(walker.ipaLow, walker.ipaHigh).toString(16);
  const verb = result === Refused ? "refuses" : "faults";
  if (walker.stage === 1) return `stage 1 ${verb}`;
  if (walker.stage === 2) return `stage 2 ${verb} ${walker.onTableWalk ? "on the table walk " : ""}at ${ipa}`;
  if (result === Refused) return "refused by no stage";
  if (result !== 0) return `${walkResultName(result)} of no stage`;
  return `${joined(walker.oaLow, walker.oaHigh).toString(16)} by at ${ipa}, 2^${walker.sizeLg2}, ${rightsText(walker)}`;
}

interface Permitted {
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
}

function lacks(page: Permitted, needed: number): boolean {
  const { read, write, execute } = Access;
  return (
    ((needed & read) !== 0 && !page.read) ||
    ((needed & write) !== 0 && !page.write) ||
    ((needed & execute) !== 0 && !page.execute)
  );
}

function rightsText({ read, write, execute }: Permitted): string {
  return `${read ? "r" : "-"}${write ? "w" : "-"}${execute ? "x" : "-"}`;
}

/** No RISC-V page is there without being readable. */
const WITHHOLDS_READ = /^stage 2 refuses on the table walk/;

/** The kinds of answers that the scenes of a pair must meet, so that no claim here is empty. */
const KINDS = [
  /^stage 1 faults$/,
  /^stage 1 refuses$/,
  /^stage 2 faults at/,
  /^stage 2 refuses at/,
  /^stage 2 faults on the table walk/,
  WITHHOLDS_READ,
  /2\^\d+, rw.$/,
  /2\^(1[7-9]|2\d|30), /,
];

for (const one of PAIRS) {
  test(`${one.name}: a two-stage walk is the composition of both stages`, (t) => {
    const met = new Set<RegExp>();
    for (const { seed, tables, clean } of SCENES) {
      const scene = new Scene(one, seed, tables);
      if (clean) scene.stage1.clean();
      for (const va of scene.probes()) {
        for (const needed of [Access.none, Access.read, Access.write, Access.execute]) {
          const wanted = expected(scene, va, needed);
          const got = seen(scene, va, needed);
          for (const kind of KINDS) if (kind.test(wanted)) met.add(kind);
          if (got !== wanted)
            t.fail(`${seed}, access ${needed} to ${va.toString(16)}: ${got}, not ${wanted}`);
        }
      }
    }
    const possible = KINDS.filter(
      (kind) => kind !== WITHHOLDS_READ || !one.stage2.format.startsWith("riscv"),
    );
    t.deepEqual([...met].sort(), possible.sort(), "every kind of answer is met");
  });

  test(`${one.name}: a write makes dirty in each stage what it writes there, tables included`, (t) => {
    let writes = 0;
    for (const { seed, tables } of SCENES.slice(0, 6)) {
      const scene = new Scene(one, seed, tables);
      const { stage1, stage2, walker } = scene;
      stage1.clean();
      stage2.clean();
      for (const va of scene.probes().filter((_, n) => n % 6 === 0)) {
        const { items, dirty } = scene.firstWalk(va);
        if (!walker.deviceWrite(...words(va))) continue;
        writes++;
        const ipa = joined(walker.ipaLow, walker.ipaHigh);
        writeIn(stage1.reference, va);
        writeIn(stage2.reference, ipa);
        if (one.stage1.dirtyTracking === true && !dirty) writeIn(stage2.reference, items[items.length - 1]);
      }
      for (const stage of [stage1, stage2]) {
        const { subject, reference } = stage;
        for (const question of stage.dirtyQuestions())
          t.deepEqual(dirtyPages(subject.apply(question)), dirtyPages(reference.apply(question)), seed);
      }
    }
    t.true(writes > 0);
  });
}

function dirtyPages(outcome: Outcome) {
  return outcome.op === "readAndClearDirty" ? outcome.dirty : [];
}

function writeIn(reference: Reference, iova: bigint): void {
  reference.apply({ op: "deviceWrite", iova });
}
