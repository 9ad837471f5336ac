/**
 * One VT-d unit in legacy mode: its root and context tables.
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §3.4 and §9.3.
 *
 * A change of an entry returns when the hardware has forgotten the old one and what it had cached for the old
 * domain id. `ScalableUnit` does the same with PASID tables.
 */
import { Status } from "../../errors.js";
import { deviceName, functionIds, hex, type PciDevice, requesterIds } from "../requesters.js";
import { UnitError } from "../unit-error.js";
import type { ReadPhysical, UnitMemory, Words128 } from "../unit-memory.js";
import { type FaultReport, type IntelFault, isDmaFault } from "./fault-records.js";
import { entryLines } from "./fault-walk.js";
import type { IntelCapabilities } from "./registers.js";
import {
  decodeContext,
  type IntelTranslation,
  passThroughContext,
  RootTable,
  translatingContext,
} from "./root-table.js";
import { type IntelUnitOptions, UnitCore } from "./unit-core.js";

export type { IntelUnitOptions };

/** What a system needs of a unit, whatever its tables. */
export interface DeviceUnit {
  readonly capabilities: IntelCapabilities;
  readonly segment: number;
  readonly memory: UnitMemory;
  /** Reads the unit's memory and those that hold page tables. */
  readonly read: ReadPhysical;
  /** Levels of the second-stage tables that its entries name: 4, or 3 where it has no more. */
  readonly levels: number;
  /** Gives the unit its tables and lets it translate; nothing that it had cached before counts. */
  enable(): void;
  /**
   * Translates the device's DMA from now on, that of its phantom functions and aliases too. A device that was
   * translated before meets the old tables or the new ones, never anything between.
   */
  attach(device: PciDevice, translation: IntelTranslation): Status;
  /** Lets the device reach all of memory: the hardware domain's, where it is not translated. */
  passThrough(device: PciDevice, domainId: number): Status;
  /** Refuses the device's DMA: nothing leads to tables for it. */
  block(device: PciDevice): void;
  /** Forgets whatever is cached, of every domain, and what this device keeps itself. */
  forgetEverything(device: PciDevice): void;
  /** See `UnitCore`. */
  flushPages(
    domainId: number,
    dfn: number,
    order: number | "all",
    wasPresent: boolean,
    devices?: readonly PciDevice[],
  ): void;
  /** Takes what the unit recorded. */
  readFaults(): FaultReport;
  /** A fault as lines: what happened and, of a DMA, the way of its address through the tables as they are. */
  describe(fault: IntelFault): readonly string[];
}

export class IntelUnit implements DeviceUnit {
  readonly #core: UnitCore;
  readonly #roots: RootTable;

  private constructor(core: UnitCore, roots: RootTable) {
    this.#core = core;
    this.#roots = roots;
  }

  /**
   * A unit with no device, not yet enabled. Undefined: the memory has no frame left.
   * @throws UnitError UNSUPPORTED where the unit has neither a queue nor registers to invalidate by, has no tables of
   *   3 or 4 levels, or does not snoop and nothing writes back.
   */
  static create(options: IntelUnitOptions): IntelUnit | undefined {
    const core = UnitCore.create(options);
    if (core === undefined) return undefined;
    const roots = RootTable.create(core.memory);
    if (roots !== undefined) return new IntelUnit(core, roots);
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
    this.#core.enable(this.#roots.register, () => {});
  }

  /** A requester's context entry, lowest word first; undefined where nothing leads to one. */
  contextOf(requester: number): Words128 | undefined {
    return this.#roots.read(requester);
  }

  attach(device: PciDevice, translation: IntelTranslation): Status {
    const mayCache = translation.ats === true && this.#core.flushesDeviceTlbs ? functionIds(device) : [];
    return this.#change(device, (requester) =>
      translatingContext({ ...translation, ats: mayCache.includes(requester) }),
    );
  }

  passThrough(device: PciDevice, domainId: number): Status {
    if (!this.capabilities.passesThrough) throw new UnitError("UNSUPPORTED", "passthrough");
    return this.#change(device, () => passThroughContext(domainId, this.levels));
  }

  block(device: PciDevice): void {
    for (const requester of requesterIds(device)) {
      const old = this.#roots.read(requester);
      if (old === undefined) continue;
      this.#roots.clear(requester);
      this.#forget(device, requester, old);
    }
  }

  forgetEverything(device: PciDevice): void {
    this.#core.forgetEverything(() => {});
    this.#core.flushDeviceTlb(device, "everything");
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
    const way = { rootEntry: this.#roots.rootEntry(source >>> 8), context: this.#roots.read(source) };
    return [
      ...lines,
      `unit ${this.#core.number} device ${name} dfn 0x${hex(dfn)}`,
      ...entryLines(this.read, source, way, dfn),
    ];
  }

  #change(device: PciDevice, entryFor: (requester: number) => Words128): Status {
    const requesters = requesterIds(device);
    for (const requester of requesters) {
      const status = this.#roots.reserve(requester);
      if (status !== Status.OK) return status;
    }
    for (const requester of requesters) {
      const old = this.#roots.read(requester) ?? [0, 0, 0, 0];
      const forget = () => this.#forget(device, requester, old);
      this.#roots.install(requester, entryFor(requester), forget);
      forget();
    }
    return Status.OK;
  }

  /** Makes the unit forget an entry that was there, and the translations that bear its domain id. */
  #forget(device: PciDevice, source: number, old: Words128): void {
    const { isPresent, domainId, ats } = decodeContext(old);
    this.#core.flushWriteBuffer();
    if (isPresent) {
      this.#core.invalidator.context({ of: "device", domainId, source });
      this.#core.invalidator.iotlb({ of: "domain", domainId });
      if (ats) this.#core.flushDeviceTlb(device, "everything");
    } else if (this.capabilities.cachesNotPresent) {
      // What is cached as not present bears the id 0. A new context table may be among it, which is its bus's.
      this.#core.invalidator.context({ of: "domain", domainId: 0 });
      this.#core.invalidator.iotlb({ of: "domain", domainId: 0 });
    }
  }
}
