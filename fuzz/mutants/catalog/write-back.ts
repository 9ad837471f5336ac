/** Bugs of writing back for walkers that do not snoop, and of break-before-make. */
import type { Mutant } from "../mutant.js";

const incoherent = ["x86-64/vtdfs-4l-incoherent", "vtd-second-stage/4l-incoherent"];
const arm = ["armv8-stage1/4k-all", "armv8-stage2/4k_ias48_oas48"];

export const writeBackMutants: readonly Mutant[] = [
  {
    id: "F30",
    title: "a page that is mapped alone is not written back",
    source: "oracle fault",
    configurations: incoherent,
    invariants: ["I13"],
    patches: [
      {
        file: "engine/map-runs",
        find: "if (incoherent && domain.cleaner !== undefined) domain.clean(item, itemBytes);",
        replace: "",
      },
    ],
  },
  {
    id: "F31",
    title: "the write-back of a run begins at a line of 64 bytes and is as long as the run",
    source: "oracle fault: a range that starts inside a line",
    configurations: incoherent,
    invariants: ["I13"],
    patches: [
      {
        file: "engine/store-leaves",
        find: "domain.clean(first, (item - first) * 4);",
        replace: "domain.clean(first & -16, (item - first) * 4);",
      },
    ],
  },
  {
    id: "F32",
    title: "the write-back of a run leaves out the line in which it ends",
    source: "oracle fault: a range that ends inside a line",
    configurations: incoherent,
    invariants: ["I13"],
    patches: [
      {
        file: "engine/store-leaves",
        find: "domain.clean(first, (item - first) * 4);",
        replace: "domain.clean(first, ((item - first) * 4) & -64);",
      },
    ],
  },
  {
    id: "F33",
    title: "what an unmap clears is not written back",
    source: "oracle fault",
    configurations: incoherent,
    invariants: ["I13"],
    patches: [
      {
        file: "engine/unmap",
        find: "if (incoherent && domain.cleaner !== undefined) domain.clean(start, (item - start) * 4);",
        replace: "",
      },
    ],
  },
  {
    id: "F34",
    title: "the item that pointed to a freed table is not written back",
    source: "oracle fault",
    configurations: incoherent,
    invariants: ["I13"],
    patches: [
      {
        file: "engine/unmap",
        find: "if (domain.cleaner !== undefined) domain.clean(item, itemBytes); domain.takeOutOfUse(freed);",
        replace: "domain.takeOutOfUse(freed);",
      },
    ],
  },
  {
    id: "F35",
    title: "a new table's zeroes are not written back",
    source: "oracle fault",
    configurations: incoherent,
    invariants: ["I13"],
    patches: [
      {
        file: "engine/domain",
        find: "if (table !== NO_FRAME && this.cleaner !== undefined) this.clean(table, 1 << lg2);",
        replace: "",
      },
    ],
  },
  {
    id: "F36",
    title: "an item that links a table is marked as written back and was not",
    source: "oracle fault",
    configurations: incoherent,
    invariants: ["I13"],
    patches: [{ file: "engine/items", find: "domain.clean(item, itemBytes);", replace: "" }],
  },
  {
    id: "F39",
    title: "an entry that was cleaned of its dirty state is not written back",
    source: "oracle fault",
    configurations: ["armv8-stage1/4k-lpa2-hd-noncoh"],
    invariants: ["I13"],
    patches: [
      { file: "engine/dirty", find: "domain.clean(cursor.item, cursor.itemsWords * 4);", replace: "" },
    ],
  },
  {
    id: "M26b",
    title: "a block takes the place of a table without break before make",
    source: "arm64: changes between blocks and tables",
    configurations: arm,
    // Two invalidations, each between a break and its make, may show first as one that is none of them.
    invariants: ["I12", "I11"],
    patches: [
      {
        file: "formats/armv8",
        find: "export const breakBeforeMake = true;",
        replace: "export const breakBeforeMake = false;",
      },
      // Configurations that tolerate the change say so still.
      {
        file: "options",
        find: 'if (breakBeforeMake) names.push("toleratesSizeChange");',
        replace: 'names.push("toleratesSizeChange");',
      },
    ],
  },
  {
    id: "F37",
    title: "a broken item is made anew before the hardware forgets it",
    source: "oracle fault: break before make without the invalidation between",
    configurations: arm,
    invariants: ["I12", "I11"],
    patches: [{ file: "engine/store-leaves", find: "gather.sync(); }", replace: "}" }],
  },
  {
    id: "F38",
    title: "a live item becomes another live one",
    source: "oracle fault: the second word of an item that is already valid",
    configurations: arm,
    invariants: ["I12", "I19"],
    patches: [
      {
        file: "engine/items",
        find: "if (itemWords === 2) prepareWord(domain, words, (item + 1) | 0, high); storeWord(domain, words, item, low);",
        replace:
          "storeWord(domain, words, item, low); if (itemWords === 2) storeWord(domain, words, (item + 1) | 0, high);",
      },
    ],
  },
  {
    id: "F58",
    title: "what was broken is invalidated before it is written back: the walker reads it again as it was",
    source:
      "oracle fault: a survivor of the operator mutants, a write-back left out before a break's invalidation",
    configurations: ["armv8-stage1/4k-cutting-noncoh"],
    invariants: ["I13"],
    patches: [
      {
        file: "engine/fragment",
        find: "if (domain.cleaner !== undefined) domain.clean(item, items * itemBytes); }",
        replace: "}",
      },
    ],
  },
];
