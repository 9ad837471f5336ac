/**
 * Two domains of the implementation, one over the other: the tables of the first stage stand in a guest's memory,
 * whose pages the second stage scatters over the host's. Beside each a reference, in which the same is mapped.
 */
import { PageTableSubject } from "../fuzz/lockstep/subject.js";
import type { Configuration } from "../models/configuration.js";
import type { Operation } from "../models/operations.js";
import { Random } from "../models/random.js";
import { rootBitsLg2, shapeOf } from "../models/shape.js";
import {
  createWalker,
  type PhysicalMemory,
  TwoStageWalker,
  walkResultName,
} from "../models/walkers/index.js";
import { Reference } from "../reference/index.js";
import { joined, words } from "./behaviour.js";

export interface Pair {
  readonly name: string;
  readonly stage1: Configuration;
  readonly stage2: Configuration;
}

/** Where the tables of the first stage are for the guest, and those of the second for the host. */
const GUEST_TABLES = 0x40_0000n;
const GUEST_TABLE_BYTES = 1 << 22;
const HOST_TABLES = 0x4000_0000n;
const HOST_TABLE_BYTES = 1 << 24;
/** Where the host has the pages of the guest's tables. */
const HOST_PAGES = 0x2000_0000n;
const GUEST_DATA = 0x1000_0000n;

const READ_WRITE = 3;
/** Read, write, both, without execution. */
const PROTS = [3, 3, 3, 1, 1, 2, 5, 7];

/** One stage: what is judged, and what must be mapped in it. */
class Stage {
  readonly subject: PageTableSubject;
  readonly reference: Reference;
  readonly sizesLg2: readonly number[];

  constructor(configuration: Configuration, tableBase: bigint, tableBytes: number) {
    const placed = { ...configuration, tableBase };
    this.subject = new PageTableSubject(placed, tableBytes);
    this.reference = new Reference(placed);
    const { pageSizes } = this.reference;
    this.sizesLg2 = Array.from({ length: 64 }, (_, lg2) => lg2).filter(
      (lg2) => (pageSizes >> BigInt(lg2)) & 1n,
    );
  }

  /** Makes every page clean, where that is offered. */
  clean(): void {
    for (const operation of this.dirtyQuestions(true)) {
      this.reference.apply(operation);
      this.subject.apply(operation);
    }
  }

  /** Asks for the dirty state of everything that is mapped. */
  dirtyQuestions(clear = false) {
    return this.reference.runs.map(({ iova, count, sizeLg2 }) => {
      return { op: "readAndClearDirty", iova, length: BigInt(count) << BigInt(sizeLg2), clear } as const;
    });
  }

  get pageLg2(): number {
    return this.sizesLg2[0];
  }

  /** Maps in both; what is left after a refusal will do as well. */
  map(iova: bigint, pa: bigint, length: bigint, prot: number): void {
    const operation: Operation = { op: "map", iova, pa, length, prot };
    const expected = this.reference.apply(operation);
    const outcome = this.subject.apply(operation);
    if (expected.op !== "map" || outcome.op !== "map" || outcome.mappedBytes !== expected.mappedBytes)
      throw new Error(`the stage itself is wrong at ${iova.toString(16)}: that is for the lockstep to tell`);
  }
}

/** The host's memory: the second stage's tables, and 4 KiB frames of the guest's, each in a place of its own. */
class HostMemory implements PhysicalMemory {
  readonly #tables: PhysicalMemory;
  readonly #guest: Int32Array;
  /** The frame's first word in the guest's window, by the host's frame number. */
  readonly #frames = new Map<number, number>();

  constructor(tables: PhysicalMemory, guest: Int32Array) {
    this.#tables = tables;
    this.#guest = guest;
  }

  place(host: bigint, windowOffset: bigint): void {
    this.#frames.set(Number(host >> 12n), Number(windowOffset >> 2n));
  }

  contains(low: number, high: number): boolean {
    return this.#frames.has(frameOf(low, high)) || this.#tables.contains(low, high);
  }

  readWord(low: number, high: number): number {
    const first = this.#frames.get(frameOf(low, high));
    return first === undefined
      ? this.#tables.readWord(low, high)
      : this.#guest[first + ((low & 0xfff) >>> 2)];
  }

