/**
 * One VT-d unit in scalable mode: each device has PASID tables of its own; requests without a PASID count as PASID 0.
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §3.4.3, §6.2 and §6.5.2.
 *
 * A device changes hands by a new PASID directory, which its context entry names with one 64-bit store: it meets the
 * old tables or the new ones, never anything between.
 */
import { PageTableError, Status } from "../../errors.js";
import { deviceName, functionIds, hex, type PciDevice, requesterId, requesterIds } from "../requesters.js";
import { UnitError } from "../unit-error.js";
import type { ReadPhysical, UnitMemory } from "../unit-memory.js";
import { type FaultReport, type IntelFault, isDmaFault } from "./fault-records.js";
import { entryLines } from "./fault-walk.js";
import { pasidCacheDescriptor, pasidDeviceTlbDescriptor, pasidIotlbDescriptor } from "./invalidation.js";
import {
  DIRECTORY_LG2_MAX,
  DIRECTORY_LG2_MIN,
  PasidTables,
  type PasidTranslation,
  RID_PASID,
  ScalableRootTable,
} from "./pasid-table.js";
import type { IntelCapabilities } from "./registers.js";
import type { IntelTranslation } from "./root-table.js";
import type { DeviceUnit } from "./unit.js";
import { type IntelUnitOptions, UnitCore } from "./unit-core.js";

export interface ScalableUnitOptions extends IntelUnitOptions {
  /** log2 of the entries of each device's PASID directory, 7 to 14, each for 64 PASIDs. Default 7. */
  readonly directoryLg2?: number;
}

export class ScalableUnit implements DeviceUnit {
  readonly #core: UnitCore;
  readonly #roots: ScalableRootTable;
  readonly #directoryLg2: number;
  /** By requester id; phantom functions and aliases use those of their device. */
  readonly #tables = new Map<number, PasidTables>();

  /** Tables that no entry leads to, and that the unit may not have forgotten: it did not answer. */
  readonly #orphans: PasidTables[] = [];

  private constructor(core: UnitCore, roots: ScalableRootTable, directoryLg2: number) {
    this.#core = core;
    this.#roots = roots;
    this.#directoryLg2 = directoryLg2;
  }

  /** As `IntelUnit.create`; the unit needs scalable mode and a queue. */
  static create(options: ScalableUnitOptions): ScalableUnit | undefined {
    const core = UnitCore.create(options);
    if (core === undefined) return undefined;
    const { hasScalableMode, hasQueue } = core.capabilities;
    if (!hasScalableMode || !hasQueue || options.withoutQueue === true) {
      throw new UnitError("UNSUPPORTED", "scalable mode");
    }
    const { directoryLg2 = DIRECTORY_LG2_MIN } = options;
    if (!(directoryLg2 >= DIRECTORY_LG2_MIN && directoryLg2 <= DIRECTORY_LG2_MAX && directoryLg2 % 1 === 0)) {
      throw new PageTableError(
        "INVALID_OPTION",
        `directoryLg2: ${DIRECTORY_LG2_MIN} to ${DIRECTORY_LG2_MAX}`,
      );
    }
    const roots = ScalableRootTable.create(core.memory);
    if (roots !== undefined) return new ScalableUnit(core, roots, directoryLg2);
    core.destroy();
    return undefined;
  }

  get capabilities(): IntelCapabilities {
    return this.#core.capabilities;
  }

  get segment(): number {
    return this.#core.segment;
  }

  get memory(): UnitMemory {
    return this.#core.memory;
  }

  get read(): ReadPhysical {
    return this.#core.read;
  }

  get levels(): number {
    return this.#core.levels;
  }

  enable(): void {
    this.#core.enable(this.#roots.register, () => this.#forgetPasids());
  }

