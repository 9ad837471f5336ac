/**
 * The classic mutants: one operator of the engine or of a format changed for another. They are made by looking at
 * the compiled text, word by word; a few make no sense to the compiler's eye and none is left out for it. Which of
 * them is equivalent to what it changes only a reader can say (`equivalents.ts`).
 */
import { createHash } from "node:crypto";
import type { Patch } from "./mutant.js";

export interface OperatorMutant {
  /** Says where what was changed. */
  readonly key: string;
  /** The line, an arrow, and what becomes of it. */
  readonly change: string;
  readonly file: string;
  /** The function in which the change is. */
  readonly inFunction: string;
  readonly patch: Patch;
}

interface Operator {
  readonly pattern: RegExp;
  readonly replacements: (found: string) => readonly string[];
}

const swaps = (pattern: RegExp, table: Readonly<Record<string, readonly string[]>>): Operator => ({
  pattern,
  replacements: (found) => table[found.trim()]?.map((other) => found.replace(found.trim(), other)) ?? [],
});

const operators: readonly Operator[] = [
  // Comparisons.
  swaps(/ (===|!==|<=|>=|<|>) /g, {
    "===": ["!=="],
    "!==": ["==="],
    "<": ["<="],
    "<=": ["<"],
    ">": [">="],
    ">=": [">"],
  }),
  // Masks and shifts. "| 0" only says that a number is an integer.
  swaps(/ (&|\||<<|>>>)(?! 0\b) /g, { "&": ["|"], "|": ["&"], "<<": [">>"], ">>>": ["<<"] }),
  { pattern: /~(?=[\w(])/g, replacements: () => [""] },
  // Logic.
  swaps(/ (&&|\|\|) /g, { "&&": ["||"], "||": ["&&"] }),
  { pattern: /(?<=[(&|] ?)!(?=[\w(])/g, replacements: () => [""] },
  // Sums, and off by one. 32 stands in counts of shifts, which are taken modulo 32: more is less.
  swaps(/ [+-] (?!(?:1|32)\b)/g, { "+": ["-"], "-": ["+"] }),
  { pattern: /(?<= [+-] )1\b(?!\.)/g, replacements: () => ["0", "2"] },
  // Words the wrong way round; names in braces have no order.
  {
    pattern: /\b(\w+)Low, \1High\b(?![^\n({]*\})/g,
    replacements: (found) => [found.split(", ").reverse().join(", ")],
  },
  // What is left undone. Whoever enters a table tells only those who observe it.
  { pattern: /(?<=^ +)(?!enterTable\()[\w.#]+\([^;\n]*\);(?=\n)/gm, replacements: () => [";"] },
  { pattern: /(?<=^ +)(break|continue);(?=\n)/gm, replacements: () => [";"] },
  {
    pattern: /\breturn (true|false);/g,
    replacements: (found) => [found.includes("true") ? "return false;" : "return true;"],
  },
];

/**
 * What making a table takes (fields of registers, which root a width gets, options that exclude each other): no
 * program makes tables, examples hold it.
 */
const ofMaking =
  /^(registersOf|conflictOf|rootLevelFor|demandsConcatenation|baseOf|granuleField|fetchesOuter)$/;
/** What only threads come to; their interleavings are explored elsewhere (`fuzz/concurrency`). */
const ofThreads = /^(tableOfAnother|noteLinked|adoptTop)$/;
/** Functions that every format must have, and the constant by which the engine leaves them alone. */
const unlessOffered: readonly (readonly [functions: RegExp, off: RegExp])[] = [
  [/^(isDirty|dirtied|cleaned)$/, /^export const tracksDirty = false;/m],
  [/^(isMarkedClean|markedClean)$/, /^export const incoherent = false;/m],
];

/** Every operator mutant of a compiled module; `file` is its path in `impl`, without extension. */
export function operatorMutants(file: string, text: string): readonly OperatorMutant[] {
  const code = withoutWords(text);
  const off = unlessOffered.filter(([, constant]) => constant.test(text)).map(([names]) => names.source);
  const unreached = new RegExp(off.join("|") || "^$");
  const found: OperatorMutant[] = [];
  for (const { pattern, replacements } of operators) {
    for (const match of code.matchAll(pattern)) {
      const at = match.index;
      const inFunction = functionAt(code, at);
      if (inFunction === undefined) continue;
      if ([ofMaking, ofThreads, unreached].some((left) => left.test(inFunction))) continue;
      for (const replace of replacements(match[0])) {
        found.push(mutantAt(file, text, { file, find: match[0], replace, at }, inFunction));
      }
    }
  }
  return found;
}

function mutantAt(
  file: string,
  text: string,
  patch: Patch & { readonly at: number },
  inFunction: string,
): OperatorMutant {
  const { at, find, replace } = patch;
  const begin = beginOf(text, at);
  const end = text.indexOf("\n", at + find.length);
  const line = inOneLine(text.slice(begin, end));
  const becomes = inOneLine(text.slice(begin, at) + replace + text.slice(at + find.length, end));
  const change = `${line} → ${becomes}`;
  return { key: `${file} ${inFunction}: ${change}`, change, file, inFunction, patch };
}

/** Where the line begins, or the one before it of a statement that says nothing without its condition. */
function beginOf(text: string, at: number): number {
  const line = text.lastIndexOf("\n", at) + 1;
  return /^ +(?:break|continue);/.test(text.slice(line, line + 40))
    ? text.lastIndexOf("\n", line - 2) + 1
    : line;
}

function inOneLine(code: string): string {
  return code.trim().replace(/\s*\n\s*/g, " ");
}

/** The text with blanks in place of comments, strings and imports, so that places stay. */
function withoutWords(text: string): string {
  const words =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|^import [^;]*;|^export \{[^}]*\}[^\n]*/gm;
  return text.replace(words, (found) => found.replace(/[^\n]/g, " "));
}

/** The function or method that the place is in, by the last head before it; undefined outside of all. */
function functionAt(code: string, at: number): string | undefined {
  const heads = [
    ...code.slice(0, at).matchAll(/^(?:export )?function (\w+)\(|^ {4}(?:get )?(#?\w+)\([^\n]*\) \{$|^\}/gm),
  ];
  const last = heads.at(-1);
  return last?.[1] ?? last?.[2];
}

/** So many of them, chosen by a seed and nothing else. */
export function sampled(
  mutants: readonly OperatorMutant[],
  count: number,
  seed: string,
): readonly OperatorMutant[] {
  const rank = ({ key }: OperatorMutant) => createHash("sha256").update(`${seed}:${key}`).digest("hex");
  return mutants
    .map((mutant) => ({ mutant, rank: rank(mutant) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .slice(0, count)
    .map(({ mutant }) => mutant);
}
