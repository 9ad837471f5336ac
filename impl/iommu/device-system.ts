/**
 * Who owns which device: domains, the devices behind the IOMMUs of one vendor, and what stands in a device's entry.
 *
 * A device is always somebody's: a domain's, or nobody's and quarantined. From one to the other it goes in one step of
 * its entry: never through a state in which it reaches the hardware domain's memory, or its former owner's after the
 * call returned. The ranges that firmware asked for stay mapped 1:1 all the time.
 */
import { PageTableError, Status } from "../errors.js";
import type { TableMemory } from "../memory/table-memory.js";
import { IommuDomain } from "./domain.js";
import { dumpLines } from "./dump.js";
import type { EntryCodec } from "./entry-codec.js";
import type { PendingFlush } from "./flush.js";
import { IdentityMaps } from "./identity-maps.js";
import type { DomainOptions, TranslatedBy } from "./options.js";
import { QuarantineTable, type UnityRange } from "./quarantine-table.js";
import { hex, type PciDevice, requesterId } from "./requesters.js";
import { UnfinishedError } from "./unfinished-error.js";
import { UnitError } from "./unit-error.js";
import type { ReadPhysical, UnitMemory } from "./unit-memory.js";
import type { DeviceId, DomainPaging, FreeQueue } from "./vendor.js";

/** Domains have the numbers below; the quarantined devices, each for itself, those from here on. */
const FIRST_QUARANTINE_NUMBER = 0x8000;
const LAST_QUARANTINE_NUMBER = 0xfffe;

/** What becomes of a device that is taken from its owner. */
export type Quarantine =
  /** It goes back to the hardware domain. */
  | "none"
  /** Its DMA faults, the unity ranges aside. */
  | "basic"
  /** Its DMA reaches a page of its own, for devices that cannot stand a fault. */
  | "scratch-page";

export interface SystemDevice extends PciDevice {
  /** Ranges that firmware asks to be mapped 1:1. Default none. */
  readonly unity?: readonly UnityRange[];
}

export interface SystemOptions {
  /** Where the domains' page tables go. */
  readonly memory: TableMemory;
  /** Where tables wait that left a tree: the queue of the CPU that runs. */
  readonly freeQueue: FreeQueue;
  /** Default "basic". */
  readonly quarantine?: Quarantine | undefined;
  /** False: pages of 4 KiB only. Default true. */
  readonly superpages?: boolean | undefined;
  /** Behave as deployed code does, where that is known to be wrong. Default false. */
  readonly compat?: boolean | undefined;
  /** Takes one line for whoever looks after the machine. Default: nobody does. */
  readonly log?: ((line: string) => void) | undefined;
}

export interface NewDomain {
  /** 0 to 0x7fff. */
  readonly id: number;
  readonly isHardware?: boolean;
  /** Default: its own tables. */
  readonly translatedBy?: TranslatedBy;
  readonly strict?: boolean;
  readonly shouldPreempt?: () => boolean;
}

/** What the faults of a unit say, as lines. */
export interface UnitReport {
  /** Which of the units, from 0 on. */
  readonly unit: number;
  readonly lines: readonly string[];
  /** There was no place left: faults were lost after these. */
  readonly overflowed: boolean;
}

/** What a quarantine table of a device is made of. */
export interface QuarantineShape {
  readonly memory: UnitMemory;
  readonly codec: EntryCodec;
  readonly levels: number;
}

interface OwnedDomain<Paging> {
  readonly domain: IommuDomain;
  readonly paging: Paging | undefined;
  readonly identity: IdentityMaps;
  readonly isPassedThrough: boolean;
}

interface KnownDevice<Paging> {
  readonly device: SystemDevice;
  /** Undefined: quarantined. */
  owner: OwnedDomain<Paging> | undefined;
  /** Undefined: in quarantine its DMA is just refused. */
  readonly quarantine: QuarantineTable | undefined;
  readonly quarantineNumber: number;
}

export abstract class DeviceSystem<Paging extends DomainPaging> {
  protected readonly options: SystemOptions;
  /** What domains may ask for, bit n for 2^n bytes. */
  protected abstract readonly pageSizes: bigint;
  readonly #domains = new Map<IommuDomain, OwnedDomain<Paging>>();
  /** Those whose end hardware held up. */
  readonly #dying = new Map<IommuDomain, OwnedDomain<Paging>>();
  readonly #devices = new Map<string, KnownDevice<Paging>>();

