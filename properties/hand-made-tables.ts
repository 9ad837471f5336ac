/** Tables assembled item by item, and what a walker sees in them, for the walkers' own tests. */
import type { Configuration, FormatName } from "../models/configuration.js";
import { shapeOf } from "../models/shape.js";
import {
  createWalker,
  SparseMemory,
  type Walker,
  type WalkerOptions,
  WalkResult,
  walkResultName,
} from "../models/walkers/index.js";

/** A walk in readable form: `page` is absent when it did not translate. */
export interface Seen {
  readonly result: string;
  readonly level: number;
  readonly page?: {
    readonly oa: bigint;
    readonly sizeLg2: number;
    /** Some of "r", "w", "x" and "d" (dirty), in this order. */
    readonly rights: string;
  };
}

export interface SweptItem {
  readonly what: string;
  readonly level: number;
  readonly address: bigint;
  readonly va: bigint;
  readonly raw?: bigint;
  readonly sizeLg2?: number;
}

/** A configuration with nothing special about it, for a format and what the test says about it. */
export function configurationOf(
  format: FormatName,
  special: Partial<Configuration> & Pick<Configuration, "vaWidthLg2" | "oaWidthLg2" | "topLevel">,
): Configuration {
  return {
    format,
    name: "hand-made",
    growingTop: false,
    signExtended: false,
    pageSizes: ~0n,
    gather: "range",
    forceCoherence: false,
    forceWriteable: false,
    svnapot: false,
    incoherent: false,
    tableBase: 0n,
    ...special,
  };
}

export class HandMadeTables {
  readonly memory = new SparseMemory();
  readonly walker: Walker;
  private readonly itemBytes: bigint;
  private readonly tableBytes: number;

  constructor(configuration: Configuration, options: WalkerOptions = {}) {
    this.walker = createWalker(configuration, this.memory, options);
    const { itemBytesLg2, tableBitsLg2 } = shapeOf(configuration);
    this.itemBytes = 1n << BigInt(itemBytesLg2);
    this.tableBytes = 2 ** (itemBytesLg2 + tableBitsLg2);
  }

  root(address: bigint, mode: number): this {
    this.walker.setRoot(lowWord(address), highWord(address), mode);
    return this;
  }

  /** A table at this address with these items, the others 0; a root may have another size than the other tables. */
  table(address: bigint, items: Readonly<Record<number, bigint>>, bytes = this.tableBytes): this {
    for (let offset = 0; offset < bytes; offset += 4096) this.memory.addFrame(address + BigInt(offset));
    for (const [index, word] of Object.entries(items)) {
      const itemAddress = address + BigInt(index) * this.itemBytes;
      if (this.itemBytes === 8n) this.memory.write64(itemAddress, word);
      else this.memory.writeWord(lowWord(itemAddress), highWord(itemAddress), lowWord(word));
    }
    return this;
  }

  item(address: bigint): bigint {
    const high = highWord(address);
    const low = this.memory.readWord(lowWord(address), high);
    return joined(low, this.itemBytes === 8n ? this.memory.readWord(lowWord(address) + 4, high) : 0);
  }

  walk(va: bigint): Seen {
    const { walker } = this;
    const code = walker.walk(lowWord(va), highWord(va));
    const seen = { result: walkResultName(code), level: walker.level };
    if (code !== WalkResult.Translated) return seen;
    const rights = `${walker.read ? "r" : ""}${walker.write ? "w" : ""}${walker.execute ? "x" : ""}${walker.dirty ? "d" : ""}`;
    return {
      ...seen,
      page: { oa: joined(walker.oaLow, walker.oaHigh), sizeLg2: walker.sizeLg2, rights },
    };
  }

  deviceWrite(va: bigint): boolean {
    return this.walker.deviceWrite(lowWord(va), highWord(va));
  }

  /** Everything a sweep reports, in its order; `what` is "table", "leaf" or the name of the fault. */
  sweep(): SweptItem[] {
    const swept: SweptItem[] = [];
    this.walker.sweep({
      table(level, low, high, vaLow, vaHigh) {
        swept.push({ what: "table", level, address: joined(low, high), va: joined(vaLow, vaHigh) });
      },
      leaf(level, low, high, rawLow, rawHigh, vaLow, vaHigh, sizeLg2) {
        swept.push({
          what: "leaf",
          level,
          address: joined(low, high),
          va: joined(vaLow, vaHigh),
          raw: joined(rawLow, rawHigh),
          sizeLg2,
        });
      },
      illegal(fault, level, low, high, rawLow, rawHigh, vaLow, vaHigh) {
        swept.push({
          what: walkResultName(fault),
          level,
          address: joined(low, high),
          va: joined(vaLow, vaHigh),
          raw: joined(rawLow, rawHigh),
        });
      },
    });
    return swept;
  }
}

/** One bit of a 64-bit word, or all bits from `high` down to `low`, as manuals write them. */
export function bits(high: number, low = high): bigint {
  return ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
}

/**
 * What setting each single bit of a word does: the result's name for every bit position that a manual lists.
 * The text reads like the manual's table: `"58:52 ReservedBit, 60 Translated"`.
 */
export function bitTable(text: string): { bit: number; result: string }[] {
  return text.split(",").flatMap((line) => {
    const [range, result] = line.trim().split(" ");
    const [high, low = high] = range.split(":").map(Number);
    return Array.from({ length: high - low + 1 }, (_, i) => ({ bit: low + i, result }));
  });
}

function joined(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function lowWord(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

function highWord(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}
