/** Bugs of unmapping, and of what an unmap tells the hardware. */
import type { Mutant } from "../mutant.js";

const file = "engine/unmap";
const amdv1 = ["amdv1/top2-va64", "amdv1/top3-va64"];
const x86 = ["x86-64/vtdfs-4l", "x86-64/amdv2-4l"];
const several = ["amdv1/top2-va64", "x86-64/vtdfs-4l", "riscv64/sv39", "vtd-second-stage/4l"];

export const unmapMutants: readonly Mutant[] = [
  {
    id: "M01",
    title: "an unmap that removes a larger entry invalidates only what was asked for",
    source: "generic page tables: CVE-2026-31735",
    configurations: several,
    invariants: ["I9", "I11"],
    patches: [
      {
        file,
        find: "gather.add(firstLow, firstHigh, endLow, endHigh, leafLevels, tableLevels);",
        replace: `const short = below(lastLow, lastHigh, endLow, endHigh);
          gather.add(firstLow, firstHigh, short ? lastLow : endLow, short ? lastHigh : endHigh, leafLevels, tableLevels);`,
      },
    ],
  },
  {
    id: "M14",
    title: "removing an entry of several items clears one of them, and the others still translate",
    source: "AMDv1: replicated items of a large page, fixed in 2019",
    configurations: [...amdv1, "riscv64/sv39"],
    invariants: ["I8", "I1", "I9"],
    patches: [
      {
        file,
        find: "clearItems(domain, words, item, end); item = end;",
        replace:
          "clearItems(domain, words, item, kindOf(words[item], level) === EntryKind.Leaf && contiguousLg2Of(words[item], words[item + itemWords - 1], level) !== 0 ? item + itemWords : end); item = end;",
      },
    ],
  },
  {
    id: "M15",
    title: "an unmap does not take large pages of the level's own size apart from tables, and stops there",
    source: "AMDv1: pages of mode 0 could not be taken away where those of mode 7 could",
    configurations: several,
    invariants: ["I1", "I4", "I3"],
    patches: [
      {
        file,
        find: "let end = endOfPlainLeaves(words, item, lastItem, plainLeafMask(level), plainLeafBits(level)) | 0;",
        replace:
          "let end = level > 0 && contiguousLg2Of(words[item], words[item + itemWords - 1], level) === 0 ? item : endOfPlainLeaves(words, item, lastItem, plainLeafMask(level), plainLeafBits(level)) | 0; if (level > 0 && end === item && contiguousLg2Of(words[item], words[item + itemWords - 1], level) === 0) break;",
      },
    ],
    note: "Nothing is mapped over here, so it shows at the unmap, whose answer is wrong (I3).",
  },
  {
    id: "M21",
    title: "an unmap inside a large page walks on into the page as if it were a table",
    source: "pKVM on Intel: data parsed as page tables",
    configurations: x86,
    invariants: ["I1", "I5", "I14", "I3"],
    patches: [
      {
        file,
        find: "if (!isTable(itemLow, level)) break; path[level] = item;",
        replace: "if (kindOf(itemLow, level) === EntryKind.Empty) break; path[level] = item;",
      },
    ],
    note: "The page lies outside of table memory; the observed stamp refuses to look, so the unmap throws (I3).",
  },
  {
    id: "M23",
    title: "an unmap of nothing returns an error number as its length",
    source: "ARM LPAE: −ENOENT in an unsigned size",
    configurations: several,
    invariants: ["I3", "I17"],
    patches: [
      {
        file: "page-table",
        find: "if (!domain.resultAny) return 0n;",
        replace: "if (!domain.resultAny) return ALL - 2n;",
      },
    ],
  },
  {
    id: "M26",
    title: "a table that gives way to a block is unlinked, and its frames are lost",
    source: "arm64: huge mappings over page tables that were never freed",
    configurations: [...x86, "vtd-second-stage/4l"],
    invariants: ["I5"],
    patches: [
      {
        file: "engine/collect",
        find: "return takeSubtree(domain, table, level - 1);",
        replace: "return 1 << (level - 1);",
      },
    ],
  },
  {
    id: "M27",
    title: "tables are merged into a block, and cached pointers to them are not named in the invalidation",
    source: "KVM stage 2: stale walks of tables that a block replaced",
    configurations: [...x86, "vtd-second-stage/4l"],
    invariants: ["I9", "I11"],
    patches: [
      {
        file: "engine/store-leaves",
        find: "gather.add(firstLow, firstHigh, lastLow, lastHigh, 0, tableLevels);",
        replace: "gather.add(firstLow, firstHigh, lastLow, lastHigh, 1 << level, 0);",
      },
    ],
  },
  {
    id: "M29",
    title: "a subtree is freed from the top, and the walk goes on in freed tables",
    source: "KVM/arm64: a stage-2 walker that used what it had just freed",
    configurations: [...x86, "vtd-second-stage/4l"],
    invariants: ["I10"],
    patches: [
      {
        file: "engine/collect",
        find: "let levels = 1 << level;",
        replace:
          "let levels = 1 << level; domain.memory.quarantine(table, -1); domain.memory.releaseList(table);",
      },
      {
        file: "engine/collect",
        find: "domain.takeOutOfUse(table); return levels;",
        replace: "return levels;",
      },
    ],
  },
  {
    id: "M30",
    title: "an unmap removes a whole block and reports the length that was asked for",
    source: "ARM: users that took the return value for what was removed",
    configurations: several,
    invariants: ["I3"],
    patches: [
      {
        file: "page-table",
        find: "return difference(domain.resultLow, domain.resultHigh, domain.unmapFromLow, domain.unmapFromHigh) || ALL;",
        replace:
          "const removed = difference(domain.resultLow, domain.resultHigh, domain.unmapFromLow, domain.unmapFromHigh) || ALL; return removed > this.asked ? this.asked : removed;",
      },
      {
        file: "page-table",
        find: "domain.resultAny = false;",
        replace: "domain.resultAny = false; this.asked = lengthBytes;",
      },
    ],
  },
  {
    id: "M36",
    title: "whether an entry must be invalidated is decided by whether it is still present",
    source: "Xen: XSA-275, flushes that looked at the present bit alone",
    configurations: amdv1,
    invariants: ["I9", "I11"],
    patches: [
      {
        file: "engine/dirty",
        find: "gather.add(low, high, endLow, endHigh, 1 << cursor.level, 0);",
        replace: "",
      },
    ],
    note: "What changes a live entry and leaves it present is cleaning its dirty state.",
  },
  {
    id: "M41",
    title: "an unmap of what was never mapped raises the top",
    source: "Xen: unmapping allocated page tables",
    configurations: ["amdv1/top1-va31-queued", ...amdv1],
    invariants: ["I6", "I4", "I16"],
    patches: [
      {
        file,
        find: 'import { beyondTop } from "./lookup.js";',
        replace: 'import { beyondTop } from "./lookup.js"; import { grow } from "./grow.js";',
      },
      {
        file,
        find: "const words = domain.words; let low = firstLow | 0;",
        replace: "grow(domain, lastLow, lastHigh, 0); const words = domain.words; let low = firstLow | 0;",
      },
    ],
  },
  {
    id: "M42",
    title: "a table is freed while an item still points to it",
    source: "Xen: page-table merging that went on after the first build",
    configurations: several,
    invariants: ["I10", "I7", "I5", "I6"],
    patches: [{ file, find: "clearItem(domain, domain.words, item);", replace: "" }],
    note: "The counts of tables and frames tell at once (I5, I6), before a device could walk what lies there then.",
  },
  {
    id: "M50",
    title: "removing an entry clears what the hardware looks at, and what the software looks at stays",
    source: "Xen on Arm: XSA-393",
    configurations: several,
    invariants: ["I1", "I14"],
    patches: [
      {
        file: "engine/variants/observed",
        find: "for (let word = first; word < end; word++) storeWord(domain, words, word, 0);",
        replace:
          "for (let word = first; word < end; word++) storeWord(domain, words, word, (word & 1) === 0 ? words[word] & ~3 : words[word]);",
      },
    ],
    note: "An item that is empty and not 0 is illegal here (I14).",
  },
  {
    id: "F01",
    title: "an unmap keeps a table whose every address it removed",
    source: "oracle fault",
    configurations: several,
    invariants: ["I6"],
    patches: [
      {
        file,
        find: "covered = freeCovered(domain, domain.seekTable, level, low, high, firstLow, firstHigh);",
        replace: "",
      },
    ],
  },
  {
    id: "F02",
    title: "only the lowest of several tables that an unmap empties is freed",
    source: "oracle fault",
    configurations: several,
    invariants: ["I6"],
    patches: [{ file, find: "if (index !== itemMask) break;", replace: "break;" }],
  },
  {
    id: "F03",
    title: "tables are freed though a part of what they span was not removed by this call",
    source: "oracle fault",
    configurations: several,
    invariants: ["I6", "I1", "I5"],
    patches: [{ file, find: "if (below(startLow, startHigh, firstLow, firstHigh)) break;", replace: "" }],
  },
  {
    id: "F04",
    title: "the level of an emptied table is not named in the invalidation",
    source: "oracle fault: a cached pointer stays",
    configurations: several,
    invariants: ["I9", "I11"],
    patches: [
      {
        file,
        find: "domain.takeOutOfUse(freed); levels |= 1 << at;",
        replace: "domain.takeOutOfUse(freed);",
      },
    ],
  },
  {
    id: "F05",
    title: "what is removed loses its second word first",
    source: "oracle fault: store order",
    configurations: several,
    invariants: ["I12", "I19"],
    patches: [
      {
        file: "engine/variants/observed",
        find: "for (let word = first; word < end; word++) storeWord(domain, words, word, 0);",
        replace: "for (let word = end - 1; word >= first; word--) storeWord(domain, words, word, 0);",
      },
    ],
  },
  {
    id: "F06",
    title: "a start inside an entry removes the entry",
    source: "oracle fault",
    configurations: several,
    invariants: ["I3", "I1"],
    patches: [{ file, find: "if (!beginsEntry(words, start, level, low, high)) break;", replace: "" }],
  },
];
