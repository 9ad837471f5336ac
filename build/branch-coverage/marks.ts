/**
 * What a run says of every branch of the source, small enough to be kept: runs of a few tests each, today's and
 * yesterday's, are joined to one measurement. A source that has changed since has to be measured again.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Branch, branchesOf, type Place } from "./branches.js";
import { type Counts, countsBySource } from "./counts.js";
import { segmentsOf } from "./source-map.js";
import { type Verdict, verdictOf } from "./union.js";

/** A module of `impl`. */
export interface Source {
  /** Relative to `impl`: `engine/map.ts`. */
  readonly file: string;
  readonly hash: string;
  readonly lines: readonly string[];
  readonly branches: readonly Branch[];
}

/** One letter for each branch of a source, in order. */
interface SourceMarks {
  readonly hash: string;
  readonly letters: string;
}

/** By source. */
export type Marks = Readonly<Record<string, SourceMarks>>;

/** Verdicts, and what is said of modules that nothing loaded; the first that any run says is what holds. */
const LETTERS: Readonly<Record<string, Verdict>> = { t: "taken", m: "missed", a: "absent", u: "missed" };
const letterOf: Readonly<Record<Verdict, string>> = { taken: "t", missed: "m", absent: "a" };
const UNLOADED = "u";

/** The sources, as their maps name them; stamps are made of them and are none themselves. */
export async function sourcesOf(dist: string): Promise<readonly Source[]> {
  const found = await readdir(join(dist, "impl"), { recursive: true });
  const modules = found.filter((name) => name.endsWith(".js") && !name.endsWith(".stamp.js")).sort();
  return Promise.all(modules.map((name) => sourceOf(dist, name)));
}

async function sourceOf(dist: string, name: string): Promise<Source> {
  const compiled = join(dist, "impl", name);
  const text = await readFile(compiled, "utf8");
  const map = JSON.parse(await readFile(`${compiled}.map`, "utf8"));
  const source = String(map.sourcesContent?.[0] ?? "");
  return {
    file: name.replaceAll("\\", "/").replace(/\.js$/, ".ts"),
    hash: createHash("sha256").update(source).digest("hex").slice(0, 16),
    lines: source.split("\n"),
    branches: branchesOf(text, segmentsOf(map, text)),
  };
}

/** What counts say of sources. */
export function marksOf(sources: readonly Source[], counts: Counts): Marks {
  const scripts = counts.scripts.map(countsBySource);
  return Object.fromEntries(
    sources.map(({ file, hash, branches }) => {
      const counted = scripts.flatMap((of) => of.get(file) ?? []);
      return [file, { hash, letters: lettersOf(branches, counted) }];
    }),
  );
}

function lettersOf(branches: readonly Branch[], counted: readonly ReadonlyMap<Place, number>[]): string {
  if (counted.length === 0) return UNLOADED.repeat(branches.length);
  return branches.map((branch) => letterOf[verdictOf(branch, counted)]).join("");
}

/** What runs say together of the branches of a source, in order. */
export function verdictsOf({ file, hash, branches }: Source, runs: readonly Marks[]): readonly Verdict[] {
  const letters = runs.flatMap((marks) => {
    const marked = marks[file];
    return marked?.hash === hash ? [marked.letters] : [];
  });
  return branches.map((_, index) => {
    const said = Object.keys(LETTERS).find((letter) => letters.some((one) => one[index] === letter));
    return LETTERS[said ?? UNLOADED];
  });
}

/** A run that is kept. */
export interface SavedRun {
  /** What ran, and what it was made of: hashes of test files by name. */
  readonly ran: Readonly<Record<string, string>>;
  readonly marks: Marks;
}

export async function savedRuns(folder: string): Promise<readonly SavedRun[]> {
  if (!existsSync(folder)) return [];
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(folder, name), "utf8"))));
}

/** A run of the same tests takes the place of the one before. */
export async function saveRun(folder: string, run: SavedRun): Promise<void> {
  const name = createHash("sha256").update(Object.keys(run.ran).join(" ")).digest("hex").slice(0, 16);
  const file = join(folder, `${name}.json`);
  await mkdir(folder, { recursive: true });
  // Whoever resumes finds whole files only.
  await writeFile(`${file}.part`, JSON.stringify(run));
  await rename(`${file}.part`, file);
}

/** Whether a run has done this already, with the sources as they are. */
export function hasRun(
  runs: readonly SavedRun[],
  sources: readonly Source[],
  name: string,
  hash: string,
): boolean {
  return runs.some(
    ({ ran, marks }) =>
      ran[name] === hash && sources.every((source) => marks[source.file]?.hash === source.hash),
  );
}