  writeWord(low: number, high: number, value: number): void {
    const first = this.#frames.get(frameOf(low, high));
    if (first === undefined) this.#tables.writeWord(low, high, value);
    else this.#guest[first + ((low & 0xfff) >>> 2)] = value;
  }
}

export class Scene {
  readonly pair: Pair;
  readonly stage1: Stage;
  readonly stage2: Stage;
  readonly walker: TwoStageWalker;
  readonly #random: Random;
  readonly #tables: number;
  readonly #host: HostMemory;

  /** `tables`: what the second stage permits in a page or two of the first stage's tables; 0: nothing is there. */
  constructor(pair: Pair, seed: string, tables = READ_WRITE) {
    this.pair = pair;
    this.#tables = tables;
    this.#random = Random.fromSeed(`${pair.name} ${seed}`);
    this.stage1 = new Stage(pair.stage1, GUEST_TABLES, GUEST_TABLE_BYTES);
    this.stage2 = new Stage(pair.stage2, HOST_TABLES, HOST_TABLE_BYTES);
    this.#host = new HostMemory(this.stage2.subject.physical, this.stage1.subject.words);
    for (let n = 0; n < 16; n++) this.#mapFirst();
    this.#mapTables();
    for (let n = 0; n < 40; n++) this.#mapSecond();
    this.walker = new TwoStageWalker(pair.stage1, pair.stage2, this.#host);
    this.walker.setRoots(rootOf(this.stage1), rootOf(this.stage2));
  }

  /** Addresses at, in and beside what the first stage maps, and some that are nowhere near. */
  probes(): readonly bigint[] {
    const around = this.stage1.reference.runs.flatMap(({ iova, count, sizeLg2 }) => {
      const bytes = BigInt(count) << BigInt(sizeLg2);
      const within = Array.from({ length: 6 }, () => iova + this.#belowBig(bytes));
      return [
        iova,
        iova + bytes - 1n,
        BigInt.asUintN(64, iova - 1n),
        BigInt.asUintN(64, iova + bytes),
        ...within,
      ];
    });
    return [...around, 0n, 1n << 40n, 2n ** 64n - 1n];
  }

  /** The guest-physical addresses of the first-stage items that a walk reads, in order; the leaf's dirty state. */
  firstWalk(va: bigint): { readonly items: readonly bigint[]; readonly dirty: boolean } {
    const items: bigint[] = [];
    const { physical } = this.stage1.subject;
    const watched: PhysicalMemory = {
      contains(low, high) {
        items.push(joined(low, high));
        return physical.contains(low, high);
      },
      readWord: (low, high) => physical.readWord(low, high),
      writeWord: (low, high, value) => physical.writeWord(low, high, value),
    };
    const walker = createWalker(this.pair.stage1, watched);
    const { root, mode } = this.stage1.subject.hardwareRoot();
    walker.setRoot(...words(root), mode);
    walker.walk(...words(va));
    return { items, dirty: walker.dirty };
  }

  #mapFirst(): void {
    const { vaWidthLg2, oaWidthLg2, signExtended, upperHalf } = this.pair.stage1;
    const halfLg2 = BigInt(vaWidthLg2 - (signExtended ? 1 : 0) - 1);
    const bottom = upperHalf === true ? 2n ** 64n - (2n << halfLg2) : 0n;
    const sizeLg2 = this.#sizeOf(this.stage1, Number(halfLg2));
    const iova = bottom + this.#near(this.#pick([0n, 1n << halfLg2]), sizeLg2);
    // Some of what a guest maps is beyond the second stage's reach, and some is its own tables.
    const reach = BigInt(Math.min(oaWidthLg2, this.pair.stage2.vaWidthLg2) - 1);
    const places = [
      GUEST_DATA,
      GUEST_DATA,
      1n << reach,
      1n << reach,
      GUEST_TABLES,
      1n << BigInt(oaWidthLg2 - 1),
    ];
    const pa = this.#near(this.#pick(places), sizeLg2);
    const length = BigInt(1 + this.#random.below(3)) << BigInt(sizeLg2);
    this.stage1.map(iova, pa, length, this.#pick(PROTS));
  }

  /** The pages of the guest's tables, scattered; some may lack a permission, or not be there at all. */
  #mapTables(): void {
    const { pageLg2 } = this.stage2;
    const page = 1n << BigInt(pageLg2);
    const places = this.#shuffled(GUEST_TABLE_BYTES >> pageLg2);
    const used = this.#tablePages(page);
    const { runs } = this.stage1.reference;
    const read = runs.flatMap(({ iova }) => this.firstWalk(iova).items.map((item) => item - (item % page)));
    const spoiled = new Set(this.#tables === READ_WRITE ? [] : [this.#pick(read), this.#pick(read)]);
    for (const ipa of used) {
      const offset = ipa - GUEST_TABLES;
      const host = HOST_PAGES + BigInt(places[Number(offset >> BigInt(pageLg2))]) * page;
      for (let at = 0n; at < page; at += 0x1000n) this.#host.place(host + at, offset + at);
      const prot = spoiled.has(ipa) ? this.#tables : READ_WRITE;
      if (prot !== 0) this.stage2.map(ipa, host, page, prot);
    }
  }

  /** The guest-physical pages of the second stage's size in which first-stage tables are. */
  #tablePages(page: bigint): readonly bigint[] {
    const { stage1 } = this.pair;
    const { tableBitsLg2, itemBytesLg2 } = shapeOf(stage1);
    const { root, mode, topLevel } = this.stage1.subject.hardwareRoot();
    const pages = new Set<bigint>();
    const walker = createWalker(stage1, this.stage1.subject.physical);
    walker.setRoot(...words(root), mode);
    walker.sweep({
      table(level, low, high) {
        const bitsLg2 = level === topLevel ? rootBitsLg2(stage1, topLevel) : tableBitsLg2;
        const first = joined(low, high);
        const end = first + (1n << BigInt(bitsLg2 + itemBytesLg2));
        for (let at = (first / page) * page; at < end; at += page) pages.add(at);
      },
      leaf() {},
      illegal(fault) {
        throw new Error(`the first stage itself is wrong: ${walkResultName(fault)}`);
      },
    });
    return [...pages];
  }

  /** Somewhere in or about a page of the guest that the first stage maps, but for its tables, which are mapped. */
  #mapSecond(): void {
    const { vaWidthLg2, oaWidthLg2 } = this.pair.stage2;
    const { runs } = this.stage1.reference;
    const run = runs[this.#random.below(runs.length)];
    const sizeLg2 = this.#sizeOf(this.stage2, Math.min(vaWidthLg2, oaWidthLg2) - 2);
    const wanted = run.pa + this.#belowBig(BigInt(run.count) << BigInt(run.sizeLg2));
    const ipa = (wanted >> BigInt(sizeLg2)) << BigInt(sizeLg2);
    const length = BigInt(1 + this.#random.below(3)) << BigInt(sizeLg2);
    const pa = this.#near(1n << BigInt(oaWidthLg2 - 1), sizeLg2);
    if (ipa < GUEST_TABLES + BigInt(GUEST_TABLE_BYTES) && ipa + length > GUEST_TABLES) return;
    this.stage2.map(ipa, pa, length, this.#pick(PROTS));
  }

  /** A size up to 1 GiB, the small ones more often, that an address space of this width has room for. */
  #sizeOf({ sizesLg2 }: Stage, widthLg2: number): number {
    const room = sizesLg2.filter((lg2) => lg2 <= Math.min(30, widthLg2 - 4));
    return this.#random.below(2) === 0 ? sizesLg2[0] : this.#pick(room);
  }

  /** One of the first eight places of this size from the address on. */
  #near(address: bigint, sizeLg2: number): bigint {
    return ((address >> BigInt(sizeLg2)) + BigInt(this.#random.below(8))) << BigInt(sizeLg2);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)];
  }

  #belowBig(bound: bigint): bigint {
    const drawn = (BigInt(this.#random.below(2 ** 32)) << 32n) | BigInt(this.#random.below(2 ** 32));
    return drawn % bound;
  }

  #shuffled(count: number): readonly number[] {
    const numbers = Array.from({ length: count }, (_, n) => n);
    for (let last = count - 1; last > 0; last--) {
      const other = this.#random.below(last + 1);
      [numbers[last], numbers[other]] = [numbers[other], numbers[last]];
    }
    return numbers;
  }
}

function rootOf({ subject }: Stage) {
  const { root, mode } = subject.hardwareRoot();
  const [low, high] = words(root);
  return { low, high, mode };
}

function frameOf(low: number, high: number): number {
  return (high >>> 0) * 2 ** 20 + (low >>> 12);
}
