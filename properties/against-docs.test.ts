/** The commands of the pages on other implementations run, and print what the pages show. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { canWords, judgeWords } from "../fuzz/against/protocol.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const genpt = fileURLToPath(new URL("../esm/fuzz/cli/genpt.js", import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "genpt-against-docs-"));
for (const folder of ["fuzz", "docs", "corpus"]) symlinkSync(join(root, folder), join(temporary, folder));

test.after.always(() => rmSync(temporary, { recursive: true, force: true }));

interface Shown {
  readonly command: string;
  readonly output: readonly string[];
}

/** Every command of a page's shell blocks, with the lines that it shows below. */
function shownIn(page: string): readonly Shown[] {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
  return blocks.flatMap((code) =>
    code
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command, ...output] = part.trimEnd().split("\n");
        return { command, output };
      }),
  );
}

function run(command: string) {
  const script = `npx() { shift; "${process.execPath}" "${genpt}" "$@"; }\n${command}`;
  const env = { ...process.env, NO_COLOR: "1" };
  return spawnSync("sh", ["-c", script], { cwd: temporary, env, encoding: "utf8" });
}

const hasCompiler = spawnSync("cc", ["--version"]).error === undefined;

for (const page of ["docs/against.md", "docs/vectors.md"]) {
  test.serial(`${page}: every command runs and prints what is shown`, (t) => {
    const shown = shownIn(page);
    t.true(shown.length >= 3);
    if (page === "docs/against.md" && !hasCompiler) {
      t.log("not run: there is no C compiler here");
      return;
    }
    for (const { command, output } of shown) {
      const { stdout, stderr, status } = run(command);
      const printed = `${stdout}${stderr}`;
      for (const line of output)
        t.true(printed.includes(line), `${command}\n  must print: ${line}\n${printed}`);
      const isFinding = output.some((line) => line.includes("violated"));
      t.is(status, isFinding ? 1 : 0, `${command}\n${printed}`);
    }
  });
}

const refused: readonly (readonly [args: string, message: RegExp])[] = [
  ["fuzz --against true --config x86-64/vtdfs-4l --ops 10", /true: the process exited with status 0/],
  ["fuzz --against cat --workers 2 --ops 10", /'--against <command>' cannot be used with option '--workers/],
  ["repro --against true docs/example-finding.json", /true: the process exited with status 0/],
  ["export", /a token, a program's file or --config is needed/],
  ["export --config dart1/pgd1-36", /no configuration|not dart1/],
  ["export nowhere.json", /no such file/],
];

for (const [args, message] of refused) {
  test.serial(`$ npx genpt ${args} is refused with a sentence`, (t) => {
    const { status, stderr } = run(`npx genpt ${args}`);
    t.is(status, 2, stderr);
    t.regex(stderr, message);
  });
}

test("the page names every word that an implementation may say", (t) => {
  const text = readFileSync(join(root, "docs/against.md"), "utf8");
  for (const word of canWords) t.true(text.includes(`can ${word}`), word);
  for (const word of judgeWords) t.true(text.includes(`judge ${word}`), word);
});
