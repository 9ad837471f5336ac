/** Every interleaving of a scene's threads, each state visited once; and single ones, drawn from a seed. */
import type { Random } from "../../models/index.js";
import type { Stage } from "./stage.js";

/** What went wrong, and the turns that lead to it: the thread of each step. */
export interface Misstep {
  readonly sentence: string;
  readonly turns: readonly number[];
}

export interface Exploration {
  readonly states: number;
  /** In how many orders the steps can be taken; 0 where a misstep ended the run. */
  readonly interleavings: bigint;
  readonly misstep: Misstep | undefined;
}

/** A state that was reached, and a thread that could go on from there and did not yet. */
interface Branch {
  readonly turns: readonly number[];
  readonly from: string;
}

/**
 * Takes every order of steps. Two orders that come to the same state go on in the same way, so each state is left
 * once by each thread: states are what memory holds together with what each thread has read.
 */
export function explore(stage: Stage, statesAtMost = 200_000): Exploration {
  const next = new Map<string, string[]>();
  stage.reset();
  const start = stage.key();
  next.set(start, []);
  const open: Branch[] = stage.waiting.map((thread) => ({ turns: [thread], from: start }));
  for (let branch = open.pop(); branch !== undefined; branch = open.pop()) {
    const misstep = follow(stage, branch, next, open);
    if (misstep !== undefined) return { states: next.size, interleavings: 0n, misstep };
    if (next.size > statesAtMost) throw new RangeError(`more than ${statesAtMost} states`);
  }
  return { states: next.size, interleavings: orders(next, start), misstep: undefined };
}

/** Goes down a branch to its end, or to a state that is known, and leaves the branches beside it open. */
function follow(
  stage: Stage,
  { turns, from }: Branch,
  next: Map<string, string[]>,
  open: Branch[],
): Misstep | undefined {
  const taken = turns.slice(0, -1);
  stage.reset();
  for (const thread of taken) stage.step(thread);
  let before = from;
  for (let thread: number | undefined = turns.at(-1); thread !== undefined; ) {
    taken.push(thread);
    const sentence = stepped(stage, thread);
    if (sentence !== undefined) return { sentence, turns: taken };
    const key = stage.key();
    next.get(before)?.push(key);
    if (next.has(key)) return undefined;
    next.set(key, []);
    const [first, ...others] = stage.waiting;
    for (const other of others) open.push({ turns: [...taken, other], from: key });
    before = key;
    thread = first;
  }
  return undefined;
}

/** One step, and what is wrong after it. */
function stepped(stage: Stage, thread: number): string | undefined {
  try {
    stage.step(thread);
  } catch (error) {
    return `thread ${thread} failed: ${error instanceof Error ? error.message : String(error)}`;
  }
  return stage.difference();
}

/** In how many ways one comes from a state to an end. */
function orders(next: ReadonlyMap<string, readonly string[]>, start: string): bigint {
  const known = new Map<string, bigint>();
  const path = [start];
  while (path.length > 0) {
    const state = path[path.length - 1];
    const after = next.get(state) ?? [];
    const unknown = after.filter((one) => !known.has(one));
    if (unknown.length > 0) {
      path.push(...unknown);
      continue;
    }
    known.set(state, after.length === 0 ? 1n : after.reduce((sum, one) => sum + (known.get(one) ?? 0n), 0n));
    path.pop();
  }
  return known.get(start) ?? 0n;
}

/** One order of steps, drawn: threads change often in some runs, and seldom in others. */
export function runOnce(stage: Stage, random: Random): Misstep | undefined {
  stage.reset();
  const turns: number[] = [];
  const stay = [0, 3, 15, 63][random.below(4)];
  let thread = 0;
  for (let waiting = stage.waiting; waiting.length > 0; waiting = stage.waiting) {
    if (!waiting.includes(thread) || random.below(stay + 1) === 0) {
      thread = waiting[random.below(waiting.length)];
    }
    turns.push(thread);
    const sentence = stepped(stage, thread);
    if (sentence !== undefined) return { sentence, turns };
  }
  return undefined;
}
