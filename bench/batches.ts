/** What lists of physical runs save over one call for each run, and how fast dirty state is told page by page. */
import {
  amdv1,
  armv8Stage1_4k,
  DirtyBitmap,
  type PageTable,
  PhysicalRuns,
  Prot,
  TableMemory,
  vtdSecondStage,
} from "../impl/index.js";
import { type Effort, measureAll, Probe } from "./measure.js";

/** Nanoseconds of one format. */
export interface BatchRow {
  readonly format: string;
  /** A map and an unmap of 256 pages of 4 KiB, each of them somewhere else: as one list, and page by page. */
  readonly batch: number;
  readonly calls: number;
  /** For each page of 4 KiB: a bitmap of 8 GiB in leaves of 2 MiB, all of them dirty, and none. */
  readonly dirtyPerPage: number;
  readonly cleanPerPage: number;
  /** The same of accessed state, all of it set. */
  readonly accessedPerPage: number;
}

interface Format {
  readonly name: string;
  /** The bit that hardware sets in items that it uses. */
  readonly accessed: number;
  create(): PageTable;
}

const FORMATS: readonly Format[] = [
  { name: amdv1.name, accessed: 1 << 5, create: () => amdv1.create({ memory: new TableMemory() }) },
  {
    name: vtdSecondStage.name,
    accessed: 1 << 8,
    create: () => vtdSecondStage.create({ memory: new TableMemory() }),
  },
  {
    name: armv8Stage1_4k.name,
    accessed: 1 << 10,
    create: () => armv8Stage1_4k.create({ memory: new TableMemory(), dirtyTracking: true }),
  },
];

const RW = Prot.read | Prot.write;
const PAGE = 0x1000n;
const LARGE = 0x20_0000n;
const PAGES = 256;
const TRACKED = 0x2_0000_0000n;

export function measureBatches(effort: Effort): readonly BatchRow[] {
  return FORMATS.map((format) => {
    const probes = [
      batches(format),
      singles(format),
      bitmaps(format, true),
      bitmaps(format, false),
      accesses(format),
    ];
    measureAll(probes, effort);
    const [batch, calls, dirty, clean, accessed] = probes.map((probe) => probe.figures().minNs);
    const pages = Number(TRACKED / PAGE);
    return {
      format: format.name,
      batch,
      calls,
      dirtyPerPage: dirty / pages,
      cleanPerPage: clean / pages,
      accessedPerPage: accessed / pages,
    };
  });
}

/** Pages of which no two follow one another. */
const places = Array.from({ length: PAGES }, (_, n) => BigInt(((n * 181) % 251) * 2 + (n & 1)) * 3n * PAGE);

function batches(format: Format): Probe {
  const table = format.create();
  const [wanted, told] = [new PhysicalRuns(PAGES), new PhysicalRuns(PAGES)];
  for (const pa of places) wanted.add(pa, PAGE);
  if (wanted.length !== PAGES) throw new Error("some of the pages follow one another");
  return new Probe((count) => {
    for (let i = 0; i < count; i++) {
      table.mapRuns(LARGE, wanted, RW);
      told.clear();
      table.unmapRuns(LARGE, BigInt(PAGES) * PAGE, told);
    }
  });
}

/** Who wants to know where a page led asks before it is unmapped. */
function singles(format: Format): Probe {
  const table = format.create();
  const iovas = places.map((_, n) => LARGE + BigInt(n) * PAGE);
  let led = 0n;
  return new Probe((count) => {
    for (let i = 0; i < count; i++) {
      for (let n = 0; n < PAGES; n++) table.map(iovas[n], places[n], PAGE, RW);
      for (let n = 0; n < PAGES; n++) {
        led ^= table.lookup(iovas[n]) ?? 0n;
        table.unmap(iovas[n], PAGE);
      }
    }
    if (led < 0n) throw new Error("an address below 0");
  });
}

function bitmaps(format: Format, isDirty: boolean): Probe {
  const table = format.create();
  table.map(0n, 0n, TRACKED, RW, LARGE | PAGE);
  table.readAndClearDirty(0n, TRACKED, () => {});
  for (let iova = 0n; isDirty && iova < TRACKED; iova += LARGE) table.setDirty(iova);
  const bitmap = new DirtyBitmap(0n, TRACKED, 12);
  return new Probe((count) => {
    for (let i = 0; i < count; i++) table.readAndClearDirty(0n, TRACKED, bitmap.record, { clear: false });
    if (bitmap.isDirty(TRACKED - 1n) !== isDirty) throw new Error("the bitmap is wrong");
  });
}

function accesses(format: Format): Probe {
  const table = format.create();
  table.map(0n, 0n, TRACKED, RW, LARGE | PAGE);
  const { words } = table.memory;
  for (let word = 0; word < words.length; word += 2) if (words[word] !== 0) words[word] |= format.accessed;
  const bitmap = new DirtyBitmap(0n, TRACKED, 12);
  return new Probe((count) => {
    for (let i = 0; i < count; i++) table.readAndClearAccessed(0n, TRACKED, bitmap.record, { clear: false });
    if (!bitmap.isDirty(TRACKED - 1n)) throw new Error("the bitmap is wrong");
  });
}
