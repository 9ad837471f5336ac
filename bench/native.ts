/** The yardstick in C: `walk.c`, compiled when the benchmark runs. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Effort, type Figures, figuresOf } from "./measure.js";

/** The source is not compiled by the build, so it is where it was written, two folders up. */
const SOURCE = fileURLToPath(new URL("../../bench/walk.c", import.meta.url));

const COMPILER = "cc";

/** The yardstick, or why there is none. */
export class NativeWalk {
  readonly #samples = new Map<string, number[]>();
  #folder: string | undefined;
  #missing: string | undefined;

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), "genpt-bench-"));
    this.#folder = folder;
    const compiled = spawnSync(COMPILER, ["-O2", "-o", join(folder, "walk"), SOURCE], { encoding: "utf8" });
    if (compiled.error !== undefined) this.#missing = `no C compiler (${COMPILER})`;
    else if (compiled.status !== 0) this.#missing = `${COMPILER} failed: ${compiled.stderr.split("\n")[0]}`;
  }

  /** Why there are no figures, or undefined. */
  get missing(): string | undefined {
    return this.#missing;
  }

  /** Adds one round to the figures. */
  measure(effort: Effort): void {
    if (this.#folder === undefined || this.#missing !== undefined) return;
    const batches = Math.ceil(Math.min(effort.roundMs, 30) / effort.batchMs);
    const program = join(this.#folder, "walk");
    const output = execFileSync(program, [`${batches}`, `${effort.batchMs * 1000}`], { encoding: "utf8" });
    for (const line of output.trim().split("\n")) {
      const [levels, step, ...figures] = line.split(" ");
      const key = `${levels} ${step}`;
      this.#samples.set(key, [...(this.#samples.get(key) ?? []), ...figures.map(Number)]);
    }
  }

  /** Of a step at a depth: `page`, `pages`, `contiguous` (pairs) or `lookup`. */
  figures(levels: number, step: string): Figures | undefined {
    const samples = this.#samples.get(`${levels} ${step}`);
    return samples === undefined ? undefined : figuresOf(samples);
  }

  close(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true });
    this.#folder = undefined;
  }
}
