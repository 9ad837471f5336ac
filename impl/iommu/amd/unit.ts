/**
 * One AMD IOMMU: its device table, its command buffer, its event log.
 * Source: AMD I/O Virtualization Technology (IOMMU) Specification 48882 §2.2 to §2.5 and §3.4.
 *
 * A change of an entry returns when the hardware has forgotten the old one and what it had cached for the old
 * domain id. Flushes return when they are done, never earlier; see `RingOptions.relax`.
 */
import { PageTableError } from "../../errors.js";
import type { TableMemory } from "../../memory/table-memory.js";
import type { RegisterAccess } from "../hardware.js";
import { deviceName, functionIds, type PciDevice, requesterId, requesterIds } from "../requesters.js";
import { UnitError } from "../unit-error.js";
import { type Exchange128, type ReadPhysical, readerOf, UnitMemory } from "../unit-memory.js";
import { CommandRing, checkRingLg2, RING_ENTRIES_LG2_MIN, type RingOptions } from "./command-ring.js";
import {
  type FlushOrder,
  invalidateAll,
  invalidateDeviceTableEntry,
  invalidateDeviceTlb,
  invalidateGuestPages,
  invalidatePages,
} from "./commands.js";
import { type DecodedEntry, DeviceTable, type Translation, translatingEntry } from "./device-table.js";
import { type AmdEvent, describeEvent, dfnOf, EventLog, type EventReport, isPageFault } from "./event-log.js";
import { walkLines } from "./fault-walk.js";
import type { GuestCr3Table } from "./guest-cr3.js";
import { type AmdFeatures, Control, changeControl, DEVICE_TABLE_BASE, featuresOf } from "./registers.js";

const REQUESTER_MAX = 0xffff;
const DOMAIN_MAX = 0xffff;

export interface AmdUnitOptions {
  /** Where rings and tables of the unit go. */
  readonly memory: TableMemory;
  readonly registers: RegisterAccess;
  /** See `RingOptions`. */
  readonly relax: () => void;
  /** Without it, a live entry is blocked while its halves change. */
  readonly exchange128?: Exchange128 | undefined;
  /** Other memories that hold page tables, for the walks that are printed. Default none. */
  readonly tables?: readonly TableMemory[];
  /** The highest requester id that has an entry. Default 0xffff: a table of 2 MiB. */
  readonly lastRequester?: number;
  /** log2 of the entries of the command buffer and of the event log, 8 to 15. Default 8 each. */
  readonly commandsLg2?: number;
  readonly eventsLg2?: number;
  /** PCI segment of its devices. Default 0. */
  readonly segment?: number;
  /** Reproduce what deployed drivers do wrong (see `invalidateDeviceTlb`). Default false. */
  readonly compat?: boolean;
}

export class AmdUnit {
  readonly features: AmdFeatures;
  readonly segment: number;
  readonly memory: UnitMemory;
  /** Reads the unit's memory and those that hold page tables. */
  readonly read: ReadPhysical;
  readonly #registers: RegisterAccess;
  readonly #table: DeviceTable;
  readonly #ring: CommandRing;
  readonly #log: EventLog;
  readonly #compat: boolean;
  /** By requester id: the guest CR3s of devices that have such. */
  readonly #guests = new Map<number, GuestCr3Table>();

  private constructor(
    options: AmdUnitOptions,
    memory: UnitMemory,
    table: DeviceTable,
    ring: CommandRing,
    log: EventLog,
  ) {
    this.memory = memory;
    this.segment = options.segment ?? 0;
    this.features = featuresOf(options.registers);
    this.read = readerOf([options.memory, ...(options.tables ?? [])]);
    this.#registers = options.registers;
    this.#table = table;
    this.#ring = ring;
    this.#log = log;
    this.#compat = options.compat ?? false;
  }

  /** A unit whose devices are all blocked, not yet enabled. Undefined: the memory has no frame left. Throws INVALID_OPTION. */
  static create(options: AmdUnitOptions): AmdUnit | undefined {
    const { registers, relax, lastRequester = REQUESTER_MAX } = options;
    const { commandsLg2 = RING_ENTRIES_LG2_MIN, eventsLg2 = RING_ENTRIES_LG2_MIN } = options;
    checkRingLg2("commandsLg2", commandsLg2);
    checkRingLg2("eventsLg2", eventsLg2);
    if (!(lastRequester >= 0 && lastRequester <= REQUESTER_MAX)) {
      throw new PageTableError("INVALID_OPTION", "lastRequester: up to 0xffff");
    }
    const memory = new UnitMemory(options);
    const ring: Omit<RingOptions, "entriesLg2"> = { memory, registers, relax };
    const table = DeviceTable.create(memory, lastRequester);
    const commands = CommandRing.create({ ...ring, entriesLg2: commandsLg2 });
    const log = EventLog.create({ ...ring, entriesLg2: eventsLg2 });
    if (table !== undefined && commands !== undefined && log !== undefined) {
      return new AmdUnit(options, memory, table, commands, log);
    }
    for (const part of [table, commands, log]) part?.destroy();
    return undefined;
  }

