/**
 * Worker threads, each in ranges of its own, side by side in the same tables: every answer is the reference's, and
 * in the end hardware finds what it maps, in exactly its tables. They are the same whatever the order, for a table
 * is freed only by an unmap of all that it spans, which is one thread's.
 */
import test from "ava";
import { Crew } from "../fuzz/concurrency/crew.js";
import { drawPrograms } from "../fuzz/concurrency/programs.js";
import { Random } from "../models/index.js";
import { configurationOf } from "./stepped-scenes.js";

const SEED = process.env["GENPT_SEED"] ?? "threads";
const ROUNDS = Number(process.env["GENPT_ROUNDS"] ?? 3);
const OPERATIONS = 250;
const THREADS = 8;

const NAMES = [
  // The top grows.
  "amdv1/top2-va64",
  "x86-64/vtdfs-4l-incoherent",
  "x86-pae32/oa52-nogaps",
  "vtd-second-stage/4l",
  "riscv64/sv39",
  // Items of 32 bits.
  "riscv32/sv32",
  // Break before make, and items of 32 bits in small tables.
  "arm-short/noncoh",
  "armv8-stage1/4k-all",
  "dart1/16k_ias36_oas36",
];

test(`threads end as the reference says (seed ${SEED})`, async (t) => {
  const crew = new Crew(THREADS);
  try {
    for (const name of NAMES) {
      const configuration = configurationOf(name);
      for (let round = 0; round < ROUNDS; round++) {
        const random = Random.fromSeed(`${SEED}:${name}:${round}`);
        const threads = round === 0 ? THREADS : 2 + random.below(THREADS - 1);
        const programs = drawPrograms(configuration, random, threads, OPERATIONS);
        const difference = await crew.run(configuration, programs);
        t.is(difference, undefined, `${name}, round ${round}, ${threads} threads`);
      }
    }
  } finally {
    await crew.dismiss();
  }
});
