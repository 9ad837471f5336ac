/** What a run of the fuzzer has done so far, over all of its processes. */
import { readFileSync, rmSync } from "node:fs";

/** What the target counts, from the start of its process. */
export interface Figures {
  readonly executions: number;
  readonly operations: number;
  /** Branches of the code under test that were taken. */
  readonly branches: number;
  readonly states: number;
}

export const noFigures: Figures = { executions: 0, operations: 0, branches: 0, states: 0 };

/** The last whole line of a file of figures; zeros where there is none yet. */
export function lastFigures(file: string): Figures {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return noFigures;
  }
  const line = text.slice(0, text.lastIndexOf("\n")).split("\n").at(-1);
  return line === undefined || line === "" ? noFigures : JSON.parse(line);
}

/** Figures of one process after those of the processes before it: a new one takes known branches anew. */
export function joined(before: Figures, now: Figures): Figures {
  return {
    executions: before.executions + now.executions,
    operations: before.operations + now.operations,
    branches: Math.max(before.branches, now.branches),
    states: Math.max(before.states, now.states),
  };
}

export function forgetFigures(file: string): void {
  rmSync(file, { force: true });
}
