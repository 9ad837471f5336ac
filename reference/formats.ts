/**
 * The facts of each format that decide what is mapped, one table of them, written down again from the manuals: a
 * wrong constant of an implementation meets a right one here. Levels count from 0 at the leaves.
 *
 * Sources: AMD IOMMU 48882 §2.2.3; AMD64 APM vol. 2 §5; Intel SDM vol. 3 §4.4–4.5; Intel VT-d §3.6–3.7; RISC-V
 * Privileged Architecture, Sv32 … Sv57, Svnapot, Svpbmt, and the guest stage of its hypervisor extension; Arm ARM
 * DDI 0487 chapter D8 (long descriptor, LPA2, contiguous bit, DBM, break-before-make); Arm ARM v7-A/R DDI 0406
 * chapter B3 (short descriptor, LPAE); Apple's DART by its observable items.
 */
import type { Configuration, FormatName } from "../models/configuration.js";
import type { EntryFacts } from "../models/operations.js";
import type { Run } from "./leaves.js";
import type { MarkRule } from "./marks.js";

/** The bits of a request's `prot`, as the operation language numbers them. */
const [READ, WRITE, NO_EXEC, PRIVILEGED, CACHE, MMIO] = [1, 2, 4, 8, 16, 32];

/** What a format is, with a domain's options taken in. */
export interface Facts {
  /** The highest level that can hold leaves. */
  readonly leafLevelMax: number;
  /** Every power of two between two items' sizes is a page too; else only what `contiguousLg2` says. */
  readonly anyPowerOfTwo: boolean;
  /** log2 of the items of a contiguous entry, by level from 0 on; a level that is missing or 0 has none. */
  readonly contiguousLg2: readonly number[];
  /** What every leaf permits, asked for or not. */
  readonly impliedProt: number;
  /** Which bits of a request's `prot` a leaf can express. */
  readonly keptProt: number;
  /** Whether memory of devices is cacheable cannot be said beside. */
  readonly mmioHidesCache: boolean;
  /** What devices wrote. */
  readonly dirty: MarkRule;
  /** What devices used. */
  readonly accessed: MarkRule;
  /** An item's old meaning must be forgotten before it gets a new one: a map invalidates before it stores. */
  readonly breakBeforeMake: boolean;
  /** The processor keeps the root's items until it is told: a map tells it of those that it linked. */
  readonly rootIsLoaded: boolean;
  /** log2 of the one page size that reaches output addresses from 2^32 on, where not every size does. */
  readonly farSizeLg2: number | undefined;
}

interface Format {
  /** log2 of the smallest page, where the configuration names none. */
  readonly granuleLg2: number;
  /** log2 of the items of a table; where the configuration names a granule, 64-bit items fill it. */
  readonly tableBitsLg2: number;
  /** The root takes all input bits that the levels below it leave, however many tables or however few items. */
  readonly wideRoot: boolean;
  readonly facts: (configuration: Configuration) => Facts;
}

/** Marks that hardware does not keep; that it sets in fresh leaves; that fresh leaves have; that fresh writable ones do. */
const NEVER: MarkRule = { isKept: false, isFresh: false, prot: 0 };
const LATER: MarkRule = { isKept: true, isFresh: false, prot: 0 };
const FRESH: MarkRule = { isKept: true, isFresh: true, prot: 0 };
const FRESH_IF_WRITABLE: MarkRule = { isKept: true, isFresh: true, prot: WRITE };

const plain: Facts = {
  leafLevelMax: 2,
  anyPowerOfTwo: false,
  contiguousLg2: [],
  impliedProt: 0,
  keptProt: READ | WRITE,
  mmioHidesCache: false,
  dirty: NEVER,
  accessed: NEVER,
  breakBeforeMake: false,
  rootIsLoaded: false,
  farSizeLg2: undefined,
};

/** MMIO keeps the encryption bit out of a leaf, and does nothing else. */
const encrypted = ({ encryptionBit }: Configuration) => (encryptionBit === undefined ? 0 : MMIO);

function amdv1(leafLevelMax: number) {
  return (configuration: Configuration): Facts => {
    const keptProt = READ | WRITE | encrypted(configuration);
    return { ...plain, leafLevelMax, anyPowerOfTwo: true, keptProt, dirty: LATER, accessed: LATER };
  };
}

/** A present page can be read: there is no write-only one. */
function x86(leafLevelMax: number) {
  return (configuration: Configuration): Facts => {
    const keptProt = WRITE | encrypted(configuration);
    return { ...plain, leafLevelMax, impliedProt: READ, keptProt, accessed: FRESH };
  };
}

