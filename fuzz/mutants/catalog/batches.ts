/** Bugs of lists of physical runs, and of handing a table over. */
import type { Mutant } from "../mutant.js";

const batch = "engine/batch";
const handover = "hand-over";
const several = ["amdv1/top2-va64", "vtd-second-stage/4l", "x86-64/vtdfs-4l", "riscv64/sv39"];

export const batchMutants: readonly Mutant[] = [
  {
    id: "M35c",
    title: "what has no room in the list is unmapped all the same, and nobody is told",
    source: "iommufd: frames carried from one batch to the next were lost from the list of those to unpin",
    configurations: several,
    invariants: ["I3"],
    patches: [
      {
        file: batch,
        find: "shiftLeftHigh(1, cursor.sizeLg2))) break;",
        replace: "shiftLeftHigh(1, cursor.sizeLg2)) && low === firstLow && high === firstHigh) break;",
      },
    ],
  },
  {
    id: "F52",
    title: "the single pages of a list are mapped over what is there already",
    source: "feared: the short way past a map does not look where it stores",
    configurations: several,
    invariants: ["I3", "I4", "I12"],
    patches: [{ file: batch, find: "|| !isEmpty(words[item])) break;", replace: ") break;" }],
  },
  {
    id: "F53",
    title: "who takes a table over does not learn of the frames of the tables at the leaves",
    source: "kexec handover: memory that is not on the list of what stays is given to somebody else",
    configurations: several,
    invariants: ["I5"],
    patches: [
      {
        file: handover,
        find: "frame: (word, frameLg2) => frames.push([memory.addressOf(word), frameLg2])",
        replace:
          "frame: (word, frameLg2) => frames.length > 2 || frames.push([memory.addressOf(word), frameLg2])",
      },
    ],
  },
  {
    id: "F54",
    title: "a top that has grown is taken over at the level that the options named",
    source: "feared: the record has the options that the table was made with",
    configurations: ["amdv1/top2-va64", "amdv1/top3-va64"],
    invariants: ["I1", "I16", "I14"],
    patches: [{ file: handover, find: "...(growsTop ? { topLevel } : {})", replace: "" }],
  },
];
