/** What breaks a machine is kept like every finding: its program replays, and campaigns meet it once. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { SystemSightings } from "../fuzz/cli/system-sightings.js";
import {
  failureOfFinding,
  isSystemFinding,
  type MachineParts,
  runSystemUnit,
  type SystemFinding,
  systemFindingFromText,
  systemFindingToText,
  systemKeyOf,
} from "../fuzz/system/index.js";

const corpus = fileURLToPath(new URL("../../corpus/systems", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "genpt-machines-"));

test.after.always(() => rmSync(directory, { recursive: true, force: true }));

/** Tables are freed before anybody flushed. */
function spoil({ queues, memory }: MachineParts): void {
  queues.add = (head) => memory.releaseList(head);
}

let first: SystemFinding | undefined;

function found(): SystemFinding {
  for (let unit = 0; first === undefined; unit++) {
    first = runSystemUnit({ system: "intel", seed: "kept", unit, operations: 200 }, { spoil }).finding;
  }
  return first;
}

test("a saved finding fails again where the mistake is, and passes where it is not", (t) => {
  const finding = found();
  const text = systemFindingToText(finding);
  t.true(isSystemFinding(text));
  const read = systemFindingFromText(text);
  t.deepEqual(read, finding);
  t.is(failureOfFinding(read, { spoil })?.sentence, finding.sentence);
  t.is(failureOfFinding(read), undefined);
});

test("what broke a machine once breaks none any more", (t) => {
  const names = readdirSync(corpus).filter((name) => name.endsWith(".json"));
  t.true(names.length > 0);
  for (const name of names) {
    const finding = systemFindingFromText(readFileSync(join(corpus, name), "utf8"));
    t.is(failureOfFinding(finding)?.sentence, undefined, name);
  }
});

test("what is no finding of a machine of this version is refused", (t) => {
  t.false(isSystemFinding('{"invariant": "I1", "operations": []}'));
  t.false(isSystemFinding("not JSON"));
  const { shape: _, ...shapeless } = found();
  t.throws(() => systemFindingFromText(JSON.stringify(shapeless)), { instanceOf: RangeError });
});

test("findings that differ in addresses alone are one; of a fixed one that comes back the status is open", async (t) => {
  const finding = found();
  const moved = finding.program.map((one) => ("dfn" in one ? { ...one, dfn: one.dfn + 2 ** 20 } : one));
  const other = { ...finding, program: moved };
  t.is(systemKeyOf(other), systemKeyOf(finding));
  t.not(systemKeyOf({ ...finding, program: finding.program.slice(1) }), systemKeyOf(finding));
  const sightings = new SystemSightings(directory, "0123abc");
  t.is(await sightings.record(finding, "system-intel:kept:0:200", "a report\n"), "open");
  await sightings.with((findings) => findings.setStatus(1, "fixed"));
  t.is(await sightings.record(other, "system-intel:kept:0:200", "a report\n"), "open");
  const [known, ...more] = await sightings.known(["intel"]);
  t.is(more.length, 0);
  t.like(known, {
    times: 2,
    configuration: "system-intel",
    lastCommit: "0123abc",
    invariant: finding.invariant,
  });
  t.deepEqual(systemFindingFromText(known.text), finding);
  t.deepEqual(await sightings.known(["amd"]), []);
});