/** Leaves stand at every level. W without R is a reserved encoding. */
function riscv({ topLevel, svnapot, svpbmt, accessedTracking }: Configuration): Facts {
  const memoryTypes = svpbmt === true ? CACHE | MMIO : 0;
  const keptProt = WRITE | NO_EXEC | memoryTypes;
  const contiguousLg2 = svnapot ? [4] : [];
  const shape = { leafLevelMax: topLevel, contiguousLg2, mmioHidesCache: true };
  return {
    ...plain,
    ...shape,
    impliedProt: READ,
    keptProt,
    accessed: accessedTracking === true ? FRESH : NEVER,
  };
}

/** Neither Svnapot nor Svpbmt exists in Sv32. */
function riscv32(configuration: Configuration): Facts {
  return riscv({ ...configuration, svnapot: false, svpbmt: false });
}

const stage1 = { impliedProt: READ, keptProt: WRITE | NO_EXEC | PRIVILEGED | CACHE | MMIO };
const stage2 = { impliedProt: 0, keptProt: READ | WRITE | NO_EXEC | CACHE | MMIO };
type Stage = typeof stage1;

/** ARMv8 by granule: the highest level of blocks, which LPA2 raises by one, and the contiguous runs. */
const armv8Granules: ReadonlyMap<number, Pick<Facts, "leafLevelMax" | "contiguousLg2">> = new Map([
  [12, { leafLevelMax: 2, contiguousLg2: [4, 4, 4] }],
  [14, { leafLevelMax: 1, contiguousLg2: [7, 5] }],
  [16, { leafLevelMax: 1, contiguousLg2: [5, 5] }],
]);

function armv8(stage: Stage) {
  return ({ granuleLg2 = 12, lpa2, oaWidthLg2, dirtyTracking, accessedTracking }: Configuration): Facts => {
    const granule = armv8Granules.get(granuleLg2);
    if (granule === undefined) throw new RangeError(`ARMv8 has no granule of 2^${granuleLg2} bytes`);
    // With 52-bit addresses there is a block one level higher, and no contiguous run of it.
    const isLarger = lpa2 === true || (granuleLg2 === 16 && oaWidthLg2 > 48);
    const leafLevelMax = granule.leafLevelMax + (isLarger ? 1 : 0);
    const isManaged = dirtyTracking === true || accessedTracking === true;
    const { contiguousLg2 } = granule;
    const dirty = dirtyTracking === true ? FRESH_IF_WRITABLE : NEVER;
    const marks = { dirty, accessed: isManaged ? FRESH : NEVER };
    // The shareability, which tells cacheable memory apart, is not in items with 52-bit addresses.
    const mmioHidesCache = lpa2 === true;
    const shape = { leafLevelMax, contiguousLg2, mmioHidesCache };
    return { ...plain, ...stage, ...marks, ...shape, breakBeforeMake: true };
  };
}

/** Tables of 4 KiB, and the contiguous bit at each level that has leaves. */
function lpae(stage: Stage) {
  return (): Facts => ({ ...plain, ...stage, contiguousLg2: [4, 4, 4], breakBeforeMake: true });
}

/** 64 KiB and 16 MiB are sixteen items. Supersections alone have PA[39:32]; MediaTek has PA[34:32] everywhere. */
function short({ noPermissions, mediatek, oaWidthLg2, tiny }: Configuration): Facts {
  const prot = noPermissions === true ? { impliedProt: READ | WRITE, keptProt: CACHE | MMIO } : stage1;
  const supersectionLg2 = tiny === undefined ? 24 : 12 + tiny.tableBitsLg2 + tiny.contiguousLg2;
  const farSizeLg2 = mediatek === true || oaWidthLg2 <= 32 ? undefined : supersectionLg2;
  const shape = { leafLevelMax: 1, contiguousLg2: [4, 4], farSizeLg2 };
  return { ...plain, ...prot, ...shape, mmioHidesCache: true, breakBeforeMake: true };
}

function dart(memoryType: number) {
  return (): Facts => ({ ...plain, leafLevelMax: 0, keptProt: READ | WRITE | memoryType });
}

function format(facts: Format["facts"], shape: Partial<Format> = {}): Format {
  return { granuleLg2: 12, tableBitsLg2: 9, wideRoot: false, ...shape, facts };
}

const wide = { wideRoot: true };

