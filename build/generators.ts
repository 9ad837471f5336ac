/**
 * Makes generators of the functions of a stamp that come to a `step`, directly or through others, and lets every
 * call of one of them stand still with it. It reads the form in which the stamper writes a module: functions are
 * top-level constants, methods are indented by two blanks, and each ends with a bracket of its own line.
 */

interface Unit {
  /** `name` of a function, `.name` or `.#name` of a method. */
  readonly name: string;
  /** Where its first line, its body and what follows it begin, in lines. */
  readonly first: number;
  readonly body: number;
  readonly end: number;
}

const FUNCTION = /^const (\w+) = function(\*?) ?\(.*\) \{$/;
const METHOD = /^ {2}(get )?(#?\w+)\(.*\) \{$/;

/** The module with generators in place of all functions that come to `step`, which is one itself. */
export function withGenerators(source: string): string {
  const lines = source.split("\n");
  const units = unitsOf(lines);
  const stepping = steppingOf(lines, units);
  if (!stepping.has("step")) throw new Error("the stamp has no `step`");
  const calls = callOf(stepping);
  for (const { name, first, body, end } of units) {
    if (!stepping.has(name)) continue;
    lines[first] = asGenerator(lines[first]);
    const text = lines.slice(body, end).join("\n");
    // As many lines as before, so that the other units stand where they stood.
    for (const [index, line] of delegating(text, calls).split("\n").entries()) lines[body + index] = line;
  }
  return lines.join("\n");
}

function unitsOf(lines: readonly string[]): readonly Unit[] {
  const units: Unit[] = [];
  for (const [first, line] of lines.entries()) {
    const asFunction = FUNCTION.exec(line);
    const asMethod = METHOD.exec(line);
    if (asFunction !== null) {
      units.push({ name: asFunction[1], first, body: first + 1, end: lines.indexOf("};", first) });
    } else if (asMethod !== null) {
      units.push({ name: `.${asMethod[2]}`, first, body: first + 1, end: lines.indexOf("  }", first) });
    }
  }
  return units;
}

/** The names of all units that come to `step`. */
function steppingOf(lines: readonly string[], units: readonly Unit[]): ReadonlySet<string> {
  const stepping = new Set(["step"]);
  for (let before = 0; before < stepping.size; ) {
    before = stepping.size;
    const calls = callOf(stepping);
    for (const { name, body, end } of units) {
      if (lines.slice(body, end).some((line) => line.search(calls) >= 0)) stepping.add(name);
    }
  }
  return stepping;
}

/** Finds the beginning of a call, up to its bracket. */
function callOf(names: ReadonlySet<string>): RegExp {
  const all = [...names];
  const functions = all.filter((name) => !name.startsWith("."));
  const methods = all.filter((name) => name.startsWith(".")).map((name) => name.slice(1));
  const method = methods.length === 0 ? "" : `|\\w+(?:\\.#?\\w+)*\\.(?:${methods.join("|")})`;
  return new RegExp(`(?<![\\w.#])(?:(?:${functions.join("|")})${method})\\(`);
}

function asGenerator(header: string): string {
  if (/^ {2}(get |constructor\()/.test(header)) throw new Error(`cannot stand still: ${header.trim()}`);
  const isFunction = FUNCTION.test(header);
  return isFunction ? header.replace(/= function\*? ?\(/, "= function* (") : header.replace(/^ {2}/, "  *");
}

/** The text with `(yield* …)` around every call. */
function delegating(text: string, calls: RegExp): string {
  const found = calls.exec(text);
  if (found === null) return text;
  const open = found.index + found[0].length;
  const close = closingOf(text, open);
  const inside = delegating(text.slice(open, close), calls);
  const before = text.slice(0, found.index);
  return `${before}(yield* ${found[0]}${inside}))${delegating(text.slice(close + 1), calls)}`;
}

/** The bracket that closes the one before `from`; brackets in strings do not count. */
function closingOf(text: string, from: number): number {
  const tokens = /(["'`])(?:\\.|(?!\1).)*\1|[()]/g;
  tokens.lastIndex = from;
  let depth = 1;
  for (let token = tokens.exec(text); token !== null; token = tokens.exec(text)) {
    if (token[0] === "(") depth++;
    else if (token[0] === ")") depth--;
    if (depth === 0) return token.index;
  }
  throw new Error(`no bracket closes: ${text.slice(from - 40, from)}`);
}
