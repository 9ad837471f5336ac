/** A night runs every stage whatever becomes of the others, ends one that hangs, and its status is the worst. */
import { type ExecFileException, execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { type Night, runNight, type Stage, type StageEnd } from "../build/night.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const nightly = fileURLToPath(new URL("../build/nightly.js", import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "genpt-night-"));

test.after.always(() => rmSync(temporary, { recursive: true, force: true }));

const night: Night = { seed: "s", directory: temporary, findings: temporary, workers: "1", seconds: 0.3 };

function stage(name: string, share: number, script: string): Stage {
  return { name, share, command: () => ["--eval", script] };
}

/** A night of these stages alone, for as long as a machine with other work needs for some units. */
function runStages(...stages: readonly string[]) {
  return new Promise<{ readonly exit: number; readonly text: string }>((resolve) => {
    const args = [nightly, "--seconds", "2", "--workers", "1", "--stages", ...stages];
    const ended = (error: ExecFileException | null, stdout: string, stderr: string) =>
      resolve({ exit: typeof error?.code === "number" ? error.code : 0, text: stdout + stderr });
    execFile(process.execPath, args, { cwd: temporary, env: { ...process.env, NO_COLOR: "1" } }, ended);
  });
}

test("every stage runs, in order, and the worst status is the night's", async (t) => {
  const ends: StageEnd[] = [];
  const shares: number[] = [];
  const timed = (name: string, share: number): Stage => ({
    ...{ name, share },
    command: (_, seconds) => {
      shares.push(seconds);
      return ["--eval", ""];
    },
  });
  const stages = [
    stage("crash", 0, "process.kill(process.pid, 'SIGSEGV')"),
    timed("one", 1),
    timed("two", 2),
  ];
  t.is(await runNight(night, [...stages, stage("found", 0, "process.exit(1)")], (end) => ends.push(end)), 3);
  t.deepEqual(
    ends.map(({ stage, exit }) => [stage, exit]),
    [
      ["crash", 3],
      ["one", 0],
      ["two", 0],
      ["found", 1],
    ],
  );
  t.deepEqual(
    shares.map((share) => Math.round(share * 1000)),
    [100, 200],
  );
  t.is(await runNight(night, [stage("found", 1, "process.exit(1)"), stage("clean", 1, "")], () => {}), 1);
});

test("a stage that hangs is asked to end, then made to", async (t) => {
  const ends: StageEnd[] = [];
  const deaf = "process.on('SIGINT', () => {}); setInterval(() => {}, 1000)";
  const patience = { seconds: 0.5, thenSeconds: 0.5 };
  const stages = [stage("hangs", 1, "setInterval(() => {}, 1000)"), stage("deaf", 1, deaf)];
  t.is(await runNight(night, stages, (end) => ends.push(end), patience), 3);
  t.deepEqual(
    ends.map(({ exit }) => exit),
    [3, 3],
  );
});

test("one command is a night: a campaign by the day's seed, and a report; the next one of the day goes on", async (t) => {
  const run = () => runStages("campaign", "report");
  const first = await run();
  t.is(first.exit, 0, first.text);
  const [, report = "", seed = ""] =
    /report (findings\/nights\/(\S+)\/report\.html)\n/.exec(first.text) ?? [];
  t.regex(seed, /^\d{4}-\d\d-\d\d$/);
  t.regex(readFileSync(join(temporary, report), "utf8"), new RegExp(`genpt campaign ${seed}`));
  const units = (text: string) => Number(/ (\d+) units/.exec(text)?.[1]);
  const second = await run();
  t.is(second.exit, 0, second.text);
  t.true(units(second.text) > units(first.text), `${units(first.text)}, then ${units(second.text)}`);
});

test("machines of both vendors have their stage", async (t) => {
  const { exit, text } = await runStages("systems");
  t.is(exit, 0, text);
  t.regex(text, /seed \d{4}-\d\d-\d\d, systems amd and intel, 1 threads\n/);
  t.regex(text, / [1-9]\d* operations .* 0 failing units\n/);
  t.regex(text, /stage systems: exit 0 after /);
});

test("the ready-made schedules run that command", (t) => {
  for (const name of ["github-actions.yml", "genpt-nightly.service", "genpt-nightly.timer"]) {
    t.true(existsSync(join(root, "docs/nightly", name)), name);
  }
  const read = (name: string) => readFileSync(join(root, "docs/nightly", name), "utf8");
  t.regex(read("github-actions.yml"), /run: npm run nightly -- --hours 5\n/);
  t.regex(read("genpt-nightly.service"), /^ExecStart=.*npm run nightly -- --hours 8$/m);
  t.regex(read("genpt-nightly.timer"), /^Unit=genpt-nightly\.service$/m);
});
