/** DMA as the judge: between any two operations, and between any two stores of one. */
import type { TableMemory } from "../../impl/memory/table-memory.js";
import type { DmaOutcome } from "../../models/iommu/index.js";
import type { Random } from "../../models/random.js";
import type { FrameMap } from "../../reference/frame-map.js";
import type { Accounts, DomainAccount } from "./account.js";
import { DEVICES, REQUESTERS, UNITY_EDGES, unityOf } from "./devices.js";
import { factName, fail, NOTHING, nameOf, pageName, SystemDifference } from "./difference.js";
import { PASID_DFN, PASIDS, pasidOf } from "./pasids.js";
import { dfnLimit, type MachineShape } from "./shape.js";
import type { JudgedUnits } from "./units.js";

const PAGE_BYTES = 4096n;
/** Requests to this window are interrupts, and not translated. */
const WINDOW_FIRST = 0xfee00;
const WINDOW_LAST = 0xfeeff;
/** DMA after each operation, and while one is under way. */
const PROBES = 4;
const PROBES_BETWEEN_STORES = 24;
/** A device's entry comes after the tables and the flushes of its unity range. */
const PROBES_IN_A_MOVE = 64;

/** So many pages are few. */
const FEW = 32;

interface Watched {
  readonly device: number;
  readonly dfn: number;
  readonly allowed: readonly string[];
  /** Through the caches: what is cached half-way must not stay. */
  readonly isCached?: boolean;
  readonly pasid?: number;
}

export class Probes {
  /** What was seen in the midst of an operation. */
  seen: SystemDifference | undefined;
  readonly #shape: MachineShape;
  readonly #hardware: JudgedUnits;
  readonly #accounts: Accounts;
  #memory: TableMemory | undefined;
  #random: Random;
  #watch: Watched[] = [];
  #watchLeft = 0;
  /** The hardware reads entries anew now and then, as it may at any time. What is cached still shows other mistakes. */
  #evicts = false;
  /** Tables that left their tree and wait for a flush. */
  readonly #queued = new Set<number>();

  constructor(shape: MachineShape, hardware: JudgedUnits, accounts: Accounts, random: Random) {
    this.#shape = shape;
    this.#hardware = hardware;
    this.#accounts = accounts;
    this.#random = random;
  }

  /** @param random of the operation in hand alone, so that a program without some operation is judged as with it */
  begin(random: Random): void {
    this.#random = random;
    this.#watch = [];
    this.#watchLeft = PROBES_BETWEEN_STORES;
  }

  /** The operation is over. Throws what was seen meanwhile. */
  end(): void {
    this.#watch = [];
    if (this.seen !== undefined) throw this.seen;
  }

  /** Hears of stores and of tables, for as long as the memory lives; whoever heard of them before still does. */
  listen(memory: TableMemory): void {
    this.#memory = memory;
    const before = memory.observer;
    memory.observer = {
      stored: (word, old, now) => {
        before?.stored(word, old, now);
        this.#betweenStores();
      },
      storedPair: (word, oldLow, oldHigh, low, high) => {
        before?.storedPair(word, oldLow, oldHigh, low, high);
        this.#betweenStores();
      },
      allocated: (word, frameLg2) => before?.allocated(word, frameLg2),
      quarantined: (word) => this.#queued.add(word),
      released: (word) => this.#released(word, Number(memory.addressOf(word))),
      published: () => {},
    };
  }

  #released(word: number, address: number): void {
    if (!this.#queued.delete(word) || this.seen !== undefined || !this.#hardware.usesFrame(address)) return;
    this.seen = new SystemDifference(
      "37",
      `the table at 0x${address.toString(16)} is freed, and still cached`,
    );
  }

