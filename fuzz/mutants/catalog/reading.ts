/** Bugs of looking up, of going through entries, of dirty state, and of the public face. */
import type { Mutant } from "../mutant.js";

const several = ["amdv1/top2-va64", "x86-64/vtdfs-4l", "riscv64/sv39", "vtd-second-stage/4l"];
const amdv1 = ["amdv1/top2-va64", "amdv1/top3-va64"];
const accessed = [
  "x86-64/vtdfs-4l",
  "riscv64/sv39-accessed",
  "armv8-stage1/4k-all-accessed",
  "vtd-second-stage/4l",
  ...amdv1,
];
const signed = ["riscv64/sv39", "x86-64/amdv2-4l", "x86-64/amdv2-5l"];

export const readingMutants: readonly Mutant[] = [
  {
    id: "M07a",
    title: "the last item of an entry of several is not cleaned",
    source: "generic page tables: an inclusive end used as an exclusive one",
    configurations: amdv1,
    invariants: ["I15"],
    patches: [
      {
        file: "engine/dirty",
        find: "const end = cursor.item + cursor.itemsWords;",
        replace: "const end = cursor.item + Math.max(cursor.itemsWords - itemWords, itemWords);",
      },
    ],
  },
  {
    id: "M07b",
    title: "the last item of an entry of several is not asked whether it is dirty",
    source: "generic page tables: an inclusive end used as an exclusive one",
    configurations: amdv1,
    // What is not seen to be dirty is not invalidated either.
    invariants: ["I15", "I11"],
    patches: [
      {
        file: "engine/cursor",
        find: "const end = this.item + this.itemsWords;",
        replace: "const end = this.item + Math.max(this.itemsWords - itemWords, itemWords);",
      },
    ],
  },
  {
    id: "M07c",
    title: "the invalidation after cleaning ends a page too early",
    source: "generic page tables: an inclusive end used as an exclusive one",
    configurations: amdv1,
    invariants: ["I11", "I9"],
    patches: [
      {
        file: "engine/dirty",
        find: "gather.add(low, high, endLow, endHigh, 1 << cursor.level, 0);",
        replace:
          "gather.add(low, high, (endLow & 0x1fffff) === 0x1fffff ? endLow - 4096 : endLow, endHigh, 1 << cursor.level, 0);",
      },
    ],
  },
  {
    id: "M08",
    title: "the address of an input that is out of range is an error number",
    source: "generic page tables: an errno given back as a physical address",
    configurations: several,
    invariants: ["I2", "I18"],
    patches: [
      {
        file: "engine/lookup",
        find: "if (domain.inputRangeStatus(low, high, low, high) !== Status.OK) return false;",
        replace:
          "if (domain.inputRangeStatus(low, high, low, high) !== Status.OK) { domain.resultLow = -34; domain.resultHigh = -1; return true; }",
      },
    ],
  },
  {
    id: "M10",
    title: "physical address 0 is taken for a miss",
    source: "IOMMU core: an identity mapping of page 0 was made twice",
    configurations: several,
    invariants: ["I2", "I4"],
    patches: [
      {
        file: "engine/lookup",
        find: "domain.resultHigh = (foundHigh & ~maskHigh) | (high & maskHigh); return true;",
        replace:
          "domain.resultHigh = (foundHigh & ~maskHigh) | (high & maskHigh); return (domain.resultLow | domain.resultHigh) !== 0;",
      },
    ],
  },
  {
    id: "M18",
    title: "cleaning invalidates the part of a page that was asked for, and not the page",
    source: "AMD's command names a block: a page larger than it stays cached",
    configurations: amdv1,
    invariants: ["I9", "I11"],
    patches: [
      {
        file: "engine/dirty",
        find: "gather.add(low, high, endLow, endHigh, 1 << cursor.level, 0);",
        replace: `const cut = below(low, high, firstLow, firstHigh);
          gather.add(cut ? firstLow : low, cut ? firstHigh : high, endLow, endHigh, 1 << cursor.level, 0);`,
      },
    ],
  },
  {
    id: "M31a",
    title: "going through the entries, the address after the last one of all is taken for address 0",
    source: "RISC-V: a loop that ends at the last address never ended",
    configurations: [...signed, "amdv1/top5-va64"],
    invariants: ["I17", "I3"],
    patches: [
      {
        file: "engine/cursor",
        find: "if ((this.nextLow | this.nextHigh) === 0) return false; if (below(lastLow, lastHigh, this.nextLow, this.nextHigh))",
        replace: "if (below(lastLow, lastHigh, this.nextLow, this.nextHigh))",
      },
      {
        file: "engine/cursor",
        find: "if ((low | high) === 0 || below(lastLow, lastHigh, low, high))",
        replace: "if (below(lastLow, lastHigh, low, high))",
      },
    ],
    note: "Or a resize that goes on at address 0 finds no memory for it (I3).",
  },
  {
    id: "M32",
    title: "a range through the hole between the halves is taken for one that is inside",
    source: "x86 and RISC-V: clean-up that walked into the non-canonical hole",
    configurations: signed,
    invariants: ["I18", "I17", "I3"],
    patches: [
      {
        file: "engine/domain",
        find: "return clear === 0 ? Status.OK : Status.IOVA_OUT_OF_RANGE;",
        replace:
          "return (lastHigh & this.vaBeyondHigh) === this.vaBeyondHigh ? Status.OK : Status.IOVA_OUT_OF_RANGE;",
      },
    ],
  },
  {
    id: "M38",
    title: "a live item is cleared and written anew, field by field",
    source: "Xen: XSA-347",
    configurations: amdv1,
    invariants: ["I12"],
    patches: [
      {
        file: "engine/dirty",
        find: "flipBits(domain, words, item, low ^ cleaned(low));",
        replace: "{ flipBits(domain, words, item, low); flipBits(domain, words, item, cleaned(low)); }",
      },
    ],
  },
  {
    id: "M45",
    title: "the address of a large page comes with the bits that encode its size",
    source: "Xen on Intel: marker bits returned as a part of the address",
    configurations: ["amdv1/top2-va64", "riscv64/sv39"],
    invariants: ["I14", "I2"],
    patches: [
      {
        file: "engine/lookup",
        find: "domain.resultLow = (foundLow & ~maskLow) | (low & maskLow);",
        replace: "domain.resultLow = (foundLow & -4096) | (low & maskLow);",
      },
    ],
    note: "The items are as they should be; what the lookup says of them is not (I2).",
  },
  {
    id: "M54",
    title: "the invalidation names page numbers where addresses are meant",
    source: "arceos: an operand that was not shifted",
    configurations: several,
    invariants: ["I9", "I11"],
    patches: [
      {
        file: "page-table-set-up",
        find: "first: fromWords(firstLow, firstHigh), last: fromWords(lastLow, lastHigh),",
        replace: "first: fromWords(firstLow, firstHigh) >> 12n, last: fromWords(lastLow, lastHigh) >> 12n,",
      },
    ],
  },
  {
    id: "F20",
    title: "a dirty entry is reported and stays dirty",
    source: "oracle fault",
    configurations: amdv1,
    invariants: ["I15"],
    patches: [
      {
        file: "engine/dirty",
        find: "clearEntry(domain, cursor, ofAccesses); gather.add",
        replace: "gather.add",
      },
    ],
  },
  {
    id: "F21",
    title: "what is cleaned is reported only as far as it was asked for",
    source: "oracle fault",
    configurations: amdv1,
    invariants: ["I15"],
    patches: [
      {
        file: "engine/dirty",
        find: "out.found(low, high, endLow, endHigh);",
        replace:
          "if (below(low, high, firstLow, firstHigh)) { low = firstLow; high = firstHigh; } out.found(low, high, endLow, endHigh);",
      },
    ],
  },
  {
    id: "F22",
    title: "addresses beyond the input width are looked up without their high bits",
    source: "oracle fault",
    configurations: ["vtd-second-stage/4l", "x86-64/nosign-48", "riscv64/sv48-nosign"],
    invariants: ["I18", "I2"],
    patches: [
      {
        file: "engine/domain",
        find: "if (!this.signExtended) return Status.IOVA_OUT_OF_RANGE;",
        replace: "if (!this.signExtended) return Status.OK;",
      },
    ],
  },
  {
    id: "F55",
    title: "an entry is reported as accessed and stays so",
    source: "oracle fault",
    configurations: accessed,
    invariants: ["I15"],
    patches: [{ file: "engine/dirty", find: "flipBits(domain, words, item, accessedLow);", replace: ";" }],
  },
  {
    id: "F56",
    title: "what is cleared of accesses is not invalidated: hardware that keeps it never marks it again",
    source: "oracle fault",
    configurations: accessed,
    invariants: ["I11", "I9"],
    patches: [
      {
        file: "engine/dirty",
        find: "gather.add(low, high, endLow, endHigh, 1 << cursor.level, 0);",
        replace: "if (!ofAccesses) gather.add(low, high, endLow, endHigh, 1 << cursor.level, 0);",
      },
    ],
  },
  {
    id: "F57",
    title: "a page that is merged of others does not count as accessed though one of them did",
    source: "oracle fault",
    configurations: accessed,
    invariants: ["I15"],
    patches: [{ file: "engine/resize", find: "return accessed ? accessedLow : 0;", replace: "return 0;" }],
  },
];
