/**
 * A machine under judgement: operations go to the drivers, DMA to the model of the hardware, and a plain account of
 * what every device may see says whether both are right. Devices do DMA between any two operations.
 */

import { PageTableError, Status } from "../../impl/errors.js";
import type { IommuDomain } from "../../impl/iommu/domain.js";
import { describeHex } from "../../models/index.js";
import type { DmaOutcome } from "../../models/iommu/index.js";
import { Random } from "../../models/random.js";
import { type FrameFact, FrameMap } from "../../reference/frame-map.js";
import { buildMachine, type MachineParts, type MachineShape } from "./build.js";
import { CPUS, DEVICES } from "./generate.js";
import type { SystemOperation } from "./operations.js";

const PAGE_BYTES = 4096n;
/** Requests to this window are interrupts, and not translated. */
const WINDOW_FIRST = 0xfee00;
const WINDOW_LAST = 0xfeeff;
/** DMA after each operation, and while one is under way. */
const PROBES = 4;
const PROBES_BETWEEN_STORES = 24;

/** A unit keeps the context tables of a bus that once had a device: two buses, at most two tables each. */
const FRAMES_OF_BUSES = 4;

/** What a domain owes its hardware, and everything that its pages have led to since. */
interface Owed {
  flags: number;
  readonly ranges: { readonly dfn: number; readonly pages: number }[];
  readonly before: FrameMap[];
  /** The CPUs that have not given themselves up since. */
  readonly cpus: Set<number>;
}

interface DomainAccount {
  readonly domain: IommuDomain;
  frames: FrameMap;
  owed: Owed | undefined;
}

/** What broke, in a sentence. */
export class SystemDifference extends Error {
  override readonly name = "SystemDifference";
  /** The number of the property in docs/iommu-properties.md, or the invariant. */
  readonly invariant: string;

  constructor(invariant: string, sentence: string) {
    super(sentence);
    this.invariant = invariant;
  }
}

export class Machine {
  readonly #parts: MachineParts;
  readonly #seed: string;
  /** Of the operation in hand alone, so that a program without some operation is judged as the one with it. */
  #random = Random.fromSeed("");
  readonly #domains = new Map<number, DomainAccount>();
  /** Owner by device; undefined: quarantined. */
  readonly #owners = new Map<number, number | undefined>();
  /** What a quarantined device finds wherever it looks: its scratch page, if it has one. */
  readonly #scratch = new Map<number, string>();
  /** For want of memory these have not even their scratch page. */
  readonly #isRefused = new Set<number>();
  #mayFail = false;
  readonly #queued = new Map<number, Int32Array>();
  #faultsRead = 0;
  #watch: { readonly device: number; readonly dfn: number; readonly allowed: readonly string[] }[] = [];
  #watchLeft = 0;
  /** What was seen in the midst of an operation. */
  #seen: SystemDifference | undefined;
  /** Frames that are no page table of a domain. */
  #otherFrames = 0;
  readonly #framesAtFirst: number;

