/**
 * Whatever stands in the marker bits of a domain's tables: devices, lookups and lists of leaves find the same, a page
 * that is mapped so already is found to be, and a dump prints the same lines.
 */
import test from "ava";
import type { TableMemory } from "../impl/memory/table-memory.js";
import { Random } from "../models/random.js";
import { amdScene, intelScene } from "./iommu-scene.js";
import { apply, mapOp, unmapOp } from "./paging-judge.js";
import { FlushFlag, PagingScene, type ReachedTable, type Vendor } from "./paging-scene.js";

const SEED = "markers-mean-nothing-1";
const RW = 3;
const R = 1;
const GIB = 1 << 18;
const MIB2 = 512;
const ROUNDS = 4;
const ITEMS = 512;
/** Which of an item's words has its marker, and at which bit. */
const PLACE = { amd: { word: 0, shift: 1 }, vtd: { word: 1, shift: 20 } } as const;

/** Gives every item of some tables a marker of chance. */
function scramble(memory: TableMemory, tables: readonly number[], vendor: Vendor, random: Random): void {
  const { word, shift } = PLACE[vendor];
  for (const table of tables) {
    for (let index = 0; index < ITEMS; index++) {
      const at = table + 2 * index + word;
      memory.words[at] = (memory.words[at] & ~(15 << shift)) | (random.below(16) << shift);
    }
  }
}

/** Pages of every size and permission, out of phase and in it, at frames of more than 32 bits, and holes. */
function filledScene(vendor: Vendor): PagingScene {
  const scene = new PagingScene({ vendor, levels: 4 });
  for (const op of [
    mapOp(0, 2 ** 34 + GIB, 18, RW),
    mapOp(GIB, 7 * GIB, 18, R),
    unmapOp(GIB + 3 * MIB2 + 9, 0),
    mapOp(2 * GIB, 5 * MIB2, 9, 2),
    mapOp(2 * GIB + MIB2, 77, 0, RW),
    mapOp(2 * GIB + MIB2 + 1, 79, 0, R),
  ]) {
    apply(scene, op);
  }
  scene.release();
  return scene;
}

const PROBES = [0, 5, GIB - 1, GIB, GIB + 3 * MIB2 + 8, GIB + 3 * MIB2 + 9, GIB + 4 * MIB2, 2 * GIB + 3];
const LATER_PROBES = [2 * GIB + MIB2, 2 * GIB + MIB2 + 1, 2 * GIB + MIB2 + 2, 3 * GIB];

for (const vendor of ["amd", "vtd"] as const) {
  test(`${vendor}: devices, lookups and lists of leaves find the same (seed ${SEED})`, (t) => {
    const scene = filledScene(vendor);
    const found = () => ({
      seen: [...PROBES, ...LATER_PROBES].map((dfn) => scene.see(dfn)),
      lookedUp: [...PROBES, ...LATER_PROBES].map((dfn) => scene.lookup(dfn)),
      leaves: [...scene.paging.table.leaves()],
    });
    const before = found();
    t.deepEqual(before.lookedUp, before.seen);
    const words = (tables: readonly ReachedTable[]) => tables.map(({ word }) => word);
    const random = Random.fromSeed(SEED);
    for (let round = 0; round < ROUNDS; round++) {
      scramble(scene.memory, words(scene.tables()), vendor, random);
      t.deepEqual(found(), before);
    }
  });

  test(`${vendor}: a page that is mapped so already is found to be, whatever its marker (seed ${SEED})`, (t) => {
    const scene = filledScene(vendor);
    const random = Random.fromSeed(SEED);
    const leaves = [...scene.paging.table.leaves()].filter((_, index) => index % 97 === 0);
    t.true(leaves.length > 5);
    const tables = scene.tables().map(({ word }) => word);
    scramble(scene.memory, tables, vendor, random);
    for (const { dfn, mfn, order, read, write } of leaves) {
      const before = scene.memory.words.slice();
      scene.map(dfn, mfn, order, (read ? 1 : 0) | (write ? 2 : 0));
      t.is(scene.flags, vendor === "amd" ? FlushFlag.added : 0);
      t.is(Buffer.compare(Buffer.from(before.buffer), Buffer.from(scene.memory.words.buffer)), 0);
    }
  });

  test(`${vendor}: a dump prints the same lines (seed ${SEED})`, (t) => {
    const { memory, system } = vendor === "amd" ? amdScene() : intelScene();
    const frames: number[] = [];
    memory.observer = {
      stored: () => {},
      storedPair: () => {},
      allocated: (word) => void frames.push(word),
      quarantined: () => {},
      released: () => {},
      published: () => {},
    };
    const domain = system.createDomain({ id: 7 });
    domain.legacyMap(GIB, GIB, GIB, RW);
    domain.legacyMap(5, 2 ** 34, 3, R);
    domain.legacyUnmap(GIB + 3 * MIB2 + 9, 1);
    const lines = [...system.dump(domain)];
    t.is(lines.length, 1 + 3 + 511 + 511);
    scramble(memory, frames, vendor, Random.fromSeed(SEED));
    t.deepEqual([...system.dump(domain)], lines);
  });
}
