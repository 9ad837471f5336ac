/**
 * Every frame in use is a table in the tree of one domain, reached once from a root that never changes; every frame
 * that left waits in one CPU's queue, holding to its end what it held when it left.
 */
import test from "ava";
import { AmdPaging } from "../impl/iommu/amd/paging.js";
import { IntelPaging } from "../impl/iommu/intel/paging.js";
import type { TableMemory } from "../impl/memory/table-memory.js";
import { createScene, LEVELS, put, Requests, type Scene, VENDORS, type Vendor } from "./domain-scene.js";

const SEED = "one-tree-1";
const PROGRAMS = 3;
const REQUESTS = 120;
const CPUS = [0, 1, 2];
const ITEMS = 512;
const FRAME_WORDS = 1024;

/** The word of the table that an item points to; undefined for what is no pointer. */
function pointerOf(memory: TableMemory, vendor: Vendor, item: number, level: number): number | undefined {
  const [low, high] = [memory.words[item], memory.words[item + 1]];
  const isPresent = (low & (vendor === "amd" ? 1 : 3)) !== 0;
  const isLeaf = vendor === "amd" ? ((low >>> 9) & 7) === 0 : level === 0 || (low & 0x80) !== 0;
  if (!isPresent || isLeaf) return undefined;
  return ((high & 0xf_ffff) * 2 ** 32 + ((low & ~0xfff) >>> 0) - Number(memory.base)) / 4;
}

/** The word of a domain's root; undefined before there is one. */
function rootOf({ tables, memory }: Scene): number | undefined {
  const { paging } = tables;
  if (!(paging instanceof AmdPaging || paging instanceof IntelPaging)) throw new Error("another's tables");
  const { root } = paging.table;
  return root === undefined ? undefined : Number(root - memory.base) / 4;
}

/** Every table that is reached from a domain's root, as often as it is reached. */
function reached(scene: Scene, vendor: Vendor): readonly number[] {
  const root = rootOf(scene);
  const tables = root === undefined ? [] : [root];
  let level = LEVELS - 1;
  for (let first = 0; first < tables.length && level > 0; level--) {
    const last = tables.length;
    for (; first < last; first++) {
      for (let index = 0; index < ITEMS; index++) {
        const table = pointerOf(scene.memory, vendor, tables[first] + 2 * index, level);
        if (table !== undefined) tables.push(table);
      }
    }
  }
  return tables;
}

for (const vendor of VENDORS) {
  test(`${vendor}: two domains, three CPUs, and a lack of memory now and then (seed ${SEED})`, (t) => {
    for (let program = 0; program < PROGRAMS; program++) {
      const first = createScene({ vendor, isHardware: true });
      const scenes = [first, createScene({ vendor, isHardware: true, beside: first })];
      const { memory, queues } = first;
      for (const cpu of CPUS.slice(1)) queues.upPrepare(cpu);
      const left = new Map<number, Int32Array>();
      memory.observer = {
        stored: () => {},
        storedPair: () => {},
        allocated: (word) => t.false(left.has(word), "a frame is used that waits to be freed"),
        quarantined: (word) => {
          t.false(left.has(word), "a frame left twice");
          left.set(word, memory.words.slice(word, word + FRAME_WORDS));
        },
        released: (word) => t.true(left.delete(word), "a frame is freed that did not wait"),
        published: () => {},
      };
      const requests = new Requests(`${SEED}-${program}`);
      const roots: (number | undefined)[] = [undefined, undefined];
      for (let index = 0; index < REQUESTS; index++) {
        const where = JSON.stringify({ program, index });
        queues.runOn(CPUS[requests.below(CPUS.length)]);
        if (requests.below(4) === 0) memory.failNextAllocation(1 + requests.below(3));
        put(scenes[requests.below(2)].domain, requests.next(), { flags: 0 });
        memory.failNextAllocation(0);

        const trees = scenes.map((scene) => reached(scene, vendor));
        const all = trees.flat();
        const distinct = new Set(all);
        t.is(distinct.size, all.length, `a table is reached twice: ${where}`);
        t.deepEqual(
          trees.map((tables) => tables.length),
          scenes.map(({ domain }) => domain.tableCount),
          where,
        );
        t.is(all.length, memory.liveFrames, where);
        t.false(
          [...left.keys()].some((word) => distinct.has(word)),
          `reached and queued: ${where}`,
        );
        const waiting = CPUS.map((cpu) => queues.waiting(cpu)).reduce((sum, count) => sum + count);
        t.deepEqual([waiting, memory.quarantinedFrames], [left.size, left.size], where);
        for (const [place, scene] of scenes.entries()) {
          const root = rootOf(scene);
          t.is(root, roots[place] ?? root, `a root changed: ${where}`);
          roots[place] = root;
        }
        const isIntact = [...left].every(([word, held]) =>
          held.every((value, offset) => memory.words[word + offset] === value),
        );
        t.true(isIntact, `a queued table changed: ${where}`);
        if (requests.below(4) === 0) queues.runFreeing(queues.currentCpu, 1 + requests.below(3));
      }
      t.true(queues.freedFrames > 10 && left.size > 0);
    }
  });
}
