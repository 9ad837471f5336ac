/** Tables of random words in a few frames, so that walks of every kind end everywhere; and addresses that meet them. */
import type { SparsePhysicalMemory } from "../models/iommu/index.js";
import type { Random } from "../models/random.js";
import type { PhysicalMemory } from "../models/walkers/index.js";

export type MakeItem = (random: Random, level: number, frames: readonly number[]) => bigint;

/** Indices that are in use in every table: a walk has many chances to meet an item. */
const INDICES = [0, 1, 2, 511] as const;

const pick = <Value>(random: Random, values: readonly Value[]): Value => values[random.below(values.length)];

/** A frame for each level from the root down, and one more of each; the last is not backed. */
export class Soup {
  readonly levels: readonly (readonly number[])[];
  readonly #memory: SparsePhysicalMemory;
  readonly #makeItem: MakeItem;

  constructor(memory: SparsePhysicalMemory, base: number, levels: number, makeItem: MakeItem) {
    this.#memory = memory;
    this.#makeItem = makeItem;
    this.levels = Array.from({ length: levels }, (_, level) =>
      [0, 1].map((copy) => base + (level * 2 + copy) * 4096),
    );
    for (const frame of this.levels.flat()) memory.addFrame(frame);
  }

  get root(): number {
    return this.levels[this.levels.length - 1][0];
  }

  fill(random: Random): void {
    for (const [level, frames] of this.levels.entries())
      for (const frame of frames) for (const index of INDICES) this.#store(random, level, frame, index);
  }

  /** Changes one item, that of the root more rarely than the others. */
  change(random: Random): void {
    const level = random.below(this.levels.length);
    this.#store(random, level, pick(random, this.levels[level]), pick(random, INDICES));
  }

  address(random: Random): bigint {
    let page = 0n;
    for (const _ of this.levels) page = (page << 9n) | BigInt(pick(random, INDICES));
    return (page << 12n) | BigInt(random.below(4096));
  }

  #store(random: Random, level: number, frame: number, index: number): void {
    const below = level === 0 ? [] : this.levels[level - 1];
    this.#memory.write64(frame + index * 8, this.#makeItem(random, level, below));
  }
}

export const chance = (random: Random, of: number): boolean => random.below(of) === 0;

/** AMD's host items: mostly pointers to the next level, some leaves, skips, size codes, and reserved bits. */
export const amdItem: MakeItem = (random, level, frames) => {
  if (chance(random, 8)) return 0n;
  const rights = (chance(random, 5) ? 0n : 1n << 61n) | (chance(random, 5) ? 0n : 1n << 62n);
  const reserved = chance(random, 25) ? 1n << 52n : 0n;
  const ignored = BigInt(random.below(16)) << 1n;
  const common = 1n | rights | reserved | ignored;
  if (level > 0 && !chance(random, 4)) {
    const next = chance(random, 12) ? random.below(8) : level;
    return BigInt(chance(random, 25) ? 0x999_0000 : pick(random, frames)) | (BigInt(next) << 9n) | common;
  }
  const size = chance(random, 6) ? 7n : 0n;
  const output =
    (BigInt(random.below(2 ** 20)) << 12n) & (chance(random, 4) ? -1n : -1n << BigInt(12 + 9 * level));
  return output | (size << 9n) | common;
};

/** VT-d's second stage. */
export const vtdItem: MakeItem = (random, level, frames) => {
  if (chance(random, 8)) return 0n;
  const rights = BigInt(chance(random, 5) ? random.below(4) : 3);
  const reserved = chance(random, 25) ? 1n << 62n : 0n;
  const ignored = (BigInt(random.below(16)) << 52n) | (BigInt(random.below(2)) << 63n);
  const common = rights | reserved | ignored;
  if (level > 0 && !chance(random, 4))
    return BigInt(chance(random, 25) ? 0x999_0000 : pick(random, frames)) | common;
  const large = level > 0 ? 0x80n : 0n;
  const output =
    (BigInt(random.below(2 ** 20)) << 12n) & (chance(random, 6) ? -1n : -1n << BigInt(12 + 9 * level));
  return output | large | common;
};

/** The first stage; leaves lead to pages that a second stage may map: `outputs`. */
export function firstStageItem(outputs: (random: Random) => bigint): MakeItem {
  return (random, level, frames) => {
    if (chance(random, 8)) return 0n;
    const rights = (chance(random, 5) ? 0n : 2n) | (chance(random, 12) ? 0n : 4n);
    const marks = BigInt(random.below(4)) << 5n;
    const common = 1n | rights | marks;
    if (level > 0 && !chance(random, 5))
      return BigInt(chance(random, 25) ? 0x999_0000 : pick(random, frames)) | common;
    const large = level > 0 ? 0x80n : 0n;
    return (outputs(random) & (-1n << BigInt(12 + 9 * level))) | large | common;
  };
}

/** The same memory as walkers ask for it. */
export function asWalkersSee(memory: SparsePhysicalMemory): PhysicalMemory {
  const address = (low: number, high: number) => (high >>> 0) * 2 ** 32 + (low >>> 0);
  return {
    contains: (low, high) => memory.contains(address(low, high)),
    readWord: (low, high) => memory.read32(address(low, high)),
    writeWord: (low, high, value) => memory.write32(address(low, high), value),
  };
}

export const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
export const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
