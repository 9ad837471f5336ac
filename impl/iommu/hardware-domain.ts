/**
 * What the hardware domain's devices reach from the start: memory at its own addresses, mapped in few long requests,
 * so that alignment alone decides how large the pages are.
 */
import { PageTableError, Status } from "../errors.js";
import type { IommuDomain } from "./domain.js";
import { type FrameRange, RangeSet } from "./range-set.js";
import { Access } from "./vendor.js";

/** One line of the machine's memory map. What no region names is not memory. */
export interface MemoryRegion extends FrameRange {
  readonly kind: "ram" | "reserved" | "unusable";
}

export interface MachineLayout {
  readonly memory: readonly MemoryRegion[];
  /** What belongs to the program that runs the machine: its code, data, tables. */
  readonly own: readonly FrameRange[];
  /** What the hardware domain may not touch: the IOMMUs' registers, the local interrupt controller, configuration space. */
  readonly denied: readonly FrameRange[];
  /** Registers that it may read but not write: of interrupt controllers, timers. */
  readonly readOnly: readonly FrameRange[];
}

export interface HardwareDomainOptions {
  /** Map whatever lies below 4 GiB and is neither own nor denied, memory or not. Default false. */
  readonly inclusive?: boolean | undefined;
  /** Map reserved regions. Default true. */
  readonly reserved?: boolean | undefined;
  /** Map 0xfee00…0xfeeff if something above asks for it: writes there are interrupts and never translated. Default false. */
  readonly interruptWindow?: boolean | undefined;
  /** Called after each part of a preempted request. */
  readonly pause?: (() => void) | undefined;
}

/** A range of which a part could not be mapped; the rest is mapped all the same. */
export interface SetUpWarning extends FrameRange {
  readonly status: Status;
}

export interface SetUpReport {
  /** Requests to the domain; a request that was preempted counts again for each part. */
  readonly calls: number;
  /** Pages mapped, of 4 KiB. */
  readonly pages: number;
  readonly warnings: readonly SetUpWarning[];
}

const BELOW_4G: FrameRange = { first: 0, last: 0xf_ffff };
/** Addresses to which a write is an interrupt: 0xfee00000 to 0xfeefffff. */
const INTERRUPT_WINDOW: FrameRange = { first: 0xf_ee00, last: 0xf_eeff };

/** The frames that are mapped, each to itself: those to read and write, and those to read. */
export function hardwareDomainFrames(
  layout: MachineLayout,
  isStrict: boolean,
  options: HardwareDomainOptions = {},
): { readonly writable: RangeSet; readonly readOnly: RangeSet } {
  const { inclusive = false, reserved = true, interruptWindow = false } = options;
  const writable = new RangeSet(inclusive ? [BELOW_4G] : []);
  for (const { first, last, kind } of layout.memory) {
    const isMapped = kind === "ram" ? !isStrict : kind === "reserved" && (inclusive || reserved);
    if (isMapped) writable.add(first, last);
  }
  const readOnly = new RangeSet(layout.readOnly);
  writable.removeAll(layout.readOnly);
  for (const set of [writable, readOnly]) {
    set.removeAll(layout.memory.filter(({ kind }) => kind === "unusable"));
    set.removeAll(layout.own);
    set.removeAll(layout.denied);
    if (!interruptWindow) set.removeAll([INTERRUPT_WINDOW]);
  }
  return { writable, readOnly };
}

/**
 * The memory map once it is known that devices reach a range at its own addresses, as firmware asks (RMRR, IVMD): what
 * no region names in it is reserved from here on, lest it be given to anybody.
 * @throws PageTableError INVALID_ARGUMENT where the range holds memory that somebody may be given.
 */
export function withFirmwareRange(
  memory: readonly MemoryRegion[],
  { first, last }: FrameRange,
): readonly MemoryRegion[] {
  const touching = memory.filter((region) => region.first <= last && region.last >= first);
  if (touching.some(({ kind }) => kind === "ram")) {
    throw new PageTableError(
      "INVALID_ARGUMENT",
      `RAM in the firmware's range from 0x${first.toString(16)} on`,
    );
  }
  const unknown = new RangeSet([{ first, last }]);
  unknown.removeAll(touching);
  return [...memory, ...unknown.ranges.map((range) => ({ ...range, kind: "reserved" as const }))];
}

/**
 * Maps for the hardware domain what it reaches from the start, and flushes once at the end. A domain without tables of
 * its own is left alone.
 */
export function setUpHardwareDomain(
  domain: IommuDomain,
  layout: MachineLayout,
  options: HardwareDomainOptions = {},
): SetUpReport {
  const { writable, readOnly } = hardwareDomainFrames(layout, domain.isStrict, options);
  const owed = { flags: 0 };
  const warnings: SetUpWarning[] = [];
  let calls = 0;
  let pages = 0;
  const mapRange = ({ first, last }: FrameRange, access: number): void => {
    for (let next = first; next <= last; ) {
      const status = domain.tryMap(next, next, last - next + 1, access, owed, true);
      calls++;
      if (status !== Status.OK) {
        warnings.push({ first: next, last, status });
        return;
      }
      pages += domain.donePages;
      next += domain.donePages;
      if (next <= last) options.pause?.();
    }
  };
  for (const range of writable.ranges) mapRange(range, Access.read | Access.write);
  for (const range of readOnly.ranges) mapRange(range, Access.read);
  const status = domain.flushAll(owed.flags);
  if (status !== Status.OK) warnings.push({ ...BELOW_4G, status });
  return { calls, pages, warnings };
}