  protected constructor(options: SystemOptions) {
    this.options = options;
  }

  protected abstract newPaging(): Paging;
  /** Makes the device's entry lead to the domain's tables. */
  protected abstract translate(device: SystemDevice, paging: Paging, number: number): Status;
  protected abstract translateQuarantined(
    device: SystemDevice,
    tables: QuarantineTable,
    number: number,
  ): Status;
  protected abstract passThrough(device: SystemDevice, number: number): Status;
  protected abstract block(device: SystemDevice): void;
  /** Has the device's unit forget whatever it caches, of every domain. */
  protected abstract forgetEverything(device: SystemDevice): void;
  /** What is kept for the device's quarantine is not needed any more. */
  protected forgetDevice(_device: SystemDevice): void {}
  /** See `FlushHook`, for the domain of a number. */
  protected abstract flushUnits(number: number, dfn: number, pages: number, flags: number): void;
  protected abstract quarantineShape(device: SystemDevice): QuarantineShape;
  protected abstract readonly codec: EntryCodec;
  protected abstract readonly read: ReadPhysical;
  /** Physical address of the root of a domain's tables; undefined before there is one. */
  protected abstract rootOf(paging: Paging): bigint | undefined;
  protected abstract levelsOf(paging: Paging): number;

  /** Takes what the units reported since the last time, with the way of each refused DMA through the tables. */
  abstract readFaults(): readonly UnitReport[];

