/** Domains and devices behind VT-d units. */
import { PageTableError, Status } from "../../errors.js";
import type { Clean } from "../../options.js";
import {
  DeviceSystem,
  keyOf,
  type QuarantineShape,
  type SystemDevice,
  type SystemOptions,
  type UnitReport,
} from "../device-system.js";
import { FlushFlag } from "../flush.js";
import type { QuarantineTable } from "../quarantine-table.js";
import { type PciDevice, requesterId } from "../requesters.js";
import type { ReplacingTableClass } from "../table-rules.js";
import type { ReadPhysical } from "../unit-memory.js";
import type { DeviceId } from "../vendor.js";
import { DomainIds } from "./domain-ids.js";
import { intelEntry } from "./entry.js";
import { flushOrder } from "./invalidation.js";
import { IntelPaging } from "./paging.js";
import type { DeviceUnit } from "./unit.js";

/** Domains' tables cover 48 bits; a unit with fewer levels begins below the root. */
const LEVELS = 4;

export interface IntelSystemOptions extends SystemOptions {
  /** Enabled units. */
  readonly units: readonly DeviceUnit[];
  /** Which unit a device is behind. Default: the one of its segment. */
  readonly unitOf?: ((id: DeviceId) => DeviceUnit | undefined) | undefined;
  /** Writes page tables back from the CPU's cache; needed where a unit does not snoop. */
  readonly incoherent?: Clean | undefined;
  /** The page tables' class. Default: the plain stamp. */
  readonly Table?: ReplacingTableClass | undefined;
}

export class IntelSystem extends DeviceSystem<IntelPaging> {
  protected readonly pageSizes: bigint;
  protected readonly codec = intelEntry;
  readonly #options: IntelSystemOptions;
  readonly #units: readonly DeviceUnit[];
  readonly #ids: ReadonlyMap<DeviceUnit, DomainIds>;
  /** By unit and device: under which number its entry was made. */
  readonly #numbers = new Map<DeviceUnit, Map<number, number>>();

  /** By device: the number under which it has an id for its quarantine. */
  readonly #held = new Map<string, number>();

