/**
 * What every VT-d unit has, whatever its tables: the way to make it forget, and its fault records.
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §6.5, §7 and §11.4.
 *
 * Flushes return when they are done, never earlier; see `QueueOptions.relax`.
 */
import { PageTableError } from "../../errors.js";
import type { TableMemory } from "../../memory/table-memory.js";
import type { RegisterAccess } from "../hardware.js";
import { functionIds, type PciDevice } from "../requesters.js";
import { UnitError } from "../unit-error.js";
import { type Exchange128, type ReadPhysical, readerOf, UnitMemory } from "../unit-memory.js";
import { describeFault, type FaultReport, type IntelFault, readFaultRecords } from "./fault-records.js";
import { type DeviceTlbRange, deviceTlbDescriptor } from "./invalidation.js";
import { type Invalidator, QueuedInvalidator, RegisterInvalidator } from "./invalidator.js";
import { InvalidationQueue } from "./queue.js";
import { capabilitiesOf, command, Global, type IntelCapabilities, ROOT_TABLE } from "./registers.js";

/** From this version on units have no registers to invalidate by. */
const VERSION_WITHOUT_REGISTERS = 6;

export interface IntelUnitOptions {
  /** Where the queue and the tables of the unit go. */
  readonly memory: TableMemory;
  readonly registers: RegisterAccess;
  /** See `QueueOptions`. */
  readonly relax: () => void;
  /** Without it, a live entry is blocked while its halves change. */
  readonly exchange128?: Exchange128 | undefined;
  /** Writes a range back from the CPU's cache (bytes). Needed where the unit does not snoop. */
  readonly writeBack?: (address: number, bytes: number) => void;
  /** Other memories that hold page tables, for the walks that are printed. Default none. */
  readonly tables?: readonly TableMemory[];
  /** log2 of the queue's pages, 0 to 7. Default 0: 256 descriptors. */
  readonly queuePagesLg2?: number;
  /** Use the registers although there is a queue. Default false. */
  readonly withoutQueue?: boolean;
  /** A chipset needs its write buffer flushed although the unit does not say so. Default false. */
  readonly buffersWrites?: boolean;
  /** A name for reports. Default 0. */
  readonly number?: number;
  /** PCI segment of its devices. Default 0. */
  readonly segment?: number;
  /** Reproduce what deployed drivers do wrong (see `readFaultRecords`). Default false. */
  readonly compat?: boolean;
}

export class UnitCore {
  readonly capabilities: IntelCapabilities;
  readonly memory: UnitMemory;
  readonly segment: number;
  readonly number: number;
  /** Reads the unit's memory and those that hold page tables. */
  readonly read: ReadPhysical;
  readonly invalidator: Invalidator;
  readonly #options: IntelUnitOptions;
  readonly #queue: InvalidationQueue | undefined;

  private constructor(
    options: IntelUnitOptions,
    capabilities: IntelCapabilities,
    memory: UnitMemory,
    queue: InvalidationQueue | undefined,
  ) {
    this.#options = options;
    this.capabilities = capabilities;
    this.memory = memory;
    this.segment = options.segment ?? 0;
    this.number = options.number ?? 0;
    this.read = readerOf([options.memory, ...(options.tables ?? [])]);
    this.#queue = queue;
    this.invalidator =
      queue === undefined
        ? new RegisterInvalidator(options.registers, capabilities, options.relax)
        : new QueuedInvalidator(queue, capabilities);
  }

  /** Undefined: the memory has no frame left. Throws as `IntelUnit.create` says. */
  static create(options: IntelUnitOptions): UnitCore | undefined {
    const { registers, relax } = options;
    const capabilities = capabilitiesOf(registers);
    checkCapabilities(capabilities, options);
    const memory = new UnitMemory({
      memory: options.memory,
      exchange128: options.exchange128,
      writeBack: capabilities.snoops ? undefined : options.writeBack,
    });
    if (!usesQueue(capabilities, options)) return new UnitCore(options, capabilities, memory, undefined);
    const pagesLg2 = options.queuePagesLg2 ?? 0;
    if (!(pagesLg2 >= 0 && pagesLg2 <= 7 && pagesLg2 % 1 === 0)) {
      throw new PageTableError("INVALID_OPTION", "queuePagesLg2: 0 to 7");
    }
    const queue = InvalidationQueue.create({ memory, registers, pagesLg2, relax });
    return queue === undefined ? undefined : new UnitCore(options, capabilities, memory, queue);
  }

