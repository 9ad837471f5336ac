/**
 * How often each place of the source has run in each script that was made of it: what V8's coverage says of
 * offsets, summed over processes.
 */
import { existsSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Place, placeOf } from "./branches.js";
import { type Segment, segmentsOf } from "./source-map.js";

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

/** As the inspector's protocol and `NODE_V8_COVERAGE` have it. */
export interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly Range[] }[];
}

/** A stamp, or a module of the source as it was compiled. */
export interface Script {
  readonly segments: readonly Segment[];
  /** By segment. */
  readonly counts: Float64Array;
}

/** Sources are known by their path behind this folder. */
const FOLDER = "impl/";

export class Counts {
  readonly #scripts = new Map<string, Script | undefined>();
  readonly #dist: string;

  /** Counts for the scripts of a build, `dist`. */
  constructor(dist: string) {
    this.#dist = dist;
  }

  get scripts(): readonly Script[] {
    return [...this.#scripts.values()].filter((script) => script !== undefined);
  }

  /** Adds what a folder of `NODE_V8_COVERAGE` holds. */
  async addFolder(folder: string): Promise<void> {
    for (const name of await readdir(folder)) {
      for (const script of scriptsIn(await readFile(join(folder, name), "utf8"))) this.#add(script);
    }
  }

  #add({ url, functions }: ScriptCoverage): void {
    const script = this.#scriptOf(url);
    if (script === undefined) return;
    const { segments, counts } = script;
    addCounts(
      functions.flatMap(({ ranges }) => ranges),
      segments,
      counts,
    );
  }

  #scriptOf(url: string): Script | undefined {
    if (!this.#scripts.has(url)) this.#scripts.set(url, loadScript(url, this.#dist));
    return this.#scripts.get(url);
  }
}

/** What a process that was killed left behind may be half a file, and counts for nothing. */
function scriptsIn(text: string): readonly ScriptCoverage[] {
  try {
    const { result }: { result: readonly ScriptCoverage[] } = JSON.parse(text);
    return result;
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/** Undefined for what is not made of `impl`, or is made of it with a mistake put in. */
function loadScript(url: string, dist: string): Script | undefined {
  if (!url.startsWith("file://")) return undefined;
  const file = fileURLToPath(url.replace(/\?.*$/, ""));
  // The stamps of the interleavings' test are made when it runs; those beside them have mistakes in them.
  const inside = /^\/((esm\/)?impl|stepped\/interleavings)\/.*\.js$/;
  if (!file.startsWith(dist) || !inside.test(file.slice(dist.length)) || !existsSync(`${file}.map`))
    return undefined;
  const segments = segmentsOf(
    JSON.parse(readFileSync(`${file}.map`, "utf8")),
    readFileSync(file, "utf8"),
  ).flatMap((segment) => {
    const source = sourceName(segment.source, file.slice(dist.length));
    return source === undefined ? [] : [{ ...segment, source }];
  });
  return { segments, counts: new Float64Array(segments.length) };
}

/** `engine/map.ts`, from how a map names it: relative to the script. */
function sourceName(source: string, script: string): string | undefined {
  const path = source.replaceAll("\\", "/");
  if (!path.endsWith(".ts")) return undefined;
  const at = path.lastIndexOf(FOLDER);
  if (at >= 0) return path.slice(at + FOLDER.length);
  // A map beside its compiled module names a file of the same folder.
  const folder = script.slice(script.indexOf(FOLDER) + FOLDER.length).replace(/[^/]*$/, "");
  return `${folder}${path.split("/").at(-1)}`;
}

/** Adds to each segment how often the innermost range around it ran. */
function addCounts(ranges: readonly Range[], segments: readonly Segment[], counts: Float64Array): void {
  const ordered = [...ranges].sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  const open: Range[] = [];
  let next = 0;
  for (const [index, { offset }] of segments.entries()) {
    while (next < ordered.length && ordered[next].startOffset <= offset) open.push(ordered[next++]);
    while (open.length > 0 && (open.at(-1)?.endOffset ?? 0) <= offset) open.pop();
    counts[index] += open.at(-1)?.count ?? 0;
  }
}

/** For each source that a script is made of: how often each of its places ran. */
export function countsBySource({
  segments,
  counts,
}: Script): ReadonlyMap<string, ReadonlyMap<Place, number>> {
  const found = new Map<string, Map<Place, number>>();
  for (const [index, segment] of segments.entries()) {
    let places = found.get(segment.source);
    if (places === undefined) {
      places = new Map();
      found.set(segment.source, places);
    }
    const place = placeOf(segment);
    places.set(place, Math.max(places.get(place) ?? 0, counts[index]));
  }
  return found;
}
