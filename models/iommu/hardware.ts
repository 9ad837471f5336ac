/** What the model of an IOMMU offers, whichever vendor's: the registers to its driver, the rest to its judge. */

export interface DmaOptions {
  /** The request carries a PASID (0 … 2^20 − 1). Default: it carries none. */
  readonly pasid?: number | undefined;
  /** The address is one that the device got translated earlier (ATS: a translated request). Default false. */
  readonly translated?: boolean | undefined;
  /** The device asks for a translation and keeps it in a TLB of its own (ATS). Default false. */
  readonly ats?: boolean | undefined;
}

/** Physical memory that a request reached. */
export interface OutputRange {
  readonly address: number;
  readonly lengthBytes: number;
}

/** A request's fault, or what a unit reports on its own account. */
export interface Fault {
  /** The manual's reason, in words. */
  readonly reason: string;
  /** The manual's number: the event code (AMD) or the fault reason (VT-d). */
  readonly code: number;
  readonly device: number;
  /** Input address of a request, or the physical address that the manual says. */
  readonly address: bigint;
  readonly isWrite: boolean;
  /** −1 for none. */
  readonly pasid: number;
  /** Whether it stands in the log or in a fault record: the log may be off or full, or the fault suppressed. */
  readonly isLogged: boolean;
}

export type DmaOutcome =
  | { readonly kind: "done"; readonly ranges: readonly OutputRange[] }
  /** A write to the interrupt window is an interrupt request, and not translated. */
  | { readonly kind: "interrupt" }
  /** What was done before the fault stays done. */
  | { readonly kind: "fault"; readonly ranges: readonly OutputRange[]; readonly fault: Fault };

/** Something that a cache holds and that memory does not say any more. */
export interface Disagreement {
  readonly cache: "device entry" | "guest entry" | "leaf" | "walk step" | "not present" | "device TLB";
  /** −1 where the cache is not tagged with one. */
  readonly device: number;
  readonly domain: number;
  readonly pasid: number;
  /** The first input address concerned; 0 for entries of devices. */
  readonly iova: bigint;
  readonly sizeBytes: bigint;
  readonly sentence: string;
}

export interface IommuHardware {
  /** Values are unsigned; offsets are bytes from the unit's base. */
  read32(offset: number): number;
  write32(offset: number, value: number): void;
  read64(offset: number): bigint;
  write64(offset: number, value: bigint): void;
  /** Consumes commands (descriptors) of the ring, at most this many. Returns how many were consumed. */
  process(maximum: number): number;
  /** A device reads or writes memory. `device` is bus << 8 | device << 3 | function. */
  dma(device: number, iova: bigint, lengthBytes: number, isWrite: boolean, options?: DmaOptions): DmaOutcome;
  /** What memory says now of one byte, without any cache, without logging and without setting any bit. */
  translateUncached(device: number, iova: bigint, isWrite?: boolean, options?: DmaOptions): DmaOutcome;
  /** The unit drops what it keeps of a device's entries, as it may at any time. Translations stay. */
  evict(device: number): void;
  /** Everything reported since creation, in order. */
  faults(): readonly Fault[];
  cachedDisagreements(): readonly Disagreement[];
  /** Whether some cache can lead a request to the 4 KiB frame of this address, as a table or as a page. */
  usesFrame(address: number): boolean;
  /** What the driver did that the manual forbids without naming a hardware's answer, in order. */
  misuses(): readonly string[];
}

/** What caches are allowed to do. `nothing` re-reads everything each time: for comparison. */
export type Keeps = "everything" | "nothing";

/**
 * Interrupt requests are writes to 0xfee0_0000 … 0xfeef_ffff (AMD 48882 §2.1.2; VT-d §3.15): no table translates this
 * window, and nothing can be read there.
 */
export function isInterrupt(address: bigint): boolean {
  return address >= 0xfee0_0000n && address <= 0xfeef_ffffn;
}