  /** Gives back the memory of a unit that was never enabled. */
  destroy(): void {
    this.#queue?.destroy();
  }

  /** Levels of the second-stage tables that its entries name: 4, or 3 where it has no more. */
  get levels(): number {
    return this.capabilities.levels.includes(4) ? 4 : 3;
  }

  /** Whether devices may cache translations: only the queue makes them forget. */
  get flushesDeviceTlbs(): boolean {
    return this.capabilities.hasDeviceTlbs && this.#queue !== undefined;
  }

  /** Gives the unit its tables, has it forget what it had cached before, and lets it translate. */
  enable(rootTable: bigint, forgetTables: () => void): void {
    const { registers, relax } = this.#options;
    this.flushWriteBuffer();
    registers.write64(ROOT_TABLE, rootTable);
    command(registers, Global.rootTable, true, relax);
    this.#queue?.start();
    this.forgetEverything(forgetTables);
    command(registers, Global.translation, true, relax);
  }

  /** @param forgetTables has the unit forget what lies between context entries and page tables */
  forgetEverything(forgetTables: () => void): void {
    this.flushWriteBuffer();
    this.invalidator.context({ of: "everything" });
    forgetTables();
    this.invalidator.iotlb({ of: "everything" });
  }

  /**
   * Forgets 2^order pages of a domain from `dfn` on, a multiple of them; or all, where the unit cannot name so many
   * or the order is "all". `wasPresent` false: nothing was there before, which few units remember.
   */
  flushPages(
    domainId: number,
    dfn: number,
    order: number | "all",
    wasPresent: boolean,
    devices: readonly PciDevice[] = [],
  ): void {
    const { invalidatesPages, maxOrder, cachesNotPresent } = this.capabilities;
    this.flushWriteBuffer();
    if (order !== "all" && !wasPresent && !cachesNotPresent) return;
    const nameable = order !== "all" && invalidatesPages && order <= maxOrder;
    this.invalidator.iotlb(nameable ? { of: "pages", domainId, dfn, order } : { of: "domain", domainId });
    const range = order === "all" ? "everything" : { dfn, order };
    for (const device of devices) this.flushDeviceTlb(device, range);
  }

  /** What the device caches itself, where it does. */
  flushDeviceTlb(device: PciDevice, range: DeviceTlbRange): void {
    if (device.atsQueueDepth === undefined || !this.flushesDeviceTlbs) return;
    for (const source of functionIds(device)) {
      this.invalidator.other(deviceTlbDescriptor({ source, maxPending: device.atsQueueDepth - 1 }, range));
    }
  }

  /** Where stores wait in the chipset: they are in memory when this returns. */
  flushWriteBuffer(): void {
    if (!this.capabilities.buffersWrites && this.#options.buffersWrites !== true) return;
    command(this.#options.registers, Global.writeBufferFlush, true, this.#options.relax, "clear");
  }

  /** Takes what the unit recorded. */
  readFaults(): FaultReport {
    return readFaultRecords(this.#options.registers, this.capabilities, this.#options.compat);
  }

  describeFault(fault: IntelFault): readonly string[] {
    return describeFault(fault, this.number, this.segment);
  }
}

function usesQueue({ hasQueue }: IntelCapabilities, { withoutQueue }: IntelUnitOptions): boolean {
  return hasQueue && withoutQueue !== true;
}

function checkCapabilities(capabilities: IntelCapabilities, options: IntelUnitOptions): void {
  const { version, levels, snoops } = capabilities;
  if (!usesQueue(capabilities, options) && version >= VERSION_WITHOUT_REGISTERS) {
    throw new UnitError("UNSUPPORTED", "neither a queue nor registers to invalidate by");
  }
  if (!levels.includes(3) && !levels.includes(4)) {
    throw new UnitError("UNSUPPORTED", "second-stage tables of 3 or 4 levels");
  }
  if (!snoops && options.writeBack === undefined) {
    throw new UnitError("UNSUPPORTED", "it does not snoop, and `writeBack` is not given");
  }
}
