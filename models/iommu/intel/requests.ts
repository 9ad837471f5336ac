/**
 * A device's request, page by page. Source: VT-d §3.6 … §3.9 (first-stage, second-stage, nested translation,
 * pass-through), §7.1.3 (non-recoverable faults).
 */
import { Rights } from "../../walkers/table-walker.js";
import { WalkResult } from "../../walkers/walker.js";
import type { CachingWalker, ItemRules, Tables, WalkFault, WalkMode } from "../caching-walker.js";
import type { DeviceTlbs } from "../device-tlb.js";
import { NO_PASID } from "../translation-cache.js";
import type { Context, DeviceCaches, Pasid } from "./device-caches.js";
import { type LegacyContext, type ScalableContext, Translation } from "./entries.js";
import { Legacy, type Reason, Scalable } from "./fault-reasons.js";
import type { Capabilities } from "./registers.js";

export interface Request {
  readonly device: number;
  readonly isWrite: boolean;
  readonly pasid: number;
  readonly translated: boolean;
  readonly ats: boolean;
}

export interface RequestFault {
  readonly kind: "fault";
  readonly reason: Reason;
  readonly silent: boolean;
}

export type PageAnswer = { readonly kind: "page"; readonly page: number } | RequestFault;

/** What an entry gives to a request: tables, or the address as it is, below a width. */
export interface Route {
  readonly kind: "route";
  /** Undefined: pass-through. */
  readonly tables: Tables | undefined;
  readonly widthLg2: number;
  readonly deviceTlb: boolean;
  readonly silent: boolean;
  readonly isScalable: boolean;
}

interface Parts {
  readonly caches: DeviceCaches;
  readonly walker: CachingWalker;
  readonly deviceTlbs: DeviceTlbs;
  readonly first: ItemRules;
  readonly firstExtended: ItemRules;
  readonly second: ItemRules;
  readonly capabilities: Capabilities;
}

export class VtdRequests {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  translate(request: Request, page: number, mode: WalkMode): PageAnswer {
    const route = this.routeOf(request.device, request.pasid, mode);
    if (route.kind === "fault") return route;
    const names = route.isScalable ? Scalable : Legacy;
    if ((request.translated || request.ats) && !route.deviceTlb) return fault(names.blocked, route.silent);
    if (request.translated) return { kind: "page", page };
    if (page >= 2 ** (route.widthLg2 - 12)) return fault(names.beyondWidth, route.silent);
    const { tables } = route;
    if (tables === undefined) return { kind: "page", page };
    return this.#through(request, route, tables, page, mode);
  }

  /** How a request of this device with this PASID goes; `NO_PASID` for none. */
  routeOf(device: number, pasid: number, mode: WalkMode): Route | RequestFault {
    const { caches } = this.#parts;
    const context: Context = mode.cached ? caches.context(device) : caches.readContext(device).context;
    if (context.kind === "failure") return fault(context.reason, context.silent);
    return context.kind === "legacy"
      ? this.#legacyRoute(context, pasid)
      : this.#scalableRoute(device, context, pasid, mode);
  }

  #legacyRoute(context: LegacyContext, pasid: number): Route | RequestFault {
    if (pasid !== NO_PASID) return fault(Scalable.pasidInLegacyMode, false);
    const { domain, silent, type, root, width } = context;
    const widthLg2 = Math.min(30 + 9 * width, this.#parts.capabilities.inputWidthLg2);
    const deviceTlb = type === 1;
    const tables = type === 2 ? undefined : this.#secondStage(domain, root, width, false);
    return { kind: "route", tables, widthLg2, deviceTlb, silent, isScalable: false };
  }

