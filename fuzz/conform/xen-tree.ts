/**
 * Two vendors' tables, read from memory as the recordings count them: leaves by size, and tables below the root whose
 * contiguity marker says that they are all empty or all one superpage.
 * Sources: AMD IOMMU Specification §2.2.3; Intel VT-d Specification §9.8; the marker is in bits that hardware ignores.
 */
import type { TableMemory } from "../../impl/memory/table-memory.js";
import type { XenLeaf } from "./xen-maps-vector.js";

const ENTRIES = 512;
const FULLY_UNIFORM = 9;
const FRAME_MASK = 0xf_ffff;

interface Layout {
  isPresent(low: number): boolean;
  isLeaf(low: number, level: number): boolean;
  /** 1 read, 2 write. */
  access(low: number, high: number): number;
  marker(low: number, high: number): number;
}

const LAYOUTS: Readonly<Record<"amd" | "vtd", Layout>> = {
  amd: {
    isPresent: (low) => (low & 1) !== 0,
    isLeaf: (low) => ((low >>> 9) & 7) === 0,
    access: (_low, high) => ((high >>> 29) & 1) | ((high >>> 29) & 2),
    marker: (low) => (low >>> 1) & 15,
  },
  vtd: {
    isPresent: (low) => (low & 3) !== 0,
    isLeaf: (low, level) => level === 1 || (low & 0x80) !== 0,
    access: (low) => low & 3,
    marker: (_low, high) => (high >>> 20) & 15,
  },
};

export class XenTree {
  /** Leaves of 4 KiB, 2 MiB and 1 GiB. */
  readonly counts = [0, 0, 0];
  uniformTables = 0;
  readonly leaves: XenLeaf[] = [];
  readonly #memory: TableMemory;
  readonly #layout: Layout;
  readonly #levels: number;
  readonly #listsLeaves: boolean;

  /** Reads the tree below a root; 1 is the level of 4 KiB pages. Without a root there is nothing. */
  constructor(
    vendor: "amd" | "vtd",
    memory: TableMemory,
    root: bigint | undefined,
    levels: number,
    listsLeaves: boolean,
  ) {
    this.#memory = memory;
    this.#layout = LAYOUTS[vendor];
    this.#levels = levels;
    this.#listsLeaves = listsLeaves;
    if (root !== undefined) this.#read(Number((root - memory.base) / 4n), levels, 0);
  }

  #read(table: number, level: number, firstDfn: number): void {
    const { words } = this.#memory;
    const layout = this.#layout;
    if (level < this.#levels && layout.marker(words[table], words[table + 1]) === FULLY_UNIFORM) {
      this.uniformTables++;
    }
    const pages = ENTRIES ** (level - 1);
    for (let index = 0; index < ENTRIES; index++) {
      const low = words[table + 2 * index];
      if (!layout.isPresent(low)) continue;
      const high = words[table + 2 * index + 1];
      const dfn = firstDfn + index * pages;
      const frame = (high & FRAME_MASK) * 0x10_0000 + (low >>> 12);
      if (!layout.isLeaf(low, level)) {
        this.#read(Number((BigInt(frame) * 4096n - this.#memory.base) / 4n), level - 1, dfn);
        continue;
      }
      this.counts[level - 1]++;
      if (this.#listsLeaves) {
        const access = layout.access(low, high);
        this.leaves.push({ dfn, mfn: frame, order: 9 * (level - 1), access });
      }
    }
  }
}
