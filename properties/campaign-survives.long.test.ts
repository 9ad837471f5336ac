/** A campaign that is killed loses nothing: it goes on, and ends as the one that nobody interrupted. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";

const genpt = fileURLToPath(new URL("../esm/fuzz/cli/genpt.js", import.meta.url));
const database = new URL("../fuzz/campaign/database.js", import.meta.url).href;
const temporary = mkdtempSync(join(tmpdir(), "genpt-campaign-"));
const environment = { ...process.env, NO_COLOR: "1" };

test.after.always(() => rmSync(temporary, { recursive: true, force: true }));

interface Run {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: environment, cwd: temporary }, (error, stdout, stderr) =>
      resolve({ exit: typeof error?.code === "number" ? error.code : 0, stdout, stderr }),
    );
  });
}

const PLAN = ["--format", "riscv32", "--canary", "--ops", "80000", "--seed", "survivor"];
const SMALL_PLAN = ["--config", "sv32", "--canary", "--ops", "80000", "--seed", "small"];

/** Ends as soon as the campaign has written down that something failed; the rest of it is still to come. */
async function interruptedBy(
  signal: "SIGKILL" | "SIGINT",
  plan: readonly string[],
  directory: string,
  out: string,
): Promise<void> {
  const args = [genpt, "fuzz", ...plan, "--workers", "1", "--campaign", directory, "--out", out];
  const child = spawn(process.execPath, args, { env: environment, cwd: temporary, stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("close", resolve));
  await holdsFinding(child, join(directory, "campaign.sqlite-wal"));
  child.kill(signal);
  await ended;
}

/** Waits until the file has a finding in it. */
async function holdsFinding(child: ChildProcess, file: string): Promise<void> {
  while (child.exitCode === null) {
    if (existsSync(file) && readFileSync(file).includes('"sentence"')) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("killed and resumed, a campaign ends as if nothing had happened", async (t) => {
  const [directory, out] = [join(temporary, "killed"), join(temporary, "killed-out")];
  await interruptedBy("SIGKILL", PLAN, directory, out);
  // The lock and the journal of a process that is no more.
  t.true(readdirSync(directory).includes("campaign.sqlite-wal"), "the campaign ended before it was killed");
  const resume = ["fuzz", "--resume", directory, "--out", out, "--json", "--workers", "2"];
  const resumed = await run(genpt, ...resume);
  const whole = await run(
    genpt,
    "fuzz",
    ...PLAN,
    "--workers",
    "1",
    "--out",
    join(temporary, "whole-out"),
    "--json",
  );
  t.is(resumed.exit, 1, resumed.stderr);
  t.is(resumed.stdout, whole.stdout);
  t.is(JSON.parse(whole.stdout).units, 40);
  t.true(existsSync(join(directory, "report.html")));
});

test("interrupted, a campaign keeps what it found and goes on later", async (t) => {
  const [directory, out] = [join(temporary, "stopped"), join(temporary, "stopped-out")];
  await interruptedBy("SIGINT", SMALL_PLAN, directory, out);
  const { stdout } = await run(genpt, "findings", "list", "--out", out, "--json");
  t.true(JSON.parse(stdout).length > 0);
  t.true(existsSync(join(directory, "report.html")));
  // A number of operations is how many more, in units of 2000.
  const more = await run(
    genpt,
    "fuzz",
    "--resume",
    directory,
    "--out",
    out,
    "--json",
    "--ops",
    "4000",
    "--workers",
    "1",
  );
  const { units } = JSON.parse(more.stdout);
  t.true(units > 2 && units <= 42, `${units} units`);
});

test("an operation that does not end is a finding, and the campaign goes on", async (t) => {
  const out = join(temporary, "hung-out");
  const fuzz = [genpt, "fuzz", "--config", "sv32", "--canary", "hang", "--patience", "1", "--ops", "4000"];
  const { exit, stdout, stderr } = await run(
    ...fuzz,
    "--workers",
    "1",
    "--seed",
    "hung",
    "--out",
    out,
    "--json",
  );
  t.is(exit, 1, stderr);
  const { units, findings } = JSON.parse(stdout);
  t.is(units, 2);
  t.is(findings.length, 1);
  t.is(findings[0].invariant, "I17");
  t.regex(findings[0].sentence, /^map .* does not end$/);
  t.is(findings[0].operations.length, 1);
  t.regex(readFileSync(join(out, "campaigns", "hung", "report.html"), "utf8"), /does not end/);
});

test("a directory is for one campaign", async (t) => {
  const { CampaignFile } = await import("../fuzz/campaign/index.js");
  const directory = join(temporary, "taken");
  new CampaignFile(join(directory, "campaign.sqlite")).close();
  const again = await run(genpt, "fuzz", "--ops", "10", "--campaign", directory);
  t.is(again.exit, 2);
  t.regex(again.stderr, /has a campaign already: --resume/);
  const { Store } = await import("../fuzz/campaign/database.js");
  const store = new Store(join(directory, "campaign.sqlite"), "");
  store.run("INSERT INTO plan VALUES (1, ?)", '{"version":1}');
  store.close();
  const older = await run(genpt, "fuzz", "--resume", directory);
  t.is(older.exit, 2);
  t.regex(older.stderr, /written by another version of genpt/);
  const nowhere = await run(genpt, "fuzz", "--resume", join(temporary, "nowhere"));
  t.is(nowhere.exit, 2);
  t.regex(nowhere.stderr, /there is no campaign in/);
});

/** Opens a database in a process of its own, and is killed in the middle of a transaction that is partly on disk. */
const KILLED = `
const [, file, database] = process.argv;
const { Store } = await import(database);
const store = new Store(file, "CREATE TABLE IF NOT EXISTS words (id INTEGER PRIMARY KEY, word TEXT)");
store.transaction(() => {
  for (let id = 0; id < 2000; id++) store.run("INSERT INTO words VALUES (?, ?)", id, "before".repeat(40));
});
store.rows("PRAGMA cache_size = 5");
store.transaction(() => {
  store.run("UPDATE words SET word = 'after'");
  process.kill(process.pid, "SIGKILL");
});
`;

test("what a transaction had written when its process was killed is as if it never was", async (t) => {
  const file = join(temporary, "words.sqlite");
  await run("--input-type=module", "--eval", KILLED, file, database);
  t.true(existsSync(`${file}.lock`) && existsSync(`${file}.owner`), "the process was not killed");
  t.true(statSync(`${file}-wal`).size > 500_000, "the transaction was not on disk yet");
  const { Store, numberOf } = await import("../fuzz/campaign/database.js");
  const store = new Store(file, "");
  const [row] = store.rows("SELECT count(*) AS count, sum(word LIKE 'before%') AS before FROM words");
  store.close();
  t.deepEqual([numberOf(row, "count"), numberOf(row, "before")], [2000, 2000]);
  t.deepEqual(
    readdirSync(temporary).filter((name) => name.startsWith("words")),
    ["words.sqlite"],
  );
});

test("a database has one owner, who is told of by name", async (t) => {
  const { DatabaseBusy, Store } = await import("../fuzz/campaign/database.js");
  const file = join(temporary, "owned.sqlite");
  const store = new Store(file, "CREATE TABLE one (id)");
  t.throws(() => new Store(file, ""), {
    instanceOf: DatabaseBusy,
    message: new RegExp(`process ${process.pid}$`),
  });
  t.regex(readFileSync(`${file}.owner`, "utf8"), new RegExp(`^${process.pid} `));
  store.close();
  new Store(file, "").close();
});