  attach(device: PciDevice, { root, levels, domainId, ats }: IntelTranslation): Status {
    return this.#replace(
      device,
      { stage: "second", root, levels, domainId },
      ats === true && this.#core.flushesDeviceTlbs,
    );
  }

  passThrough(device: PciDevice, domainId: number): Status {
    if (!this.capabilities.passesThrough) throw new UnitError("UNSUPPORTED", "passthrough");
    return this.#replace(device, { stage: "none", domainId, levels: this.levels }, false);
  }

  block(device: PciDevice): void {
    const old = this.#tables.get(requesterId(device.id));
    if (old === undefined) return;
    for (const requester of requesterIds(device)) this.#roots.clear(requester);
    for (const requester of requesterIds(device)) this.#tables.delete(requester);
    this.#forget(device, old);
  }

  /**
   * Translates the device's requests with a PASID (1 and up). What the PASID had before is not present in between,
   * and forgotten before the new entry is.
   */
  attachPasid(device: PciDevice, pasid: number, translation: PasidTranslation): Status {
    const tables = this.#tables.get(requesterId(device.id));
    if (tables === undefined || pasid === RID_PASID) return Status.INVALID_ARGUMENT;
    this.detachPasid(device, pasid);
    const status = tables.set(pasid, translation);
    if (status !== Status.OK) return status;
    this.#core.flushWriteBuffer();
    if (!this.capabilities.cachesNotPresent) return status;
    // What is cached as not present bears the id 0.
    this.#core.invalidator.other(pasidCacheDescriptor({ of: "pasid", domainId: 0, pasid }));
    this.#core.invalidator.other(pasidIotlbDescriptor({ domainId: 0, pasid }));
    return status;
  }

  detachPasid(device: PciDevice, pasid: number): void {
    const tables = this.#tables.get(requesterId(device.id));
    const old = tables?.read(pasid);
    if (tables === undefined || old?.isPresent !== true) return;
    const { domainId, isSecondStage } = old;
    const { invalidator } = this.#core;
    tables.clear(pasid);
    this.#core.flushWriteBuffer();
    invalidator.other(pasidCacheDescriptor({ of: "pasid", domainId, pasid }));
    if (isSecondStage) invalidator.iotlb({ of: "domain", domainId });
    invalidator.other(pasidIotlbDescriptor({ domainId, pasid }));
    this.#forgetInDevice(device, pasid);
  }

  /** Forgets pages of a PASID with first-stage tables: 2^order from `dfn` on, or all. */
  flushPasidPages(
    domainId: number,
    pasid: number,
    pages?: { readonly dfn: number; readonly order: number },
  ): void {
    this.#core.invalidator.other(
      pasidIotlbDescriptor({ domainId, pasid, ...(pages === undefined ? {} : { pages }) }),
    );
  }

  forgetEverything(device: PciDevice): void {
    this.#core.forgetEverything(() => this.#forgetPasids());
    this.#core.flushDeviceTlb(device, "everything");
    // What the unit had not been known to forget is of no use to it now.
    for (const tables of this.#orphans.splice(0)) tables.destroy();
  }

  flushPages(...[domainId, dfn, order, wasPresent, devices]: Parameters<UnitCore["flushPages"]>): void {
    this.#core.flushPages(domainId, dfn, order, wasPresent, devices);
  }

  readFaults(): FaultReport {
    return this.#core.readFaults();
  }

  describe(fault: IntelFault): readonly string[] {
    const lines = this.#core.describeFault(fault);
    if (!isDmaFault(fault)) return lines;
    const { source, dfn } = fault;
    const name = deviceName({ segment: this.segment, bus: source >>> 8, devfn: source & 0xff });
    const tables = this.#tables.get(source);
    const way = {
      rootEntry: this.#roots.rootEntry(source >>> 8),
      context: this.#roots.read(source),
      ...(tables === undefined ? {} : { pasid: tables.read(fault.pasid ?? RID_PASID) }),
    };
    return [
      ...lines,
      `unit ${this.#core.number} device ${name} dfn 0x${hex(dfn)}`,
      ...entryLines(this.read, source, way, dfn),
    ];
  }

  /** Whatever can fail comes first: then the device has the new tables, and the old ones go. */
  #replace(device: PciDevice, translation: PasidTranslation, ats: boolean): Status {
    const requesters = requesterIds(device);
    for (const requester of requesters) {
      const status = this.#roots.reserve(requester);
      if (status !== Status.OK) return status;
    }
    const tables = PasidTables.create(this.memory, this.#directoryLg2);
    const status = tables?.set(RID_PASID, translation) ?? Status.OUT_OF_MEMORY;
    if (tables === undefined || status !== Status.OK) {
      tables?.destroy();
      // The context table that was reserved stays, and is news to the unit.
      this.#forgetAbsence();
      return status;
    }
    for (const requester of requesters) this.#roots.install(requester, tables, ats);
    const old = this.#tables.get(requesterId(device.id));
    for (const requester of requesters) this.#tables.set(requester, tables);
    if (old !== undefined) this.#forget(device, old);
    else this.#forgetAbsence();
    return Status.OK;
  }

  /**
   * Nothing leads to these tables any more: the unit forgets them and what they gave, then they are freed. It forgets in
   * the order in which one cache fills the next, or DMA meanwhile would fill again what is forgotten already.
   */
  #forget(device: PciDevice, old: PasidTables): void {
    const { invalidator } = this.#core;
    this.#orphans.push(old);
    const pasids = [...old.present()].map((pasid) => ({ pasid, domainId: old.read(pasid).domainId }));
    const domainIds = new Set(pasids.map(({ domainId }) => domainId));
    this.#core.flushWriteBuffer();
    for (const domainId of domainIds) {
      for (const source of requesterIds(device)) invalidator.context({ of: "device", domainId, source });
    }
    for (const one of pasids) invalidator.other(pasidCacheDescriptor({ of: "pasid", ...one }));
    for (const domainId of domainIds) invalidator.iotlb({ of: "domain", domainId });
    for (const one of pasids) invalidator.other(pasidIotlbDescriptor(one));
    this.#core.flushDeviceTlb(device, "everything");
    for (const { pasid } of pasids) this.#forgetInDevice(device, pasid);
    // The PASIDs that the old tables did not have may be in the new ones.
    this.#forgetAbsence();
    this.#orphans.pop();
    old.destroy();
  }

  #forgetPasids(): void {
    this.#core.invalidator.other(pasidCacheDescriptor({ of: "everything" }));
  }

  /** What the device itself keeps for a PASID. */
  #forgetInDevice(device: PciDevice, pasid: number): void {
    if (device.atsQueueDepth === undefined || !this.#core.flushesDeviceTlbs || pasid === RID_PASID) return;
    for (const source of functionIds(device)) {
      const target = { source, maxPending: device.atsQueueDepth - 1 };
      this.#core.invalidator.other(pasidDeviceTlbDescriptor(target, pasid, "everything"));
    }
  }

  /** What is cached as not present bears the id 0. A new context table may be among it, which is its bus's. */
  #forgetAbsence(): void {
    this.#core.flushWriteBuffer();
    if (!this.capabilities.cachesNotPresent) return;
    const { invalidator } = this.#core;
    invalidator.context({ of: "domain", domainId: 0 });
    invalidator.other(pasidCacheDescriptor({ of: "everything" }));
    invalidator.iotlb({ of: "domain", domainId: 0 });
  }
}
