/** Which frames of the window hold tables that hardware reaches: of which level, for which addresses, from where. */
import type { Configuration } from "../../models/configuration.js";
import { rootBitsLg2, shapeOf } from "../../models/index.js";
import { lowWord, maskHigh, maskLow, shiftedHigh, shiftedLow } from "./words.js";

/** No item points to a table: it is the root. */
export const NO_ITEM = -1;

/** No frame is larger, and all are aligned to their size. */
const LARGEST_FRAME_WORDS = 1 << 16;

/** The least that a root's frame is, as log2 of bytes. */
function rootFrameAtLeastLg2({ format }: Configuration): number {
  if (format === "x86-pae32") return 5;
  if (format.endsWith("-guest") || format === "arm-short") return 14;
  // Long descriptors: TTBR's address begins at bit 6.
  const hasSmallRoots = format.startsWith("armv8") || format.startsWith("arm-lpae") || format === "mali";
  return hasSmallRoots ? 6 : 12;
}

/** log2 of the bytes of the frame of a table, and of a root's of this level. */
export function frameSizesLg2(configuration: Configuration, topLevel: number) {
  const { granuleLg2, itemBytesLg2, wideRoot } = shapeOf(configuration);
  const { format } = configuration;
  // Also in a tiny geometry, of which the tables fill the first items only.
  const tableLg2 = format === "arm-short" ? 10 : Math.max(12, granuleLg2);
  const rootLg2 = rootBitsLg2(configuration, topLevel) + itemBytesLg2;
  const atLeastLg2 = format.startsWith("dart") ? tableLg2 : rootFrameAtLeastLg2(configuration);
  return { table: tableLg2, root: wideRoot ? Math.max(atLeastLg2, rootLg2) : tableLg2 };
}

/** log2 of the bytes of the smallest frame that a configuration's tables need. */
export function smallestFrameLg2(configuration: Configuration): number {
  const { table, root } = frameSizesLg2(configuration, configuration.topLevel);
  return Math.min(12, table, root);
}

/** A table is named by the first word of its frame, counted from the window's first. */
export class Frames {
  /** The input address that `locate` computed. */
  vaLow = 0;
  vaHigh = 0;
  readonly #unitWordsLg2: number;
  readonly #tableWords: number;
  readonly #rootWords: number;
  readonly #wideRoot: boolean;
  readonly #topLevel: number;
  /** Words between a boundary of the largest frame and the window's first. */
  readonly #baseWords: number;
  readonly #itemWordsLg2: number;
  readonly #granuleLg2: number;
  readonly #tableBitsLg2: number;
  readonly #inputLg2: number;
  readonly #signBit: number;
  /** Of the upper half: the bits that are set in every input address. */
  readonly #onesLow: number;
  readonly #onesHigh: number;

  /** Per unit: the level of the table that lies there, plus 1; 0 for none. */
  readonly #levels: Uint8Array;
  /** By a frame's first unit: its first input address, and the item that points to it. */
  readonly #vaLow: Int32Array;
  readonly #vaHigh: Int32Array;
  readonly #parents: Int32Array;

  constructor(configuration: Configuration, base: bigint, words: number) {
    const { granuleLg2, tableBitsLg2, itemBytesLg2, wideRoot } = shapeOf(configuration);
    const { vaWidthLg2, signExtended, topLevel, upperHalf } = configuration;
    const { table, root } = frameSizesLg2(configuration, topLevel);
    this.#unitWordsLg2 = smallestFrameLg2(configuration) - 2;
    this.#tableWords = 1 << (table - 2);
    this.#rootWords = 1 << (root - 2);
    this.#wideRoot = wideRoot;
    this.#topLevel = topLevel;
    this.#baseWords = (lowWord(base) >>> 2) & (LARGEST_FRAME_WORDS - 1);
    this.#itemWordsLg2 = itemBytesLg2 - 2;
    this.#granuleLg2 = granuleLg2;
    this.#tableBitsLg2 = tableBitsLg2;
    this.#inputLg2 = vaWidthLg2;
    this.#signBit = signExtended ? vaWidthLg2 - 1 : -1;
    this.#onesLow = upperHalf === true ? ~maskLow(vaWidthLg2) : 0;
    this.#onesHigh = upperHalf === true ? ~maskHigh(vaWidthLg2) : 0;
    const units = Math.ceil(words / 2 ** this.#unitWordsLg2);
    this.#levels = new Uint8Array(units);
    this.#vaLow = new Int32Array(units);
    this.#vaHigh = new Int32Array(units);
    this.#parents = new Int32Array(units);
  }

  /** The level of the table in which a word lies; −1 for none. */
  levelAt(word: number): number {
    return this.#levels[word >> this.#unitWordsLg2] - 1;
  }

  /** How many words the frame of a table of this level has. */
  wordsOf(level: number): number {
    return this.#wideRoot && level === this.#topLevel ? this.#rootWords : this.#tableWords;
  }

  /** The table of this level in which a word would lie. */
  tableOf(word: number, level: number): number {
    return ((word + this.#baseWords) & -this.wordsOf(level)) - this.#baseWords;
  }

  parentOf(table: number): number {
    return this.#parents[table >> this.#unitWordsLg2];
  }

  setParent(table: number, parent: number): void {
    this.#parents[table >> this.#unitWordsLg2] = parent;
  }

  enter(table: number, level: number, vaLow: number, vaHigh: number, parent: number): void {
    const unit = table >> this.#unitWordsLg2;
    this.#fill(table, level, level + 1);
    this.#vaLow[unit] = vaLow;
    this.#vaHigh[unit] = vaHigh;
    this.#parents[unit] = parent;
  }

  forget(table: number, level: number): void {
    this.#fill(table, level, 0);
  }

  /** Computes the input address of an item. */
  locate(item: number, level: number): void {
    const table = this.tableOf(item, level);
    const unit = table >> this.#unitWordsLg2;
    const index = (item - table) >> this.#itemWordsLg2;
    const lg2 = this.#granuleLg2 + this.#tableBitsLg2 * level;
    let low = this.#vaLow[unit] | shiftedLow(index, lg2) | this.#onesLow;
    let high = this.#vaHigh[unit] | shiftedHigh(index, lg2) | this.#onesHigh;
    const sign = this.#signBit;
    if (sign >= 0 && ((sign >= 32 ? high >>> (sign - 32) : low >>> sign) & 1) !== 0) {
      low |= ~maskLow(sign + 1);
      high |= ~maskHigh(sign + 1);
    }
    this.vaLow = low;
    this.vaHigh = high;
  }

  /** An index of the top table that the input width does not have. */
  isBeyondInput(item: number, level: number): boolean {
    const index = (item - this.tableOf(item, level)) >> this.#itemWordsLg2;
    const indexBits = this.#inputLg2 - (this.#granuleLg2 + this.#tableBitsLg2 * level);
    return indexBits < 31 && index >>> Math.max(indexBits, 0) !== 0;
  }

  #fill(table: number, level: number, value: number): void {
    const unit = table >> this.#unitWordsLg2;
    const end = (table + this.wordsOf(level)) >> this.#unitWordsLg2;
    this.#levels.fill(value, unit, end);
  }
}
