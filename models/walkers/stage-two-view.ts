/**
 * The memory of a guest: addresses that a second stage translates, word by word, before anything is read. A
 * first-stage walker that is given this memory has its root, its pointers and its items translated without knowing.
 */
import { type PhysicalMemory, type Walker, WalkResult, type WalkResultCode } from "./walker.js";

/** A first-stage item that a walk read: where it is for the guest, and what hardware may do to it. */
export interface ReadItem {
  ipaLow: number;
  ipaHigh: number;
  rawLow: number;
  /** The second stage lets hardware write to it. */
  writable: boolean;
}

export class StageTwoView implements PhysicalMemory {
  /** The item last asked for. */
  askedLow = 0;
  askedHigh = 0;
  /** The second stage refused it. */
  refused = false;
  /** How it ended there: `Translated` when only the permission was missing. */
  refusal: WalkResultCode = WalkResult.Translated;
  /** The items of the walk, in order; those from `count` on are of longer walks before. */
  readonly items: ReadItem[] = [];
  count = 0;

  private readonly memory: PhysicalMemory;
  private readonly stage2: Walker;
  private readonly asWrites: boolean;
  private readonly itemBytesMask: number;
  private hostLow = 0;
  private hostHigh = 0;
  private holdsStores = false;
  private heldStores = 0;

  /** With `asWrites` an item may be read only where it may be written, too. */
  constructor(memory: PhysicalMemory, stage2: Walker, itemBytesLg2: number, asWrites: boolean) {
    this.memory = memory;
    this.stage2 = stage2;
    this.itemBytesMask = (1 << itemBytesLg2) - 1;
    this.asWrites = asWrites;
  }

  beginWalk(): void {
    this.askedLow = 0;
    this.askedHigh = 0;
    this.refused = false;
    this.count = 0;
  }

  /** From here on stores are only counted: what hardware would write is asked, not done. */
  holdStores(): void {
    this.holdsStores = true;
    this.heldStores = 0;
  }

  /** Stores are done again. Returns how many were not. */
  releaseStores(): number {
    this.holdsStores = false;
    return this.heldStores;
  }

  /** A walker asks this before it reads an item, so that this is where the item goes through the second stage. */
  contains(low: number, high: number): boolean {
    const { stage2 } = this;
    this.askedLow = low;
    this.askedHigh = high;
    this.refusal = stage2.walk(low, high);
    this.refused = this.refusal !== WalkResult.Translated || !stage2.read || (this.asWrites && !stage2.write);
    if (this.refused) return false;
    this.hostLow = stage2.oaLow;
    this.hostHigh = stage2.oaHigh;
    if (!this.memory.contains(this.hostLow, this.hostHigh)) return false;
    const rawLow = this.memory.readWord(this.hostLow, this.hostHigh);
    this.remember(low, high, rawLow, stage2.write);
    return true;
  }

  /** An item lies in one page, so its second word follows the first also behind the second stage. */
  readWord(low: number): number {
    const offset = low & this.itemBytesMask;
    return this.memory.readWord((this.hostLow & ~this.itemBytesMask) | offset, this.hostHigh);
  }

  /** Hardware's own write to an item, of which the second stage takes notice as of any other write. */
  writeWord(low: number, high: number, value: number): void {
    if (this.holdsStores) {
      this.heldStores++;
    } else if (this.stage2.deviceWrite(low, high)) {
      this.memory.writeWord(this.stage2.oaLow, this.stage2.oaHigh, value);
    }
  }

  private remember(ipaLow: number, ipaHigh: number, rawLow: number, writable: boolean): void {
    if (this.count === this.items.length) {
      this.items.push({ ipaLow, ipaHigh, rawLow, writable });
    } else {
      const item = this.items[this.count];
      item.ipaLow = ipaLow;
      item.ipaHigh = ipaHigh;
      item.rawLow = rawLow;
      item.writable = writable;
    }
    this.count++;
  }
}
