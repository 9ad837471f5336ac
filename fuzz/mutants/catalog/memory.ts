/** Bugs of gathers and of table memory: what is invalidated when, and which frame is used by whom. */
import type { Mutant } from "../mutant.js";

const gather = "memory/gather";
const memory = "memory/table-memory";
const several = ["amdv1/top2-va64", "x86-64/vtdfs-4l", "riscv64/sv39", "vtd-second-stage/4l"];
const merging = ["x86-64/vtdfs-4l", "vtd-second-stage/4l"];

export const memoryMutants: readonly Mutant[] = [
  {
    id: "M11",
    title: "an empty gather is sent to the hardware",
    source: "IOMMU core: a range whose end, less its start, plus one wrapped",
    configurations: several,
    invariants: ["I11"],
    patches: [{ file: gather, find: "sync() { if (!this.pending) return;", replace: "sync() {" }],
  },
  {
    id: "M31b",
    title: "a gather that ends at the last address is taken for one that ends before the first",
    source: "RISC-V: an end of all ones in the invalidation's loop",
    configurations: ["riscv64/sv39-nogaps", "x86-64/amdv2-4l-enc51-nogaps", "amdv1/top2-va64-nogaps"],
    invariants: ["I17", "I11"],
    patches: [{ file: gather, find: "if ((nextLow | nextHigh) === 0) return false;", replace: "" }],
    note: "There is no loop here; the range is cut where nothing lies between (I11).",
  },
  {
    id: "M46a",
    title: "frames are free for use before the invalidation",
    source: "Xen: XSA-346",
    configurations: several,
    invariants: ["I10"],
    patches: [
      {
        file: gather,
        find: "sync() { if (!this.pending) return;",
        replace:
          "sync() { if (!this.pending) return; const head = this.#head; if (head !== NO_FRAME) this.#memory.releaseList(head);",
      },
      {
        file: gather,
        find: "const head = this.#head; this.#clear(); if (head !== NO_FRAME) this.#memory.releaseList(head);",
        replace: "this.#clear();",
      },
    ],
  },
  {
    id: "M46b",
    title: "frames are free for use as soon as they are unlinked",
    source: "Xen: XSA-480",
    configurations: several,
    invariants: ["I10", "I5"],
    patches: [
      {
        file: gather,
        find: "if (this.#tail === NO_FRAME) this.#head = head; else this.#memory.joinLists(this.#tail, head); this.#tail = tail; this.frames += count;",
        replace: "this.#memory.releaseList(head);",
      },
    ],
  },
  {
    id: "M59",
    title: "a table taken out of use is still counted",
    source: "FreeBSD: the count of page-table pages when a superpage is destroyed",
    configurations: several,
    invariants: ["I5"],
    patches: [{ file: memory, find: "if (!isGiven) this.#counters[LIVE_FRAMES]--;", replace: "" }],
  },
  {
    id: "F13",
    title: "an invalidation that begins at address 0 is omitted",
    source: "oracle fault",
    configurations: several,
    invariants: ["I9", "I11"],
    patches: [
      {
        file: gather,
        find: "sync() { if (!this.pending) return;",
        replace:
          "sync() { if (!this.pending) return; if ((this.firstLow | this.firstHigh) === 0 && this.#head === NO_FRAME) { this.#clear(); return; }",
      },
    ],
  },
  {
    id: "F14",
    title: "a gather widens upwards only",
    source: "oracle fault",
    configurations: several,
    invariants: ["I11", "I9"],
    patches: [
      {
        file: gather,
        find: "if (below(firstLow, firstHigh, this.firstLow, this.firstHigh)) {",
        replace: "if (false) {",
      },
    ],
  },
  {
    id: "F15",
    title: "a gather remembers the levels of what it was given last",
    source: "oracle fault",
    configurations: several,
    invariants: ["I11", "I9"],
    patches: [
      {
        file: gather,
        find: "this.leafLevels |= leafLevels; this.tableLevels |= tableLevels;",
        replace: "this.leafLevels = leafLevels; this.tableLevels = tableLevels;",
      },
    ],
  },
  {
    id: "F16",
    title: "of two lists of frames in a gather the first is lost",
    source: "oracle fault",
    configurations: several,
    invariants: ["I5", "I3"],
    patches: [
      {
        file: gather,
        find: "else this.#memory.joinLists(this.#tail, head);",
        replace: "else this.#head = head;",
      },
    ],
    note: "What is lost waits for ever, and a handover refuses to go without it (I3).",
  },
  {
    id: "F17",
    title: "a frame that is used again is not zeroed",
    source: "oracle fault: a table is linked before it is filled",
    configurations: several,
    invariants: ["I1", "I5", "I14", "I3"],
    patches: [
      {
        file: memory,
        find: "if (word < fresh) this.words.fill(0, word, word + wordsOf(frameLg2));",
        replace: "",
      },
    ],
  },
  {
    id: "F18",
    title: "a map that replaced tables returns before the invalidation",
    source: "oracle fault",
    configurations: merging,
    invariants: ["I9", "I10", "I11", "I5"],
    patches: [
      {
        file: "engine/map",
        find: "if (gather.pending) gather.sync(); return result;",
        replace: "return result;",
      },
    ],
  },
  {
    id: "F19",
    title: "a table is used by two items at once",
    source: "oracle fault: a frame that the free list hands out twice",
    configurations: several,
    invariants: ["I5", "I1"],
    patches: [
      {
        file: memory,
        find: "if (word !== NO_FRAME) this.#counters[FREE + frameLg2] = this.#next[this.#unitOf(word)];",
        replace:
          "if (word !== NO_FRAME && this.#next[this.#unitOf(word)] !== NO_FRAME) this.#counters[FREE + frameLg2] = this.#next[this.#unitOf(word)];",
      },
    ],
  },
];
