/** The tool that says which branches are taken must see one that is not: in no stamp, or in a module nobody loads. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { transformSync } from "esbuild";
import { Counts } from "../build/branch-coverage/counts.js";
import { hasRun, marksOf, savedRuns, saveRun, sourcesOf } from "../build/branch-coverage/marks.js";
import { coverageOf, isComplete, textOf } from "../build/branch-coverage/report.js";

const SOURCE = `
const WIDE = 0 as number;
export function sized(count: number, isOld = false): number {
  if (count > 100) count = 100;
  if (isOld) {
    return count;
  } else if (count < 0) {
    return 0;
  }
  const least = count === 7 ? 8 : count;
  for (let left = count; left > 1000; left--) count++;
  switch (count) {
    case 1:
      return least;
    case 2:
      return WIDE !== 0 && least > 1 ? 3 : 4;
  }
  return count || least;
}
export const never = (): number => 1;
`;

const UNLOADED = "export function asked(yes: boolean): number { return yes ? 1 : 2; }\n";

/** Runs both stamps of the source, each with calls of its own, and gives what the tool says. */
async function measured(folder: string, exceptions: Parameters<typeof coverageOf>[2]) {
  const dist = join(folder, "dist");
  mkdirSync(join(dist, "impl/stamps"), { recursive: true });
  writeFileSync(join(dist, "package.json"), '{ "type": "module" }');
  writeModule(join(dist, "impl/sized.js"), SOURCE, "sized.ts");
  writeModule(join(dist, "impl/unloaded.js"), UNLOADED, "unloaded.ts");
  const stamps = ["0", "1"].map((wide) => SOURCE.replace("WIDE = 0 as number", `WIDE = ${wide}`));
  for (const [index, source] of stamps.entries()) {
    writeModule(join(dist, `impl/stamps/${index}.stamp.js`), source, "../../../impl/sized.ts", true);
  }
  const calls = ["one.sized(5); one.sized(500); one.sized(2);", "two.sized(3); two.sized(-1); two.sized(2);"];
  for (const [index, call] of calls.entries()) {
    const script = join(dist, `run${index}.js`);
    const imports = ["one", "two"].map(
      (name, at) => `import * as ${name} from "./impl/stamps/${at}.stamp.js";`,
    );
    writeFileSync(script, `${imports.join("\n")}\n${call}\n`);
    execFileSync(process.execPath, [script], {
      env: { ...process.env, NODE_V8_COVERAGE: join(folder, `v8-${index}`) },
    });
  }
  const sources = await sourcesOf(dist);
  const runs = await Promise.all(
    calls.map(async (_, index) => {
      const counts = new Counts(dist);
      await counts.addFolder(join(folder, `v8-${index}`));
      return { ran: { [`run${index}`]: "" }, marks: marksOf(sources, counts) };
    }),
  );
  const saved = join(folder, "saved");
  for (const run of runs) await saveRun(saved, run);
  return { sources, runs: await savedRuns(saved), exceptions };
}

function joined({ sources, runs, exceptions }: Awaited<ReturnType<typeof measured>>) {
  const marks = runs.map((run) => run.marks);
  return coverageOf(sources, marks, exceptions);
}

function writeModule(file: string, source: string, name: string, minifySyntax = false): void {
  const { code, map } = transformSync(source, {
    loader: "ts",
    sourcemap: true,
    sourcefile: name,
    minifySyntax,
  });
  writeFileSync(file, `${code}//# sourceMappingURL=none\n`);
  writeFileSync(`${file}.map`, map);
}

test("branches that no stamp takes are named, whichever stamp and process took the others", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "genpt-branches-"));
  try {
    const whole = await measured(folder, [
      {
        file: "sized.ts",
        line: "const least = count === 7 ? 8 : count;",
        kind: "then",
        reason: "sevens are odd",
      },
      { file: "sized.ts", line: "if (count > 100) count = 100;", kind: "else", reason: "stale" },
    ]);
    const coverage = joined(whole);
    const missed = coverage.files.flatMap(({ missed: branches }) =>
      branches.map(({ file, line, kind }) => `${file}:${line} ${kind}`),
    );
    t.deepEqual(missed, [
      "sized.ts:5 then",
      "sized.ts:10 then",
      "sized.ts:11 body",
      "sized.ts:13 case",
      "sized.ts:18 right",
      "sized.ts:20 function",
      "unloaded.ts:1 function",
      "unloaded.ts:1 then",
      "unloaded.ts:1 else",
    ]);
    t.deepEqual(
      coverage.stale.map(({ reason }) => reason),
      ["stale"],
    );
    t.false(isComplete(coverage));
    t.regex(
      textOf(coverage),
      /impl\/sized\.ts:10:\d+ {2}then is never taken\n.*\n {4}excused: sevens are odd/,
    );
    t.regex(textOf(coverage), / 1 excused, 8 missed, 1 stale exceptions/);
    // What is kept of one run misses what only the other took; of a source that has changed it says nothing.
    const missedBy = (part: Partial<typeof whole>) =>
      joined({ ...whole, ...part }).files.flatMap(({ missed: branches }) => branches).length;
    t.is(missedBy({}), 9);
    for (const run of whole.runs) t.true(missedBy({ runs: [run] }) > 9);
    const changed = whole.sources.map((source) => ({ ...source, hash: "changed" }));
    t.is(missedBy({ sources: changed }), missedBy({ runs: [] }));
    t.true(hasRun(whole.runs, whole.sources, "run0", ""));
    t.false(hasRun(whole.runs, whole.sources, "run0", "another"));
    t.false(hasRun(whole.runs, changed, "run0", ""));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
