/** What is judged of an implementation elsewhere, and what is left out, in words. */
import type { Configuration } from "../../models/configuration.js";
import { configurationName, describeHex } from "../../models/index.js";
import type { Abilities } from "./abilities.js";
import type { CanWord, JudgeWord } from "./protocol.js";

/** By what it adds to what is always judged. */
const judgements: Readonly<Record<JudgeWord, string>> = {
  frames: "frames in use, leaked, reused too early (I5, I10)",
  tables: "when tables are freed (I6)",
  invalidations: "that invalidations cover what changed (I9, I11)",
  ranges: "that invalidations are exactly the reference's (I11)",
  bits: "every bit of every item (I14)",
};

const omissions: Readonly<Partial<Record<CanWord, string>>> = {
  lookup: "lookups",
  entries: "lists of entries",
  gather: "unmaps into a gather",
  dirty: "reads of dirty state",
  setdirty: "setDirty",
  fail: "failing allocations",
  sizes: "page sizes of one call",
  refusals: "requests to be refused",
  overlaps: "maps over something mapped",
  partial: "unmaps of other than whole entries",
  cut: "cuts",
  resize: "changes of page sizes",
  trim: "trims",
  mapruns: "maps of several runs",
  unmapruns: "unmaps that tell where entries led",
  handover: "handovers",
};

export function describeScope(configuration: Configuration, abilities: Abilities): string {
  const { can, judge, prot, pageSizes, partialUnmap, freeing } = abilities;
  const judged = Object.entries(judgements).filter(([word]) => has(judge, word));
  const others = Object.entries(judgements).filter(([word]) => !has(judge, word));
  const left = Object.entries(omissions).filter(([word]) => !has(can, word));
  const memory = can.has("shared") ? "a shared file" : "lines";
  const lines = [
    `${configurationName(configuration)}: walks of memory (through ${memory}) and results are judged`,
    `  judged besides: ${textOf(judged)}`,
    `  not judged: ${textOf(others.filter(([word]) => word !== "invalidations" || !judge.has("ranges")))}`,
    `  left out of programs: ${textOf(left)}`,
    `  a part of an entry is unmapped: ${partialUnmap}; a table is freed when it is ${freeing}`,
    `  permissions ${describeHex(BigInt(prot))}, page sizes ${describeHex(pageSizes & configuration.pageSizes)}`,
  ];
  return `${lines.join("\n")}\n`;
}

function has(words: ReadonlySet<string>, word: string): boolean {
  return words.has(word);
}

function textOf(parts: readonly (readonly [string, string])[]): string {
  return parts.length === 0 ? "nothing" : parts.map(([, text]) => text).join(", ");
}
