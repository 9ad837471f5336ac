/**
 * A machine under judgement: operations go to the drivers, DMA to the model of the hardware, and a plain account of
 * what every device may see says whether both are right. Devices do DMA between any two operations.
 */

import { PageTableError, Status, statusCode } from "../../impl/errors.js";
import type { IommuDomain } from "../../impl/iommu/domain.js";
import { Random } from "../../models/random.js";
import type { FrameMap } from "../../reference/frame-map.js";
import { Accounts, type DomainAccount, HARDWARE_DOMAIN, newOwed, type Owed } from "./account.js";
import { buildMachine, type MachineParts } from "./build.js";
import { DEVICES, idOf, systemDevice, unityOf } from "./devices.js";
import { factName, fail, NOTHING, pageName } from "./difference.js";
import { CPUS } from "./generate.js";
import type { MapOperation, SystemOperation, UnmapOperation } from "./operations.js";
import { PasidRoots, pasidOf } from "./pasids.js";
import { Probes } from "./probes.js";
import { dfnLimit, type MachineShape } from "./shape.js";

/** A unit keeps the context tables of a bus that once had a device: two buses, at most two tables each. */
const FRAMES_OF_BUSES = 4;

/** A change of a domain's pages: what it is on paper, and the calls that do it. */
interface Change {
  readonly dfn: number;
  readonly pages: number;
  onPaper(frames: FrameMap, done: number, pages: number): void;
  call(done: number, flush: { flags: number }): Status;
}

export class Machine {
  readonly #parts: MachineParts;
  readonly #shape: MachineShape;
  readonly #seed: string;
  readonly #accounts: Accounts;
  readonly #probes: Probes;
  #mayFail = false;
  #faultsRead = 0;
  /** Frames that are no page table of a domain. */
  #otherFrames: number;
  readonly #framesAtFirst: number;
  /** The tables of PASIDs, where there are any. */
  readonly #roots: PasidRoots | undefined;

