/**
 * Between the common layer and a vendor: what each asks of the other.
 *
 * Device frame numbers (DFN: input address >> 12) and machine frame numbers (MFN: output address >> 12) are
 * non-negative safe integers; an order is log2 of a number of 4 KiB pages.
 */
import type { Status } from "../errors.js";
import type { PendingFlush } from "./flush.js";

/** Bits of what a mapping permits. */
export const Access = { read: 1, write: 2 } as const;

/** One page as a device sees it. */
export interface MappedPage {
  readonly mfn: number;
  readonly read: boolean;
  readonly write: boolean;
}

/** The tables of one domain. No call flushes anything. */
export interface DomainPaging {
  /** log2 of the input address space in pages. */
  readonly dfnWidthLg2: number;
  /**
   * Maps the `2^order` pages from `dfn` on to `mfn` on, replacing what is there. Both are aligned to the order, which
   * is an announced one. What is owed is ORed into `flush`, also where the call fails half-way.
   */
  mapPage(dfn: number, mfn: number, order: number, access: number, flush: PendingFlush): Status;
  /** Unmaps the `2^order` pages from `dfn` on; that nothing is there is no error. */
  unmapPage(dfn: number, order: number, flush: PendingFlush): Status;
  /** Undefined: nothing is mapped. Changes nothing. */
  lookupPage(dfn: number): MappedPage | undefined;
  /** Page tables that the domain owns, the root included, those that wait to be freed not. */
  readonly tableCount: number;
  /** Superpages replaced by a table, since creation. */
  readonly shatters: number;
  /** Tables replaced by a superpage, or found empty and detached, since creation. */
  readonly coalesces: number;
  /** Frees every table; the root pointer goes first. Frames that wait in a CPU's queue are not among them. */
  destroy(): void;
}

/**
 * Where frames wait that were taken out of a tree. The common layer gives the queue of the CPU that it runs on; it
 * frees them only after the caller had the opportunity to flush.
 */
export interface FreeQueue {
  /** Adds the list of quarantined frames `head … tail`, linked in the table memory, in constant time. */
  add(head: number, tail: number, count: number): void;
}

/** A device that does DMA: PCI segment, bus, and device and function in one byte. */
export interface DeviceId {
  readonly segment: number;
  readonly bus: number;
  readonly devfn: number;
}