  /** A domain without devices. Throws as `IommuDomain` does. */
  createDomain(options: NewDomain): IommuDomain {
    const { id, translatedBy = "own-tables", isHardware, strict } = options;
    const isTaken = [...this.#domains.keys(), ...this.#dying.keys()].some((domain) => domain.id === id);
    if (!(id >= 0 && id < FIRST_QUARANTINE_NUMBER) || isTaken) {
      throw new PageTableError("INVALID_ARGUMENT", `domain id ${id}`);
    }
    const isTranslated = translatedBy === "own-tables" || (translatedBy === "passthrough" && strict === true);
    const paging = isTranslated ? this.newPaging() : undefined;
    const all: DomainOptions = {
      id,
      pageSizes: this.pageSizes,
      translatedBy,
      paging,
      flush: { flush: (dfn, pages, flags) => this.#flush(id, dfn, pages, flags) },
      isHardware,
      strict,
      shouldPreempt: options.shouldPreempt,
      log: this.options.log,
      compat: this.options.compat,
    };
    const domain = new IommuDomain(all);
    const isPassedThrough = translatedBy === "passthrough" && paging === undefined;
    this.#domains.set(domain, { domain, paging, identity: new IdentityMaps(domain), isPassedThrough });
    return domain;
  }

  /**
   * Quarantines the domain's devices and frees its tables. Where a unit does not do as it is told, every device that can
   * be taken is; the tables stay, for that unit may use them still. Call it again when the unit works again.
   * @throws UnfinishedError that says which devices are left.
   */
  destroyDomain(domain: IommuDomain): void {
    const unfinished = this.#dying.get(domain);
    const owned = unfinished ?? this.#ownedOf(domain);
    // From here on it is nobody's domain to go back to, if it is the hardware domain.
    this.#domains.delete(domain);
    this.#dying.set(domain, owned);
    domain.die();
    const own = [...this.#devices.values()].filter(({ owner }) => owner === owned);
    const [left, causes]: [KnownDevice<Paging>[], unknown[]] = [[], []];
    for (const known of own) {
      try {
        if (unfinished === undefined) this.#take(known);
        else this.#takeAgain(known);
      } catch (error) {
        left.push(known);
        causes.push(error);
      }
    }
    if (left.length > 0) {
      const ids = (devices: readonly KnownDevice<Paging>[]) => devices.map(({ device }) => device.id);
      throw new UnfinishedError(ids(own.filter((known) => !left.includes(known))), ids(left), causes);
    }
    this.#dying.delete(domain);
    domain.destroy();
  }

  /**
   * A device that nobody owns yet. Its quarantine tables are made here, so that taking it from an owner later needs no
   * memory.
   */
  addDevice(device: SystemDevice): Status {
    const key = keyOf(device.id);
    if (this.#devices.has(key)) return Status.INVALID_ARGUMENT;
    const shape = this.quarantineShape(device);
    const { unity = [] } = device;
    if (unity.some(({ lastDfn }) => lastDfn >= 2 ** (9 * shape.levels))) return Status.IOVA_OUT_OF_RANGE;
    const quarantineNumber = this.#freeQuarantineNumber();
    if (quarantineNumber > LAST_QUARANTINE_NUMBER) return Status.NO_DOMAIN_ID;
    const mode = this.options.quarantine ?? "basic";
    let quarantine: QuarantineTable | undefined;
    if (unity.length > 0 || mode === "scratch-page") {
      quarantine = QuarantineTable.create({ ...shape, unity, scratchPage: mode === "scratch-page" });
      if (quarantine === undefined) return Status.OUT_OF_MEMORY;
    }
    const known: KnownDevice<Paging> = { device, owner: undefined, quarantine, quarantineNumber };
    const status = this.#enterQuarantine(known);
    if (status === Status.OK) {
      this.#devices.set(key, known);
      return status;
    }
    this.forgetDevice(device);
    quarantine?.destroy();
    return status;
  }

  /** The device is gone: nothing passes under its ids. */
  removeDevice(id: DeviceId): void {
    const known = this.#knownOf(id);
    this.#blockOf(known);
    this.forgetDevice(known.device);
    known.quarantine?.destroy();
    this.#devices.delete(keyOf(id));
  }

  /** Who owns the device; undefined: it is quarantined. */
  ownerOf(id: DeviceId): IommuDomain | undefined {
    return this.#knownOf(id).owner?.domain;
  }

  /** The domain's devices, in the order in which they were added. */
  devicesOf(number: number): readonly SystemDevice[] {
    const all = [...this.#devices.values()];
    return all.filter(({ owner }) => owner?.domain.id === number).map(({ device }) => device);
  }

  /**
   * Gives the device to a domain, whoever had it. On an error it stays where it was; but PAGES_LEFT_BEHIND says that it
   * has moved, and that its former owner still has its unity ranges.
   * @throws UnitError where the hardware does not do as it is told; nobody knows then whose the device is.
   */
  assign(id: DeviceId, domain: IommuDomain): Status {
    const known = this.#knownOf(id);
    const next = this.#ownedOf(domain);
    if (known.owner === next) return Status.OK;
    const mapped = this.#mapUnity(next, known.device.unity ?? []);
    if (mapped !== Status.OK) return mapped;
    const status = this.#enter(known.device, next);
    if (status !== Status.OK) {
      this.#unmapUnity(next, known.device.unity ?? []);
      return status;
    }
    return this.#leave(known, next);
  }

  /**
   * Takes the device from its owner, as the mode says. Where not even the quarantine's entry can be made, its DMA is
   * refused, and the status says so.
   */
  quarantine(id: DeviceId): Status {
    const known = this.#knownOf(id);
    if ((this.options.quarantine ?? "basic") === "none") {
      const hardware = [...this.#domains.keys()].find(({ isHardware }) => isHardware);
      if (hardware !== undefined) return this.assign(id, hardware);
    }
    if (known.owner === undefined) return Status.OK;
    const status = this.#enterQuarantine(known);
    if (status !== Status.OK) this.block(known.device);
    const left = this.#leave(known, undefined);
    return status === Status.OK ? left : status;
  }

  /** A domain's tables: a header, then a line for each leaf. */
  *dump(domain: IommuDomain): Generator<string> {
    const { paging, isPassedThrough } = this.#ownedOf(domain);
    if (paging === undefined) {
      yield `domain ${domain.id}: ${isPassedThrough ? "no translation" : "shares tables"}`;
      return;
    }
    const root = this.rootOf(paging);
    const levels = this.levelsOf(paging);
    yield `domain ${domain.id}: ${levels} levels, ${root === undefined ? "no root" : `root 0x${hex(root)}`}`;
    if (root === undefined) return;
    yield* dumpLines({ codec: this.codec, read: this.read, root: Number(root), levels });
  }

  /** The tables of every domain but the hardware domain. */
  *dumpAll(): Generator<string> {
    for (const domain of this.#domains.keys()) if (!domain.isHardware) yield* this.dump(domain);
  }

  /** Hardware that does not do what it is asked for is no success of a flush. */
  #flush(number: number, dfn: number, pages: number, flags: number): Status {
    try {
      this.flushUnits(number, dfn, pages, flags);
      return Status.OK;
    } catch (error) {
      if (!(error instanceof UnitError)) throw error;
      this.options.log?.(`d${number}: ${error.message}`);
      return Status.HARDWARE_STOPPED;
    }
  }

  #enter(device: SystemDevice, { domain, paging, isPassedThrough }: OwnedDomain<Paging>): Status {
    if (isPassedThrough) return this.passThrough(device, domain.id);
    return paging === undefined ? Status.INVALID_ARGUMENT : this.translate(device, paging, domain.id);
  }

  #enterQuarantine({ device, quarantine, quarantineNumber }: KnownDevice<Paging>): Status {
    if (quarantine === undefined) {
      this.block(device);
      return Status.OK;
    }
    // What the device wrote there on behalf of one owner is not for the next.
    quarantine.clearScratch();
    return this.translateQuarantined(device, quarantine, quarantineNumber);
  }

  /** After the entry leads elsewhere: the former owner's unity ranges go, unless it keeps them. */
  #leave(known: KnownDevice<Paging>, next: OwnedDomain<Paging> | undefined): Status {
    const former = known.owner;
    known.owner = next;
    return former === undefined ? Status.OK : this.#unmapUnity(former, known.device.unity ?? []);
  }

  #blockOf(known: KnownDevice<Paging>): void {
    this.block(known.device);
    this.#leave(known, undefined);
  }

  #take(known: KnownDevice<Paging>): void {
    const { owner } = known;
    const status = this.quarantine(known.device.id);
    if (status !== Status.OK && known.owner === owner) this.#blockOf(known);
  }

  /** Its entry may have changed already, so that nothing tells any more whose translations its unit keeps. */
  #takeAgain(known: KnownDevice<Paging>): void {
    this.block(known.device);
    this.forgetEverything(known.device);
    this.#enterQuarantine(known);
    this.#leave(known, undefined);
  }

