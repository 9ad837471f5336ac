/** Bugs of mapping, of the growing top, and of what a failed map leaves. */
import type { Mutant } from "../mutant.js";

const runs = "engine/map-runs";
const amdv1 = ["amdv1/top2-va64", "amdv1/top3-va64"];
const several = ["amdv1/top2-va64", "x86-64/vtdfs-4l", "riscv64/sv39", "vtd-second-stage/4l"];
const growing = ["amdv1/top2-va64", "amdv1/top1-va31-queued", "amdv1/tiny-growing-twice"];
const merging = ["x86-64/vtdfs-4l", "vtd-second-stage/4l", "amdv1/top2-va64"];

export const mapMutants: readonly Mutant[] = [
  {
    id: "M03",
    title: "the end of a run counts entries as items, and the map ends short",
    source: "generic page tables: leaf counts used as item counts",
    configurations: amdv1,
    invariants: ["I3", "I1"],
    patches: [
      {
        file: "engine/store-leaves",
        find: "const end = first + (leaves << entryWordsLg2);",
        replace: "const end = first + Math.max(leaves << itemWordsLg2, 1 << entryWordsLg2);",
      },
    ],
  },
  {
    id: "M04",
    title: "the path for one page maps it though the domain has no pages of that size",
    source: "generic page tables: the 4 KiB fast path did not look at the size bitmap",
    configurations: [
      "amdv1/top2-va64-64k",
      "amdv1/top2-va64-2mup",
      "riscv64/sv39-64kup",
      "vtd-second-stage/4l-2mup",
    ],
    invariants: ["I20", "I7", "I3"],
    patches: [
      {
        file: "engine/map",
        find: "if ((strayLow | strayHigh) !== 0) return Status.MISALIGNED;",
        replace:
          "if ((strayLow | strayHigh) !== 0 && !(lengthLow === 1 << granuleLg2 && lengthHigh === 0 && ((iovaLow | paLow) & ((1 << granuleLg2) - 1)) === 0)) return Status.MISALIGNED;",
      },
    ],
    note: "The request is one that is refused, so the answer already differs (I3).",
  },
  {
    id: "M05a",
    title: "the top grows, and the level is that of before",
    source: "generic page tables: two reads of the top while it is raised",
    configurations: growing,
    invariants: ["I16"],
    patches: [
      {
        file: "engine/domain",
        find: "publishTop(this, rootWord | level)",
        replace: "publishTop(this, rootWord | (this.top < 0 ? level : this.topLevel))",
      },
    ],
  },
  {
    id: "M05b",
    title: "the levels built for a growth that fails are lost",
    source: "generic page tables: tables leaked on the way out",
    configurations: ["amdv1/top2-va64", "amdv1/top3-va64", "amdv1/tiny-growing-twice"],
    invariants: ["I5"],
    patches: [{ file: "engine/grow", find: "giveBack(domain, root, top - 1, oldTop);", replace: "" }],
  },
  {
    id: "M09",
    title: "a map that fails undoes more than it did",
    source: "IOMMU core: the error path unmapped and un-accounted what was never accounted",
    configurations: several,
    invariants: ["I4"],
    patches: [
      {
        file: "page-table",
        find: "return map(domain, iovaLow, iovaHigh, paLow, paHigh, lengthLow, lengthHigh, prot, gather);",
        replace: `const status = map(domain, iovaLow, iovaHigh, paLow, paHigh, lengthLow, lengthHigh, prot, gather);
          if (status !== Status.ADDRESS_IN_USE) return status;
          unmap(domain, iovaLow, iovaHigh, domain.lastLow, domain.lastHigh, gather);
          gather.sync();
          domain.resultLow = iovaLow;
          domain.resultHigh = iovaHigh;
          return status;`,
      },
    ],
  },
  {
    id: "M12",
    title: "root and level are stored one after the other",
    source: "AMDv1: CVE-2025-39961",
    configurations: growing,
    invariants: ["I16"],
    patches: [
      {
        file: "engine/domain",
        find: "publishTop(this, rootWord | level)",
        replace:
          "(this.top >= 0 && publishTop(this, rootWord | this.topLevel), publishTop(this, rootWord | level))",
      },
    ],
  },
  {
    id: "M20",
    title: "a large page replaces tables, and nothing is invalidated",
    source: "VT-d: a superpage over freed 4 KiB tables",
    configurations: merging,
    invariants: ["I9", "I12", "I11"],
    patches: [
      {
        file: "engine/store-leaves",
        find: "gather.add(firstLow, firstHigh, lastLow, lastHigh, 0, tableLevels); domain.giveFrames(gather);",
        replace:
          "domain.memory.releaseList(domain.freedHead); domain.freedHead = -1; domain.freedTail = -1; domain.freedCount = 0;",
      },
    ],
  },
  {
    id: "M35",
    title: "a carry is lost between two batches of a mapping",
    source: "iommufd: a carried batch corrupted the list of frames",
    configurations: several,
    // A leaf that goes elsewhere may show first as one of another size.
    invariants: ["I1", "I7"],
    patches: [
      {
        file: runs,
        find: "paHigh = (paHigh + bytesHigh + (paLow >>> 0 < bytesLow >>> 0 ? 1 : 0)) | 0;",
        replace: "paHigh = (paHigh + bytesHigh) | 0;",
      },
    ],
  },
  {
    id: "M35b",
    title: "a carry is lost inside a run of four items",
    source: "iommufd: the same, one layer below",
    configurations: several,
    invariants: ["I1"],
    patches: [{ file: "engine/store-leaves", find: "if (next >>> 0 < low >>> 0) break;", replace: "" }],
  },
  {
    id: "M39",
    title: "a new table is published before it is filled",
    source: "Xen: superpages were shattered into a blank table",
    configurations: growing,
    invariants: ["I12", "I16"],
    patches: [
      {
        file: "engine/grow",
        find: "linkTable(domain, domain.words, table, root, top); root = table;",
        replace:
          "domain.setTop(table, top); linkTable(domain, domain.words, table, root, top); root = table;",
      },
      { file: "engine/grow", find: "domain.setTop(root, top)", replace: "true" },
    ],
  },
  {
    id: "M48",
    title: "a top is taken to reach one level further than it does",
    source: "Xen: the number of levels against the highest index",
    configurations: growing,
    invariants: ["I16", "I18", "I1", "I6", "I2"],
    patches: [
      {
        file: "engine/domain",
        find: "const span = levelLg2(level + 1);",
        replace: "const span = levelLg2(level + 2);",
      },
    ],
  },
  {
    id: "M48b",
    title: "a top is raised by one level more than the address needs",
    source: "Xen: the number of levels against the highest index",
    configurations: growing,
    invariants: ["I16"],
    patches: [
      {
        file: "engine/grow",
        find: "const bits = levelLg2(level + 1);",
        replace: "const bits = levelLg2(level);",
      },
    ],
  },
  {
    id: "M51a",
    title: "the page size looks at the alignment of one of the two addresses",
    source: "Xen: XSA-388, frame numbers that an order does not divide",
    configurations: several,
    invariants: ["I1", "I7", "I14"],
    patches: [
      {
        file: runs,
        find: "sizeAt(domain, iovaLow | paLow, iovaHigh | paHigh,",
        replace: "sizeAt(domain, iovaLow, iovaHigh,",
      },
    ],
  },
  {
    id: "M51b",
    title: "a map that stops in the middle reports what it had done before its last run",
    source: "Xen: XSA-389, partial success",
    configurations: several,
    invariants: ["I4", "I3"],
    patches: [
      {
        file: runs,
        find: "domain.resultLow = iovaLow; domain.resultHigh = iovaHigh; if (done < leaves) return Status.ADDRESS_IN_USE;",
        replace:
          "if (done < leaves) return Status.ADDRESS_IN_USE; domain.resultLow = iovaLow; domain.resultHigh = iovaHigh;",
      },
    ],
  },
  {
    id: "M58a",
    title: "a map over a larger page puts a table in its place",
    source: "U-Boot: map over an existing block",
    configurations: several,
    invariants: ["I4", "I14", "I1"],
    patches: [
      {
        file: runs,
        find: "if (kindOf(words[item], level) === EntryKind.Leaf) {",
        replace: "if (false) {",
      },
    ],
  },
  {
    id: "M58b",
    title: "a map over a larger page walks into the page as if it were a table",
    source: "U-Boot: map over an existing block",
    configurations: several,
    invariants: ["I4", "I14", "I3"],
    patches: [{ file: runs, find: "if (!isTable(itemLow, at)) {", replace: "if (isEmpty(itemLow)) {" }],
    note: "The page lies outside of table memory; the observed stamp refuses to look, so the map throws (I3).",
  },
  {
    id: "F07",
    title: "a map over leaves in use replaces them",
    source: "oracle fault",
    configurations: several,
    invariants: ["I3", "I1", "I4"],
    patches: [{ file: runs, find: "if (!isEmpty(words[item])) return Status.ADDRESS_IN_USE;", replace: "" }],
  },
  {
    id: "F08",
    title: "a map without memory for a table reports nothing of what it did",
    source: "oracle fault: more is left than the prefix that is reported",
    configurations: several,
    invariants: ["I4"],
    patches: [
      {
        file: runs,
        find: "if (table === NO_FRAME) return domain.refusal; tableLevel = level;",
        replace:
          "if (table === NO_FRAME) { domain.resultLow = startLow; domain.resultHigh = startHigh; return domain.refusal; } tableLevel = level;",
      },
    ],
  },
  {
    id: "F09",
    title: "a map that meets a larger page loses the frame that it had fetched for a table",
    source: "oracle fault: allocation failures and refusals leak",
    configurations: several,
    invariants: ["I5"],
    patches: [
      {
        file: runs,
        find: "const words = domain.words; if (kindOf(words[item], level) === EntryKind.Leaf) {",
        replace:
          "const words = domain.words; if (kindOf(words[item], level) === EntryKind.Leaf) { domain.allocateTable();",
      },
    ],
  },
  {
    id: "F10",
    title: "an item is stored with its valid bit first",
    source: "oracle fault: a torn item",
    configurations: several,
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
    id: "F11",
    title: "an item permits more between two stores than it does in the end",
    source: "oracle fault: permissions wider for a moment",
    configurations: ["x86-64/vtdfs-4l", "vtd-second-stage/4l"],
    invariants: ["I19"],
    patches: [
      {
        file: "engine/items",
        find: "storeWord(domain, words, item, low); }",
        replace:
          "storeWord(domain, words, item, low | 2); if ((low & 2) === 0) storeWord(domain, words, item, low); }",
      },
    ],
  },
  {
    id: "F12",
    title: "smaller pages are used where a larger one fits",
    source: "oracle fault",
    configurations: several,
    invariants: ["I7", "I6", "I11", "I3", "I4"],
    patches: [
      {
        file: "engine/page-size",
        find: "highestSizeUpTo(sizesLow, sizesHigh, Math.min(divides, fits))",
        replace:
          "highestSizeUpTo(sizesLow, sizesHigh, Math.min(divides, fits) === 21 ? 20 : Math.min(divides, fits))",
      },
    ],
    note: "Where tables stand already, smaller pages go into them, and the tables tell (I6, I11), or the allocation that was to fail is one of theirs (I3). Or a map stops earlier than it should (I4).",
  },
];
