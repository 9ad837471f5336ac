/** Units of a campaign are dealt and weighted by the seed alone, and say what judged them. */
import test from "ava";
import { canaryNamed, Swarm } from "../fuzz/campaign/index.js";
import { type Invariant, invariantNames, mixOf, oracleNames, runUnit } from "../fuzz/lockstep/index.js";
import { configurations, findConfiguration } from "../models/index.js";

test("every round of a swarm visits every configuration once, in an order of its own", (t) => {
  const deal = (seed: string, round: number) =>
    Array.from({ length: 30 }, (_, place) => new Swarm(seed, 30).unitAt(round * 30 + place));
  const rounds = [0, 1, 2].map((round) => deal("seed", round));
  for (const [round, units] of rounds.entries()) {
    const visited = units.map(({ configuration }) => configuration);
    t.deepEqual(
      [...visited].sort((one, other) => one - other),
      [...Array(30).keys()],
    );
    t.true(units.every(({ unit }) => unit === round));
  }
  t.notDeepEqual(rounds[0], deal("other", 0));
  t.notDeepEqual(
    rounds[0].map(({ configuration }) => configuration),
    rounds[1].map(({ configuration }) => configuration),
  );
  const named = [...Array(16).keys()].map((unit) => new Swarm("seed", 1).unitAt(unit).mix);
  t.is(named.filter((mix) => mix === "swarm").length, 6);
});

test("the weights of a swarm's unit follow from its name, differ from unit to unit, and sum to 256", (t) => {
  const weights = new Set<string>();
  for (const configuration of configurations) {
    for (let unit = 0; unit < 20; unit++) {
      const mix = mixOf(configuration, "swarm", `seed:${unit}`);
      t.deepEqual(mixOf(configuration, "swarm", `seed:${unit}`), mix);
      const { gathered, badOneIn, runsWanted, ...shares } = mix;
      t.is(
        Object.values(shares).reduce((sum, share) => sum + share, 0),
        256,
      );
      t.true(mix.change >= 64 && Object.values(shares).every((share) => share >= 0));
      t.true(gathered <= 256 && badOneIn > 1 && runsWanted > 0);
      weights.add(JSON.stringify(mix));
    }
  }
  t.true(weights.size >= 20);
});

test("a unit says how often each operation was judged by each invariant", (t) => {
  const configuration = findConfiguration("amdv1/top2-va64");
  if (configuration === undefined) return t.fail();
  const request = { configuration, seed: "tally", unit: 0, operations: 600 };
  const { judged, operations } = runUnit(request);
  const of = (op: Parameters<typeof judged.get>[0], invariant: Invariant) =>
    judged.get(op)?.[invariantNames.indexOf(invariant)] ?? 0;
  // After every operation hardware is walked.
  t.is(
    [...judged.keys()].reduce((sum, op) => sum + of(op, "I1"), 0),
    operations,
  );
  t.true(of("map", "I12") > 0 && of("map", "I20") > 0 && of("unmap", "I11") > 0 && of("map", "I4") > 0);
  t.is(of("lookup", "I12"), 0, "nothing is stored by a lookup");
  t.is(of("map", "I13"), 0, "the walker snoops");
  const without = runUnit({ ...request, oracles: oracleNames.filter((name) => name !== "stores") });
  t.is(without.judged.get("map")?.[invariantNames.indexOf("I12")], 0);
  const found = runUnit({ ...request, subjectOf: canaryNamed("hole") });
  const { invariant = "I1", operations: program = [] } = found.finding ?? {};
  const last = program.at(-1);
  t.true(last !== undefined && (found.judged.get(last.op)?.[invariantNames.indexOf(invariant)] ?? 0) > 0);
});
