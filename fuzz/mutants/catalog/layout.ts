/** Bugs of cutting, resizing and trimming, and of what unmap does by these means. */
import type { Mutant } from "../mutant.js";

const fragment = "engine/fragment";
const resize = "engine/resize";
const several = ["amdv1/top2-va64", "vtd-second-stage/4l", "x86-64/vtdfs-4l", "riscv64/sv39"];
const contiguous = ["amdv1/top2-va64", "amdv1/top3-va64", "armv8-stage1/4k-all", "riscv64/sv39"];
const broken = ["armv8-stage1/4k-all", "mali/ias39_oas40", "arm-short/all"];
const tracking = ["amdv1/top2-va64", "amdv1/top3-va64", "vtd-second-stage/4l"];
const cutting = ["amdv1/top2-va64-cutting-emptying", "amdv1-mock/tiny-3-levels-cutting-emptying"];
const emptying = [...cutting, "x86-64/tiny-3-levels-signed-emptying"];

export const layoutMutants: readonly Mutant[] = [
  {
    id: "M15b",
    title: "a large page of several items is not cut, one of a single item is",
    source: "generic page tables: only one of two encodings of a large page could be split",
    configurations: contiguous,
    invariants: ["I11", "I7", "I1", "I3"],
    patches: [
      {
        file: "engine/cut",
        find: "return offset === 0 ? undefined : new Fragment(",
        replace: "return offset === 0 || cursor.itemsWords > 2 ? undefined : new Fragment(",
      },
    ],
    note: "Or a cut that has to be refused is not (I3).",
  },
  {
    id: "M39b",
    title: "a large page is cut into a table that is linked before it is filled",
    source: "IOMMU drivers: a page split in place while devices translate by it",
    configurations: several,
    invariants: ["I12"],
    patches: [
      {
        file: fragment,
        find: "const status = domain.standingOn(table, level, () => this.#fill(first, end, gather));",
        replace: "const status = (this.late = gather) === undefined ? Status.OUT_OF_MEMORY : Status.OK;",
      },
      {
        file: fragment,
        find: "this.#store(item, pointer, tableItemHigh(addressLow, addressHigh, domain.tableHighBits));",
        replace: `this.#store(item, pointer, tableItemHigh(addressLow, addressHigh, domain.tableHighBits));
          const first = index * 2 ** this.#itemLg2;
          domain.standingOn(table, level - 1, () => this.#fill(first, first + 2 ** this.#itemLg2, this.late));`,
      },
    ],
    note: "Where items are broken first, the hole is one that is allowed.",
  },
  {
    id: "F41",
    title: "the parts of a dirty page are clean",
    source: "AMD IOMMU: the dirty bit of a huge page is lost when it is split",
    configurations: tracking,
    invariants: ["I15"],
    patches: [
      {
        file: fragment,
        find: "this.attributesLow = this.dirty ? dirtied(attributes, high) : attributes;",
        replace: "this.attributesLow = attributes & ~(1 << 6) & ~(1 << 9);",
      },
    ],
  },
  {
    id: "F42",
    title: "the parts of a broken entry are made before the hardware forgets it",
    source: "ARM SMMU: break-before-make without the invalidation between",
    configurations: broken,
    invariants: ["I12", "I11"],
    patches: [{ file: fragment, find: "into.sync();", replace: "" }],
  },
  {
    id: "F43",
    title: "what was cut is not invalidated",
    source:
      "feared: the translations are the same, but a cached large page outlives the next unmap of a small one",
    configurations: several,
    invariants: ["I11", "I9"],
    patches: [
      {
        file: fragment,
        find: "if (!domain.breaksFirst) { into.add(",
        replace: "if (!domain.breaksFirst) { if (domain.breaksFirst) into.add(",
      },
    ],
  },
  {
    id: "F44",
    title: "pages are merged that are not equally dirty",
    source: "feared: the state of one of them becomes that of all",
    configurations: tracking,
    invariants: ["I15", "I7", "I11"],
    patches: [
      {
        file: resize,
        find: "entry.dirty === first.dirty && entry.attributesLow === first.attributesLow &&",
        replace: "(entry.attributesLow | 0x240) === (first.attributesLow | 0x240) &&",
      },
    ],
  },
  {
    id: "F45",
    title: "pages are merged that do not lead to addresses side by side",
    source: "hypervisors: superpage coalescing looked at the first and the last item only",
    configurations: several,
    invariants: ["I1", "I7", "I11", "I3"],
    patches: [
      {
        file: resize,
        find: "entry.paLow === this.#paEndLow && entry.paHigh === this.#paEndHigh &&",
        replace: "",
      },
    ],
  },
  {
    id: "F46",
    title: "the tables of merged pages are given back before the invalidation",
    source: "hypervisors: page tables freed on coalescing without a flush",
    configurations: several,
    invariants: ["I10", "I5"],
    patches: [
      {
        file: resize,
        find: "if (domain.freedCount !== 0) domain.giveFrames(this.#gather);",
        replace: "if (domain.freedCount !== 0) domain.releaseFreed();",
      },
    ],
  },
  {
    id: "F47",
    title: "without memory for the second table of a cut, the first one is lost",
    source: "feared: the way out of a half-built replacement",
    configurations: several,
    invariants: ["I5"],
    patches: [
      {
        file: fragment,
        find: "giveBack(domain, table, level); return NO_FRAME;",
        replace: "return NO_FRAME;",
      },
    ],
  },
  {
    id: "F48",
    title: "trimmed tables are not named in the invalidation",
    source: "IOMMU drivers: paging-structure caches were not flushed",
    configurations: several,
    invariants: ["I9", "I11", "I10"],
    patches: [
      {
        file: "engine/trim",
        find: "gather.add(low, high, lastLow, lastHigh, 0, levels);",
        replace: "gather.add(low, high, lastLow, lastHigh, levels, 0);",
      },
    ],
  },
  {
    id: "F49",
    title: "a table that was seen in use once is never found empty",
    source: "feared: what is remembered is believed",
    configurations: emptying,
    invariants: ["I6"],
    patches: [
      {
        file: "engine/free-emptied",
        find: "if (!isEmpty(words[table + (usedOffsets[place] & USED_OFFSET_MASK)]))",
        replace: "if (usedOffsets[place] !== 0)",
      },
    ],
  },
  {
    id: "F50",
    title: "a table is freed because it is empty, and only what was unmapped is invalidated",
    source: "feared: cached pointers to it span more",
    configurations: emptying,
    invariants: ["I9", "I11"],
    patches: [
      {
        file: "engine/free-emptied",
        find: "const isBefore = below(spanFirstLow, spanFirstHigh, firstLow, firstHigh);",
        replace: "const isBefore = false;",
      },
    ],
  },
  {
    id: "F51",
    title: "the end of an unmap is not cut where its start was",
    source: "feared: both edges inside of one entry",
    configurations: cutting,
    invariants: ["I3", "I1"],
    patches: [
      {
        file: "engine/partial-unmap",
        find: "isSame ? [start, end] : [start]",
        replace: "[start]",
      },
    ],
  },
];