  #mapUnity(owned: OwnedDomain<Paging>, unity: readonly UnityRange[]): Status {
    const owed = { flags: 0 };
    for (const [index, { firstDfn, lastDfn, access }] of unity.entries()) {
      const status = statusOf(() => owned.identity.add(firstDfn, lastDfn, access, owed));
      if (status === Status.OK) continue;
      this.#unmapUnity(owned, unity.slice(0, index));
      owned.domain.flushAll(owed.flags);
      return status;
    }
    return owned.domain.flushAll(owed.flags);
  }

  #unmapUnity(owned: OwnedDomain<Paging>, unity: readonly UnityRange[]): Status {
    const owed: PendingFlush = { flags: 0 };
    let first: Status = Status.OK;
    for (const { firstDfn, lastDfn } of unity) {
      const status = statusOf(() => owned.identity.remove(firstDfn, lastDfn, owed));
      if (first === Status.OK) first = status;
    }
    const flushed = owned.domain.flushAll(owed.flags);
    return first === Status.OK ? flushed : first;
  }

  #freeQuarantineNumber(): number {
    const taken = new Set([...this.#devices.values()].map(({ quarantineNumber }) => quarantineNumber));
    let number = FIRST_QUARANTINE_NUMBER;
    while (taken.has(number)) number++;
    return number;
  }

  #knownOf(id: DeviceId): KnownDevice<Paging> {
    const known = this.#devices.get(keyOf(id));
    if (known === undefined) throw new PageTableError("INVALID_ARGUMENT", `no device ${keyOf(id)}`);
    return known;
  }

  #ownedOf(domain: IommuDomain): OwnedDomain<Paging> {
    const owned = this.#domains.get(domain);
    if (owned === undefined) throw new PageTableError("INVALID_ARGUMENT", `no domain ${domain.id} here`);
    return owned;
  }
}

/** The same id means the same device. */
export function keyOf(id: DeviceId): string {
  return `${id.segment}:${requesterId(id)}`;
}

/** What a call that throws refusals says as a status. */
function statusOf(call: () => void): Status {
  try {
    call();
    return Status.OK;
  } catch (error) {
    if (error instanceof PageTableError) return Status[error.code];
    throw error;
  }
}
