/** README and docs say what is so: their commands and examples run, their generated parts are current, their links lead somewhere. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { GENERATED_DOCUMENTS, withGenerated } from "../build/generated-docs.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const documents = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)].filter(
  (path) => path.endsWith(".md"),
);

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The code blocks of one language in all documents. */
function blocks(language: string): readonly { readonly path: string; readonly code: string }[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm");
  return documents.flatMap((path) => [...read(path).matchAll(fence)].map(([, code]) => ({ path, code })));
}

/** Every line after a prompt. */
function commands(): readonly string[] {
  const lines = blocks("console").flatMap(({ code }) => code.split("\n"));
  const shown = lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2).trim());
  return [...new Set(shown.flatMap((line) => line.split(" && ")))];
}

const { scripts }: { scripts: Record<string, string> } = JSON.parse(read("package.json"));
/** What `.ci/run` runs itself, and this test would run itself by. */
const OF_CI = ["npm ci", "npm run check", "npm test"];
const GENPT = "dist/esm/fuzz/cli/genpt.js";

/** The arguments with which Node does what the command says, in little time; undefined for no such command. */
function inShort(command: string): readonly string[] | undefined {
  const [program, ...args] = command.split(" ");
  if (program === "npx" && args[0] === "genpt") return withBudget([GENPT, ...args.slice(1)]);
  if (program !== "npm" || args[0] !== "run" || !Object.hasOwn(scripts, args[1])) return undefined;
  const node = /&& node (\S+\.js.*)$/.exec(scripts[args[1]])?.[1].split(" ");
  const rest = args[2] === "--" ? args.slice(3) : [];
  return node === undefined ? undefined : withBudget([...node, ...rest]);
}

const BUDGET: Readonly<Record<string, string>> = {
  "--seconds": "0.05",
  "--hours": "0.00001",
  "--ops": "300",
  "--depth": "1",
  "--workers": "1",
};

function withBudget(args: readonly string[]): readonly string[] {
  const short = args.map((arg, index) => BUDGET[args[index - 1]] ?? arg);
  // What takes long is tested elsewhere: here it is only asked for its help, or given one recording of all.
  if (/^dist\/(bench\/|build\/(coverage|nightly)\.js$)/.test(args[0])) return [...short, "--help"];
  if (short[1] === "fuzz") {
    // A campaign that is given no end takes a minute, and by itself it takes all cores.
    const isEnded = ["--seconds", "--hours", "--ops"].some((option) => short.includes(option));
    const workers = short.includes("--workers") ? [] : ["--workers", "1"];
    return [...short, ...(isEnded ? [] : ["--ops", "300"]), ...workers];
  }
  return args.at(-1) === "conform" ? [...short, "corpus/vectors/vtdss-4l.jsonl.gz"] : short;
}

test("there are documents, commands and examples", (t) => {
  t.true(documents.length >= 7 && commands().length >= 10 && blocks("js").length >= 2);
});

for (const command of commands()) {
  test(`$ ${command}`, async (t) => {
    if (OF_CI.includes(command)) {
      t.true(
        read(".ci/run")
          .split("\n")
          .some((line) => line.startsWith(command)),
      );
      return;
    }
    const args = inShort(command);
    if (args === undefined) {
      t.fail("nobody knows how to run this");
      return;
    }
    const env = { ...process.env, NO_COLOR: "1" };
    const { stdout, stderr } = await run(process.execPath, args, { cwd: root, env });
    t.true(stdout.length + stderr.length > 0);
  });
}

for (const [index, { path, code }] of blocks("js").entries()) {
  test(`${path}: example ${index + 1} prints what its comments say`, async (t) => {
    // Inside the package, so that it finds itself by its name.
    const file = join(root, "dist", "examples", `${index + 1}.mjs`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code);
    const said = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);
    const { stdout } = await run(process.execPath, [file]);
    t.deepEqual(stdout.trimEnd().split("\n"), said);
  });
}

for (const path of GENERATED_DOCUMENTS) {
  test(`${path} is current: npm run docs writes it anew`, (t) => {
    t.is(read(path), withGenerated(read(path)));
  });
}

test("links and paths lead somewhere", (t) => {
  for (const path of documents) {
    const text = read(path);
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
      t.true(existsSync(join(root, dirname(path), target)), `${path}: ${target}`);
    }
    const paths = /`((?:impl|reference|models|properties|fuzz|corpus|bench|build|docs)\/[\w./-]+)`/g;
    for (const [, named] of text.matchAll(paths)) {
      if (!named.includes("NAME")) t.true(existsSync(join(root, named)), `${path}: ${named}`);
    }
  }
});

test("the example has ten lines at most", (t) => {
  const [first] = blocks("js").filter(({ path }) => path === "README.md");
  t.true(first.code.split("\n").filter((line) => line.trim() !== "").length <= 10);
});
