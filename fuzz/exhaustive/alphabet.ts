/**
 * The operations of which the exhaustive runs make every program. Each is here for what it meets in the states that
 * the others leave; lookups are missing, since every page is looked up in every state anyway.
 *
 * A table has four items. With P for the smallest page, level 1 has pages of 4P, level 2 of 16P; AMDv1 has every
 * power of two between.
 */
import type { Configuration } from "../../models/configuration.js";
import { shapeOf } from "../../models/index.js";
import { type Operation, Prot } from "../../models/operations.js";
import { spaceOf } from "./space.js";

export interface Letter {
  readonly operation: Operation;
  /** Why it is in the alphabet. */
  readonly why: string;
}

/** More would only make every run longer: depth n costs the nth power. */
export const LETTERS_AT_MOST = 49;

const READ_WRITE = Prot.read | Prot.write;
const LAST_ADDRESS = 2n ** 64n - 1n;

/** The alphabet of a tiny configuration, in a fixed order. */
export function alphabetOf(configuration: Configuration): readonly Letter[] {
  const space = spaceOf(configuration);
  const letters = new Letters(space.addressOf, BigInt(1 << space.pageLg2), configuration.oaWidthLg2);
  addMaps(letters, space.pageCount);
  addWhole(letters, configuration.signExtended ? space.pageCount / 2 : space.pageCount);
  if (space.pageCount > 16) addMapsOfThirdLevel(letters);
  if (configuration.signExtended) addUpperHalf(letters, space.pageCount / 2);
  addUnmaps(letters, space.pageCount);
  addGathered(letters);
  addDirty(letters, shapeOf(configuration).tracksDirty, space.pageCount);
  addAccessed(letters, shapeOf(configuration).tracksAccessed, space.pageCount);
  addLayout(letters, configuration.signExtended ? space.pageCount / 2 : space.pageCount, space.pageLg2);
  addBatches(letters);
  addFailures(letters);
  addBadInput(letters, configuration.upperHalf === true ? -1 : space.pageCount - 1);
  return letters.list;
}

/** Maps of every size, where tables begin and end, and onto each other. */
function addMaps(to: Letters, pageCount: number): void {
  to.map(0, 1, "the smallest leaf, in the first item of all");
  to.map(1, 1, "its neighbour, not contiguous with it and read-only", { paPages: 0x101, prot: Prot.read });
  to.map(0, 4, "a leaf of level 1 where a table of small pages may stand, full, partly full or left empty");
  to.map(0, 4, "the same range, but the output address permits small pages only", { paPages: 0x201 });
  to.map(2, 4, "over the end of a table: pairs for AMDv1, small pages elsewhere, collisions on either side");
  to.map(4, 4, "the second item of level 1, write-only where the format can say so", { prot: Prot.write });
  to.map(0, 8, "two leaves of level 1, or one entry of two items of level 1");
  to.map(1, 14, "small, large, small: sizes rise and fall again in one call");
  to.map(8, 4, "small pages by the call's own page sizes, though a larger one would fit", {
    sizes: "smallest",
  });
  to.map(pageCount - 1, 1, "the last page of the space");
}

function addMapsOfThirdLevel(to: Letters): void {
  to.map(0, 16, "a leaf of level 2; with a growing top, growth because of the level alone");
  to.map(15, 17, "a small page, then a leaf of level 2 in one call");
  to.map(12, 8, "over a boundary of level 2, in pages of level 1");
}

/** The upper half of a sign-extended space is the same tree's upper items. */
function addUpperHalf(to: Letters, firstUpper: number): void {
  to.map(firstUpper, 4, "the first pages of the upper half");
  to.map(firstUpper - 1, 2, "from the lower half into the hole");
  to.unmap(firstUpper, 4, "the first pages of the upper half");
}

/** Every page of the space, or of its lower half, in one call. */
function addWhole(to: Letters, pages: number): void {
  to.map(0, pages, "everything, in the largest pages");
  to.unmap(0, pages, "everything up to the first hole, with every table below the top");
}

function addUnmaps(to: Letters, pageCount: number): void {
  to.unmap(0, 1, "one page, or the whole of a large entry of which it is the start");
  to.unmap(1, 1, "inside an entry, or the middle of a table");
  to.unmap(0, 4, "all that one table of level 0 spans");
  to.unmap(0, 6, "over the end of a table, with an end that hangs over inside a large entry");
  to.unmap(3, 5, "a start in the last item of a table, to the end of the next one");
  to.unmap(8, pageCount > 16 ? 16 : 8, "to the end of the space, or over a boundary of level 2");
  to.unmap(pageCount - 1, 1, "the last page of the space");
}

function addGathered(to: Letters): void {
  to.gathered(0, 4, "tables and leaves that stay quarantined until the sync");
  to.gathered(8, 8, "a second range for the same gather, with a gap between the two");
  to.add({ op: "sync" }, "releases what waits; without anything pending it does nothing");
}

function addDirty(to: Letters, isTracked: boolean, pageCount: number): void {
  to.at("deviceWrite", 2, "a device writes: one item of an entry becomes dirty, if writing is permitted");
  to.at("setDirty", 1, "the same by request, where the format has it");
  to.marks("readAndClearDirty", 0, pageCount / 2, true, "collects and cleans");
  if (isTracked) {
    to.marks("readAndClearDirty", 1, 2, true, "collects inside of large entries, which are reported whole");
    to.marks("readAndClearDirty", 1, 2, false, "reads only, and reports what lies inside");
  }
}

