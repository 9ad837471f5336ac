/** Tables that left a tree wait in the queue of the CPU that took them out, whatever becomes of that CPU. */
import test from "ava";
import { modelTables } from "../fuzz/conform/xen-maps-machine.js";
import { CpuFreeQueues, countersOf } from "../impl/iommu/index.js";
import type { MemoryObserver, TableMemory } from "../impl/memory/table-memory.js";
import {
  createScene,
  PAGES_1G,
  PAGES_2M,
  put,
  READ_WRITE,
  Requests,
  type Scene,
  VENDORS,
} from "./domain-scene.js";

const SEED = "hot-plug-1";
const PROGRAMS = 8;
const STEPS = 250;
const CPUS = 4;
const FRAME_WORDS = 1024;

/** Watches frames go: what each held when it left, and how often it was freed. */
class FrameWatch implements MemoryObserver {
  allocations = 0;
  released_ = 0;
  readonly #memory: TableMemory;
  readonly #waiting = new Map<number, Int32Array>();

  constructor(memory: TableMemory) {
    this.#memory = memory;
    memory.observer = this;
  }

  stored(): void {}
  storedPair(): void {}
  published(): void {}

  allocated(word: number): void {
    this.allocations++;
    if (this.#waiting.has(word)) throw new Error("a frame is used that waits to be freed");
  }

  quarantined(word: number): void {
    if (this.#waiting.has(word)) throw new Error("a frame left twice");
    this.#waiting.set(word, this.#memory.words.slice(word, word + FRAME_WORDS));
  }

  released(word: number): void {
    if (!this.#waiting.delete(word)) throw new Error("a frame is freed that does not wait");
    this.released_++;
  }

  /** Whether every frame that waits holds what it held when it left: hardware may still walk it. */
  get areIntact(): boolean {
    return [...this.#waiting].every(([word, held]) =>
      held.every((value, index) => this.#memory.words[word + index] === value),
    );
  }

  get waiting(): number {
    return this.#waiting.size;
  }
}

interface Machine {
  readonly scene: Scene;
  readonly watch: FrameWatch;
  readonly up: Set<number>;
  readonly goingDown: Set<number>;
}

/** One random step: a CPU comes, goes or stays, works, or is idle. */
function step({ scene, up, goingDown }: Machine, requests: Requests): void {
  const { queues, domain } = scene;
  const cpu = requests.below(CPUS);
  switch (requests.below(8)) {
    case 0:
      if (up.has(cpu)) break;
      queues.upPrepare(cpu);
      up.add(cpu);
      break;
    case 1:
      if (!up.has(cpu) || goingDown.has(cpu)) break;
      queues.downPrepare(cpu);
      goingDown.add(cpu);
      break;
    case 2:
      if (!goingDown.delete(cpu)) break;
      queues.downFailed(cpu);
      break;
    case 3:
      if (cpu === queues.currentCpu || !goingDown.delete(cpu)) break;
      queues.dead(cpu);
      up.delete(cpu);
      break;
    case 4:
      if (!up.has(cpu)) break;
      queues.runOn(cpu);
      queues.runFreeing(cpu, 1 + requests.below(3));
      break;
    default:
      if (up.has(cpu)) queues.runOn(cpu);
      put(domain, requests.next(), { flags: 0 });
  }
}

for (const vendor of VENDORS) {
  test(`${vendor}: CPUs come and go, and every table is freed exactly once, unchanged until then (seed ${SEED})`, (t) => {
    for (let program = 0; program < PROGRAMS; program++) {
      const scene = createScene({ vendor });
      const { queues, memory } = scene;
      const machine = {
        scene,
        watch: new FrameWatch(memory),
        up: new Set([0]),
        goingDown: new Set<number>(),
      };
      const requests = new Requests(`${SEED}-${program}`, PAGES_2M);
      for (let index = 0; index < STEPS; index++) {
        step(machine, requests);
        let waiting = 0;
        for (const cpu of machine.up) {
          waiting += queues.waiting(cpu);
          const isDue = queues.waiting(cpu) > 0 && !machine.goingDown.has(cpu);
          t.is(queues.isScheduled(cpu), isDue, `CPU ${cpu}, program ${program}, step ${index}`);
        }
        t.is(waiting, machine.watch.waiting);
        t.is(memory.quarantinedFrames, waiting);
      }
      t.true(machine.watch.areIntact);
      scene.domain.destroy();
      for (const cpu of machine.goingDown) queues.downFailed(cpu);
      for (const cpu of machine.up) {
        queues.runOn(cpu);
        while (queues.isScheduled(cpu)) queues.runFreeing(cpu, 5);
      }
      t.true(machine.watch.released_ > 20);
      t.deepEqual([memory.liveFrames, memory.quarantinedFrames, machine.watch.waiting], [0, 0, 0]);
      t.is(queues.freedFrames, queues.queuedFrames);
    }
  });
}

/** So many single tables wait on a CPU. */
function withWaiting(count: number): Scene {
  const scene = createScene();
  // Keeps the table above in use.
  scene.domain.map(2 * PAGES_1G - 1, 0, 1, READ_WRITE, { flags: 0 });
  for (let index = 0; index < count; index++) {
    scene.domain.map(PAGES_1G, 0, 1, READ_WRITE, { flags: 0 });
    scene.domain.unmap(PAGES_1G, 1, { flags: 0 });
  }
  return scene;
}

test("freeing goes in steps, oldest first, and stays scheduled until nothing waits", (t) => {
  const { queues, memory } = withWaiting(5);
  t.is(queues.waiting(0), 5);
  t.deepEqual([queues.runFreeing(0, 2), queues.isScheduled(0), queues.waiting(0)], [2, true, 3]);
  t.deepEqual([queues.runFreeing(0, 3), queues.isScheduled(0), queues.waiting(0)], [3, false, 0]);
  t.is(queues.runFreeing(0), 0);
  t.is(memory.quarantinedFrames, 0);
});

test("no frame is free before its CPU was idle", (t) => {
  const { queues, memory, domain } = withWaiting(1);
  const waiting = memory.quarantinedFrames;
  domain.map(0, 0, 1, READ_WRITE, { flags: 0 });
  domain.flushAll(7);
  t.is(memory.quarantinedFrames, waiting);
  t.is(queues.runFreeing(0), waiting);
});

test("what waits when a CPU fails to go down is scheduled again", (t) => {
  const { queues } = withWaiting(2);
  queues.downPrepare(0);
  t.deepEqual([queues.isScheduled(0), queues.runFreeing(0)], [false, 0]);
  queues.downFailed(0);
  t.deepEqual([queues.isScheduled(0), queues.runFreeing(0)], [true, 2]);
});

test("what waits on a dead CPU goes to the one that runs, and is freed there", (t) => {
  const { queues, memory } = withWaiting(3);
  queues.upPrepare(1);
  queues.runOn(1);
  queues.downPrepare(0);
  queues.dead(0);
  t.deepEqual([queues.waiting(0), queues.waiting(1), queues.isScheduled(1)], [0, 3, true]);
  t.is(queues.runFreeing(1), 3);
  t.is(memory.quarantinedFrames, 0);
  queues.upPrepare(0);
  t.false(queues.isScheduled(0));
});

test("what a CPU cannot do is refused", (t) => {
  const { memory } = createScene();
  const refused = { code: "INVALID_ARGUMENT" } as const;
  const queues = new CpuFreeQueues(memory, 2);
  t.throws(() => queues.runOn(0), refused);
  t.throws(() => queues.upPrepare(2), refused);
  t.throws(() => queues.upPrepare(-1), refused);
  t.throws(() => queues.downPrepare(7), refused);
  t.throws(() => queues.dead(2), refused);
  queues.upPrepare(3);
  t.throws(() => queues.runFreeing(3), refused, "from another CPU's idle loop");
  t.throws(() => queues.runFreeing(2, 0), refused);
  t.throws(() => queues.dead(3), refused, "unannounced");
});

for (const vendor of VENDORS) {
  test(`${vendor}: tables are those before, and those made, less those queued; all as in the naive tree (seed ${SEED})`, (t) => {
    for (let program = 0; program < PROGRAMS; program++) {
      const { domain, queues, memory } = createScene({ vendor });
      const naive = createScene({ vendor, makeTables: modelTables });
      const watch = new FrameWatch(memory);
      const requests = new Requests(`${SEED}-${program}`);
      for (let index = 0; index < 60; index++) {
        const request = requests.next();
        const before = countersOf([domain], queues);
        const made = watch.allocations;
        t.is(put(domain, request, { flags: 0 }), 0);
        put(naive.domain, request, { flags: 0 });
        const after = countersOf([domain], queues);
        t.is(after.tables, before.tables + watch.allocations - made - (after.queued - before.queued));
        t.deepEqual(
          after,
          countersOf([naive.domain], naive.queues),
          JSON.stringify({ program, index, request }),
        );
      }
      const { queued, freed } = countersOf([domain], queues);
      t.true(queued > 0 && freed === 0);
    }
  });

  test(`${vendor}: counters tell what happened: splits, merges, empty tables; not what a larger page replaced`, (t) => {
    const { domain, queues } = createScene({ vendor });
    const counts = () => {
      const { shatters, coalesces, queued, tables } = countersOf([domain], queues);
      return [shatters, coalesces, queued, tables];
    };
    domain.map(PAGES_1G, PAGES_1G, PAGES_1G, READ_WRITE, { flags: 0 });
    t.deepEqual(counts(), [0, 0, 0, 2]);
    domain.unmap(PAGES_1G + 9, 1, { flags: 0 });
    t.deepEqual(counts(), [2, 0, 0, 4], "a page of 4 KiB out of 1 GiB splits twice");
    domain.map(PAGES_1G + 9, PAGES_1G + 9, 1, READ_WRITE, { flags: 0 });
    t.deepEqual(counts(), [2, 2, 2, 2], "put back, both levels merge");
    domain.map(2 * PAGES_1G, 0, 1, READ_WRITE, { flags: 0 });
    domain.map(2 * PAGES_1G, 0, PAGES_1G, READ_WRITE, { flags: 0 });
    t.deepEqual(counts(), [2, 2, 4, 2], "two tables below a larger page");
    domain.map(3 * PAGES_1G, 0, 1, READ_WRITE, { flags: 0 });
    domain.unmap(3 * PAGES_1G, 1, { flags: 0 });
    t.deepEqual(counts(), [2, 4, 6, 2], "two empty tables");
    domain.destroy();
    t.deepEqual(counts(), [2, 4, 6, 0], "teardown counts nothing");
  });
}
