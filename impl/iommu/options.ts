/** What a domain is made with, checked once. */
import { PageTableError, type Status } from "../errors.js";
import { ordersOf, usedPageSizes } from "./chunks.js";
import type { DomainPaging } from "./vendor.js";

/** Makes the hardware forget; one hook for ranges and for everything. */
export interface FlushHook {
  /**
   * Returns when no cache holds anything any more that the flags say changed, in `pages` pages from `dfn` on. With
   * `FlushFlag.all` every address is meant, and walk caches too; `dfn` and `pages` mean nothing then.
   * @param flags bits of `FlushFlag`, never 0.
   */
  flush(dfn: number, pages: number, flags: number): Status;
}

/**
 * Whose tables translate for the domain's devices: its own; those of its CPUs, which are kept elsewhere; none, for
 * the hardware domain in passthrough; none, for there is no IOMMU for it. Only with its own does anything happen here.
 */
export type TranslatedBy = "own-tables" | "shared-tables" | "passthrough" | "nothing";

export interface DomainOptions {
  readonly id: number;
  /** Page sizes that every IOMMU of the domain has, bit n for 2^n bytes; see `usedPageSizes`. Its tables' too. */
  readonly pageSizes: bigint;
  /** Default: its own tables. */
  readonly translatedBy?: TranslatedBy | undefined;
  /** The tables; asked for where the domain has its own. */
  readonly paging?: DomainPaging | undefined;
  readonly flush: FlushHook;
  /** The domain that owns the hardware: never crashed, and its unmapping goes on after an error. Default false. */
  readonly isHardware?: boolean | undefined;
  /**
   * Hardware domain only: devices reach only its own memory, and only as far as it may be written. Turns
   * passthrough off. Default: true, unless passthrough is asked for.
   */
  readonly strict?: boolean | undefined;
  /** Whether a long request that allows it should stop; asked every 4096th page of it. Default: never. */
  readonly shouldPreempt?: (() => boolean) | undefined;
  /** Takes one line for whoever looks after the machine. Default: nobody does. */
  readonly log?: ((line: string) => void) | undefined;
  /** Behave as deployed code does, where that is known to be wrong. Default false. */
  readonly compat?: boolean | undefined;
}

/** The same, with nothing left open. */
export interface DomainSettings {
  readonly id: number;
  readonly orders: readonly number[];
  readonly translatedBy: TranslatedBy;
  /** Undefined unless the domain has tables of its own. */
  readonly paging: DomainPaging | undefined;
  readonly flush: FlushHook;
  readonly isHardware: boolean;
  readonly isStrict: boolean;
  readonly shouldPreempt: () => boolean;
  readonly log: (line: string) => void;
  readonly compat: boolean;
}

const WAYS: readonly TranslatedBy[] = ["own-tables", "shared-tables", "passthrough", "nothing"];

export function domainSettings(options: DomainOptions): DomainSettings {
  const { id, isHardware = false, strict } = options;
  if (!Number.isSafeInteger(id) || id < 0) fail("id: a whole number from 0 on");
  const asked = options.translatedBy ?? "own-tables";
  if (!WAYS.includes(asked)) fail(`translatedBy: one of ${WAYS.join(", ")}`);
  if (!isHardware && strict !== undefined) fail("strict: only the hardware domain knows it");
  if (!isHardware && asked === "passthrough") fail("passthrough: only for the hardware domain");
  const translatedBy = asked === "passthrough" && strict === true ? "own-tables" : asked;
  const isOwn = translatedBy === "own-tables";
  if (isOwn && options.paging === undefined) fail("paging: a domain with tables of its own needs them");
  if (typeof options.flush?.flush !== "function") fail("flush: how hardware is made to forget");
  return {
    id,
    orders: ordersOf(usedPageSizes(options.pageSizes)),
    translatedBy,
    paging: isOwn ? options.paging : undefined,
    flush: options.flush,
    isHardware,
    isStrict: isHardware && (strict ?? asked !== "passthrough"),
    shouldPreempt: options.shouldPreempt ?? (() => false),
    log: options.log ?? (() => {}),
    compat: options.compat ?? false,
  };
}

function fail(detail: string): never {
  throw new PageTableError("INVALID_OPTION", detail);
}
