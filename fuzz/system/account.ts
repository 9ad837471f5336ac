/**
 * The plain account of a machine: what every domain maps, who owns which device, and what is owed to the hardware. It
 * knows nothing of tables.
 */
import type { IommuDomain } from "../../impl/iommu/domain.js";
import { FrameMap } from "../../reference/frame-map.js";
import { deviceBehind, isCaching, type Unity, unityOf } from "./devices.js";
import { factName, frameName, NOTHING } from "./difference.js";
import { keepsTranslations, type MachineShape } from "./shape.js";

/** What a domain owes its hardware, and everything that its pages have led to since. */
export interface Owed {
  flags: number;
  readonly ranges: { readonly dfn: number; readonly pages: number }[];
  readonly before: FrameMap[];
  /** The CPUs that have not given themselves up since. */
  readonly cpus: Set<number>;
}

export function newOwed(): Owed {
  return { flags: 0, ranges: [], before: [], cpus: new Set() };
}

export interface DomainAccount {
  readonly domain: IommuDomain;
  frames: FrameMap;
  /** By maps and unmaps whose caller owns the flush. */
  owed: Owed | undefined;
  /** By legacy calls, while a batch is open. */
  batch: Owed | undefined;
  /** How many devices need the unity range. */
  unityUses: number;
}

/** The domain that owns the hardware, if it is there. */
export const HARDWARE_DOMAIN = 1;

export class Accounts {
  readonly domains = new Map<number, DomainAccount>();
  /** What a quarantined device finds wherever it looks: its scratch page, if it has one. */
  readonly scratch = new Map<number, string>();
  /** By device, where its PASIDs lead that have tables, while it stays where it is. */
  readonly pasids = new Map<number, Map<number, string>>();
  /** For want of memory these have not even their scratch page. */
  readonly refused = new Set<number>();
  readonly #shape: MachineShape;
  /** Owner by device; none: quarantined. */
  readonly #owners = new Map<number, number>();

  constructor(shape: MachineShape) {
    this.#shape = shape;
  }

  ownerOf(device: number): number | undefined {
    return this.#owners.get(device);
  }

  devicesOf(domain: number): readonly number[] {
    return [...this.#owners].filter(([, owner]) => owner === domain).map(([device]) => device);
  }

  addDomain(number: number, domain: IommuDomain): void {
    const account = { domain, frames: new FrameMap(), owed: undefined, batch: undefined, unityUses: 0 };
    this.domains.set(number, account);
  }

  /** Who gets a device that is taken from its owner; undefined: nobody. */
  get heir(): number | undefined {
    if (this.#shape.quarantine !== "none") return undefined;
    return this.domains.has(HARDWARE_DOMAIN) ? HARDWARE_DOMAIN : undefined;
  }

  /** The device is another's now, and its unity range goes with it. */
  moved(device: number, owner: number | undefined): void {
    const former = this.ownerOf(device);
    if (former === owner) return;
    this.pasids.delete(device);
    const unity = unityOf(this.#shape, device);
    if (owner === undefined) this.#owners.delete(device);
    else this.#owners.set(device, owner);
    if (unity === undefined) return;
    this.#useUnity(owner, unity, 1);
    this.#useUnity(former, unity, -1);
  }

  #useUnity(number: number | undefined, { firstDfn, lastDfn, access }: Unity, by: 1 | -1): void {
    const account = number === undefined ? undefined : this.domains.get(number);
    // The hardware domain keeps its ranges.
    if (account === undefined || (by === -1 && number === HARDWARE_DOMAIN)) return;
    const { frames, unityUses } = account;
    account.unityUses += by;
    const after = frames.copy();
    if (by === 1 && unityUses === 0) after.map(firstDfn, firstDfn, lastDfn - firstDfn + 1, access);
    if (by === -1 && unityUses === 1) after.unmap(firstDfn, lastDfn - firstDfn + 1);
    account.frames = after;
  }

  /** Nothing waits for a flush. */
  get owesNothing(): boolean {
    return [...this.domains.values()].every(({ owed, batch }) => owed === undefined && batch === undefined);
  }

  /** A CPU that owes a flush has not given itself up. */
  isBusy(cpu: number): boolean {
    return [...this.domains.values()].some(
      ({ owed, batch }) => owed?.cpus.has(cpu) === true || batch?.cpus.has(cpu) === true,
    );
  }

  /** What a domain's pages lead to now, and, while a flush is owed, what they led to since the last one. */
  mapsOf({ frames, owed, batch }: DomainAccount): readonly FrameMap[] {
    return [frames, ...(owed?.before ?? []), ...(batch?.before ?? [])];
  }

  /** What a request may find. `now`: only what is mapped at this moment, as the tables say. */
  allowed(requester: number, dfn: number, write: boolean, now: boolean, ats = false): readonly string[] {
    const device = deviceBehind(this.#shape, requester);
    if (device === undefined) return [NOTHING];
    const number = this.ownerOf(device);
    const account = number === undefined ? undefined : this.domains.get(number);
    if (ats && (account === undefined || !isCaching(device) || !keepsTranslations(this.#shape)))
      return [NOTHING];
    if (account === undefined) return [this.#inQuarantine(device, dfn)];
    // What waits in a buffer is in no table yet.
    const isNow = now && this.#shape.tablesSeen !== "buffer-flushed";
    const maps = isNow ? [account.frames] : this.mapsOf(account);
    return maps.map((frames) => factName(frames.at(dfn), write));
  }

  /** What a request with a PASID finds at the page of the PASID. */
  allowedWith(device: number, pasid: number, ats: boolean): string {
    const isRefused = ats && (!isCaching(device) || !keepsTranslations(this.#shape));
    return isRefused ? NOTHING : (this.pasids.get(device)?.get(pasid) ?? NOTHING);
  }

  #inQuarantine(device: number, dfn: number): string {
    if (this.refused.has(device)) return NOTHING;
    const unity = unityOf(this.#shape, device);
    if (unity !== undefined && dfn >= unity.firstDfn && dfn <= unity.lastDfn) return frameName(dfn);
    return this.scratch.get(device) ?? NOTHING;
  }
}
