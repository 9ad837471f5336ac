/**
 * The suite must notice bugs that were put in on purpose: here the cheapest of each kind, one seed each.
 * `npm run mutants` runs all of them with twenty.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { applyPatches, PatchError, stampMutant } from "../build/mutant-stamp.js";
import { failureIn } from "../build/mutant-tests.js";
import type { Invariant } from "../fuzz/lockstep/index.js";
import {
  type Control,
  configurationsOfMutant,
  controls,
  equivalenceOf,
  equivalents,
  type Kill,
  killOf,
  knownBugs,
  type Mutant,
  mutants,
  operationsAtMost,
  operatorConfigurations,
  operatorMutants,
  operatorTests,
  type Patch,
  pending,
  quick,
  sampled,
  stampOf,
  subjectFactory,
} from "../fuzz/mutants/index.js";

const dist = fileURLToPath(new URL("..", import.meta.url));
const everyone = [...mutants, ...controls];

function compiled(file: string): string {
  return readFileSync(join(dist, "impl", `${file}.js`), "utf8");
}

/** Stamps and runs a mutant under a name of its own, for the command may be stamping too. */
async function lifeOf(mutant: Mutant | Control, operations: number): Promise<Kill | undefined> {
  const configurations = configurationsOfMutant(mutant.configurations);
  const names = [...new Set(configurations.map(stampOf))];
  const stamps = await Promise.all(
    names.map(
      async (name) => [name, await stampMutant(dist, `test-${mutant.id}`, name, mutant.patches)] as const,
    ),
  );
  return killOf(configurations, "quick", subjectFactory(new Map(stamps)), operations);
}

for (const mutant of everyone) {
  test(`the patch of ${mutant.id} fits the source: ${mutant.title}`, (t) => {
    for (const file of new Set(mutant.patches.map((patch) => patch.file))) {
      const patches = mutant.patches.filter((patch) => patch.file === file);
      t.notThrows(() => applyPatches(compiled(file), patches));
    }
    t.is(configurationsOfMutant(mutant.configurations).length, mutant.configurations.length);
  });
}

for (const id of quick) {
  const mutant = mutants.find((one) => one.id === id);
  test(`${id} dies: ${mutant?.title}`, async (t) => {
    if (mutant === undefined) return t.fail(`there is no mutant ${id}`);
    const kill = await lifeOf(mutant, operationsAtMost);
    if (kill === undefined) return t.fail(`${id} survived ${operationsAtMost} operations`);
    t.true(
      kill.invariants.some((invariant: Invariant) => mutant.invariants.includes(invariant)),
      `reported under ${kill.invariants.join(", ")}, not ${mutant.invariants.join(" or ")}: ${kill.finding?.sentence}`,
    );
  });
}

for (const control of controls) {
  test(`${control.id} survives: ${control.title}`, async (t) => {
    const kill = await lifeOf(control, 4000);
    t.is(kill, undefined, kill?.finding?.sentence);
  });
}

test("thirty mutants are quick, of every file of the source that has any", (t) => {
  t.is(quick.length, 30);
  t.is(new Set(quick).size, 30);
  const folders = (ids: readonly Mutant[]) =>
    [...new Set(ids.flatMap(({ patches }) => patches.map(({ file }) => dirname(file))))].sort();
  t.deepEqual(folders(mutants.filter(({ id }) => quick.includes(id))), folders(mutants));
});

test("every known bug is a mutant or says what it waits for", (t) => {
  const told = new Set([...mutants, ...pending].map(({ id }) => id.slice(0, 3)));
  t.deepEqual(
    knownBugs.filter((id) => !told.has(id)),
    [],
  );
  t.is(new Set(everyone.map(({ id }) => id)).size, everyone.length);
});

test("a patch whose text is not there, or twice, is refused", (t) => {
  const patch = (find: string): Patch => ({ file: "engine/grow", find, replace: "" });
  const text = "one two one";
  t.is(applyPatches(text, [patch("two")]), "one  one");
  for (const find of ["one", "three"]) {
    t.throws(() => applyPatches(text, [patch(find)]), { instanceOf: PatchError });
  }
});

test("operator mutants are drawn by the seed alone, and each changes its line", (t) => {
  const all = operatorMutants("engine/unmap", compiled("engine/unmap"));
  t.true(all.length > 100);
  t.deepEqual(sampled(all, 20, "a"), sampled([...all].reverse(), 20, "a"));
  t.notDeepEqual(sampled(all, 20, "a"), sampled(all, 20, "b"));
  for (const { patch } of all) {
    t.not(applyPatches(compiled("engine/unmap"), [patch]), compiled("engine/unmap"));
  }
});

test("names in braces have no order, and calls that tell an observer alone are none to leave out", (t) => {
  const code = `function sum(domain, aLow, aHigh) {
    const { bLow, bHigh } = domain;
    enterTable(domain, bLow);
    if (bHigh === 0)
        continue;
    return below(aLow, aHigh, bLow, bHigh) && aHigh >>> (domain.bits - 32);
}
`;
  const changes = operatorMutants("engine/sum", code).map(({ change }) => change);
  t.deepEqual(
    changes.filter((change) => change.includes("{ bLow") || change.includes("enterTable")),
    [],
  );
  t.true(changes.includes("if (bHigh === 0) continue; → if (bHigh === 0) ;"));
  t.is(
    changes.filter((change) => change.includes("aHigh, aLow") || change.includes("bHigh, bLow")).length,
    3,
  );
  t.is(changes.filter((change) => change.includes("+ 32")).length, 0);
});

/** The modules that operator mutants are made of. */
const operatorFiles = ["engine", "formats"].flatMap((folder) =>
  readdirSync(join(dist, "impl", folder))
    .filter((name) => name.endsWith(".js"))
    .map((name) => `${folder}/${name.slice(0, -".js".length)}`),
);

test("every test that judges operator mutants is there, and so is every configuration", (t) => {
  const there = new Set(readdirSync(join(dist, "properties")));
  for (const file of operatorFiles) {
    const tests = operatorTests(file);
    t.is(new Set(tests).size, tests.length, file);
    t.deepEqual(
      tests.filter((name) => !there.has(`${name}.test.js`)),
      [],
    );
    const configurations = operatorConfigurations(file, []);
    t.is(configurationsOfMutant(configurations).length > 0, file.startsWith("engine/"), file);
  }
});

test("a mutant that no program finds dies in the test that was made for it; without it the test passes", async (t) => {
  const tests = ["items-that-somebody-else-left"];
  const find = "(low & (R | W | X)) !== 0";
  const patch = { file: "formats/riscv32", find, replace: "(low & R) !== 0" };
  t.regex((await failureIn("test-tests", [patch], tests)) ?? "", /riscv32: what can be executed/);
  t.is(await failureIn("test-tests", [], tests), undefined);
});

test("every explanation of a survivor is of a mutant that there is, and of no other", (t) => {
  const all = operatorFiles.flatMap((file) => operatorMutants(file, compiled(file)));
  const explained = new Set(all.map(equivalenceOf));
  t.deepEqual(
    equivalents.filter((one) => !explained.has(one)),
    [],
  );
  for (const one of equivalents) {
    const { change, inFunction = "anywhere", file = "of any name" } = one;
    t.is(equivalenceOf({ change, inFunction, file }), one);
    if (one.inFunction !== undefined) t.not(equivalenceOf({ change, inFunction: "elsewhere", file }), one);
    if (one.file !== undefined) t.not(equivalenceOf({ change, inFunction, file: "another" }), one);
  }
});
