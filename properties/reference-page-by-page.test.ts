/**
 * The reference against a model that is simpler still, page by page: random operations in spaces of a few dozen
 * pages, every page compared after each.
 */
import test from "ava";
import type { Configuration } from "../models/configuration.js";
import type { Operation, Outcome } from "../models/operations.js";
import { itemSizeLg2, PageByPage, Reference } from "../reference/index.js";
import { isWhole } from "./part.js";
import { configuration, type Options } from "./reference-configuration.js";

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

function randomOperation(random: (below: number) => number, configuration: Configuration): Operation {
  const { vaWidthLg2, oaWidthLg2, signExtended, upperHalf } = configuration;
  const pageLg2 = itemSizeLg2(configuration, 0);
  const PAGE = 1n << BigInt(pageLg2);
  const pages = 1 << (vaWidthLg2 - pageLg2);
  // Some addresses lie past the end, some ranges wrap, some bounds are odd; most are aligned to something.
  const page = BigInt(random(pages + 1) & (-1 << random(5)));
  const isUpper = upperHalf === true ? random(20) !== 0 : signExtended && random(2) === 0;
  const upper = isUpper ? 2n ** 64n - (1n << BigInt(vaWidthLg2)) : 0n;
  const iova = BigInt.asUintN(64, upper + page * PAGE + (random(40) === 0 ? 0x800n : 0n));
  const length = BigInt(random(3) === 0 ? random(2 * pages) : 1 << random(vaWidthLg2 - pageLg2 + 1)) * PAGE;
  const anyAddress = iova + BigInt(random(4096));
  switch (random(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: {
      const span = 2n ** BigInt(vaWidthLg2);
      const low = BigInt(random(4)) * span + page * PAGE + BigInt(random(4) >> 1) * PAGE;
      // Where there is more than 4 GiB, around that.
      const pa = oaWidthLg2 > 32 && random(2) === 0 ? low + 2n ** 32n - 2n * span : low;
      const pageSizes = random(4) === 0 ? BigInt(random(64)) * PAGE : undefined;
      return { op: "map", iova, pa, length, prot: random(64), pageSizes };
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

/** A root of another width than a table has its bits in `rootBits`. */
const tiny = (levels: number, options: Options = {}, rootBits = 2): Options => ({
  tiny: { tableBitsLg2: 2, contiguousLg2: 1 },
  topLevel: levels - 1,
  vaWidthLg2: (options.granuleLg2 ?? 12) + 2 * (levels - 1) + rootBits,
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
  configuration("x86-pae", tiny(3)),
  configuration("x86-pae32", tiny(3, { gather: "queued" })),
  configuration("riscv64-guest", tiny(2, { svnapot: true, svpbmt: true }, 3)),
  configuration("riscv32-guest", tiny(2, { gather: "no-gaps" }, 4)),
  configuration("armv8-stage1", tiny(2, { dirtyTracking: true, upperHalf: true, gather: "no-gaps" })),
  configuration("armv8-stage1", tiny(3, {}, 1)),
  configuration("armv8-stage2", tiny(2, { dirtyTracking: true }, 3)),
  configuration("armv8-stage2", tiny(2, { granuleLg2: 16, oaWidthLg2: 22, gather: "no-gaps" }, 3)),
  configuration("arm-lpae-stage1", tiny(2)),
  configuration("arm-lpae-stage2", tiny(2, { gather: "queued" }, 3)),
  configuration("mali", tiny(4, {}, -2)),
  configuration("arm-short", tiny(2, { oaWidthLg2: 36 }, 3)),
  configuration("arm-short", tiny(2, { oaWidthLg2: 35, mediatek: true, noPermissions: true }, 3)),
  configuration("dart1", tiny(2, {}, 4)),
  configuration("dart2", tiny(3, { granuleLg2: 14, gather: "no-gaps" }, 1)),
];

/** Which pages changed between two states of the reference, as first addresses. */
function removedPages(before: Reference, after: Reference): bigint[] {
  const page = pageBytesOf(before);
  const pages = before.runs.flatMap((run) =>
    Array.from(
      { length: Number((run.count << BigInt(run.sizeLg2)) / page) },
      (_, n) => run.iova + BigInt(n) * page,
    ),
  );
  return pages.filter((iova) => after.translate(iova) === undefined);
}

function covers(outcome: Outcome, reference: Reference, iova: bigint): boolean {
  const ranges = "invalidated" in outcome ? outcome.invalidated : [];
  const page = pageBytesOf(reference);
  const pending = reference.pendingInvalidation === undefined ? [] : [reference.pendingInvalidation];
  return [...ranges, ...pending].some(([first, last]) => first <= iova && iova + page - 1n <= last);
}

function pageBytesOf({ configuration }: Reference): bigint {
  return 1n << BigInt(itemSizeLg2(configuration, 0));
}

for (const tinyConfiguration of tinyConfigurations) {
  const { format, gather, oaWidthLg2, vaWidthLg2 } = tinyConfiguration;
  test(`${format}, ${vaWidthLg2} to ${oaWidthLg2} bits, ${gather}: the reference agrees with the page-by-page model`, (t) => {
    const codes = new Set<string>();
    for (let seed = 1; seed <= (isWhole ? 40 : 15); seed++) {
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