  /** @param spoil changes the machine before anything happens */
  constructor(shape: MachineShape, seed: string, spoil: (parts: MachineParts) => void = () => {}) {
    this.#seed = seed;
    this.#shape = shape;
    this.#parts = buildMachine(shape);
    spoil(this.#parts);
    const { memory, system, hardware } = this.#parts;
    this.#accounts = new Accounts(shape);
    this.#probes = new Probes(shape, hardware, this.#accounts, Random.fromSeed(seed));
    for (const device of DEVICES) {
      if (system.addDevice(systemDevice(shape, device)) !== Status.OK)
        throw new Error("a device cannot be added");
      if (shape.quarantine === "scratch-page") this.#accounts.scratch.set(device, this.#scratchOf(device));
    }
    if (this.#parts.pasids !== undefined) this.#roots = new PasidRoots(memory);
    this.#framesAtFirst = memory.liveFrames;
    this.#otherFrames = memory.liveFrames;
    this.#probes.listen(memory);
  }

  /** What is mapped and owed at the moment, for whoever draws the next operation. */
  get accounts(): Accounts {
    return this.#accounts;
  }

  /** A page of the device's own, of memory that nobody else has. */
  #scratchOf(device: number): string {
    const scratch = this.#probes.uncached(device, 0, true);
    const { base, capacityBytes } = this.#parts.memory;
    const frame = Number.parseInt(scratch.replace("frame ", ""), 16) - Number(base >> 12n);
    const isOurs = frame >= 0 && frame < capacityBytes / 4096;
    if (!isOurs || [...this.#accounts.scratch.values()].includes(scratch))
      fail("51", `the scratch page is ${scratch}`);
    return scratch;
  }

  /** Does an operation and judges everything that can be seen. Throws `SystemDifference`. */
  apply(operation: SystemOperation): void {
    this.#probes.begin(Random.fromSeed(`${this.#seed} ${JSON.stringify(operation)}`));
    this.#do(operation);
    this.#probes.end();
    this.#judge(operation);
  }

  /** Takes the machine down: nothing may be left over. */
  end(): void {
    for (const domain of [...this.#accounts.domains.keys()]) this.#do({ op: "destroyDomain", domain });
    const { queues, memory } = this.#parts;
    for (const cpu of CPUS) {
      if (queues.waiting(cpu) === 0) continue;
      queues.runOn(cpu);
      queues.downFailed(cpu);
      while (queues.runFreeing(cpu) > 0);
    }
    this.#probes.end();
    if (memory.quarantinedFrames > 0)
      fail("48", `${memory.quarantinedFrames} queued tables were never freed`);
    // In scalable mode a device that is refused has no tables of its own either.
    const least = -FRAMES_OF_BUSES * this.#accounts.refused.size;
    const left = memory.liveFrames - this.#framesAtFirst;
    if (left < least || left > FRAMES_OF_BUSES) {
      fail(
        "19",
        `${memory.liveFrames} frames are in use at the end, and ${this.#framesAtFirst} were at first`,
      );
    }
  }

  #do(operation: SystemOperation): void {
    switch (operation.op) {
      case "createDomain":
        this.#createDomain(operation.domain);
        break;
      case "destroyDomain":
        this.#destroyDomain(operation.domain);
        break;
      case "assign":
        this.#assign(operation.device, operation.domain);
        break;
      case "quarantine":
        this.#quarantine(operation.device);
        break;
      case "attachPasid":
        this.#attachPasid(operation.device, operation.pasid);
        break;
      case "detachPasid":
        this.#detachPasid(operation.device, operation.pasid);
        break;
      case "map":
      case "legacyMap":
        this.#map(operation);
        break;
      case "unmap":
      case "legacyUnmap":
        this.#unmap(operation);
        break;
      case "flush":
        this.#flush(operation.domain, operation.everything);
        break;
      case "beginBatch":
      case "endBatch":
        this.#batch(operation.domain, operation.op === "beginBatch");
        break;
      case "dma":
        this.#probes.dma(operation.device, operation.dfn, operation.write, operation.ats);
        break;
      case "failNextAllocation":
        this.#parts.memory.failNextAllocation(operation.nth);
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
    if (!this.#accounts.isBusy(queues.currentCpu)) queues.runFreeing(queues.currentCpu, atMost);
  }

  #readFaults(): void {
    const { system, hardware } = this.#parts;
    const lines = system.readFaults().flatMap((report) => report.lines);
    const logged = hardware.faults().filter(({ isLogged }) => isLogged).length;
    const since = logged - this.#faultsRead;
    this.#faultsRead = logged;
    if (since > 0 !== lines.length > 0) fail("58", `${since} faults, and ${lines.length} lines about them`);
  }

  /** Refusals of what cannot be asked are no findings: the operation is nothing then. */
  #onCpu({ op, cpu }: Extract<SystemOperation, { cpu: number }>): void {
    const { queues } = this.#parts;
    try {
      if (op === "runOn") queues.runOn(cpu);
      else if (op === "cpuUp") queues.upPrepare(cpu);
      else if (op === "cpuStays") queues.downFailed(cpu);
      else if (cpu === queues.currentCpu || this.#accounts.isBusy(cpu)) return;
      else if (op === "cpuDown") queues.downPrepare(cpu);
      else queues.dead(cpu);
    } catch (error) {
      if (!(error instanceof PageTableError)) throw error;
    }
  }

  #createDomain(number: number): void {
    if (this.#accounts.domains.has(number)) return;
    const { preempts } = this.#shape;
    try {
      const isHardware = number === HARDWARE_DOMAIN;
      const options = { id: number, isHardware, shouldPreempt: () => preempts };
      this.#accounts.addDomain(number, this.#parts.system.createDomain(options));
    } catch (error) {
      // A unit with few levels wants tables at once.
      const isRefused = error instanceof PageTableError && error.code === "OUT_OF_MEMORY";
      if (!isRefused || !this.#mayFail) throw error;
    }
  }

  #destroyDomain(number: number): void {
    const account = this.#accounts.domains.get(number);
    if (account === undefined) return;
    const devices = this.#accounts.devicesOf(number);
    // The hardware domain is not its own heir.
    const heir = account.domain.isHardware ? undefined : this.#accounts.heir;
    this.#withUnitsTables(devices, () => {
      this.#parts.system.destroyDomain(account.domain);
      this.#accounts.domains.delete(number);
    });
    for (const device of devices) this.#isTaken(device, this.#mayFail ? this.#saidOwner(device) : heir);
  }

  #assign(device: number, number: number): void {
    const account = this.#accounts.domains.get(number);
    if (account === undefined) return;
    this.#probes.watchMove(device, account);
    const status = this.#withUnitsTables([device], () =>
      this.#parts.system.assign(idOf(device), account.domain),
    );
    if (status === Status.OK) this.#accounts.moved(device, number);
    if (status === Status.OK) return;
    if (status !== Status.OUT_OF_MEMORY || !this.#mayFail) this.#expect(status, "assign");
    this.#tried(device, account);
  }

  /** The hardware domain keeps the range of a device that it did not get. */
  #tried(device: number, account: DomainAccount): void {
    const unity = unityOf(this.#shape, device);
    if (unity === undefined || !account.domain.isHardware || account.unityUses > 0) return;
    if (account.domain.lookup(unity.firstDfn) === undefined) return;
    const { firstDfn, lastDfn, access } = unity;
    account.frames = account.frames.copy();
    account.frames.map(firstDfn, firstDfn, lastDfn - firstDfn + 1, access);
    account.unityUses = 1;
  }

  #quarantine(device: number): void {
    const { heir } = this.#accounts;
    const status = this.#withUnitsTables([device], () => this.#parts.system.quarantine(idOf(device)));
    const isRefused = status === Status.OUT_OF_MEMORY && this.#mayFail;
    this.#isTaken(device, isRefused ? this.#saidOwner(device) : heir);
    if (status !== Status.OUT_OF_MEMORY || !this.#mayFail) this.#expect(status, "quarantine");
    const account = heir === undefined ? undefined : this.#accounts.domains.get(heir);
    if (status !== Status.OK && account !== undefined) this.#tried(device, account);
  }

  #attachPasid(device: number, number: number): void {
    const { pasids } = this.#parts;
    const owner = this.#accounts.ownerOf(device);
    if (pasids === undefined || this.#roots === undefined || owner === undefined) return;
    const pasid = pasidOf(device, number);
    const { root, frame } = this.#roots.next(pasid);
    this.#probes.watchPasid(device, pasid, frame);
    const status = this.#withUnitsTables([], () =>
      pasids.attach(systemDevice(this.#shape, device), owner, pasid, root),
    );
    const attached = this.#accounts.pasids.get(device) ?? new Map<number, string>();
    this.#accounts.pasids.set(device, attached);
    // What the PASID had before is gone in any case.
    attached.delete(pasid);
    if (status === Status.OK) attached.set(pasid, frame);
    else if (status !== Status.OUT_OF_MEMORY || !this.#mayFail) this.#expect(status, "attaching a PASID");
  }

  #detachPasid(device: number, number: number): void {
    const { pasids } = this.#parts;
    if (pasids === undefined || this.#accounts.ownerOf(device) === undefined) return;
    const pasid = pasidOf(device, number);
    this.#probes.watchPasid(device, pasid, NOTHING);
    pasids.detach(systemDevice(this.#shape, device), pasid);
    this.#accounts.pasids.get(device)?.delete(pasid);
  }

  /** Where there may be no memory, only the system knows who has a device. */
  #saidOwner(device: number): number | undefined {
    return this.#parts.system.ownerOf(idOf(device))?.id;
  }

  /** Where an allocation failed, a device may find nothing in place of its scratch page, and not a bit more. */
  #isTaken(device: number, owner: number | undefined): void {
    if (owner === undefined && this.#accounts.ownerOf(device) !== undefined) this.#probes.expectEmpty(device);
    this.#accounts.moved(device, owner);
    this.#accounts.refused.delete(device);
    if (owner !== undefined || !this.#mayFail) return;
    const dfn = unityOf(this.#shape, device)?.firstDfn ?? 0;
    if (this.#probes.uncached(device, dfn, true) === NOTHING) this.#accounts.refused.add(device);
  }

  /** A device's move may take tables of the unit along, which are no domain's. */
  #withUnitsTables<Result>(devices: readonly number[], move: () => Result): Result {
    const { memory } = this.#parts;
    const others = () => memory.liveFrames - this.#tableCount();
    const before = others();
    for (const device of devices) this.#probes.watchUnity(device, this.#mayFail);
    const result = move();
    this.#otherFrames += others() - before;
    return result;
  }

  #map({ op, domain: number, dfn, mfn, pages, access }: MapOperation): void {
    const account = this.#accounts.domains.get(number);
    if (account === undefined || dfn + pages > dfnLimit(this.#shape)) return;
    const { domain } = account;
    const onPaper = (frames: FrameMap, done: number, count: number) =>
      frames.map(dfn + done, mfn + done, count, access);
    if (op === "legacyMap")
      this.#legacy(account, dfn, pages, onPaper, () => domain.legacyMap(dfn, mfn, pages, access));
    else {
      const call = (done: number, flush: { flags: number }) =>
        domain.tryMap(dfn + done, mfn + done, pages - done, access, flush, this.#shape.preempts);
      this.#change(account, { dfn, pages, onPaper, call });
    }
  }

  #unmap({ op, domain: number, dfn, pages }: UnmapOperation): void {
    const account = this.#accounts.domains.get(number);
    if (account === undefined || dfn + pages > dfnLimit(this.#shape)) return;
    const { domain } = account;
    const onPaper = (frames: FrameMap, done: number, count: number) => frames.unmap(dfn + done, count);
    if (op === "legacyUnmap")
      this.#legacy(account, dfn, pages, onPaper, () => domain.legacyUnmap(dfn, pages));
    else {
      const call = (done: number, flush: { flags: number }) =>
        domain.tryUnmap(dfn + done, pages - done, flush, this.#shape.preempts);
      this.#change(account, { dfn, pages, onPaper, call });
    }
  }

  /** A change whose flush the machine owns. Where it is stopped, devices look, and it goes on. */
  #change(account: DomainAccount, change: Change): void {
    const { pages } = change;
    for (let done = 0; done < pages; ) {
      const part = this.#part(account, change, done);
      if (part === undefined) return;
      if (!(part > 0 && part <= pages - done)) fail("24", `${part} of ${pages - done} pages are done`);
      done += part;
      if (done < pages) this.#probes.edgesOf(account.domain.id, change.dfn, done);
    }
  }

  /** How many pages a call got done; undefined: it was refused. */
  #part(account: DomainAccount, { dfn, pages, onPaper, call }: Change, done: number): number | undefined {
    const [first, left] = [dfn + done, pages - done];
    const before = account.frames;
    account.owed ??= newOwed();
    const { owed } = account;
    const after = this.#owe(account, owed, first, left, (frames) => onPaper(frames, done, left));
    const owedNow = { flags: owed.flags };
    const status = call(done, owedNow);
    owed.flags = owedNow.flags;
    const part = account.domain.donePages;
    if (status !== Status.OK) {
      this.#expectRefusal(status, account.domain);
      account.frames = this.#whatIsLeft(account, first, left, before);
      // The call flushed everything itself.
      if (owed.flags === 0) account.owed = undefined;
    } else if (part < left) {
      account.frames = before.copy();
      onPaper(account.frames, done, part);
    } else account.frames = after;
    if (account.owed !== undefined && owed.flags === 0 && owed.before.length === 1) account.owed = undefined;
    return status === Status.OK ? part : undefined;
  }

  /** A change that flushes when it is done, or at the end of the batch. */
  #legacy(
    account: DomainAccount,
    dfn: number,
    pages: number,
    onPaper: Change["onPaper"],
    call: () => void,
  ): void {
    const before = account.frames;
    const after = this.#owe(account, account.batch ?? newOwed(), dfn, pages, (frames) =>
      onPaper(frames, 0, pages),
    );
    try {
      call();
      account.frames = after;
    } catch (error) {
      if (!(error instanceof PageTableError)) throw error;
      this.#expectRefusal(Status[error.code], account.domain);
      account.frames = this.#whatIsLeft(account, dfn, pages, before);
    }
  }

  /** Notes what a change will owe. Gives what the domain maps after it. */
  #owe(
    account: DomainAccount,
    owed: Owed,
    dfn: number,
    pages: number,
    onPaper: (frames: FrameMap) => void,
  ): FrameMap {
    const after = account.frames.copy();
    onPaper(after);
    owed.cpus.add(this.#parts.queues.currentCpu);
    owed.ranges.push({ dfn, pages });
    // Whatever else is owed lets devices find this as well.
    for (const pending of new Set([owed, account.owed, account.batch])) pending?.before.push(account.frames);
    const stale = this.#shape.tablesSeen === "buffer-flushed" ? this.#accounts.mapsOf(account) : [];
    this.#probes.watchRange(account, dfn, pages, [account.frames, after, ...stale]);
    return after;
  }

  /** After a refusal a page is as it was or not mapped, and nothing else. */
  #whatIsLeft(account: DomainAccount, dfn: number, pages: number, before: FrameMap): FrameMap {
    const left = before.copy();
    for (let page = dfn; page < dfn + pages; page++) {
      const was = before.at(page);
      const is = this.#foundBy(account, page);
      if (is.every((name) => name === NOTHING)) {
        if (was !== undefined) left.unmap(page, 1);
      } else if (is[0] !== factName(was, false) || is[1] !== factName(was, true)) {
        fail("23", `after a refusal ${pageName(page)} leads to ${is.join(" and ")}`);
      }
    }
    return left;
  }

  /** What a read and a write find in memory: by the driver's account where no device looks, or a buffer holds stores back. */
  #foundBy({ domain }: DomainAccount, page: number): readonly [read: string, write: string] {
    const [device] = this.#accounts.devicesOf(domain.id);
    if (device !== undefined && this.#shape.tablesSeen !== "buffer-flushed")
      return [this.#probes.uncached(device, page, false), this.#probes.uncached(device, page, true)];
    const found = domain.lookup(page);
    const fact = found === undefined ? undefined : { mfn: found.mfn, access: accessOf(found) };
    return [factName(fact, false), factName(fact, true)];
  }

  #flush(number: number, everything: boolean): void {
    const account = this.#accounts.domains.get(number);
    if (account?.owed === undefined) return;
    const { domain, owed } = account;
    const isAll = everything || (owed.flags & 4) !== 0;
    if (isAll) this.#expect(domain.flushAll(owed.flags), "flush");
    else
      for (const { dfn, pages } of owed.ranges) this.#expect(domain.flush(dfn, pages, owed.flags), "flush");
    account.owed = undefined;
  }

  #batch(number: number, begins: boolean): void {
    const account = this.#accounts.domains.get(number);
    if (account === undefined || begins !== (account.batch === undefined)) return;
    if (account.batch === undefined) {
      account.domain.beginBatch();
      account.batch = newOwed();
      return;
    }
    const ranges = account.batch.ranges.map(({ dfn, pages }) => ({ first: dfn, last: dfn + pages - 1 }));
    this.#expect(account.domain.endBatch(ranges), "the batch");
    account.batch = undefined;
  }

  #judge(operation: SystemOperation): void {
    const { hardware, memory } = this.#parts;
    if ("pages" in operation) this.#probes.edgesOf(operation.domain, operation.dfn, operation.pages);
    this.#probes.few();
    this.#probes.some();
    if (this.#roots !== undefined) this.#probes.withPasid();
    const [disagreement] = this.#accounts.owesNothing ? hardware.cachedDisagreements() : [];
    if (disagreement !== undefined) fail("39", `nothing is owed, and ${disagreement.sentence}`);
    const [misuse] = hardware.misuses();
    if (misuse !== undefined) fail("44", misuse);
    const others = memory.liveFrames - this.#tableCount();
    if (others !== this.#otherFrames) {
      fail("3", `${memory.liveFrames} frames are in use, of which the domains own ${this.#tableCount()}`);
    }
  }

  #tableCount(): number {
    return [...this.#accounts.domains.values()].reduce((sum, { domain }) => sum + domain.tableCount, 0);
  }

  #expect(status: Status, what: string): void {
    if (status !== Status.OK) fail("44", `${what} ends with ${statusCode(status)}`);
  }

  #expectRefusal(status: Status, domain: IommuDomain): void {
    if (status !== Status.OUT_OF_MEMORY)
      fail("28", `a request inside the domain's width ends with ${statusCode(status)}`);
    if (domain.isCrashed === domain.isHardware)
      fail("23", "a refusal crashes every domain but the hardware's");
  }
}

function accessOf({ read, write }: { readonly read: boolean; readonly write: boolean }): number {
  return (read ? 1 : 0) | (write ? 2 : 0);
}
