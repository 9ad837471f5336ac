/** What must hold when all threads are done and everything is synced. */
import type { TableMemory } from "../../impl/common.js";
import { type Configuration, createWalker } from "../../models/index.js";
import type { Reference } from "../../reference/index.js";
import { Differences } from "../lockstep/difference.js";
import { ReferenceView } from "../lockstep/reference-view.js";
import { WindowMemory } from "../lockstep/subject.js";
import { sweep } from "../lockstep/sweep.js";
import { highWord, lowWord } from "../lockstep/words.js";

export interface Root {
  readonly root: bigint;
  readonly mode: number;
}

/** How memory differs from the reference, or which frames are lost; undefined where all is well. */
export function differenceAtEnd(
  configuration: Configuration,
  memory: TableMemory,
  { root, mode }: Root,
  reference: Reference,
): string | undefined {
  const walker = createWalker(configuration, new WindowMemory(memory.words, memory.base));
  walker.setRoot(lowWord(root), highWord(root), mode);
  const differences = new Differences();
  const isLive = (address: bigint) => memory.frameState(address) === "live";
  const view = new ReferenceView(reference);
  const { tables } = sweep({ configuration, isLive }, reference, view, walker, differences);
  const first = differences.take();
  if (first !== undefined) return `${first.invariant}: ${first.sentence}`;
  const { liveFrames, quarantinedFrames } = memory;
  if (quarantinedFrames !== 0) return `${quarantinedFrames} frames wait after everything was synced`;
  if (liveFrames !== tables) return `${liveFrames} frames are in use; hardware reaches ${tables} tables`;
  return undefined;
}
