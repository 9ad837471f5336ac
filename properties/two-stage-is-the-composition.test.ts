/**
 * A walk of two stages is one translation after the other: what the first stage's reference says, put to the second
 * stage's reference, and so for every item of the first stage's tables before it.
 */
import test from "ava";
import { Access, Refused, walkResultName } from "../models/walkers/index.js";
import { joined, words } from "./behaviour.js";
import { configuration } from "./reference-configuration.js";
import { type Pair, Scene } from "./two-stage-scene.js";

const SEEDS = Array.from({ length: 24 }, (_, n) => `seed-${n}`);

const x86 = configuration("x86-64", { vaWidthLg2: 48, oaWidthLg2: 52, topLevel: 3 });
const x86Signed = { ...x86, vaWidthLg2: 57, topLevel: 4, signExtended: true };
const vtd = configuration("vtd-second-stage", { vaWidthLg2: 48, oaWidthLg2: 46, topLevel: 3 });
const amdv1 = configuration("amdv1", { vaWidthLg2: 48, oaWidthLg2: 52, topLevel: 3 });
const riscv64 = configuration("riscv64", {
  vaWidthLg2: 39,
  oaWidthLg2: 56,
  topLevel: 2,
  signExtended: true,
  svnapot: true,
});

/** One line for each pair: both of the implementation's formats are driven by what their configurations say. */
const PAIRS: readonly Pair[] = [
  { name: "x86-64 over VT-d", stage1: x86, stage2: vtd },
  {
    name: "x86-64 over three levels of VT-d",
    stage1: x86Signed,
    stage2: { ...vtd, vaWidthLg2: 39, topLevel: 2 },
  },
  { name: "x86-64 over AMDv1", stage1: x86, stage2: amdv1 },
  {
    name: "x86-64 over growing AMDv1",
    stage1: x86Signed,
    stage2: { ...amdv1, vaWidthLg2: 64, growingTop: true },
  },
  { name: "x86-64 over nested x86-64", stage1: x86, stage2: { ...x86, oaWidthLg2: 48 }, asWrites: true },
  // Of no machine, but composed in the same way.
  { name: "Sv39 over VT-d", stage1: riscv64, stage2: vtd },
];

/** What must come of an access, as text: where it goes, or which stage refuses what. */
function expected(scene: Scene, va: bigint, needed: number): string {
  const { stage1, stage2, pair } = scene;
  for (const item of scene.itemsOf(va)) {
    const page = stage2.reference.translate(item);
    const at = `on the table walk at ${item.toString(16)}`;
    if (page === undefined) return `stage 2 faults ${at}`;
    if (!page.read || (pair.asWrites === true && !page.write)) return `stage 2 refuses ${at}`;
    if (!scene.isBacked(page.pa)) return "stage 1 faults";
  }
  const first = stage1.reference.translate(va);
  if (first === undefined) return "stage 1 faults";
  if (lacks(first, needed)) return "stage 1 refuses";
  const second = stage2.reference.translate(first.pa);
  const at = `at ${first.pa.toString(16)}`;
  if (second === undefined) return `stage 2 faults ${at}`;
  if (lacks(second, needed)) return `stage 2 refuses ${at}`;
  const rights = rightsText({
    read: first.read && second.read,
    write: first.write && second.write,
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

/** The kinds of answers that the programs of a pair must meet, so that no claim here is empty. */
const KINDS = [
  /^stage 1 faults$/,
  /^stage 1 refuses$/,
  /^stage 2 faults at/,
  /^stage 2 refuses at/,
  /^stage 2 faults on the table walk/,
  /^stage 2 refuses on the table walk/,
  /2\^12, rwx$/,
  /2\^(1[3-9]|2\d|30), /,
];

for (const pair of PAIRS) {
  test(`${pair.name}: a two-stage walk is the composition of both stages`, (t) => {
    const met = new Set<RegExp>();
    for (const seed of SEEDS) {
      const scene = new Scene(pair, seed);
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
    t.deepEqual(
      KINDS.filter((kind) => !met.has(kind)),
      [],
      "every kind of answer is met",
    );
  });

  test(`${pair.name}: a write makes dirty in each stage what a write of that stage makes dirty`, (t) => {
    let writes = 0;
    for (const seed of SEEDS.slice(0, 8)) {
      const scene = new Scene(pair, seed);
      const { stage1, stage2, walker } = scene;
      for (const va of scene.probes().filter((_, n) => n % 3 === 0)) {
        const permitted = walker.deviceWrite(...words(va));
        const ipa = joined(walker.ipaLow, walker.ipaHigh);
        if (!permitted) continue;
        writes++;
        t.deepEqual(stage1.reference.apply({ op: "deviceWrite", iova: va }), {
          op: "deviceWrite",
          permitted,
        });
        t.deepEqual(stage2.reference.apply({ op: "deviceWrite", iova: ipa }), {
          op: "deviceWrite",
          permitted,
        });
      }
      for (const { reference, subject } of [stage1, stage2]) {
        for (const { iova, count, sizeLg2 } of reference.runs) {
          const length = BigInt(count) << BigInt(sizeLg2);
          const read = { op: "readAndClearDirty", iova, length, clear: false } as const;
          t.deepEqual(subject.apply(read), reference.apply(read), `${seed}, ${iova.toString(16)}`);
        }
      }
    }
    t.true(writes > 0);
  });
}
