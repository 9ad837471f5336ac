/**
 * A command in a process of its own, spoken to in lines and waited for without an event loop: an operation of the
 * lockstep is a call that returns, wherever the answer comes from. The process reads its standard input and writes
 * its standard output; both are named pipes, of which this end never blocks, so that a time limit always holds.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { constants as system, tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { SubjectFailure } from "../lockstep/failure.js";

/** The command cannot be run at all, or its owner must change something before anything can be judged. */
export class AgainstError extends Error {
  override readonly name = "AgainstError";
}

/** The last word on how the process ended is written by the shell around it. */
const SCRIPT = `sh -c "$0" <"$1/in" >"$1/out" 2>"$1/err"; echo $? >"$1/ending"; mv "$1/ending" "$1/ended"`;

/** Looks at the pipe so often before it sleeps, and sleeps ever longer, in milliseconds. */
const LOOKS = 4;
const SLEEP_AT_LEAST = 0.05;
const SLEEP_AT_MOST = 5;
/** No line of the protocol is longer: 256 KiB of memory in hexadecimal. */
const LINE_AT_MOST = 1 << 20;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

interface Running {
  readonly child: ChildProcess;
  readonly place: string;
  readonly input: number;
  readonly output: number;
}

export class ExternalProcess {
  /** Milliseconds that an answer may take. */
  limit: number;
  readonly #command: string;
  readonly #directory = mkdtempSync(join(tmpdir(), "genpt-against-"));
  readonly #chunk = Buffer.alloc(1 << 16);
  readonly #lines: string[] = [];
  #rest = "";
  #starts = 0;
  #running: Running | undefined;
  readonly #atExit = () => this.close();

  constructor(command: string, limit: number) {
    this.#command = command;
    this.limit = limit;
    process.once("exit", this.#atExit);
  }

  /** A folder that is removed with the process. */
  get directory(): string {
    return this.#directory;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** @throws AgainstError */
  start(): void {
    this.stop();
    const place = join(this.#directory, String(++this.#starts));
    mkdirSync(place);
    const pipes = [join(place, "in"), join(place, "out")];
    const made = spawnSync("mkfifo", pipes);
    if (made.status !== 0) throw new AgainstError("named pipes are needed, and mkfifo cannot make any here");
    // The order matters: the shell opens its ends one after the other, and waits for somebody at this one.
    const output = openSync(pipes[1], constants.O_RDONLY | constants.O_NONBLOCK);
    const input = openSync(pipes[0], constants.O_RDWR | constants.O_NONBLOCK);
    const child = spawn("sh", ["-c", SCRIPT, this.#command, place], { detached: true, stdio: "ignore" });
    child.on("error", () => {});
    child.unref();
    this.#lines.length = 0;
    this.#rest = "";
    this.#running = { child, place, input, output };
  }

  /** Ends the process and whatever it started. */
  stop(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    try {
      if (running.child.pid !== undefined) process.kill(-running.child.pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
    closeSync(running.input);
    closeSync(running.output);
    rmSync(running.place, { recursive: true, force: true });
  }

  /** Ends the process for good, and removes its folder. */
  close(): void {
    this.stop();
    process.off("exit", this.#atExit);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Sends a request that needs no answer. */
  send(text: string): void {
    this.#send(text, performance.now() + this.limit);
  }

  /**
   * Sends a request and gives the lines of its answer, the last of which begins with `ok` or `no`.
   * @throws SubjectFailure when the process ends, does not answer in time, or talks without end; it is then no more.
   */
  ask(request: string): readonly string[] {
    const deadline = performance.now() + this.limit;
    this.#send(request, deadline);
    const answer: string[] = [];
    for (;;) {
      const line = this.#line(request, deadline);
      if (line.startsWith("#")) continue;
      answer.push(line);
      if (/^(ok|no)( |$)/.test(line)) return answer;
    }
  }

  /** What is wrong with the process, which is ended for it. */
  fail(invariant: "CRASH" | "HANG" | "PROTOCOL", message: string): SubjectFailure {
    this.stop();
    return new SubjectFailure(invariant, message);
  }

  #send(text: string, deadline: number): void {
    const running = this.#alive();
    const bytes = Buffer.from(`${text}\n`);
    for (let sent = 0, sleep = SLEEP_AT_LEAST; sent < bytes.length; ) {
      const count = attempt(() => writeSync(running.input, bytes, sent));
      if (count !== undefined) {
        sent += count;
        continue;
      }
      if (performance.now() > deadline) throw this.fail("HANG", `nobody reads what is asked: "${text}"`);
      Atomics.wait(sleeper, 0, 0, sleep);
      sleep = Math.min(sleep * 2, SLEEP_AT_MOST);
    }
  }

  #line(request: string, deadline: number): string {
    let sleep = SLEEP_AT_LEAST;
    for (let looks = 0; this.#lines.length === 0; looks++) {
      const running = this.#alive();
      const count = attempt(() => readSync(running.output, this.#chunk));
      if (count !== undefined && count > 0) {
        this.#take(this.#chunk.toString("latin1", 0, count));
        if (performance.now() <= deadline) continue;
      }
      // Without a writer the pipe is at its end: the process has not begun yet, or has ended.
      if (count === 0 && existsSync(join(running.place, "ended"))) throw this.#ended(request);
      if (performance.now() > deadline) {
        throw this.fail("HANG", `no answer within ${this.limit / 1000} s to "${request}"`);
      }
      if (looks < LOOKS) continue;
      Atomics.wait(sleeper, 0, 0, sleep);
      sleep = Math.min(sleep * 1.5, SLEEP_AT_MOST);
    }
    return this.#lines.shift() ?? "";
  }

  #take(text: string): void {
    const lines = `${this.#rest}${text}`.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#lines.push(line.trimEnd());
    if (this.#rest.length <= LINE_AT_MOST) return;
    throw this.fail("PROTOCOL", `a line without end: "${this.#rest.slice(0, 40)}…"`);
  }

  #alive(): Running {
    if (this.#running === undefined) throw new SubjectFailure("CRASH", "the process is no more");
    return this.#running;
  }

  #ended(request: string): SubjectFailure {
    const { place } = this.#alive();
    const status = Number(readFileSync(join(place, "ended"), "utf8"));
    const said = readFileSync(join(place, "err"), "utf8").trim().split("\n").slice(-1)[0].slice(0, 200);
    const how = status > 128 ? `was ended by ${signalName(status - 128)}` : `exited with status ${status}`;
    const last = said === "" ? "" : `; it said "${said}"`;
    return this.fail("CRASH", `the process ${how} when asked "${request}"${last}`);
  }
}

function signalName(signal: number): string {
  const named = Object.entries(system.signals).find(([, number]) => number === signal);
  return named?.[0] ?? `signal ${signal}`;
}

/** What the call gives, or undefined where it would have to wait. */
function attempt(call: () => number): number | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined;
    throw error;
  }
}
