/** Domains and devices behind AMD's IOMMUs. */
import { PageTableError, Status } from "../../errors.js";
import {
  DeviceSystem,
  type QuarantineShape,
  type SystemDevice,
  type SystemOptions,
  type UnitReport,
} from "../device-system.js";
import { FlushFlag } from "../flush.js";
import type { QuarantineTable } from "../quarantine-table.js";
import type { PciDevice } from "../requesters.js";
import type { ReplacingTableClass } from "../table-rules.js";
import type { ReadPhysical } from "../unit-memory.js";
import type { DeviceId } from "../vendor.js";
import { flushOrder } from "./commands.js";
import { amdEntry } from "./entry.js";
import { AmdPaging } from "./paging.js";
import type { AmdUnit } from "./unit.js";

const LEVEL_BITS = 9;
const PAGE_LG2 = 12;
/** The fewest in which there are pages of 1 GiB. */
const LEVELS_MIN = 3;
/** 4 KiB, 2 MiB and 1 GiB. */
const PAGE_SIZES = 0x4020_1000n;
const PAGE_512G = 1n << 39n;

export interface AmdSystemOptions extends SystemOptions {
  /** Enabled units. Every unit hears of every flush. */
  readonly units: readonly AmdUnit[];
  /** Which unit a device is behind. Default: the one of its segment. */
  readonly unitOf?: ((id: DeviceId) => AmdUnit | undefined) | undefined;
  /** Bits of the widest physical address, unity ranges included; page tables get enough levels. Default 48. */
  readonly addressBits?: number | undefined;
  /**
   * Pages of 512 GiB too, where the tables have four levels or more. An erratum makes hardware mistranslate them, and a
   * single one may replace 2^18 tables in one step, which nothing preempts. Default false.
   */
  readonly pagesOf512G?: boolean | undefined;
  /** The units remember that something is not mapped (NpCache of the capability header). Default false. */
  readonly cachesNotPresent?: boolean | undefined;
  /** The page tables' class. Default: the plain stamp. */
  readonly Table?: ReplacingTableClass | undefined;
}

export class AmdSystem extends DeviceSystem<AmdPaging> {
  protected readonly pageSizes: bigint;
  protected readonly codec = amdEntry;
  /** Levels of every page table: domains' and quarantined devices'. */
  readonly levels: number;
  readonly #units: readonly AmdUnit[];
  readonly #options: AmdSystemOptions;

  /** @throws PageTableError INVALID_OPTION where no unit has the levels that the addresses need. */
  constructor(options: AmdSystemOptions) {
    super(options);
    const { units, addressBits = 48 } = options;
    this.#options = options;
    this.#units = units;
    this.levels = Math.max(LEVELS_MIN, Math.ceil((addressBits - PAGE_LG2) / LEVEL_BITS));
    const largest = options.pagesOf512G === true && this.levels > LEVELS_MIN ? PAGE_512G : 0n;
    this.pageSizes = options.superpages === false ? 0x1000n : PAGE_SIZES | largest;
    const most = Math.min(...units.map(({ features }) => features.hostLevels));
    if (units.length === 0 || this.levels > most) {
      throw new PageTableError("INVALID_OPTION", `units with ${this.levels} levels`);
    }
  }

  override readFaults(): readonly UnitReport[] {
    return this.#units.map((unit, index) => {
      const { events, overflowed } = unit.readEvents();
      return { unit: index, lines: events.flatMap((event) => unit.describe(event)), overflowed };
    });
  }

  protected override get read(): ReadPhysical {
    return this.#units[0].read;
  }

  protected override newPaging(): AmdPaging {
    const { memory, freeQueue, compat, Table } = this.#options;
    const { levels, pageSizes } = this;
    return new AmdPaging({ memory, freeQueue, levels, pageSizes, compat, Table });
  }

  protected override rootOf(paging: AmdPaging): bigint | undefined {
    return paging.table.root;
  }

  protected override levelsOf(): number {
    return this.levels;
  }

  protected override translate(device: SystemDevice, paging: AmdPaging, number: number): Status {
    const status = paging.table.makeRoot();
    const root = paging.table.root;
    if (root === undefined) return status;
    const ats = device.atsQueueDepth !== undefined;
    const unit = this.#unitOf(device);
    unit.attach(device, { root: Number(root), levels: this.levels, domainId: number, ats });
    return Status.OK;
  }

  protected override translateQuarantined(
    device: SystemDevice,
    { root, levels }: QuarantineTable,
    number: number,
  ): Status {
    this.#unitOf(device).attach(device, { root, levels, domainId: number });
    return Status.OK;
  }

  protected override passThrough(device: SystemDevice): Status {
    this.#unitOf(device).passThrough(device);
    return Status.OK;
  }

  protected override block(device: SystemDevice): void {
    this.#unitOf(device).block(device);
  }

  protected override forgetEverything(device: SystemDevice): void {
    this.#unitOf(device).flushEverything();
  }

  protected override flushUnits(number: number, dfn: number, pages: number, flags: number): void {
    const counts = this.#options.cachesNotPresent ? FlushFlag.modified | FlushFlag.added : FlushFlag.modified;
    const isAll = (flags & FlushFlag.all) !== 0;
    if ((flags & counts) === 0 || (pages === 0 && !isAll)) return;
    const order = isAll ? "all" : flushOrder(dfn, pages);
    const devices = this.devicesOf(number);
    for (const unit of this.#units) {
      unit.flushPages(
        number,
        dfn,
        order,
        devices.filter((device) => this.#unitOf(device) === unit),
      );
    }
  }

  protected override quarantineShape(device: SystemDevice): QuarantineShape {
    return { memory: this.#unitOf(device).memory, codec: amdEntry, levels: this.levels };
  }

  #unitOf({ id }: PciDevice): AmdUnit {
    const { unitOf } = this.#options;
    const unit = unitOf ? unitOf(id) : this.#units.find(({ segment }) => segment === id.segment);
    if (unit === undefined) throw new PageTableError("INVALID_ARGUMENT", "a device behind no unit");
    return unit;
  }
}
