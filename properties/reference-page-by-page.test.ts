/**
 * The reference against a model that is simpler still, page by page: random operations in spaces of a few dozen
 * pages, every page compared after each.
 */
import test from "ava";
import type { Configuration } from "../models/configuration.js";
import type { Operation, Outcome } from "../models/operations.js";
import { PageByPage, Reference } from "../reference/index.js";
import { configuration, type Options } from "./reference-configuration.js";

const PAGE = 4096n;

/** A generator of small numbers from a seed: 32 bits of state, xorshift. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function randomOperation(
  random: (below: number) => number,
  { vaWidthLg2, signExtended }: Configuration,
): Operation {
  const pages = 1 << (vaWidthLg2 - 12);
  // Some addresses lie past the end, some ranges wrap, some bounds are odd; most are aligned to something.
  const page = BigInt(random(pages + 1) & (-1 << random(5)));
  const upper = signExtended && random(2) === 0 ? 2n ** 64n - (1n << BigInt(vaWidthLg2)) : 0n;
  const iova = BigInt.asUintN(64, upper + page * PAGE + (random(40) === 0 ? 0x800n : 0n));
  const length = BigInt(random(3) === 0 ? random(2 * pages) : 1 << random(vaWidthLg2 - 11)) * PAGE;
  const anyAddress = iova + BigInt(random(4096));
  switch (random(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: {
      const pa = BigInt(random(4)) * 2n ** BigInt(vaWidthLg2) + page * PAGE + BigInt(random(4) >> 1) * PAGE;
      const pageSizes = random(4) === 0 ? BigInt(random(64)) * PAGE : undefined;
      return { op: "map", iova, pa, length, prot: random(8), pageSizes };
    }
    case 5:
    case 6:
      return { op: random(2) === 0 ? "unmap" : "unmapGathered", iova, length };
    case 7:
      return random(2) === 0 ? { op: "sync" } : { op: "lookup", iova: anyAddress };
    case 8:
      return { op: "readAndClearDirty", iova: anyAddress, length, clear: random(2) === 0 };
    case 9:
      return { op: random(3) === 0 ? "setDirty" : "deviceWrite", iova: anyAddress };
    case 10:
      return { op: "entries", iova: anyAddress, length };
    default:
      return { op: "failNextAllocation", nth: 1 + random(3) };
  }
}

const tiny = (levels: number, options: Options = {}): Options => ({
  tiny: { tableBitsLg2: 2, contiguousLg2: 1 },
  topLevel: levels - 1,
  vaWidthLg2: 12 + 2 * levels,
  oaWidthLg2: 20,
  ...options,
});

const tinyConfigurations: readonly Configuration[] = [
  configuration("amdv1", tiny(3, { topLevel: 1, growingTop: true })),
  configuration("amdv1", tiny(3, { encryptionBit: 15, gather: "no-gaps" })),
  configuration("x86-64", tiny(3, { signExtended: true, gather: "queued" })),
  configuration("vtd-second-stage", tiny(3, { forceWriteable: true, gather: "no-gaps" })),
  configuration("riscv64", tiny(2, { svnapot: true, signExtended: true })),
  configuration("riscv32", tiny(3)),
];

/** Which pages changed between two states of the reference, as first addresses. */
function removedPages(before: Reference, after: Reference): bigint[] {
  const pages = before.runs.flatMap((run) =>
    Array.from(
      { length: Number((run.count << BigInt(run.sizeLg2)) / PAGE) },
      (_, n) => run.iova + BigInt(n) * PAGE,
    ),
  );
  return pages.filter((iova) => after.translate(iova) === undefined);
}

function covers(outcome: Outcome, reference: Reference, iova: bigint): boolean {
  const ranges = "invalidated" in outcome ? outcome.invalidated : [];
  const pending = reference.pendingInvalidation === undefined ? [] : [reference.pendingInvalidation];
  return [...ranges, ...pending].some(([first, last]) => first <= iova && iova + PAGE - 1n <= last);
}

for (const tinyConfiguration of tinyConfigurations) {
  const { format, gather, vaWidthLg2 } = tinyConfiguration;
  test(`${format}, ${vaWidthLg2} bits, ${gather}: the reference agrees with the page-by-page model`, (t) => {
    const codes = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const random = randomFrom(seed * 0x9e3779b1);
      const reference = new Reference(tinyConfiguration);
      const pages = new PageByPage(tinyConfiguration, reference.pageSizes);
      for (let step = 0; step < 60; step++) {
        const operation = randomOperation(random, tinyConfiguration);
        const before = reference.clone();
        const key = reference.key();
        const outcome = reference.apply(operation);
        if ("code" in outcome) codes.add(outcome.code);
        const complaint = pages.apply(operation, outcome) ?? pages.agrees(reference);
        if (complaint !== undefined) return t.fail(`seed ${seed}, step ${step}: ${complaint}`);
        if (before.key() !== key)
          return t.fail(`seed ${seed}, step ${step}: a clone changed with its original`);
        for (const iova of removedPages(before, reference)) {
          if (!covers(outcome, reference, iova)) return t.fail(`seed ${seed}, step ${step}: not invalidated`);
        }
      }
    }
    // The comparison is worth something only if every interesting end was reached.
    for (const code of ["OK", "ADDRESS_IN_USE", "OUT_OF_MEMORY", "MISALIGNED", "IOVA_OUT_OF_RANGE"]) {
      t.true(codes.has(code), `no ${code}`);
    }
  });
}