const FORMATS: Readonly<Record<FormatName, Format>> = {
  amdv1: format(amdv1(4)),
  "amdv1-mock": format(amdv1(3), { granuleLg2: 11 }),
  "x86-64": format(x86(2)),
  "x86-pae": format(x86(2)),
  // The four entries that CR3 leads to are no leaves, and are read when CR3 is.
  "x86-pae32": format((configuration) => ({ ...x86(1)(configuration), rootIsLoaded: true }), wide),
  "vtd-second-stage": format(() => ({ ...plain, dirty: LATER, accessed: LATER })),
  riscv64: format(riscv),
  riscv32: format(riscv32, { tableBitsLg2: 10 }),
  "riscv64-guest": format(riscv, wide),
  "riscv32-guest": format(riscv32, { ...wide, tableBitsLg2: 10 }),
  "armv8-stage1": format(armv8(stage1), wide),
  "armv8-stage2": format(armv8(stage2), wide),
  "arm-lpae-stage1": format(lpae(stage1), wide),
  "arm-lpae-stage2": format(lpae(stage2), wide),
  mali: format(() => ({ ...plain, ...stage2, mmioHidesCache: true, breakBeforeMake: true }), wide),
  "arm-short": format(short, { ...wide, tableBitsLg2: 8 }),
  dart1: format(dart(0), wide),
  dart2: format(dart(CACHE), wide),
};

/** What follows from a configuration alone, found out once for each. */
export function perConfiguration<Value>(of: (configuration: Configuration) => Value) {
  const known = new WeakMap<Configuration, Value>();
  return (configuration: Configuration): Value => {
    const value = known.get(configuration);
    if (value !== undefined) return value;
    const found = of(configuration);
    known.set(configuration, found);
    return found;
  };
}

export const factsOf = perConfiguration((configuration) =>
  FORMATS[configuration.format].facts(configuration),
);

export function hasWideRoot(configuration: Configuration): boolean {
  return FORMATS[configuration.format].wideRoot;
}

/** log2 of the smallest page, and of the items of a table. */
const sizesOf = perConfiguration(({ format, granuleLg2, tiny }) => {
  const usual = FORMATS[format];
  const bitsLg2 = granuleLg2 === undefined ? usual.tableBitsLg2 : granuleLg2 - 3;
  return { granuleLg2: granuleLg2 ?? usual.granuleLg2, bitsLg2: tiny?.tableBitsLg2 ?? bitsLg2 };
});

/** log2 of the bytes that one item of a table at this level covers; `level + 1` gives a whole table's. */
export function itemSizeLg2(configuration: Configuration, level: number): number {
  const { granuleLg2, bitsLg2 } = sizesOf(configuration);
  return granuleLg2 + level * bitsLg2;
}

/** log2 of the page sizes that tables of this level hold, smallest first. */
export function leafSizesLg2(configuration: Configuration, level: number): number[] {
  const { leafLevelMax, anyPowerOfTwo, contiguousLg2 } = factsOf(configuration);
  const leastLg2 = itemSizeLg2(configuration, level);
  if (level > leafLevelMax) return [];
  if (anyPowerOfTwo) {
    const count = itemSizeLg2(configuration, level + 1) - leastLg2;
    // Without the 512 GiB of the erratum.
    return Array.from({ length: count }, (_, n) => leastLg2 + n).filter((lg2) => lg2 !== 39);
  }
  const itemsLg2 = contiguousLg2[level] ?? 0;
  if (itemsLg2 === 0) return [leastLg2];
  return [leastLg2, leastLg2 + (configuration.tiny?.contiguousLg2 ?? itemsLg2)];
}

/** What a leaf makes of a request's `prot`. */
export function effectiveProt({ impliedProt, keptProt, mmioHidesCache }: Facts, prot: number): number {
  const hidden = mmioHidesCache && (prot & MMIO) !== 0 ? CACHE : 0;
  return impliedProt | (prot & keptProt & ~hidden);
}

/** What an effective `prot` grants. Where nothing controls execution, what can be read can be executed. */
export function permissionsOf(prot: number) {
  const read = (prot & READ) !== 0;
  return { read, write: (prot & WRITE) !== 0, execute: read && (prot & NO_EXEC) === 0 };
}

/** One leaf as `entries` lists it. */
export function entryFacts({ iova, sizeLg2, pa, prot }: Run, dirty: boolean): EntryFacts {
  return { iova, sizeLg2, pa, ...permissionsOf(prot), dirty };
}
