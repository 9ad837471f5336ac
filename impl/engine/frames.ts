/** The frames that tables stand in. */
import { EntryKind } from "../formats/format.js";
import { frameLg2, itemWords, kindOf } from "../stamp/format.js";
import type { Domain } from "./domain.js";
import { itemsPerTable, itemWordsLg2 } from "./geometry.js";

/** Takes one frame: its place in the table memory, and log2 of its bytes. */
export interface FrameVisitor {
  frame(word: number, frameLg2: number): void;
}

/** Tells every frame that the tables stand in, the root's first. */
export function visitFrames(domain: Domain, visitor: FrameVisitor): void {
  const { rootWord, topLevel } = domain;
  visitor.frame(rootWord, Math.max(domain.rootFrameLg2(topLevel), domain.memory.smallestFrameLg2));
  visitBelow(domain, rootWord, topLevel, domain.topIndexMask + 1, visitor);
}

function visitBelow(
  domain: Domain,
  table: number,
  level: number,
  items: number,
  visitor: FrameVisitor,
): void {
  const words = domain.words;
  const end = table + (items << itemWordsLg2);
  for (let item = table; item < end; item += itemWords) {
    if (kindOf(words[item], level) !== EntryKind.Table) continue;
    const child = domain.tableOf(words[item]);
    visitor.frame(child, frameLg2);
    visitBelow(domain, child, level - 1, itemsPerTable, visitor);
  }
}
