/** What campaigns find is kept once, with its status, and is run first ever after. */
import { type ExecFileException, execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { findingFromJson, findingToJson } from "../fuzz/campaign/finding-json.js";
import { canaryNamed, type ShrunkFinding, shrunkFinding, withFindings } from "../fuzz/campaign/index.js";
import { shapeKeyOf } from "../fuzz/campaign/shape-key.js";
import { type Finding, loadCorpusFile, runUnit } from "../fuzz/lockstep/index.js";
import { findConfiguration } from "../models/index.js";
import type { Operation } from "../models/operations.js";

const genpt = fileURLToPath(new URL("../esm/fuzz/cli/genpt.js", import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "genpt-findings-"));

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

/** Of an implementation that is wrong on purpose. */
function foundBy(seed: string): Finding {
  const configuration = findConfiguration("riscv32/sv32");
  if (configuration === undefined) throw new Error("no configuration");
  const { finding } = runUnit({ configuration, seed, unit: 0, mix: "swarm", subjectOf: canaryNamed("hole") });
  if (finding === undefined) throw new Error("the canary was not found out");
  return finding;
}

const shrunk: ShrunkFinding = shrunkFinding(foundBy("one"), "hole");
const seen = (at: string, commit: string) => ({ subject: "genpt", at, commit });

test("a finding is kept once, with when it was seen; what was fixed and shows again is open again", async (t) => {
  const file = join(temporary, "once.sqlite");
  const other = shrunkFinding(foundBy("two"), "hole");
  t.is(other.key, shrunk.key, "the same mistake, met by another seed");
  await withFindings(file, (findings) => {
    t.is(findings.record(shrunk, seen("2026-01-01T00:00:00Z", "aaaaaaa")), "open");
    t.is(findings.record(other, seen("2026-01-02T00:00:00Z", "bbbbbbb")), "open");
  });
  await withFindings(file, (findings) => {
    const [one, ...more] = findings.list();
    t.is(more.length, 0);
    t.like(one, {
      status: "open",
      configuration: "riscv32/sv32",
      seed: "one",
      firstSeen: "2026-01-01T00:00:00Z",
      lastSeen: "2026-01-02T00:00:00Z",
      firstCommit: "aaaaaaa",
      lastCommit: "bbbbbbb",
      times: 2,
    });
    t.is(findings.replayed(one.id, false, seen("2026-01-03T00:00:00Z", "ccccccc")), "fixed");
    t.is(findings.find(one.id)?.lastSeen, "2026-01-02T00:00:00Z");
    t.is(findings.replayed(one.id, true, seen("2026-01-04T00:00:00Z", "ddddddd")), "open");
    findings.setStatus(one.id, "known");
    t.is(findings.record(shrunk, seen("2026-01-05T00:00:00Z", "eeeeeee")), "known");
    t.deepEqual(findings.programOf(one.id)?.operations, shrunk.finding.operations);
  });
});

test("of fixed findings the oldest go", async (t) => {
  const kept = await withFindings(join(temporary, "many.sqlite"), (findings) => {
    for (let count = 0; count < 505; count++) {
      const at = new Date(Date.UTC(2026, 0, 1, 0, count)).toISOString();
      findings.record({ ...shrunk, key: `key ${count}` }, seen(at, ""));
    }
    for (const { id, key } of findings.list()) if (key !== "key 3") findings.setStatus(id, "fixed");
    findings.record(shrunk, seen("2026-02-01T00:00:00Z", ""));
    return findings.list().map(({ key }) => key);
  });
  t.is(kept.length, 502);
  t.true(kept.includes("key 3") && !kept.includes("key 4") && kept.includes("key 504"));
});

test("findings are one when their shapes are, wherever in the address space they happen", (t) => {
  const { finding } = shrunk;
  const keyOf = (operations: readonly Operation[]) => shapeKeyOf({ ...finding, operations });
  const map = { op: "map", iova: 0x4000n, pa: 0x10_0000n, length: 0x2000n, prot: 3 } as const;
  const unmap = { op: "unmap", iova: 0x5000n, length: 0x1000n } as const;
  const key = keyOf([map, unmap]);
  t.is(
    keyOf([
      { ...map, iova: 0x9000n, pa: 0x30_0000n },
      { ...unmap, iova: 0xa000n },
    ]),
    key,
  );
  t.not(keyOf([unmap, map]), key);
  t.not(keyOf([map, { ...unmap, iova: 0x4000n }]), key, "at its begin, not at its end");
  t.not(keyOf([{ ...map, prot: 1 }, unmap]), key);
  t.not(shapeKeyOf({ ...finding, invariant: "I5" }), shapeKeyOf({ ...finding, invariant: "I6" }));
});

test("a finding reads back from its text as it was", (t) => {
  for (const finding of [foundBy("three"), shrunk.finding]) {
    const again = findingFromJson(findingToJson(finding));
    t.deepEqual(JSON.parse(findingToJson(again)), JSON.parse(findingToJson(finding)));
    t.deepEqual([again.operations, again.iova, again.unit?.mix], [finding.operations, finding.iova, "swarm"]);
  }
  t.throws(() => findingFromJson(findingToJson(shrunk.finding).replace("sv32", "sv33")), {
    message: /no configuration riscv32\/sv33/,
  });
});

test("campaigns replay what is known first: what passes is fixed, what is known fails no schedule", async (t) => {
  const fuzz = ["fuzz", "--config", "sv32", "--ops", "400", "--workers", "1", "--seed", "a"];
  t.is((await run(...fuzz, "--canary")).exit, 1);
  // Found in the same way, and said to be of the real implementation: there it passes.
  await withFindings(join(temporary, "findings", "findings.sqlite"), (findings) =>
    findings.record(shrunk, seen("2026-01-01T00:00:00Z", "")),
  );
  const clean = await run("fuzz", "--config", "sv32", "--ops", "100");
  t.is(clean.exit, 0);
  t.regex(clean.stderr, /replayed 1 findings: 0 fail, 1 pass now\npasses: finding 2: I1 riscv32\/sv32/);
  const again = await run(...fuzz, "--canary");
  t.is(again.exit, 1);
  t.regex(again.stderr, /replayed 1 findings: 1 fail, 0 pass now\nfails: +finding 1: I1/);
  t.is((await run("findings", "status", "1", "known")).exit, 0);
  t.is((await run(...fuzz, "--canary")).exit, 0);
  const listed = await run("findings", "list", "--json");
  t.like(JSON.parse(listed.stdout), [
    { id: 1, subject: "canary hole", status: "known" },
    { id: 2, subject: "genpt", status: "fixed" },
  ]);
});

test("findings are shown, and become files of the corpus that are named for what they are", async (t) => {
  const out = join(temporary, "shown");
  await withFindings(join(out, "findings.sqlite"), (findings) =>
    findings.record(shrunk, seen("2026-01-01T00:00:00Z", "abcdef0123456789")),
  );
  const [shown, exported, missing, none] = await Promise.all([
    run("findings", "show", "1", "--out", out),
    run("findings", "export", "--out", out, "--to", join(out, "corpus")),
    run("findings", "show", "7", "--out", out),
    run("findings", "list", "--out", join(out, "nothing")),
  ]);
  t.regex(shown.stdout, /^finding 1 {2}open {2}shape [0-9a-f]{12}\n.*at abcdef012345\n/);
  t.regex(
    shown.stdout,
    /I1 violated[\s\S]*replay: {2}npx genpt repro riscv32\/sv32\+swarm:\S+ --canary hole/,
  );
  const file = exported.stdout.trim();
  t.regex(file, /\/corpus\/i1-riscv32-[0-9a-f]{8}\.json$/);
  t.deepEqual((await loadCorpusFile(file)).operations, shrunk.finding.operations);
  t.is(missing.exit, 2);
  t.regex(missing.stderr, /there is no finding 7/);
  t.is(none.stdout, "no findings\n");
  t.false(existsSync(join(out, "nothing")));
  const token = /npx genpt repro (\S+ --canary hole)/.exec(shown.stdout)?.[1].split(" ") ?? [];
  const replayed = await run("repro", ...token);
  t.is(replayed.exit, 1);
  t.is(readFileSync(file, "utf8").includes('"invariant": "I1"'), /I1 violated/.test(replayed.stdout));
});

test("seeds follow from the commit or the day, and are printed", async (t) => {
  const { commitHere, seedFrom, today } = await import("../fuzz/cli/seeds.js");
  const before = process.env["GENPT_COMMIT"];
  process.env["GENPT_COMMIT"] = "0123456789abcdef0123456789abcdef01234567";
  t.is(commitHere(), "0123456789abcdef0123456789abcdef01234567");
  t.is(seedFrom("commit"), "commit-0123456789ab");
  if (before === undefined) delete process.env["GENPT_COMMIT"];
  else process.env["GENPT_COMMIT"] = before;
  t.regex(today(), /^\d{4}-\d\d-\d\d$/);
  const { stderr } = await run("fuzz", "--seed", "date", "--config", "sv32", "--ops", "10");
  t.regex(stderr, /^seed \d{4}-\d\d-\d\d, /);
  const nowhere = await run("fuzz", "--seed", "commit", "--ops", "10");
  t.is(nowhere.exit, 2);
  t.regex(nowhere.stderr, /no commit here: GENPT_COMMIT/);
});
