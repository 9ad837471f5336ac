/**
 * A night's work: stages one after the other, each with its share of the time. A stage is a command of its own, so that
 * one that fails, crashes or hangs takes nothing from the others.
 */
import { spawn } from "node:child_process";

export interface Night {
  readonly seed: string;
  /** Where the campaign, what stages leave for the report, and the report are. */
  readonly directory: string;
  /** Where findings are saved. */
  readonly findings: string;
  readonly workers: string;
  /** For everything together. */
  readonly seconds: number;
}

export interface Stage {
  readonly name: string;
  /** Of the time, in relation to the shares of the others; 0 for what takes no time worth planning. */
  readonly share: number;
  /** What Node runs: a file below `dist`, and its arguments. Exit statuses are those of genpt. */
  readonly command: (night: Night, seconds: number) => readonly string[];
}

/** 0: nothing was found. 1: something was. 2: a request that cannot be met. 3: something else went wrong. */
export type ExitStatus = number;

export interface StageEnd {
  readonly stage: string;
  readonly exit: ExitStatus;
  readonly seconds: number;
}

/** A stage that takes this much longer than its share is asked to end, and some time later made to. */
export interface Patience {
  readonly seconds: number;
  readonly thenSeconds: number;
}

const PATIENCE: Patience = { seconds: 600, thenSeconds: 60 };
const HUNG = 3;

/** Runs every stage, whatever became of those before it. */
export async function runNight(
  night: Night,
  stages: readonly Stage[],
  ended: (end: StageEnd) => void,
  patience: Patience = PATIENCE,
): Promise<ExitStatus> {
  const shares = stages.reduce((sum, { share }) => sum + share, 0);
  let worst = 0;
  for (const { name, share, command } of stages) {
    const seconds = shares === 0 ? 0 : Math.max((night.seconds * share) / shares, 0.01);
    const begin = Date.now();
    const exit = await runStage(command(night, seconds), seconds, patience);
    worst = Math.max(worst, exit);
    ended({ stage: name, exit, seconds: (Date.now() - begin) / 1000 });
  }
  return worst;
}

function runStage(args: readonly string[], seconds: number, patience: Patience): Promise<ExitStatus> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
    const ask = setTimeout(() => child.kill("SIGINT"), (seconds + patience.seconds) * 1000);
    const force = setTimeout(
      () => child.kill("SIGKILL"),
      (seconds + patience.seconds + patience.thenSeconds) * 1000,
    );
    const done = (exit: ExitStatus): void => {
      clearTimeout(ask);
      clearTimeout(force);
      resolve(exit);
    };
    child.on("error", () => done(HUNG));
    // One that was ended by a signal has no status.
    child.on("close", (status) => done(status === null || status > HUNG ? HUNG : status));
  });
}
