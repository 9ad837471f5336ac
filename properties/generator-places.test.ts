/** The generator goes where the formats differ: seams of output addresses, the upper half, attributes. */
import test from "ava";
import { spoiledRange } from "../models/generator/bad-input.js";
import {
  type Configuration,
  mixFor,
  nextOperation,
  profileFor,
  SeededDraws,
  shapeOf,
} from "../models/index.js";
import { Reference } from "../reference/index.js";
import { configuration } from "./reference-configuration.js";

/** 3000 operations and what the reference answered; one in so many requests is bad. */
function programOf(ofDomain: Configuration, badOneIn = 32) {
  const reference = new Reference(ofDomain);
  const draws = new SeededDraws("a program");
  const profile = profileFor(reference, { ...mixFor(shapeOf(ofDomain)), badOneIn });
  return Array.from({ length: 3000 }, () => {
    const operation = nextOperation(draws, reference, profile);
    return { operation, outcome: reference.apply(operation) };
  });
}

function mapsOf(ofDomain: Configuration) {
  return programOf(ofDomain).flatMap(({ operation, outcome }) =>
    operation.op === "map" && outcome.op === "map" ? [{ ...operation, ...outcome }] : [],
  );
}

/** Configurations, and log2 of the addresses at which a word ends or a field is somewhere else. */
const SEAMS: readonly (readonly [Configuration, readonly bigint[]])[] = [
  [configuration("armv8-stage1", { granuleLg2: 16, topLevel: 2 }), [32n, 48n]],
  [configuration("armv8-stage1", { lpa2: true, topLevel: 3 }), [32n, 48n, 50n]],
  [configuration("riscv64", { oaWidthLg2: 56 }), [32n, 34n]],
  [configuration("dart2", { granuleLg2: 14, vaWidthLg2: 42, oaWidthLg2: 42, topLevel: 2 }), [32n, 36n]],
  [configuration("arm-short", { vaWidthLg2: 32, oaWidthLg2: 40, topLevel: 1 }), [32n]],
  [
    configuration("arm-short", { vaWidthLg2: 34, oaWidthLg2: 35, topLevel: 1, mediatek: true }),
    [32n, 33n, 34n],
  ],
];

for (const [ofDomain, seams] of SEAMS) {
  const { format, oaWidthLg2 } = ofDomain;
  test(`${format} to ${oaWidthLg2} bits: maps lie across what lies at 2^${seams.join(", 2^")}`, (t) => {
    const maps = mapsOf(ofDomain).filter(({ code }) => code === "OK");
    for (const seam of seams) {
      const across = maps.filter(({ pa, length }) => ((pa ^ (pa + length - 1n)) >> seam) % 2n === 1n);
      t.true(across.length >= 3, `2^${seam}: ${across.length} of ${maps.length}`);
    }
  });
}

test("what only supersections reach is asked for with them, and now and then without", (t) => {
  const maps = mapsOf(configuration("arm-short", { vaWidthLg2: 32, oaWidthLg2: 40, topLevel: 1 }));
  const far = maps.filter(({ pa, length }) => pa < 1n << 40n && pa + length > 1n << 32n);
  const codes = far.map(({ code }) => code);
  t.true(codes.filter((code) => code === "OK").length >= maps.length / 50);
  t.true(codes.filter((code) => code === "MISALIGNED").length >= maps.length / 100);
});

test("in an upper half addresses are drawn inside, at its ends, and just outside of them", (t) => {
  const domain = configuration("armv8-stage1", { vaWidthLg2: 39, topLevel: 2, upperHalf: true });
  const addressed = (badOneIn: number) =>
    programOf(domain, badOneIn).flatMap(({ operation }) => ("iova" in operation ? [operation] : []));
  const usual = addressed(32);
  // What is just outside is one of a dozen ways to be bad: of every fourth request, some fifty are of each.
  const program = addressed(4);
  const [first, end] = [2n ** 64n - 2n ** 39n, 2n ** 64n];
  const ends = program.flatMap((operation) =>
    "length" in operation ? [operation.iova + operation.length] : [],
  );
  const inside = usual.filter(({ iova }) => iova >= first);
  t.true(inside.length >= usual.length * 0.95 && inside.length < usual.length);
  t.true(program.some(({ iova }) => iova < first && iova >= first - 0x10000n));
  const begins = program.filter((each) => each.op === "map" && each.iova < first);
  t.true(begins.some((each) => "length" in each && each.iova + each.length > first));
  t.true(program.some(({ iova }) => iova === first));
  t.true(program.some(({ iova }) => iova === end - 1n));
  t.true(program.some(({ iova }) => iova === 0n));
  t.true(ends.filter((each) => each === end).length >= 10);
  t.true(ends.some((each) => each > end));
});

test("requests name every attribute, alone and together", (t) => {
  const maps = mapsOf(configuration("armv8-stage2", {}));
  const prots = new Set(maps.filter(({ code }) => code === "OK").map(({ prot }) => prot));
  for (let attributes = 0; attributes < 64; attributes += 4) {
    const isThere = [1, 2, 3].some((rights) => prots.has(rights | attributes));
    t.true(isThere, `no attributes ${attributes}`);
  }
});

test("what is spoiled inside the last page of all still has a 64-bit address", (t) => {
  // The smallest page is 2 MiB, so a removal may begin half a page before the end.
  const ofDomain = configuration("x86-64", { signExtended: true, topLevel: 3, pageSizes: 1n << 21n });
  const { space } = profileFor(new Reference(ofDomain));
  const draws = new SeededDraws("the last page");
  const inside = { iova: 2n ** 64n - 2n ** 20n, length: 0x1000n };
  const firsts = Array.from({ length: 200 }, () => {
    draws.nextRecord();
    return spoiledRange(draws, space, inside).iova;
  });
  t.deepEqual(
    firsts.filter((iova) => iova >= 2n ** 64n),
    [],
  );
  t.true(firsts.includes(0n));
});
