/**
 * What a VT-d unit is asked to forget: as descriptors of its queue (four signed words, the lowest first) and as the
 * values of its registers.
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §6.5.2 (queued invalidation
 * interface), §11.4.6 and §11.4.8 (context command and IOTLB registers).
 *
 * Source ids are requester ids of 16 bits, domain ids have 16 bits, a PASID 20. A DFN is an input address >> 12.
 */
import { addressHigh, addressLow, type Words128 } from "../unit-memory.js";

// Descriptor types, bits 3:0.
const CONTEXT = 1;
const IOTLB = 2;
const DEVICE_TLB = 3;
const INTERRUPT = 4;
const WAIT = 5;
const PASID_IOTLB = 6;
const PASID_CACHE = 7;
const PASID_DEVICE_TLB = 8;

const DRAIN_WRITES = 1 << 6;
const DRAIN_READS = 1 << 7;
const WAIT_STORES = 1 << 5;
const WAIT_FENCE = 1 << 6;

/** Which context entries. */
export type ContextScope =
  | { readonly of: "everything" }
  | { readonly of: "domain"; readonly domainId: number }
  | { readonly of: "device"; readonly domainId: number; readonly source: number };

/** Which translations. */
export type IotlbScope =
  | { readonly of: "everything" }
  | { readonly of: "domain"; readonly domainId: number }
  /** 2^order pages from a DFN on that is a multiple of them. */
  | { readonly of: "pages"; readonly domainId: number; readonly dfn: number; readonly order: number };

/** Which entries of PASID tables. */
export type PasidScope =
  | { readonly of: "everything" }
  | { readonly of: "domain"; readonly domainId: number }
  | { readonly of: "pasid"; readonly domainId: number; readonly pasid: number };

/** What waits for requests under way: those units do that say so. */
export interface Draining {
  readonly drainsWrites: boolean;
  readonly drainsReads: boolean;
}

/** An address range of 2^order pages, or every address. */
export type DeviceTlbRange = { readonly dfn: number; readonly order: number } | "everything";

export interface DeviceTlbTarget {
  readonly source: number;
  /** Invalidations that the device takes at once, less one; 0 to 31. */
  readonly maxPending: number;
}

/** Which translations of PASIDs with first-stage tables. */
export interface PasidPages {
  readonly domainId: number;
  readonly pasid: number;
  /** Undefined: all. */
  readonly pages?: { readonly dfn: number; readonly order: number };
}

const SCOPES = { everything: 1, domain: 2, device: 3, pages: 3 } as const;

export function contextDescriptor(scope: ContextScope): Words128 {
  const domainId = scope.of === "everything" ? 0 : scope.domainId;
  const source = scope.of === "device" ? scope.source : 0;
  return [CONTEXT | (SCOPES[scope.of] << 4) | (domainId << 16), source, 0, 0];
}

/** Leaves and the walk steps above them: the invalidation hint is never given. */
export function iotlbDescriptor(scope: IotlbScope, draining: Draining): Words128 {
  const domainId = scope.of === "everything" ? 0 : scope.domainId;
  const drains = (draining.drainsWrites ? DRAIN_WRITES : 0) | (draining.drainsReads ? DRAIN_READS : 0);
  const low = IOTLB | (SCOPES[scope.of] << 4) | drains | (domainId << 16);
  if (scope.of !== "pages") return [low, 0, 0, 0];
  return [low, 0, pageLow(scope.dfn) | scope.order, pageHigh(scope.dfn)];
}

export function deviceTlbDescriptor(target: DeviceTlbTarget, range: DeviceTlbRange): Words128 {
  const [low, high] = sizedAddress(range, 1 << 0);
  return [DEVICE_TLB | (target.maxPending << 16), target.source, low, high];
}

/** All cached interrupt entries, or 2^order of them from an index on. */
export function interruptDescriptor(entries?: { readonly index: number; readonly order: number }): Words128 {
  if (entries === undefined) return [INTERRUPT, 0, 0, 0];
  return [INTERRUPT | (1 << 4) | (entries.order << 27), entries.index, 0, 0];
}

