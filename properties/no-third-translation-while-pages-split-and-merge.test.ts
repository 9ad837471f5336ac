/**
 * I12, I13, I19 — pages and superpages come and go at random: after every single store each item of each table gives
 * the old translation or the new one, and a walker that does not snoop is told of each in time.
 */
import test, { type ExecutionContext } from "ava";
import { spanOf, TableWatch } from "../models/iotlb/index.js";
import { Random } from "../models/random.js";
import { apply, judgeTables, mapOp, type PageOp, sightAfter, unmapOp } from "./paging-judge.js";
import { ABSENT, owedFor, PagingScene, type SceneOptions, Status } from "./paging-scene.js";

/** Pages that operations touch: 3 GiB, in which two blocks of 2 MiB and the first of 1 GiB are met most often. */
const PAGES = 3 << 18;
const BLOCK = 512;
const ROUNDS = 110;
const VTD_MARKER_HIGH = 15 << 20;
const LAST_ADDRESS = 0xffff_ffff_ffff_ffffn;

/** One run: the tables, what each page should be, and the watch of every store. */
class Run {
  readonly scene: PagingScene;
  readonly pages = new Float64Array(PAGES).fill(ABSENT);
  readonly random: Random;
  readonly #watch: TableWatch;
  readonly #t: ExecutionContext;
  /** How often an operation found no memory, and was asked for again. */
  refusals = 0;
  #operations = 0;

  constructor(t: ExecutionContext, options: SceneOptions, seed: string) {
    this.#t = t;
    this.random = Random.fromSeed(seed);
    const clean =
      options.clean === undefined
        ? undefined
        : (address: bigint, lengthBytes: number) => {
            this.#watch.cleaned(Number(address - this.scene.memory.base) / 4, lengthBytes);
          };
    this.scene = new PagingScene({ ...options, clean });
    const { memory, configuration, physical } = this.scene;
    this.#watch = new TableWatch(
      configuration,
      { words: memory.words, base: memory.base, physical },
      options.vendor === "vtd" ? { markHigh: VTD_MARKER_HIGH } : {},
    );
  }

  /** Does an operation under watch; what is wrong goes into the test's verdict. */
  do(op: PageOp): void {
    const { scene } = this;
    const end = op.dfn + 2 ** op.order;
    const probes = [op.dfn - 1, op.dfn, end - 1, end, this.random.below(PAGES), this.random.below(PAGES)];
    const inside = probes.filter((dfn) => dfn >= 0 && dfn < PAGES);
    const before = inside.map((dfn) => this.pages[dfn]);
    const wrong = this.#watched(op);
    this.pages.fill(ABSENT, op.dfn, end);
    for (let dfn = op.dfn; op.op === "map" && dfn < end; dfn++) this.pages[dfn] = sightAfter(op, dfn, ABSENT);
    let owed = 0;
    for (const [index, dfn] of inside.entries()) {
      const [seen, looked] = [scene.see(dfn), scene.lookup(dfn)];
      if (seen !== this.pages[dfn]) wrong.push(`page ${dfn} is ${seen}, not ${this.pages[dfn]}`);
      if (looked !== seen) wrong.push(`lookup says ${looked} of page ${dfn}, hardware ${seen}`);
      owed |= owedFor(before[index], this.pages[dfn]);
    }
    if ((owed & ~scene.flags) !== 0) wrong.push(`flags ${scene.flags} leave out some of ${owed}`);
    scene.release();
    this.#operations++;
    if (wrong.length > 0)
      this.#t.deepEqual(wrong, [], `operation ${this.#operations}: ${JSON.stringify(op)}`);
  }

  #watched(op: PageOp): string[] {
    const watch = this.#watch;
    const wrong: string[] = [];
    const { memory } = this.scene;
    let stores = 0;
    this.scene.watch({
      stored: (word, old, value) => {
        stores++;
        if (memory.isQuarantined(word)) wrong.push(`word ${word} of a table that left was stored to`);
        watch.stored(word, old, value);
      },
      storedPair: (...event) => {
        stores++;
        watch.storedPair(...event);
      },
      allocated: (word, lg2) => watch.allocated(word, lg2),
      released: (word, lg2) => watch.released(word, lg2),
      published: (_, top) => watch.published(top & ~7, top & 7),
    });
    watch.begin(undefined);
    if (this.random.below(2) === 0) memory.failNextAllocation(1 + this.random.below(2));
    let status = apply(this.scene, op);
    memory.failNextAllocation(0);
    if (status === Status.OUT_OF_MEMORY) {
      if (stores > 0 || this.scene.flags !== 0) wrong.push(`refused after ${stores} stores`);
      this.refusals++;
      status = apply(this.scene, op);
    }
    if (status !== Status.OK) wrong.push(`status ${status}`);
    watch.invalidated(spanOf(0n, LAST_ADDRESS), -1, -1);
    const violation = watch.end(undefined);
    if (violation !== undefined) wrong.push(`${violation.invariant}: ${violation.sentence}`);
    return wrong;
  }

  judge(): void {
    this.#t.deepEqual(judgeTables(this.scene), [], `after ${this.#operations} operations`);
    for (let dfn = 0; dfn < PAGES; dfn += 97) {
      if (this.scene.see(dfn) !== this.pages[dfn]) this.#t.fail(`page ${dfn}`);
    }
  }
}

