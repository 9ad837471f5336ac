/**
 * The rules of the house that no formatter, linter or compiler knows: who may import whom, how long a file may be,
 * and what must not stand in one.
 */

/** A file of the project, its path relative to the root with slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Which rule a file breaks, where. */
export interface Breach {
  readonly path: string;
  /** Counts from 1; 0 where the file as a whole is meant. */
  readonly line: number;
  readonly message: string;
}

const LINES_AT_MOST = 500;
const REFERENCE_LINES_AT_MOST = 600;
/** The reference itself; `page-by-page.ts` is the yardstick that it is checked against. */
const REFERENCE = ["reference", "geometry", "leaves", "tables", "index"].map(
  (name) => `reference/${name}.ts`,
);

/** What a folder may import from, beside itself; types of the operation language may go everywhere. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  impl: [],
  reference: [],
  models: [],
  build: ["fuzz"],
  properties: ["impl", "reference", "models", "fuzz", "build", "bench"],
  fuzz: ["impl", "reference", "models"],
  bench: ["impl", "reference", "models", "fuzz"],
};
const LANGUAGE = ["models/operations.js", "models/configuration.js"];

/** `import [type] … from "x"`, `export … from "x"`, `import "x"` and `import("x")`. */
const IMPORT =
  /^(?:import|export)(\s+type\b)?[^"'`;=()]*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm;

/** Packages that the models use; `impl` and `reference` have none. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  impl: [],
  reference: [],
  models: ["seedrandom", "fast-check"],
};

/** What must not stand in files whose path matches, and why. */
const FORBIDDEN: readonly { readonly where: RegExp; readonly text: RegExp; readonly why: string }[] = [
  {
    where: /^(impl|reference|models)\/.*\.ts$/,
    text: /\b(Date\.now|new Date\b|Math\.random|performance\.now|process\.|globalThis\.crypto)/,
    why: "a seed decides everything: no clock, no chance, no environment",
  },
  {
    where: /^impl\/(engine|formats)\/.*\.ts$/,
    // The address of the root, as a register has it, is the one exception.
    text: /^(?!.*\broot\b).*(\b\d[\d_]*n\b|\b0x[\da-fA-F_]+n\b|\bBigInt\b)/,
    why: "the engine and the formats compute with words, not with bigint",
  },
  {
    where: /\.ts$/,
    text: /@ts-(ignore|expect-error|nocheck)|biome-ignore|eslint-disable/,
    why: "checks are met, not silenced",
  },
  { where: /\.ts$/, text: /\bas (any|unknown as)\b|<any>/, why: "narrow instead of casting" },
  { where: /\.ts$/, text: /\b(TODO|FIXME|XXX|HACK)\b/, why: "done, or said in docs/claims.md" },
  { where: /\.test\.ts$/, text: /\btest\.(only|todo|skip|failing)\b/, why: "every test runs" },
  {
    where: /./,
    text: /(?<![\w./-])\/(home|root|work|Users|tmp|mnt|opt)\/\w/,
    why: "no path of somebody's machine",
  },
  { where: /./, text: /https?:\/\/registry\.|https?:\/\/(localhost|127\.)/, why: "no registry, no host" },
];

/** The rules' own words, which break them. */
const EXEMPT = ["build/house-rules.ts", "properties/house-rules.test.ts"];

/** Every breach of the house rules in these files. */
export function breaches(files: readonly SourceFile[]): readonly Breach[] {
  return [...files.flatMap(breachesOf), ...referenceLength(files)];
}

function breachesOf(file: SourceFile): readonly Breach[] {
  const isSource = /\.(ts|c|md|json)$/.test(file.path) && file.path !== "package-lock.json";
  const found = isSource ? lengthOf(file) : [];
  if (EXEMPT.includes(file.path)) return found;
  if (file.path.endsWith(".ts")) found.push(...importsOf(file));
  return [...found, ...wordsOf(file)];
}

function lengthOf({ path, text }: SourceFile): Breach[] {
  const lines = lineCount(text);
  if (lines <= LINES_AT_MOST) return [];
  return [{ path, line: 0, message: `${lines} lines; a file has at most ${LINES_AT_MOST}` }];
}

function referenceLength(files: readonly SourceFile[]): readonly Breach[] {
  const lines = files
    .filter(({ path }) => REFERENCE.includes(path))
    .reduce((sum, { text }) => sum + lineCount(text), 0);
  if (lines <= REFERENCE_LINES_AT_MOST) return [];
  const message = `the reference has ${lines} lines; it stays plain up to ${REFERENCE_LINES_AT_MOST}`;
  return [{ path: "reference", line: 0, message }];
}

function importsOf({ path, text }: SourceFile): readonly Breach[] {
  const folder = path.split("/")[0];
  const allowed = MAY_IMPORT[folder];
  if (allowed === undefined) return [];
  const found: Breach[] = [];
  for (const match of text.matchAll(IMPORT)) {
    const target = match[2] ?? match[3] ?? match[4];
    const isType = match[1] !== undefined;
    const line = lineCount(text.slice(0, match.index)) + (match.index === 0 ? 0 : 1);
    const message = importBreach(path, folder, allowed, target, isType);
    if (message !== undefined) found.push({ path, line, message });
  }
  return found;
}

function importBreach(
  path: string,
  folder: string,
  allowed: readonly string[],
  target: string,
  isType: boolean,
): string | undefined {
  if (!target.startsWith(".")) {
    const packages = PACKAGES[folder];
    if (packages === undefined || packages.includes(target)) return undefined;
    return `${folder} imports no ${target}`;
  }
  const resolved = resolve(path, target);
  const other = resolved.split("/")[0];
  if (other === folder || allowed.includes(other)) return undefined;
  if (isType && LANGUAGE.includes(resolved)) return undefined;
  return `${folder} imports nothing from ${other}${LANGUAGE.includes(resolved) ? " but types" : ""}`;
}

/** The path that a relative import means, from the root. */
function resolve(path: string, target: string): string {
  const parts = path.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function wordsOf({ path, text }: SourceFile): readonly Breach[] {
  const found: Breach[] = [];
  for (const { where, text: pattern, why } of FORBIDDEN) {
    if (!where.test(path)) continue;
    for (const [index, line] of text.split("\n").entries()) {
      const match = pattern.exec(line);
      if (match !== null) found.push({ path, line: index + 1, message: `"${match[0]}": ${why}` });
    }
  }
  return found;
}

function lineCount(text: string): number {
  const lines = text.split("\n").length;
  return text.endsWith("\n") ? lines - 1 : lines;
}