  #scalableRoute(
    device: number,
    context: ScalableContext,
    pasid: number,
    mode: WalkMode,
  ): Route | RequestFault {
    if (pasid !== NO_PASID && !context.pasidEnabled) return fault(Scalable.pasidDisabled, context.silent);
    const { caches, capabilities } = this.#parts;
    const number = pasid === NO_PASID ? context.ownPasid : pasid;
    const entry = mode.cached ? caches.pasid(device, context, number) : caches.readPasid(context, number);
    if (entry.kind === "failure") return fault(entry.reason, entry.silent);
    const tables = this.#tablesOf(entry, number);
    const isFirst = entry.type === Translation.first || entry.type === Translation.nested;
    // The first stage judges its own addresses: they are canonical or not.
    const secondLg2 = Math.min(30 + 9 * entry.secondWidth, capabilities.inputWidthLg2);
    const widthLg2 = isFirst || tables === undefined ? 64 : secondLg2;
    const deviceTlb = context.deviceTlb;
    return { kind: "route", tables, widthLg2, deviceTlb, silent: entry.silent, isScalable: true };
  }

  #tablesOf(entry: Pasid & { readonly kind: "pasid" }, pasid: number): Tables | undefined {
    const { type, domain, secondRoot, secondWidth, secondMarks } = entry;
    if (type === Translation.passThrough) return undefined;
    const second =
      type === Translation.first
        ? undefined
        : this.#secondStage(domain, secondRoot, secondWidth, secondMarks);
    if (type === Translation.second) return second;
    return {
      domain,
      pasid,
      root: entry.firstRoot,
      topLevel: entry.firstLevels - 1,
      rules: entry.extendedAccessed ? this.#parts.firstExtended : this.#parts.first,
      accessed: true,
      dirty: true,
      under: second,
    };
  }

  #secondStage(domain: number, root: number, width: number, marks: boolean): Tables {
    return {
      domain,
      pasid: NO_PASID,
      root,
      topLevel: width + 1,
      rules: this.#parts.second,
      accessed: marks,
      dirty: marks,
    };
  }

  #through(request: Request, route: Route, tables: Tables, page: number, mode: WalkMode): PageAnswer {
    const { walker, deviceTlbs } = this.#parts;
    const { device, pasid, isWrite, ats } = request;
    const needed = isWrite ? Rights.write : Rights.read;
    const kept = ats && mode.cached ? deviceTlbs.find(device, pasid, page) : undefined;
    if (kept !== undefined && (needed & ~kept.rights) === 0)
      return { kind: "page", page: kept.outputPage + (page - kept.firstPage) };
    const found = walker.translate(tables, page, needed, mode);
    if (found.kind === "fault")
      return fault(reasonOf(found.fault, route.isScalable, tables, isWrite), route.silent);
    if (ats && mode.leavesTraces) deviceTlbs.keep(device, pasid, found, found.rights);
    return { kind: "page", page: found.outputPage + (page - found.firstPage) };
  }
}

function fault(reason: Reason, silent: boolean): RequestFault {
  return { kind: "fault", reason, silent };
}

function reasonOf(
  { result, stage, missing }: WalkFault,
  isScalable: boolean,
  tables: Tables,
  isWrite: boolean,
): Reason {
  if (!isScalable) {
    if (result === WalkResult.OutsideMemory) return Legacy.tableAccess;
    if (missing !== 0 || result === WalkResult.NotPresent) return isWrite ? Legacy.write : Legacy.read;
    return result === WalkResult.NotCanonical ? Legacy.beyondWidth : Legacy.tableReserved;
  }
  const isFirst = tables.pasid !== NO_PASID && stage === 1;
  if (result === WalkResult.OutsideMemory) return isFirst ? Scalable.firstAccess : Scalable.secondAccess;
  if (missing !== 0) return isWrite ? Scalable.write : Scalable.read;
  if (result === WalkResult.NotPresent)
    return isFirst ? Scalable.firstNotPresent : Scalable.secondNotPermitted;
  if (result === WalkResult.NotCanonical) return isFirst ? Scalable.notCanonical : Scalable.beyondWidth;
  return isFirst ? Scalable.firstReserved : Scalable.secondReserved;
}