  /** What devices may find while a call is under way, at the ends of its range and beside them. */
  watchRange(account: DomainAccount, dfn: number, pages: number, maps: readonly FrameMap[]): void {
    this.#watch = [];
    for (const device of this.#accounts.devicesOf(account.domain.id)) {
      for (const page of [dfn - 1, dfn, dfn + pages - 1, dfn + pages, dfn + (pages >> 1)]) {
        if (!this.#isPage(page)) continue;
        const allowed = maps.map((frames) => factName(frames.at(page), false));
        // A refusal takes back what the call had replaced.
        if (page >= dfn && page < dfn + pages) allowed.push(NOTHING);
        this.#watch.push({ device, dfn: page, allowed });
      }
    }
  }

  /** A device that moves never loses its unity range on the way. */
  watchUnity(device: number, mayFail: boolean): void {
    const unity = unityOf(this.#shape, device);
    if (unity === undefined) return;
    for (const dfn of [unity.firstDfn, unity.lastDfn]) {
      const allowed = this.#accounts.allowed(device, dfn, false, true);
      if (!allowed.includes(NOTHING) && this.#shape.tablesSeen === "at-once")
        this.#watch.push({ device, dfn, allowed: mayFail ? [...allowed, NOTHING] : allowed });
    }
  }

  /**
   * A device that goes to a domain finds what it found before, or what is the domain's, or nothing. Whoever shares a
   * domain with it, the former or the next, finds nothing new by that.
   */
  watchMove(device: number, account: DomainAccount): void {
    this.#watchLeft = PROBES_IN_A_MOVE;
    this.#evicts = this.#random.below(2) === 0;
    const others = DEVICES.filter((one) => one !== device && this.#accounts.ownerOf(one) !== undefined);
    for (const dfn of account.frames.edges().slice(0, PROBES)) {
      if (!this.#isPage(dfn)) continue;
      const before = this.#accounts.allowed(device, dfn, false, false);
      const after = this.#accounts.mapsOf(account).map((frames) => factName(frames.at(dfn), false));
      const allowed = [...before, ...after, NOTHING];
      this.#watch.push({ device, dfn, allowed, isCached: true });
      for (const other of others) this.#watchBystander(device, other, dfn);
    }
    const pasids = this.#accounts.pasids.get(device)?.keys() ?? [];
    for (const pasid of pasids) this.watchPasid(device, pasid, NOTHING);
  }

  /** The unity range of the one that moves comes and goes for the others, too. */
  #watchBystander(device: number, other: number, dfn: number): void {
    const unity = unityOf(this.#shape, device);
    const isUnity = unity !== undefined && dfn >= unity.firstDfn && dfn <= unity.lastDfn;
    if (isUnity) return;
    const allowed = [...this.#accounts.allowed(other, dfn, false, false), NOTHING];
    this.#watch.push({ device: other, dfn, allowed, isCached: true });
  }

  /** A request with a PASID finds what it found before, or this, or nothing. */
  watchPasid(device: number, pasid: number, next: string): void {
    const allowed = [this.#accounts.allowedWith(device, pasid, false), next, NOTHING];
    this.#watch.push({ device, dfn: PASID_DFN, allowed, isCached: true, pasid });
  }

  #betweenStores(): void {
    if (this.#watch.length === 0 || this.#watchLeft === 0 || this.seen !== undefined) return;
    this.#watchLeft--;
    for (const { device, dfn, allowed, isCached, pasid } of this.#watch) {
      const seen = isCached === true ? this.#cached(device, dfn, pasid) : this.uncached(device, dfn, false);
      if (allowed.includes(seen)) continue;
      const sentence = `between two stores ${pageName(dfn)} is ${seen}, and may be ${allowed.join(" or ")}`;
      this.seen = new SystemDifference("31", sentence);
    }
  }

  /** What memory says. */
  uncached(device: number, dfn: number, write: boolean): string {
    return nameOf(this.#hardware.translateUncached(device, BigInt(dfn) * PAGE_BYTES, write));
  }

  #cached(device: number, dfn: number, pasid: number | undefined): string {
    if (this.#evicts && this.#random.below(2) === 0) this.#hardware.evict(device);
    return nameOf(this.#hardware.dma(device, BigInt(dfn) * PAGE_BYTES, 4, false, { pasid }));
  }

  dma(device: number, dfn: number, write: boolean, ats: boolean): void {
    if (!this.#isPage(dfn)) return;
    const outcome = this.#hardware.dma(device, BigInt(dfn) * PAGE_BYTES + 8n, 4, write, { ats });
    const allowed = this.#accounts.allowed(device, dfn, write, false, ats);
    const seen = nameOf(outcome);
    if (seen === this.#accounts.scratch.get(device) && write) this.#scribble(outcome);
    if (allowed.includes(seen)) return;
    const who = `device ${device.toString(16)}${ats ? ", with what it keeps itself," : ""}`;
    fail("39", `${who} at ${pageName(dfn)} finds ${seen}, and may find ${allowed.join(" or ")}`);
  }

  /** What a device writes to its scratch page is there. */
  #scribble(outcome: DmaOutcome): void {
    const [{ address = 0 } = {}] = outcome.kind === "done" ? outcome.ranges : [];
    const memory = this.#memory;
    if (memory !== undefined) memory.words[(address - Number(memory.base)) / 4] = -1;
  }

  /** The scratch page of a device that is taken from an owner holds nothing of his. */
  expectEmpty(device: number): void {
    const [, frame] = this.#accounts.scratch.get(device)?.split(" ") ?? [];
    const memory = this.#memory;
    if (frame === undefined || memory === undefined) return;
    const first = (Number.parseInt(frame, 16) * 4096 - Number(memory.base)) / 4;
    if (memory.words.subarray(first, first + 1024).some((word) => word !== 0))
      fail("51", `the scratch page of device ${device.toString(16)} holds what its owner wrote`);
  }

  /** Where little is mapped the tables are looked at wherever something begins or ends: what fails fails in less. */
  few(): void {
    for (const device of DEVICES) {
      const pages = this.#edgesFor(device);
      if (pages.length > FEW) continue;
      for (const dfn of pages) this.#probeTables(device, dfn, false);
    }
  }

  /** Where something may begin or end for a device. */
  #edgesFor(device: number): readonly number[] {
    const number = this.#accounts.ownerOf(device);
    const account = number === undefined ? undefined : this.#accounts.domains.get(number);
    if (account === undefined) return [];
    return this.#shape.unity ? [...account.frames.edges(), ...UNITY_EDGES] : account.frames.edges();
  }

  /** Requests with PASIDs, of whichever device. */
  withPasid(): void {
    const device = DEVICES[this.#random.below(DEVICES.length)];
    const pasid = pasidOf(device, PASIDS[this.#random.below(PASIDS.length)]);
    const ats = this.#random.below(2) === 0;
    const outcome = this.#hardware.dma(device, BigInt(PASID_DFN) * PAGE_BYTES, 4, true, { pasid, ats });
    const should = this.#accounts.allowedWith(device, pasid, ats);
    const seen = nameOf(outcome);
    if (seen === should) return;
    fail("39", `device ${device.toString(16)} with PASID ${pasid} finds ${seen}, and should: ${should}`);
  }

  /** A few pages of any device. */
  some(): void {
    for (let probe = 0; probe < PROBES; probe++) {
      const device = REQUESTERS[this.#random.below(REQUESTERS.length)];
      this.#probe(device, this.#drawPage(device));
    }
  }

  /** What the first device of a domain finds at the ends of a range, and beside them. */
  edgesOf(domain: number, dfn: number, pages: number): void {
    const device = DEVICES.find((one) => this.#accounts.ownerOf(one) === domain);
    if (device === undefined) return;
    for (const page of [dfn - 1, dfn, dfn + pages - 1, dfn + pages]) this.#probe(device, page);
  }

  #probe(device: number, dfn: number): void {
    if (!this.#isPage(dfn)) return;
    const write = this.#random.below(2) === 0;
    this.#probeTables(device, dfn, write);
    this.dma(device, dfn, write, false);
  }

  #probeTables(device: number, dfn: number, write: boolean): void {
    if (!this.#isPage(dfn)) return;
    const should = this.#accounts.allowed(device, dfn, write, true);
    const memory = this.uncached(device, dfn, write);
    if (should.includes(memory)) return;
    const who = `the tables say of ${pageName(dfn)} for device ${device.toString(16)}`;
    fail("18", `${who}: ${memory}, and should: ${should.join(" or ")}`);
  }

  #drawPage(device: number): number {
    const edges = this.#edgesFor(device);
    if (edges.length === 0 || this.#random.below(4) === 0) return this.#random.below(4096);
    return edges[this.#random.below(edges.length)];
  }

  #isPage(dfn: number): boolean {
    return dfn >= 0 && dfn < dfnLimit(this.#shape) && !(dfn >= WINDOW_FIRST && dfn <= WINDOW_LAST);
  }
}
