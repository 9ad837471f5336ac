/** The command line: what it answers, how it exits, and that a run depends on its seed alone. */
import { type ExecFileException, execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import test from "ava";
import { formatNames } from "../models/index.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const genpt = fileURLToPath(new URL("../esm/fuzz/cli/genpt.js", import.meta.url));
const vectors = join(root, "corpus/vectors/vtdss-4l.jsonl.gz");
const temporary = mkdtempSync(join(tmpdir(), "genpt-cli-"));

test.after.always(() => rmSync(temporary, { recursive: true, force: true }));

interface Run {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: "1" };
    const ended = (error: ExecFileException | null, stdout: string, stderr: string) =>
      resolve({ exit: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    execFile(process.execPath, [genpt, ...args], { env, cwd: temporary }, ended);
  });
}

function temporaryFile(name: string, contents: string | Uint8Array): string {
  const file = join(temporary, name);
  writeFileSync(file, contents);
  return file;
}

test("the same seed and number of operations give the same run, whatever the number of threads", async (t) => {
  const request = ["fuzz", "--config", "sv32", "--ops", "4100", "--json", "--seed"];
  const [one, three, other] = await Promise.all([
    run(...request, "s", "--workers", "1"),
    run(...request, "s", "--workers", "3"),
    run(...request, "t", "--workers", "3"),
  ]);
  t.is(one.exit, 0);
  t.is(three.stdout, one.stdout);
  t.is(JSON.parse(one.stdout).operations, 4100);
  t.not(JSON.parse(other.stdout).checksum, JSON.parse(one.stdout).checksum);
});

test("a campaign by time tells how fast it goes, and ends about then", async (t) => {
  const { exit, stderr } = await run("fuzz", "--config", "sv32", "--seconds", "0.3", "--workers", "1");
  t.is(exit, 0);
  t.regex(stderr, /^seed [0-9a-f]{8}, 1 configurations, 1 threads$/m);
  t.regex(
    stderr,
    /^[\d.]+ s {2}[\d_]+ operations {2}[\d_]+\/s {2}\d+ units {2}[\d_]+ states {2}0 findings$/m,
  );
});

test("an interrupt ends a campaign in order", async (t) => {
  const args = [genpt, "fuzz", "--config", "sv32", "--seconds", "600", "--workers", "1"];
  const child = spawn(process.execPath, args, { cwd: temporary, stdio: ["ignore", "ignore", "pipe"] });
  let told = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    told += text;
    if (/^seed/.test(text)) setTimeout(() => child.kill("SIGINT"), 300);
  });
  t.is(await new Promise((resolve) => child.on("close", resolve)), 0);
  t.regex(told, /ending/);
  t.regex(told, /0 findings\n$/);
});

const refused: readonly (readonly [why: string, args: readonly string[], message: RegExp])[] = [
  ["no command", [], /Usage: genpt/],
  ["an unknown command", ["nonsense"], /unknown command 'nonsense'/],
  ["an unknown option", ["fuzz", "--nonsense"], /unknown option '--nonsense'/],
  ["a number that is none", ["fuzz", "--ops", "many"], /--ops.*A whole number of at least 1/],
  ["no threads", ["fuzz", "--workers", "0"], /--workers.*at least 1/],
  ["a time and a number", ["fuzz", "--ops", "1", "--seconds", "1"], /cannot be used with/],
  ["an unknown format", ["fuzz", "--format", "arm"], /There are amdv1, .*and all/],
  ["an unknown configuration", ["fuzz", "--config", "none"], /no configuration "none"/],
  ["one of another format", ["fuzz", "--format", "riscv32", "--config", "sv39"], /sv32-queued/],
  ["a seed that fits no token", ["fuzz", "--seed", "a:b", "--ops", "1"], /is no seed/],
  ["neither token nor file", ["repro", "nonsense"], /no such file.*6 parts/],
  ["a token of no configuration", ["repro", "amdv1/none:1:s:0:1:00000000"], /no configuration "amdv1\/none"/],
  ["a file that is no program", ["repro", join(root, "package.json")], /package\.json: unknown key/],
  ["a recording that is not there", ["conform", "none.jsonl"], /none\.jsonl: ENOENT/],
  ["a file that is no recording", ["conform", join(root, "README.md")], /README\.md:1: not JSON/],
  ["a configuration that is not tiny", ["exhaustive", "--config", "sv39"], /is not tiny/],
];

for (const [why, args, message] of refused) {
  test(`refused with a sentence: ${why}`, async (t) => {
    const { exit, stdout, stderr } = await run(...args);
    t.is(exit, 2);
    t.is(stdout, "");
    t.regex(stderr, message);
    t.notRegex(stderr, /\n {4}at /);
  });
}

test("a recording that is cut off is refused with its file and line", async (t) => {
  const whole = readFileSync(vectors);
  const packed = await run("conform", temporaryFile("cut.jsonl.gz", whole.subarray(0, whole.length >> 1)));
  t.is(packed.exit, 2);
  t.regex(packed.stderr, /cut\.jsonl\.gz:\d+: /);
  const text = gunzipSync(whole).toString();
  const plain = await run("conform", temporaryFile("cut.jsonl", text.slice(0, text.length >> 1)));
  t.is(plain.exit, 2);
  t.regex(plain.stderr, /cut\.jsonl:\d+: not JSON/);
});

test("a recording that differs is shown as a table diff, and the exit status says so", async (t) => {
  const same = await run("conform", vectors);
  t.is(same.exit, 0);
  t.regex(same.stdout, /agrees/);
  const changed = gunzipSync(readFileSync(vectors))
    .toString()
    .replace(/"unmapped":"0x[1-9a-f]/, '"unmapped":"0xf');
  const { exit, stdout } = await run("conform", temporaryFile("changed.jsonl", changed));
  t.is(exit, 1);
  t.regex(stdout, /DIFFERS/);
  t.regex(stdout, /expected .*\n +got /);
});

test("a program replays from its file, step by step if asked", async (t) => {
  const { exit, stdout } = await run("repro", join(root, "docs/example-finding.json"), "--trace");
  t.is(exit, 0);
  t.regex(stdout, /^1 {2}map 0x0000_0000_0000 → 0xfffc_1000 256 KiB rw$/m);
  t.regex(stdout, /^passes: everyone agrees over 1 operation$/m);
});

test("the formats are listed, for people and as JSON", async (t) => {
  const [text, json] = await Promise.all([run("formats"), run("formats", "--json")]);
  const facts: { format: string }[] = JSON.parse(json.stdout);
  t.deepEqual(
    facts.map(({ format }) => format),
    formatNames,
  );
  for (const { format } of facts) t.regex(text.stdout, new RegExp(`^${format}$`, "m"));
});

test("every command has help with examples", async (t) => {
  const commands = ["fuzz", "repro", "conform", "exhaustive", "formats", "findings", "report"];
  const helps = await Promise.all(commands.map((command) => run(command, "--help")));
  for (const [index, command] of commands.entries()) {
    const { exit, stdout } = helps[index];
    t.is(exit, 0);
    t.regex(stdout, new RegExp(`Examples:\\n {2}\\$ genpt ${command}`));
  }
});