  /** @param spoil changes the machine before anything happens */
  constructor(shape: MachineShape, seed: string, spoil: (parts: MachineParts) => void = () => {}) {
    this.#seed = seed;
    this.#parts = buildMachine(shape);
    spoil(this.#parts);
    const { memory, system } = this.#parts;
    for (const device of DEVICES) {
      if (system.addDevice({ id: idOf(device) }) !== Status.OK) throw new Error("a device cannot be added");
      this.#owners.set(device, undefined);
      if (shape.quarantine === "scratch-page") this.#scratch.set(device, this.#scratchOf(device));
    }
    this.#framesAtFirst = memory.liveFrames;
    this.#otherFrames = memory.liveFrames;
    memory.observer = {
      stored: () => this.#betweenStores(),
      storedPair: () => this.#betweenStores(),
      allocated: () => {},
      quarantined: (word, frameLg2) => {
        this.#queued.set(word, memory.words.slice(word, word + (1 << (frameLg2 - 2))));
      },
      released: (word) => this.#released(word),
      published: () => {},
    };
  }

  /** A page of the device's own, of memory that nobody else has. */
  #scratchOf(device: number): string {
    const scratch = nameOf(this.#parts.hardware.translateUncached(device, 0n, true));
    const { base, capacityBytes } = this.#parts.memory;
    const frame = Number.parseInt(scratch.replace("frame ", ""), 16) - Number(base >> 12n);
    const isOurs = frame >= 0 && frame < capacityBytes / 4096;
    if (!isOurs || [...this.#scratch.values()].includes(scratch))
      fail("51", `the scratch page is ${scratch}`);
    return scratch;
  }

  /** Does an operation and judges everything that can be seen. Throws `SystemDifference`. */
  apply(operation: SystemOperation): void {
    this.#watch = [];
    this.#watchLeft = PROBES_BETWEEN_STORES;
    this.#random = Random.fromSeed(`${this.#seed} ${JSON.stringify(operation)}`);
    this.#do(operation);
    this.#watch = [];
    if (this.#seen !== undefined) throw this.#seen;
    this.#judge(operation);
  }

  /** Takes the machine down: nothing may be left over. */
  end(): void {
    for (const number of [...this.#domains.keys()]) this.#do({ op: "destroyDomain", domain: number });
    const { queues, memory } = this.#parts;
    for (const cpu of CPUS) {
      if (queues.waiting(cpu) === 0) continue;
      queues.runOn(cpu);
      queues.downFailed(cpu);
      while (queues.runFreeing(cpu) > 0);
    }
    if (this.#seen !== undefined) throw this.#seen;
    if (memory.quarantinedFrames > 0)
      fail("48", `${memory.quarantinedFrames} queued tables were never freed`);
    // In scalable mode a device that is refused has no tables of its own either.
    const least = -FRAMES_OF_BUSES * this.#isRefused.size;
    const left = memory.liveFrames - this.#framesAtFirst;
    if (left < least || left > FRAMES_OF_BUSES) {
      fail(
        "19",
        `${memory.liveFrames} frames are in use at the end, and ${this.#framesAtFirst} were at first`,
      );
    }
  }

  #do(operation: SystemOperation): void {
    const { memory } = this.#parts;
    switch (operation.op) {
      case "createDomain":
        this.#createDomain(operation.domain);
        break;
      case "destroyDomain":
        this.#withUnitsTables(() => this.#destroyDomain(operation.domain));
        break;
      case "assign":
        this.#withUnitsTables(() => this.#assign(operation.device, operation.domain));
        break;
      case "quarantine":
        this.#withUnitsTables(() => this.#quarantine(operation.device));
        break;
      case "map":
        this.#map(operation);
        break;
      case "unmap":
        this.#unmap(operation);
        break;
      case "flush":
        this.#flush(operation.domain, operation.everything);
        break;
      case "dma":
        this.#dma(operation.device, operation.dfn, operation.write);
        break;
      case "failNextAllocation":
        memory.failNextAllocation(operation.nth);
        this.#mayFail = true;
        break;
      case "idle":
        this.#idle(operation.atMost);
        break;
      case "readFaults":
        this.#readFaults();
        break;
      default:
        this.#onCpu(operation);
    }
  }

  /** A CPU that owes a flush has not given itself up. */
  #idle(atMost: number): void {
    const { queues } = this.#parts;
    if (!this.#isBusy(queues.currentCpu)) queues.runFreeing(queues.currentCpu, atMost);
  }

  #readFaults(): void {
    const { system, hardware } = this.#parts;
    const lines = system.readFaults().flatMap((report) => report.lines);
    const since = hardware.faults().length - this.#faultsRead;
    this.#faultsRead = hardware.faults().length;
    if (since > 0 !== lines.length > 0) fail("58", `${since} faults, and ${lines.length} lines about them`);
  }

  /** Refusals of what cannot be asked are no findings: the operation is nothing then. */
  #onCpu({ op, cpu }: Extract<SystemOperation, { cpu: number }>): void {
    const { queues } = this.#parts;
    try {
      if (op === "runOn") queues.runOn(cpu);
      else if (op === "cpuUp") queues.upPrepare(cpu);
      else if (op === "cpuStays") queues.downFailed(cpu);
      else if (cpu === queues.currentCpu || this.#isBusy(cpu)) return;
      else if (op === "cpuDown") queues.downPrepare(cpu);
      else queues.dead(cpu);
    } catch (error) {
      if (!(error instanceof PageTableError)) throw error;
    }
  }

  #isBusy(cpu: number): boolean {
    return [...this.#domains.values()].some(({ owed }) => owed?.cpus.has(cpu));
  }

  #createDomain(number: number): void {
    if (this.#domains.has(number)) return;
    const domain = this.#parts.system.createDomain({ id: number, isHardware: number === 1 });
    this.#domains.set(number, { domain, frames: new FrameMap(), owed: undefined });
  }

  #destroyDomain(number: number): void {
    const account = this.#domains.get(number);
    if (account === undefined) return;
    this.#parts.system.destroyDomain(account.domain);
    this.#domains.delete(number);
    for (const [device, owner] of this.#owners) if (owner === number) this.#isQuarantined(device);
  }

  #assign(device: number, number: number): void {
    const account = this.#domains.get(number);
    if (account === undefined) return;
    const status = this.#parts.system.assign(idOf(device), account.domain);
    if (status === Status.OK) this.#owners.set(device, number);
    else if (status !== Status.OUT_OF_MEMORY && status !== Status.NO_DOMAIN_ID)
      this.#expect(status, "assign");
  }

  #quarantine(device: number): void {
    const status = this.#parts.system.quarantine(idOf(device));
    if (status !== Status.OUT_OF_MEMORY || !this.#mayFail) this.#expect(status, "quarantine");
    this.#isQuarantined(device);
  }

  /** Where an allocation failed, a device may find nothing in place of its scratch page, and not a bit more. */
  #isQuarantined(device: number): void {
    this.#owners.set(device, undefined);
    this.#isRefused.delete(device);
    const found = nameOf(this.#parts.hardware.translateUncached(device, 0n, true));
    if (this.#mayFail && found === "nothing") this.#isRefused.add(device);
  }

  /** A device's move may take tables of the unit along, which are no domain's. */
  #withUnitsTables(move: () => void): void {
    const { memory } = this.#parts;
    const others = () => memory.liveFrames - this.#tableCount();
    const before = others();
    move();
    this.#otherFrames += others() - before;
  }

  #map({ domain: number, dfn, mfn, pages, access }: Extract<SystemOperation, { op: "map" }>): void {
    const account = this.#domains.get(number);
    if (account === undefined) return;
    const { frames } = account;
    const after = frames.copy();
    after.map(dfn, mfn, pages, access);
    this.#change(account, dfn, pages, after, (flush) =>
      account.domain.tryMap(dfn, mfn, pages, access, flush, false),
    );
  }

  #unmap({ domain: number, dfn, pages }: Extract<SystemOperation, { op: "unmap" }>): void {
    const account = this.#domains.get(number);
    if (account === undefined) return;
    const after = account.frames.copy();
    after.unmap(dfn, pages);
    this.#change(account, dfn, pages, after, (flush) => account.domain.tryUnmap(dfn, pages, flush, false));
  }

  #change(
    account: DomainAccount,
    dfn: number,
    pages: number,
    after: FrameMap,
    call: (flush: { flags: number }) => Status,
  ): void {
    const before = account.frames;
    account.owed ??= { flags: 0, ranges: [], before: [], cpus: new Set() };
    const { owed } = account;
    owed.cpus.add(this.#parts.queues.currentCpu);
    owed.before.push(before);
    owed.ranges.push({ dfn, pages });
    this.#watchEdges(account, dfn, pages, [before, after]);
    const owedNow = { flags: owed.flags };
    const status = call(owedNow);
    owed.flags = owedNow.flags;
    if (status === Status.OK) account.frames = after;
    else {
      this.#expectRefusal(status, account.domain);
      account.frames = this.#whatIsLeft(account, dfn, pages, before);
      // The call flushed everything itself.
      if (owed.flags === 0) account.owed = undefined;
    }
    if (account.owed !== undefined && owed.flags === 0 && owed.before.length === 1) account.owed = undefined;
  }

  /** After a refusal a page is as it was or not mapped, and nothing else. */
  #whatIsLeft(account: DomainAccount, dfn: number, pages: number, before: FrameMap): FrameMap {
    const left = before.copy();
    for (let page = dfn; page < dfn + pages; page++) {
      const was = before.at(page);
      const is = account.domain.lookup(page);
      if (is === undefined) {
        if (was !== undefined) left.unmap(page, 1);
      } else if (was === undefined || was.mfn !== is.mfn || was.access !== accessOf(is)) {
        fail("23", `after a refusal ${page_(page)} leads to frame ${describeHex(BigInt(is.mfn))}`);
      }
    }
    return left;
  }