/** Stores `data` at a multiple of 4 once everything before it is done; nothing after it starts earlier. */
export function waitDescriptor(address: number, data: number): Words128 {
  return [WAIT | WAIT_STORES | WAIT_FENCE, data, addressLow(address), addressHigh(address)];
}

export function pasidIotlbDescriptor({ domainId, pasid, pages }: PasidPages): Words128 {
  const low = PASID_IOTLB | ((pages === undefined ? 2 : 3) << 4) | (domainId << 16);
  if (pages === undefined) return [low, pasid, 0, 0];
  return [low, pasid, pageLow(pages.dfn) | pages.order, pageHigh(pages.dfn)];
}

export function pasidCacheDescriptor(scope: PasidScope): Words128 {
  if (scope.of === "everything") return [PASID_CACHE | (3 << 4), 0, 0, 0];
  const granularity = scope.of === "pasid" ? 1 : 0;
  const pasid = scope.of === "pasid" ? scope.pasid : 0;
  return [PASID_CACHE | (granularity << 4) | (scope.domainId << 16), pasid, 0, 0];
}

export function pasidDeviceTlbDescriptor(
  target: DeviceTlbTarget,
  pasid: number,
  range: DeviceTlbRange,
): Words128 {
  const [low, high] = sizedAddress(range, 1 << 11);
  return [PASID_DEVICE_TLB | (target.maxPending << 4) | (target.source << 16), pasid, low, high];
}

/** log2 of the pages of a range, if the queue's IOTLB invalidation can name it; else all of the domain must go. */
export function flushOrder(dfn: number, pages: number): number | "all" {
  const order = Math.log2(pages);
  return Number.isInteger(order) && dfn % pages === 0 ? order : "all";
}

/** Bit 63 of both command registers: act; it reads as 1 until that is done. */
export const REGISTER_BUSY = 1n << 63n;

/** The context command register. */
export function contextCommand(scope: ContextScope): bigint {
  const domainId = scope.of === "everything" ? 0n : BigInt(scope.domainId);
  const source = scope.of === "device" ? BigInt(scope.source) : 0n;
  return REGISTER_BUSY | (BigInt(SCOPES[scope.of]) << 61n) | (source << 16n) | domainId;
}

/** The IOTLB invalidate register. */
export function iotlbCommand(scope: IotlbScope, draining: Draining): bigint {
  const domainId = scope.of === "everything" ? 0n : BigInt(scope.domainId);
  const drains = (draining.drainsReads ? 1n << 49n : 0n) | (draining.drainsWrites ? 1n << 48n : 0n);
  return REGISTER_BUSY | (BigInt(SCOPES[scope.of]) << 60n) | drains | (domainId << 32n);
}

/** What an IOTLB invalidation did, bits 58:57: 0 is nothing. */
export function iotlbOutcome(value: bigint): number {
  return Number((value >> 57n) & 3n);
}

/** The invalidate address register, for an invalidation of pages. */
export function iotlbAddress(dfn: number, order: number): bigint {
  return (BigInt(dfn) << 12n) | BigInt(order);
}

function pageLow(dfn: number): number {
  return (dfn % 2 ** 20) << 12;
}

function pageHigh(dfn: number): number {
  return Math.floor(dfn / 2 ** 20) | 0;
}

/**
 * An address with its size: bits 12 to n+10 are 1 and bit n+11 is 0 for 2^n pages. Every address is a 0 in bit 63
 * only.
 */
function sizedAddress(range: DeviceTlbRange, sizeBit: number): readonly [low: number, high: number] {
  if (range === "everything") return [-4096 | sizeBit, 0x7fff_ffff];
  const { dfn, order } = range;
  if (order === 0) return [pageLow(dfn), pageHigh(dfn)];
  const aligned = dfn - (dfn % 2 ** order);
  const sized = aligned + 2 ** (order - 1) - 1;
  return [pageLow(sized) | sizeBit, pageHigh(sized)];
}
