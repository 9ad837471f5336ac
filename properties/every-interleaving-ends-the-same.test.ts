/**
 * Threads in ranges of their own, step by step: however their accesses to shared memory follow each other, hardware
 * sees the old or the new translation in between, and in the end memory is the reference's, with no frame lost.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { stampStepped } from "../build/stepped-stamp.js";
import { explore, runOnce, Stage, type SteppedStamp } from "../fuzz/concurrency/index.js";
import { drawPrograms } from "../fuzz/concurrency/programs.js";
import { type Configuration, Random } from "../models/index.js";
import { isWhole } from "./part.js";
import {
  configurationOf,
  growingScenes,
  mapScenesOf,
  scenesOf,
  steppedStampOf,
  tinyOf,
  twiceGrowingScene,
} from "./stepped-scenes.js";

const DIST = dirname(dirname(fileURLToPath(import.meta.url)));

/** Raise it for a longer run: `GENPT_SCHEDULES=5000 npx ava …`. */
const SCHEDULES = Number(process.env["GENPT_SCHEDULES"] ?? (isWhole ? 60 : 24));
const SEED = process.env["GENPT_SEED"] ?? "interleavings";

const written = new Map<string, Promise<readonly SteppedStamp[]>>();

/** The stamp of a configuration, once for each of four threads. */
function stampsOf(configuration: Configuration): Promise<readonly SteppedStamp[]> {
  const name = steppedStampOf(configuration);
  const stamps = written.get(name) ?? stampStepped(DIST, "interleavings", name, 4);
  written.set(name, stamps);
  return stamps;
}

const SMALL = [
  tinyOf("amdv1"),
  tinyOf("x86-64"),
  tinyOf("x86-pae32"),
  tinyOf("vtd-second-stage"),
  tinyOf("riscv64"),
  tinyOf("riscv32"),
  tinyOf("armv8-stage1"),
  tinyOf("dart2"),
];

/** Tables that hardware sees as they were written back; the last has no mark for it in its items. */
const INCOHERENT = [
  "x86-64/tiny-2-levels-queued-incoherent",
  "vtd-second-stage/tiny-2-levels-nogaps-incoherent",
  "arm-short/noncoh",
].map(configurationOf);

for (const configuration of INCOHERENT) {
  const { format, name } = configuration;
  test(`every interleaving, seen from memory: ${format}/${name}`, async (t) => {
    const stamps = await stampsOf(configuration);
    for (const scene of mapScenesOf(configuration)) {
      const { states, interleavings, misstep } = explore(new Stage(scene, stamps));
      t.is(misstep, undefined, `${scene.name}: ${misstep?.sentence} after ${misstep?.turns.join("")}`);
      t.log(`${scene.name}: ${interleavings} orders, ${states} states`);
    }
  });
}

for (const configuration of SMALL) {
  const { format, name } = configuration;
  test(`every interleaving of two small operations: ${format}/${name}`, async (t) => {
    const stamps = await stampsOf(configuration);
    for (const scene of scenesOf(configuration)) {
      const { states, interleavings, misstep } = explore(new Stage(scene, stamps));
      t.is(misstep, undefined, `${scene.name}: ${misstep?.sentence} after ${misstep?.turns.join("")}`);
      t.log(`${scene.name}: ${interleavings} orders, ${states} states`);
    }
  });
}

const growing = configurationOf("amdv1/tiny-growing");
const growingTwice = configurationOf("amdv1/tiny-growing-twice");

for (const scene of [...growingScenes(growing), twiceGrowingScene(growingTwice)]) {
  test(`every interleaving while ${scene.name}`, async (t) => {
    const stamps = await stampsOf(scene.configuration);
    const { states, interleavings, misstep } = explore(new Stage(scene, stamps));
    t.is(misstep, undefined, `${misstep?.sentence} after ${misstep?.turns.join("")}`);
    t.log(`${interleavings} orders, ${states} states`);
  });
}

const LARGE = [
  "amdv1/tiny-growing-twice",
  "riscv64/tiny-3-levels-napot",
  "riscv32/tiny-3-levels",
  "x86-pae32/tiny-3-levels",
  "armv8-stage1/tiny-3-levels-narrow",
  "arm-short/all",
];

for (const name of LARGE) {
  test(`${SCHEDULES} interleavings of longer programs: ${name} (seed ${SEED})`, async (t) => {
    const configuration = configurationOf(name);
    const stamps = await stampsOf(configuration);
    for (let index = 0; index < SCHEDULES; ) {
      const random = Random.fromSeed(`${SEED}:${name}:${index}`);
      const threads = 2 + random.below(3);
      const programs = drawPrograms(configuration, random, threads, 5);
      const stage = new Stage({ configuration, before: [], threads: programs }, stamps, 64);
      for (const end = index + 6; index < end; index++) {
        const misstep = runOnce(stage, random);
        t.is(misstep, undefined, `schedule ${index}: ${misstep?.sentence}`);
      }
    }
  });
}