/** Where hardware does not keep the bit, all that is to be met is a refusal. */
function addAccessed(to: Letters, isTracked: boolean, pageCount: number): void {
  to.marks("readAndClearAccessed", 0, pageCount / 2, true, "collects and clears what devices used");
  if (isTracked) to.at("deviceRead", 1, "a device reads: one item of an entry is used again");
}

/** The same translations in entries of other sizes. */
function addLayout(to: Letters, pages: number, pageLg2: number): void {
  to.cut(1, "a small page off the start of whatever lies there");
  to.add(to.resizeOf(0, pages, pageLg2), "everything in the smallest pages");
  to.add(to.resizeOf(0, pages, 63), "everything in the largest pages");
  to.trim(0, pages, "every empty table");
  to.add(
    { ...to.resizeOf(0, pages, 63), gathered: true },
    "everything in the largest pages, and what is to be forgotten waits",
  );
}

/** Lists of runs in one call, and another program that goes on. */
function addBatches(to: Letters): void {
  to.mapRuns(1, [0x10, 0x11, 0x40, 0x08], "single pages over the end of a table, of which two go on");
  to.unmapRuns(0, 8, 2, "until two runs are told, or all, or a hole comes");
  to.add({ op: "handover" }, "what waits is synced, and the rest is as it was");
}

function addFailures(to: Letters): void {
  to.add({ op: "failNextAllocation", nth: 1 }, "no memory for the first table of the next call");
  to.add({ op: "failNextAllocation", nth: 2 }, "no memory in the middle of the next call");
}

/** What is refused changes nothing, whatever was there. */
function addBadInput(to: Letters, edge: number): void {
  to.map(0, 0, "a length of zero");
  to.map(0, 1, "no permission asked for", { prot: 0 });
  to.map(edge, 2, "over an end of the space");
  to.map(0, 2, "an output range that ends beyond the output width", { paPages: "last" });
  to.map(1, 1, "misaligned for the only size that the call allows", { sizes: "level 1" });
  to.add({ op: "unmap", iova: LAST_ADDRESS - 0xfffn, length: 0x2000n }, "a range that wraps");
}

interface MapOptions {
  /** Where the output begins, in pages; by default where a page of any size is aligned as its input is. */
  readonly paPages?: number | "last";
  readonly prot?: number;
  readonly sizes?: "smallest" | "level 1";
}

/** Writes operations in pages. */
class Letters {
  readonly list: Letter[] = [];
  readonly #addressOf: (page: number) => bigint;
  readonly #pageBytes: bigint;
  readonly #oaWidthLg2: number;

  constructor(addressOf: (page: number) => bigint, pageBytes: bigint, oaWidthLg2: number) {
    this.#addressOf = addressOf;
    this.#pageBytes = pageBytes;
    this.#oaWidthLg2 = oaWidthLg2;
  }

  add(operation: Operation, why: string): void {
    this.list.push({ operation, why });
  }

  map(
    page: number,
    pages: number,
    why: string,
    { paPages, prot = READ_WRITE, sizes }: MapOptions = {},
  ): void {
    const pageBytes = this.#pageBytes;
    const iova = this.#addressOf(page);
    // Bits of both words differ between the pages' output addresses.
    const aligned = (1n << BigInt(this.#oaWidthLg2 - 1)) + 0x4000_0000n + BigInt(page) * pageBytes;
    const last = (1n << BigInt(this.#oaWidthLg2)) - pageBytes;
    const given = typeof paPages === "number" ? BigInt(paPages) * pageBytes : aligned;
    const pa = paPages === "last" ? last : given;
    const map = { op: "map", iova, pa, length: BigInt(pages) * pageBytes, prot } as const;
    const pageSizes = sizes === "smallest" ? pageBytes : 4n * pageBytes;
    this.add(sizes === undefined ? map : { ...map, pageSizes }, why);
  }

  unmap(page: number, pages: number, why: string): void {
    this.add({ op: "unmap", iova: this.#addressOf(page), length: BigInt(pages) * this.#pageBytes }, why);
  }

  mapRuns(page: number, outputs: readonly number[], why: string): void {
    const pageBytes = this.#pageBytes;
    const runs = outputs.map((output) => [BigInt(output) * pageBytes, pageBytes] as const);
    this.add({ op: "mapRuns", iova: this.#addressOf(page), runs, prot: READ_WRITE }, why);
  }

  unmapRuns(page: number, pages: number, capacity: number, why: string): void {
    const length = BigInt(pages) * this.#pageBytes;
    this.add({ op: "unmapRuns", iova: this.#addressOf(page), length, capacity }, why);
  }

  gathered(page: number, pages: number, why: string): void {
    const length = BigInt(pages) * this.#pageBytes;
    this.add({ op: "unmapGathered", iova: this.#addressOf(page), length }, why);
  }

  cut(page: number, why: string): void {
    this.add({ op: "cut", iova: this.#addressOf(page) }, why);
  }

  resizeOf(page: number, pages: number, largestLg2: number): Extract<Operation, { op: "resize" }> {
    return { op: "resize", iova: this.#addressOf(page), length: BigInt(pages) * this.#pageBytes, largestLg2 };
  }

  trim(page: number, pages: number, why: string): void {
    this.add({ op: "trim", iova: this.#addressOf(page), length: BigInt(pages) * this.#pageBytes }, why);
  }

  at(op: "deviceRead" | "deviceWrite" | "setDirty", page: number, why: string): void {
    this.add({ op, iova: this.#addressOf(page) + 0x123n }, why);
  }

  marks(
    op: "readAndClearAccessed" | "readAndClearDirty",
    page: number,
    pages: number,
    clear: boolean,
    why: string,
  ): void {
    const length = BigInt(pages) * this.#pageBytes;
    this.add({ op, iova: this.#addressOf(page), length, clear }, why);
  }
}
