/**
 * Commands that an AMD IOMMU takes from its command buffer, as four signed words each.
 * Source: AMD I/O Virtualization Technology (IOMMU) Specification 48882 §2.4 (commands).
 *
 * Device ids are requester ids of 16 bits, domain ids have 16 bits, a PASID 20. A DFN is an input address >> 12.
 */
import { addressHigh, addressLow, type Words128 } from "../unit-memory.js";

const COMPLETION_WAIT = 1;
const INVALIDATE_DEVTAB_ENTRY = 2;
const INVALIDATE_IOMMU_PAGES = 3;
const INVALIDATE_IOTLB_PAGES = 4;
const INVALIDATE_INTERRUPT_TABLE = 5;
const INVALIDATE_IOMMU_ALL = 8;

/** COMPLETION_WAIT: store the data at the address. */
const STORE = 1 << 0;
/** Of invalidations: the address holds a size; cached page directories too; the address is a guest's. */
const SIZE = 1 << 0;
const PDE = 1 << 1;
const GUEST = 1 << 2;

/** Addresses have 64 bits. */
const DFN_LIMIT = 2 ** 52;

/** How many pages an invalidation names: 1, 2 MiB of them, 1 GiB of them, or every page of the domain. */
export type FlushOrder = 0 | 9 | 18 | "all";

/** Stores `data` (64 bits, low word and high word) at a multiple of 8 once everything before it is done. */
export function completionWait(address: number, dataLow: number, dataHigh: number): Words128 {
  const high = addressHigh(address) & 0xfffff;
  return [addressLow(address) | STORE, opcode(COMPLETION_WAIT) | high, dataLow, dataHigh];
}

export function invalidateDeviceTableEntry(device: number): Words128 {
  return [device, opcode(INVALIDATE_DEVTAB_ENTRY), 0, 0];
}

/** Host translations of a domain. Above one page, cached page directories go too. */
export function invalidatePages(domainId: number, dfn: number, order: FlushOrder): Words128 {
  const directories = order === 0 ? 0 : PDE;
  const [low, high] = sizedAddress(dfn, order);
  return [0, opcode(INVALIDATE_IOMMU_PAGES) | domainId, low | directories, high];
}

/** Guest translations of one PASID of a domain. */
export function invalidateGuestPages(
  domainId: number,
  pasid: number,
  dfn: number,
  order: FlushOrder,
): Words128 {
  const directories = order === 0 ? 0 : PDE;
  const [low, high] = sizedAddress(dfn, order);
  return [pasid, opcode(INVALIDATE_IOMMU_PAGES) | domainId, low | directories | GUEST, high];
}

export interface DeviceTlb {
  readonly device: number;
  /** The queue among whose invalidations `maxPending` counts; normally the device itself. */
  readonly queue: number;
  /** Invalidations that the device takes at once, 0 to 255. */
  readonly maxPending: number;
  readonly pasid?: number;
}

/**
 * Translations that a device caches. `compat`: the size bit is never set, as in a deployed driver, so that a device
 * takes every invalidation for one of a single page.
 */
export function invalidateDeviceTlb(
  { device, queue, maxPending, pasid }: DeviceTlb,
  dfn: number,
  order: FlushOrder,
  compat = false,
): Words128 {
  const [low, high] = sizedAddress(dfn, order);
  const id = pasid ?? 0;
  const guest = pasid === undefined ? 0 : GUEST;
  return [
    device | ((id & 0xff) << 16) | (maxPending << 24),
    opcode(INVALIDATE_IOTLB_PAGES) | queue | ((id >>> 8) << 16),
    (compat ? low & ~SIZE : low) | guest,
    high,
  ];
}

export function invalidateInterruptTable(device: number): Words128 {
  return [device, opcode(INVALIDATE_INTERRUPT_TABLE), 0, 0];
}

export function invalidateAll(): Words128 {
  return [0, opcode(INVALIDATE_IOMMU_ALL), 0, 0];
}

/** The smallest of the sizes that hardware is asked for which covers `pages` pages from `dfn` on. */
export function flushOrder(dfn: number, pages: number): FlushOrder {
  const last = dfn + (pages - 1);
  // Such a range wraps around the 64 bits of an address.
  if (last >= DFN_LIMIT) return "all";
  if (dfn === last) return 0;
  if (Math.floor(dfn / 2 ** 9) === Math.floor(last / 2 ** 9)) return 9;
  return Math.floor(dfn / 2 ** 18) === Math.floor(last / 2 ** 18) ? 18 : "all";
}

/** Bits 31:28 of the second word. */
function opcode(code: number): number {
  return code << 28;
}

/**
 * An address with its size: the lowest 0 at or above bit 12 stands at bit k for 2^(k+1) bytes. All pages are a 0 in
 * bit 63 only.
 */
function sizedAddress(dfn: number, order: FlushOrder): readonly [low: number, high: number] {
  if (order === "all") return [-4096 | SIZE, 0x7fff_ffff];
  const high = Math.floor(dfn / 2 ** 20) | 0;
  const page = dfn % 2 ** 20;
  if (order === 0) return [page << 12, high];
  const zero = 2 ** (order - 1);
  const sized = (page & ~(2 * zero - 1)) | (zero - 1);
  return [(sized << 12) | SIZE, high];
}