  /** @throws PageTableError INVALID_OPTION where a unit does not snoop and nothing writes tables back. */
  constructor(options: IntelSystemOptions) {
    super(options);
    const { units } = options;
    this.#options = options;
    this.#units = units;
    if (units.length === 0) throw new PageTableError("INVALID_OPTION", "units: at least one");
    const capabilities = units.map((unit) => unit.capabilities);
    if (capabilities.some(({ snoops }) => !snoops) && options.incoherent === undefined) {
      throw new PageTableError("INVALID_OPTION", "incoherent: a unit does not snoop");
    }
    // A size counts where every unit has it.
    const isWanted = options.superpages !== false;
    const sizes = [{ bit: 21n, has: isWanted && capabilities.every(({ pages2M }) => pages2M) }];
    sizes.push({ bit: 30n, has: isWanted && capabilities.every(({ pages1G }) => pages1G) });
    this.pageSizes = sizes.reduce((all, { bit, has }) => (has ? all | (1n << bit) : all), 1n << 12n);
    this.#ids = new Map(
      units.map((unit) => {
        const { domainIds, cachesNotPresent } = unit.capabilities;
        return [unit, new DomainIds(domainIds, cachesNotPresent)];
      }),
    );
    for (const unit of units) this.#numbers.set(unit, new Map());
  }

  override readFaults(): readonly UnitReport[] {
    return this.#units.map((unit, index) => {
      const { faults, overflowed } = unit.readFaults();
      return { unit: index, lines: faults.flatMap((fault) => unit.describe(fault)), overflowed };
    });
  }

  /** The id by which a unit knows a domain; undefined where no device of the domain is behind the unit. */
  idOf(unit: DeviceUnit, number: number): number | undefined {
    return this.#ids.get(unit)?.of(number);
  }

  protected override get read(): ReadPhysical {
    return this.#units[0].read;
  }

  protected override newPaging(): IntelPaging {
    const { memory, freeQueue, compat, Table, incoherent } = this.#options;
    const minLevels = Math.min(...this.#units.map(({ levels }) => levels));
    const paging = new IntelPaging({
      memory,
      freeQueue,
      levels: LEVELS,
      minLevels,
      pageSizes: this.pageSizes,
      forcesSnooping: this.#units.every(({ capabilities }) => capabilities.controlsSnooping),
      compat,
      Table,
      incoherent,
    });
    // A unit with fewer levels begins at a table that mapping far from address 0 would not make.
    if (minLevels < LEVELS && paging.prepareRoots() !== Status.OK) {
      paging.destroy();
      throw new PageTableError("OUT_OF_MEMORY");
    }
    return paging;
  }

  protected override rootOf(paging: IntelPaging): bigint | undefined {
    return paging.table.root;
  }

  protected override levelsOf(): number {
    return LEVELS;
  }

  protected override translate(device: SystemDevice, paging: IntelPaging, number: number): Status {
    const unit = this.#unitOf(device);
    const status = paging.prepareRoots();
    const root = paging.rootFor(unit.levels);
    if (root === undefined) return status === Status.OK ? Status.OUT_OF_MEMORY : status;
    const ats = device.atsQueueDepth !== undefined;
    return this.#enter(device, number, (domainId) =>
      unit.attach(device, { root: Number(root), levels: unit.levels, domainId, ats }),
    );
  }

  protected override translateQuarantined(
    device: SystemDevice,
    { root, levels }: QuarantineTable,
    number: number,
  ): Status {
    const unit = this.#unitOf(device);
    const key = keyOf(device.id);
    // The id stays the device's while others own it: taking it from them must not fail for lack of one.
    if (!this.#held.has(key)) {
      if (this.#idsOf(device).acquire(number) === undefined) return Status.NO_DOMAIN_ID;
      this.#held.set(key, number);
    }
    return this.#enter(device, number, (domainId) => unit.attach(device, { root, levels, domainId }));
  }

  protected override forgetDevice(device: SystemDevice): void {
    const number = this.#held.get(keyOf(device.id));
    if (number !== undefined) this.#idsOf(device).release(number);
    this.#held.delete(keyOf(device.id));
  }

  protected override passThrough(device: SystemDevice, number: number): Status {
    const unit = this.#unitOf(device);
    return this.#enter(device, number, (domainId) => unit.passThrough(device, domainId));
  }

  protected override block(device: SystemDevice): void {
    this.#unitOf(device).block(device);
    this.#releaseId(device);
  }

  protected override forgetEverything(device: SystemDevice): void {
    this.#unitOf(device).forgetEverything(device);
  }

  protected override flushUnits(number: number, dfn: number, pages: number, flags: number): void {
    const isAll = (flags & FlushFlag.all) !== 0;
    if (flags === 0 || (pages === 0 && !isAll)) return;
    const order = isAll ? "all" : flushOrder(dfn, pages);
    const wasPresent = (flags & FlushFlag.modified) !== 0;
    const devices = this.devicesOf(number);
    for (const unit of this.#units) {
      const domainId = this.idOf(unit, number);
      if (domainId === undefined) continue;
      const behind = devices.filter((device) => this.#unitOf(device) === unit);
      unit.flushPages(domainId, dfn, order, wasPresent, behind);
    }
  }

  protected override quarantineShape(device: SystemDevice): QuarantineShape {
    const { memory, levels } = this.#unitOf(device);
    return { memory, codec: intelEntry, levels };
  }

  /** Changes the device's entry under a new number; the old number is the device's until the entry has changed. */
  #enter(device: SystemDevice, number: number, change: (domainId: number) => Status): Status {
    const ids = this.#idsOf(device);
    const domainId = ids.acquire(number);
    if (domainId === undefined) return Status.NO_DOMAIN_ID;
    const status = change(domainId);
    if (status !== Status.OK) {
      ids.release(number);
      return status;
    }
    this.#releaseId(device);
    this.#numbers.get(this.#unitOf(device))?.set(requesterId(device.id), number);
    return Status.OK;
  }

  #releaseId(device: SystemDevice): void {
    const numbers = this.#numbers.get(this.#unitOf(device));
    const number = numbers?.get(requesterId(device.id));
    if (number === undefined) return;
    numbers?.delete(requesterId(device.id));
    this.#idsOf(device).release(number);
  }

  #idsOf(device: SystemDevice): DomainIds {
    const ids = this.#ids.get(this.#unitOf(device));
    if (ids === undefined) throw new PageTableError("INVALID_ARGUMENT", "a device behind no unit");
    return ids;
  }

  #unitOf({ id }: PciDevice): DeviceUnit {
    const { unitOf } = this.#options;
    const unit = unitOf ? unitOf(id) : this.#units.find(({ segment }) => segment === id.segment);
    if (unit === undefined) throw new PageTableError("INVALID_ARGUMENT", "a device behind no unit");
    return unit;
  }
}