  #flush(number: number, everything: boolean): void {
    const account = this.#domains.get(number);
    if (account?.owed === undefined) return;
    const { domain, owed } = account;
    const isAll = everything || (owed.flags & 4) !== 0;
    if (isAll) this.#expect(domain.flushAll(owed.flags), "flush");
    else
      for (const { dfn, pages } of owed.ranges) this.#expect(domain.flush(dfn, pages, owed.flags), "flush");
    account.owed = undefined;
  }

  #dma(device: number, dfn: number, write: boolean): void {
    if (dfn >= WINDOW_FIRST && dfn <= WINDOW_LAST) return;
    const outcome = this.#parts.hardware.dma(device, BigInt(dfn) * PAGE_BYTES + 8n, 4, write);
    const allowed = this.#allowed(device, dfn, write, true);
    const seen = nameOf(outcome);
    if (allowed.includes(seen)) return;
    fail(
      "39",
      `device ${device.toString(16)} at ${page_(dfn)} finds ${seen}, and may find ${allowed.join(" or ")}`,
    );
  }

  /** What the device may find: what is mapped now, and, while a flush is owed, what was mapped since the last one. */
  #allowed(device: number, dfn: number, write: boolean, cached: boolean): readonly string[] {
    const number = this.#owners.get(device);
    if (number === undefined)
      return [this.#isRefused.has(device) ? "nothing" : this.#scratch.get(device)].map(orNothing);
    const account = this.#domains.get(number);
    if (account === undefined) return ["nothing"];
    const maps = cached ? [account.frames, ...(account.owed?.before ?? [])] : [account.frames];
    return maps.map((frames) => factName(frames.at(dfn), write));
  }

  /** What devices may find while the call is under way, at the ends of its range and beside them. */
  #watchEdges(account: DomainAccount, dfn: number, pages: number, maps: readonly FrameMap[]): void {
    for (const [device, number] of this.#owners) {
      if (number !== account.domain.id) continue;
      for (const page of [dfn - 1, dfn, dfn + pages - 1, dfn + pages, dfn + (pages >> 1)]) {
        if (page < 0 || page >= 2 ** 36 || (page >= WINDOW_FIRST && page <= WINDOW_LAST)) continue;
        const allowed = maps.map((frames) => factName(frames.at(page), false));
        // A refusal takes back what the call had replaced.
        if (page >= dfn && page < dfn + pages) allowed.push("nothing");
        this.#watch.push({ device, dfn: page, allowed });
      }
    }
  }

  #betweenStores(): void {
    if (this.#watch.length === 0 || this.#watchLeft === 0 || this.#seen !== undefined) return;
    this.#watchLeft--;
    for (const { device, dfn, allowed } of this.#watch) {
      const seen = nameOf(this.#parts.hardware.translateUncached(device, BigInt(dfn) * PAGE_BYTES, false));
      if (allowed.includes(seen)) continue;
      const sentence = `between two stores ${page_(dfn)} is ${seen}, and may be ${allowed.join(" or ")}`;
      this.#seen = new SystemDifference("31", sentence);
    }
  }

  #released(word: number): void {
    const { memory, hardware } = this.#parts;
    const address = Number(memory.addressOf(word));
    const before = this.#queued.get(word);
    this.#queued.delete(word);
    if (before === undefined || this.#seen !== undefined) return;
    if (hardware.usesFrame(address)) {
      this.#seen = new SystemDifference(
        "37",
        `the table at 0x${address.toString(16)} is freed, and still cached`,
      );
    }
  }

  #judge(operation: SystemOperation): void {
    const { hardware, memory } = this.#parts;
    if (operation.op === "map" || operation.op === "unmap") {
      const { domain, dfn, pages } = operation;
      for (const page of [dfn - 1, dfn, dfn + pages - 1, dfn + pages]) this.#probeOf(domain, page);
    }
    for (let probe = 0; probe < PROBES; probe++) {
      const device = DEVICES[this.#random.below(DEVICES.length)];
      const dfn = this.#drawProbe(device);
      this.#probe(device, dfn);
    }
    const owes = [...this.#domains.values()].some(({ owed }) => owed !== undefined);
    const [disagreement] = owes ? [] : hardware.cachedDisagreements();
    if (disagreement !== undefined) fail("39", `nothing is owed, and ${disagreement.sentence}`);
    const [misuse] = hardware.misuses();
    if (misuse !== undefined) fail("44", misuse);
    const others = memory.liveFrames - this.#tableCount();
    if (others !== this.#otherFrames) {
      fail("3", `${memory.liveFrames} frames are in use, of which the domains own ${this.#tableCount()}`);
    }
  }

  /** What the first device of a domain finds at a page. */
  #probeOf(domain: number, dfn: number): void {
    const device = DEVICES.find((one) => this.#owners.get(one) === domain);
    if (device !== undefined && dfn >= 0 && dfn < 2 ** 36) this.#probe(device, dfn);
  }

  #probe(device: number, dfn: number): void {
    if (dfn >= WINDOW_FIRST && dfn <= WINDOW_LAST) return;
    const write = this.#random.below(2) === 0;
    const iova = BigInt(dfn) * PAGE_BYTES;
    const [now] = this.#allowed(device, dfn, write, false);
    const memory = nameOf(this.#parts.hardware.translateUncached(device, iova, write));
    if (memory !== now) {
      fail(
        "18",
        `the tables say of ${page_(dfn)} for device ${device.toString(16)}: ${memory}, and should: ${now}`,
      );
    }
    this.#dma(device, dfn, write);
  }

  #drawProbe(device: number): number {
    const number = this.#owners.get(device);
    const edges = number === undefined ? [] : (this.#domains.get(number)?.frames.edges() ?? []);
    if (edges.length === 0 || this.#random.below(4) === 0) return this.#random.below(4096);
    return Math.min(edges[this.#random.below(edges.length)], 2 ** 36 - 1);
  }

  #tableCount(): number {
    return [...this.#domains.values()].reduce((sum, { domain }) => sum + domain.tableCount, 0);
  }

  #expect(status: Status, what: string): void {
    if (status !== Status.OK) fail("44", `${what} ends with status ${status}`);
  }

  #expectRefusal(status: Status, domain: IommuDomain): void {
    if (status !== Status.OUT_OF_MEMORY) fail("28", `a request inside 48 bits ends with status ${status}`);
    if (domain.isCrashed === domain.isHardware)
      fail("23", "a refusal crashes every domain but the hardware's");
  }
}

function fail(invariant: string, sentence: string): never {
  throw new SystemDifference(invariant, sentence);
}

function idOf(device: number) {
  return { segment: 0, bus: device >> 8, devfn: device & 0xff };
}

function page_(dfn: number): string {
  return `page ${describeHex(BigInt(dfn))}`;
}

function accessOf({ read, write }: { readonly read: boolean; readonly write: boolean }): number {
  return (read ? 1 : 0) | (write ? 2 : 0);
}

function orNothing(name: string | undefined): string {
  return name ?? "nothing";
}

/** What a request finds where a page leads, as `nameOf` names it. */
function factName(fact: FrameFact | undefined, write: boolean): string {
  if (fact === undefined || (fact.access & (write ? 2 : 1)) === 0) return "nothing";
  return `frame ${fact.mfn.toString(16)}`;
}

function nameOf(outcome: DmaOutcome): string {
  if (outcome.kind !== "done") return outcome.kind === "fault" ? "nothing" : "an interrupt";
  return `frame ${Math.floor(outcome.ranges[0].address / 4096).toString(16)}`;
}