/** A frame for a page: in phase with it, near by, or anywhere; 0 among them. */
function frameFor(random: Random, dfn: number, order: number): number {
  switch (random.below(4)) {
    case 0:
      return random.below(8) * 2 ** order;
    case 1:
      return dfn;
    default:
      return (dfn + (1 << 18)) % PAGES;
  }
}

/** Mostly none. One bit makes rows that count up, but not from where a superpage would begin. */
function flipOf(random: Random): number {
  return random.below(3) === 0 ? 1 << random.below(9) : 0;
}

function placeFor(random: Random, order: number): number {
  const pages = random.below(8) === 0 ? PAGES : random.below(2) === 0 ? 2 * BLOCK : 1 << 18;
  return Math.floor(random.below(pages) / 2 ** order) * 2 ** order;
}

/** One round: an operation by itself, a page taken out and put back, or a block filled page by page in any order. */
function round({ random, scene, pages }: Run): readonly PageOp[] {
  const order = scene.orders[random.below(scene.orders.length)];
  const dfn = placeFor(random, order);
  const access = random.below(4) === 0 ? 1 : 3;
  const again = pages[dfn] === ABSENT ? [] : [mapOp(dfn, Math.floor(pages[dfn] / 4), 0, pages[dfn] % 4)];
  switch (random.below(8)) {
    case 0:
    case 1:
      return [unmapOp(dfn, order)];
    case 2:
      return filling(random, Math.floor(dfn / BLOCK) * BLOCK, 0, access, flipOf(random));
    case 3:
      return [unmapOp(dfn, 0), ...again];
    case 4:
      return again;
    default:
      return [mapOp(dfn, frameFor(random, dfn, order), order, access)];
  }
}

/** Fills a table's span by pages in an order of chance, each in phase with its frame, but for the bits of `flip`. */
function filling(random: Random, first: number, order: number, access: number, flip = 0): readonly PageOp[] {
  const step = 2 * random.below(BLOCK / 2) + 1;
  return Array.from({ length: BLOCK }, (_, index) => {
    const dfn = first + ((index * step) % BLOCK) * 2 ** order;
    return mapOp(dfn, dfn ^ flip, order, access);
  });
}

const SCENES: readonly (readonly [string, SceneOptions])[] = [
  ["amd, 4 levels", { vendor: "amd", levels: 4 }],
  ["vtd, 4 levels", { vendor: "vtd", levels: 4 }],
  ["vtd, 4 levels, a walker that does not snoop", { vendor: "vtd", levels: 4, clean: () => {} }],
];

for (const [title, options] of SCENES) {
  test(title, (t) => {
    const run = new Run(t, options, `split and merge: ${title}`);
    for (let number = 0; number < ROUNDS; number++) {
      for (const op of round(run)) run.do(op);
      if (number % 20 === 0) run.judge();
    }
    run.judge();
    const { shatters, coalesces } = run.scene.paging;
    t.true(shatters > 10 && coalesces > 10 && run.refusals > 5, `${shatters} ${coalesces} ${run.refusals}`);
  });
}

for (const vendor of ["amd", "vtd"] as const) {
  test(`${vendor}: 512 superpages in any order become one of the next size, and one page taken out splits it twice`, (t) => {
    const run = new Run(t, { vendor, levels: 4 }, "512 superpages");
    for (const op of filling(run.random, 0, 9, 3)) run.do(op);
    run.judge();
    t.is(run.scene.paging.tableCount, 2);
    run.do(unmapOp(12_345, 0));
    run.judge();
    t.is(run.scene.paging.shatters, 2);
    t.is(run.scene.paging.tableCount, 4);
    run.do(mapOp(12_345, 12_345, 0, 3));
    run.judge();
    t.is(run.scene.paging.tableCount, 2);
  });
}