  /** Gives the unit its tables and lets it translate; nothing that it had cached before counts. */
  enable(): void {
    changeControl(this.#registers, 0n, Control.enable);
    this.#registers.write64(DEVICE_TABLE_BASE, this.#table.baseRegister);
    this.#ring.start();
    this.#log.start();
    changeControl(this.#registers, Control.enable, 0n);
    this.flushEverything();
  }

  /** What a requester's entry says now. */
  entryOf(requester: number): DecodedEntry {
    return this.#table.read(requester);
  }

  /**
   * Translates the device's DMA from now on, that of its phantom functions and aliases too. A device that was
   * translated before meets the old tables or the new ones, never anything between.
   */
  attach(device: PciDevice, translation: Translation): void {
    const own = functionIds(device);
    const entryFor = (requester: number) =>
      translatingEntry({ ...translation, ats: translation.ats === true && own.includes(requester) });
    this.#change(device, (requester) => this.#table.install(requester, entryFor(requester)));
    this.#guests.delete(own[0]);
    if (translation.guest !== undefined) this.#guests.set(own[0], translation.guest.cr3s);
  }

  /** Lets the device reach all of memory: the hardware domain's, where it is not translated. */
  passThrough(device: PciDevice): void {
    this.#change(device, (requester) => this.#table.passThrough(requester));
    this.#guests.delete(requesterId(device.id));
  }

  /** Refuses the device's DMA and interrupts. */
  block(device: PciDevice): void {
    this.#change(device, (requester) => this.#table.block(requester));
    this.#guests.delete(requesterId(device.id));
  }

  /** Forgets pages of a domain, and where these devices cache translations themselves, theirs. */
  flushPages(domainId: number, dfn: number, order: FlushOrder, devices: readonly PciDevice[] = []): void {
    this.#ring.send(invalidatePages(domainId, dfn, order));
    this.#ring.complete();
    const caching = devices.filter(({ atsQueueDepth }) => atsQueueDepth !== undefined);
    if (!this.#flushDeviceTlbs(caching, dfn, order)) throw noAnswer();
  }

  /** Forgets guest pages of a PASID. */
  flushGuestPages(
    domainId: number,
    pasid: number,
    dfn: number,
    order: FlushOrder,
    devices: readonly PciDevice[] = [],
  ): void {
    this.#ring.send(invalidateGuestPages(domainId, pasid, dfn, order));
    this.#ring.complete();
    const caching = devices.filter(({ atsQueueDepth }) => atsQueueDepth !== undefined);
    if (!this.#flushDeviceTlbs(caching, dfn, order, [pasid])) throw noAnswer();
  }

  /** Forgets everything. */
  flushEverything(): void {
    this.#sendForgetEverything();
    this.#ring.complete();
  }

  /** Takes what the unit logged. */
  readEvents(): EventReport {
    return this.#log.read();
  }

  /** An event as lines: what happened and, of a refused DMA, the way of its address through the tables as they are. */
  describe(event: AmdEvent): readonly string[] {
    const line = describeEvent(event, this.segment);
    if (!isPageFault(event) || event.requester >= this.#table.entries) return [line];
    const { requester } = event;
    const name = deviceName({ segment: this.segment, bus: requester >>> 8, devfn: requester & 0xff });
    return [line, ...walkLines(this.read, name, this.#table.read(requester), dfnOf(event))];
  }

  /** Changes the entries of a device, then has the hardware forget the old ones and their translations. */
  #change(device: PciDevice, change: (requester: number) => void): void {
    const requesters = requesterIds(device);
    const old = requesters.map((requester) => this.#table.read(requester));
    for (const requester of requesters) {
      change(requester);
      this.#ring.send(invalidateDeviceTableEntry(requester));
    }
    // What is cached bears the id of the domain that the device came from.
    for (const domainId of new Set(
      old.filter(({ translates }) => translates).map((entry) => entry.domainId),
    )) {
      this.#ring.send(invalidatePages(domainId, 0, "all"));
    }
    // Guest translations bear a PASID too.
    const pasids = [...(this.#guests.get(requesters[0])?.present() ?? [])];
    for (const pasid of pasids) this.#ring.send(invalidateGuestPages(old[0].domainId, pasid, 0, "all"));
    this.#ring.complete();
    const mayCache = requesters.some((requester) => this.#table.read(requester).ats);
    // A device that was silent when it was taken from its former owner may have kept what it had.
    if (!mayCache && !old.some(({ ats }) => ats)) return;
    if (this.#flushDeviceTlbs([device], 0, "all", [undefined, ...pasids])) return;
    // A device that may not cache is refused what it translated itself: what its TLB keeps is of no use to it.
    if (mayCache) throw noAnswer();
  }

  /** Where no one command does it, every entry and every domain goes by its own. */
  #sendForgetEverything(): void {
    if (this.features.invalidatesAll) {
      this.#ring.send(invalidateAll());
      return;
    }
    for (let requester = 0; requester < this.#table.entries; requester++) {
      this.#ring.send(invalidateDeviceTableEntry(requester));
    }
    for (let domainId = 0; domainId <= DOMAIN_MAX; domainId++) {
      this.#ring.send(invalidatePages(domainId, 0, "all"));
    }
  }

  /** Makes devices forget translations; false: some device did not answer, and may have forgotten nothing. */
  #flushDeviceTlbs(
    devices: readonly PciDevice[],
    dfn: number,
    order: FlushOrder,
    pasids: readonly (number | undefined)[] = [undefined],
  ): boolean {
    if (devices.length === 0) return true;
    const { tail } = this.#log;
    for (const device of devices) {
      for (const pasid of pasids) this.#flushDeviceTlb(device, dfn, order, pasid);
    }
    this.#ring.complete();
    return !this.#log.timedOutSince(tail);
  }

  #flushDeviceTlb(device: PciDevice, dfn: number, order: FlushOrder, pasid: number | undefined): void {
    const maxPending = device.atsQueueDepth ?? 1;
    const queue = functionIds(device)[0];
    for (const requester of functionIds(device)) {
      const tlb = { device: requester, queue, maxPending, ...(pasid === undefined ? {} : { pasid }) };
      this.#ring.send(invalidateDeviceTlb(tlb, dfn, order, this.#compat));
    }
  }
}

/** The ring goes on after a time-out, and the wait behind it ends: the log alone tells. */
function noAnswer(): UnitError {
  return new UnitError("REFUSED", "a device's TLB does not answer");
}
