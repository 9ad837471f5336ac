/** What the examples of behaviour have in common: one test for each configuration, each with an empty domain. */
import test, { type ExecutionContext } from "ava";
import { PageTableSubject } from "../fuzz/lockstep/subject.js";
import type { Configuration } from "../models/configuration.js";
import { configurationName, configurations } from "../models/configurations.js";
import { createWalker, type Walker, walkResultName } from "../models/walkers/index.js";
import { itemSizeLg2 } from "../reference/index.js";
import { partOf } from "./part.js";

const READ_WRITE = 3;
const MASK_32 = 0xffff_ffffn;
const ALL = 1n << 64n;
const SUPERSECTION_LG2 = 24;

/** An empty domain of a configuration, with the hardware that walks its tables. */
export class Example {
  readonly configuration: Configuration;
  readonly subject: PageTableSubject;
  /** The page sizes offered, smallest first. */
  readonly sizesLg2: readonly number[];
  /** Input addresses from here up to `end`, the upper half of a sign-extended space left out. */
  readonly start: bigint;
  readonly end: bigint;
  readonly #walker: Walker;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
    this.subject = new PageTableSubject(configuration);
    const { pageSizes } = this.subject.table;
    this.sizesLg2 = Array.from({ length: 64 }, (_, n) => n).filter(
      (n) => ((pageSizes >> BigInt(n)) & 1n) === 1n,
    );
    const span = 1n << BigInt(configuration.vaWidthLg2 - (configuration.signExtended ? 1 : 0));
    this.start = configuration.upperHalf === true ? ALL - span : 0n;
    this.end = this.start + span;
    this.#walker = createWalker(configuration, this.subject.physical);
  }

  get table() {
    return this.subject.table;
  }

  get memory() {
    return this.subject.memory;
  }

  /** Bytes of the smallest page that may be used. */
  get pageBytes(): bigint {
    return 1n << BigInt(this.sizesLg2[0]);
  }

  /** Bytes from the first input address to the last. */
  get span(): bigint {
    return this.end - this.start;
  }

  /** What hardware makes of an address. */
  walk(iova: bigint) {
    const walker = this.walker();
    const result = walkResultName(walker.walk(...words(iova)));
    const { sizeLg2, read, write, execute, dirty } = walker;
    return { result, pa: joined(walker.oaLow, walker.oaHigh), sizeLg2, read, write, execute, dirty };
  }

  /** The walker, on the present root. */
  walker(): Walker {
    const { root, mode } = this.table.hwInfo();
    this.#walker.setRoot(...words(root), mode);
    return this.#walker;
  }

  /** Where the address goes, by lookup and by hardware; both must say the same. */
  translate(t: ExecutionContext, iova: bigint): bigint | undefined {
    const found = this.table.lookup(iova);
    const { result, pa } = this.walk(iova);
    t.is(result === "Translated" ? pa : undefined, found, `hardware at ${iova.toString(16)}: ${result}`);
    return found;
  }

  map(iova: bigint, pa: bigint, lengthBytes: bigint, prot = READ_WRITE, pageSizes?: bigint): void {
    this.table.map(iova, pa, lengthBytes, prot, pageSizes);
  }

  /** `[first address, log2 of the size]` of every entry. */
  sizesOfEntries(): (readonly [bigint, number])[] {
    return [...this.table.entries()].map(({ iova, sizeLg2 }) => [iova, sizeLg2]);
  }

  /** Whether a page of this size fits the input addresses at all. */
  fits(sizeLg2: number): boolean {
    return 1n << BigInt(sizeLg2) <= this.span;
  }

  /** One past the last output address that pages of a size reach. */
  outputEnd(sizeLg2: number): bigint {
    const { format, mediatek, oaWidthLg2 } = this.configuration;
    // From 2^32 on the short descriptor has supersections only.
    const isNear = format === "arm-short" && mediatek !== true && sizeLg2 < SUPERSECTION_LG2;
    return 1n << BigInt(isNear ? Math.min(oaWidthLg2, 32) : oaWidthLg2);
  }

  /** Output addresses at which a page of this size may begin: the first, one in the middle, the last. */
  outputsFor(sizeLg2: number): readonly bigint[] {
    const { encryptionBit } = this.configuration;
    const size = 1n << BigInt(sizeLg2);
    const reach = this.outputEnd(sizeLg2);
    const without = encryptionBit === undefined ? 0n : 1n << BigInt(encryptionBit);
    const middle = (reach >> 1n) & ~without & ~(size - 1n);
    const last = (reach - size) & ~without;
    return [0n, middle, last];
  }

  /** Input addresses at which a page of this size may begin: the first, one in the middle, the last. */
  inputsFor(sizeLg2: number): readonly bigint[] {
    const size = 1n << BigInt(sizeLg2);
    const middle = this.start + ((this.span >> 1n) / size) * size;
    return [...new Set([this.start, middle, this.end - size])];
  }

  /** log2 of what one item of a level translates. */
  itemLg2(level: number): number {
    return itemSizeLg2(this.configuration, level);
  }
}

/** One test for each configuration of this run's part: its domain is empty at first, and at the end no table may leak. */
export function everyConfiguration(
  title: string,
  body: (t: ExecutionContext, example: Example) => void,
  only: (configuration: Configuration) => boolean = () => true,
): void {
  for (const configuration of partOf(configurations.filter(only), title)) {
    test(`${configurationName(configuration)}: ${title}`, (t) => {
      const example = new Example(configuration);
      body(t, example);
      example.subject.destroy();
      t.deepEqual([example.memory.liveFrames, example.memory.quarantinedFrames], [0, 0], "tables leaked");
    });
  }
}

/** The two words of a 64-bit number, signed. */
export function words(value: bigint): [low: number, high: number] {
  return [Number(value & MASK_32) | 0, Number(value >> 32n) | 0];
}

export function joined(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
