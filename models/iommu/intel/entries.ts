/** Root, context, PASID directory and PASID entries. Source: VT-d §9.1 … §9.6, §3.4 (tables of both modes). */
import { frameIn } from "../physical-memory.js";
import { Legacy, type Reason, Scalable } from "./fault-reasons.js";
import type { Capabilities } from "./registers.js";

/** Bits 63:52 of an address field: beyond every host's width. */
const BEYOND_HOST_WIDTH = 0xfff0_0000;

/** What a table pointer's two words lead to. */
interface TableEntry {
  readonly present: boolean;
  readonly reserved: boolean;
  readonly table: number;
}

/** Root entry (either half in scalable mode) and PASID directory entry: P 0, the table in 63:12; FPD 1 in the latter. */
export function tableEntry(low: number, high: number, ignored: number): TableEntry {
  return {
    present: (low & 1) !== 0,
    reserved: ((low & 0xffe & ~ignored) | (high & BEYOND_HOST_WIDTH)) !== 0,
    table: frameIn(low, high),
  };
}

export interface LegacyContext {
  readonly kind: "legacy";
  readonly words: Int32Array;
  readonly domain: number;
  readonly silent: boolean;
  /** 0: untranslated requests only; 1: device TLBs as well; 2: pass-through. */
  readonly type: number;
  readonly root: number;
  /** 1, 2, 3 for tables of three, four, five levels. */
  readonly width: number;
}

/** §9.3: P 0, FPD 1, TT 3:2, tables 63:12; AW 2:0, domain 23:8. */
export function legacyContext(words: Int32Array): LegacyContext {
  const [lowLow, lowHigh, highLow] = words;
  return {
    kind: "legacy",
    words,
    domain: (highLow >>> 8) & 0xffff,
    silent: (lowLow & 2) !== 0,
    type: (lowLow >>> 2) & 3,
    root: frameIn(lowLow, lowHigh),
    width: highLow & 7,
  };
}

export function legacyContextFault(
  { words, type, width }: LegacyContext,
  capabilities: Capabilities,
): Reason | undefined {
  const [lowLow, lowHigh, highLow, highHigh] = words;
  if ((lowLow & 1) === 0) return Legacy.contextNotPresent;
  const reserved = (lowLow & 0xff0) | (lowHigh & BEYOND_HOST_WIDTH) | (highLow & 0xff00_0080) | highHigh;
  if (reserved !== 0) return Legacy.contextReserved;
  const isType =
    type === 0 || (type === 1 && capabilities.deviceTlbs) || (type === 2 && capabilities.passThrough);
  return isType && hasWidth(width, capabilities) ? undefined : Legacy.contextInvalid;
}

function hasWidth(width: number, { widths }: Capabilities): boolean {
  return width >= 1 && width <= 3 && ((widths >>> width) & 1) === 1;
}

export interface ScalableContext {
  readonly kind: "scalable";
  readonly words: Int32Array;
  readonly silent: boolean;
  readonly deviceTlb: boolean;
  readonly pasidEnabled: boolean;
  /** PASIDs below this number have a place in the directory. */
  readonly pasids: number;
  readonly directory: number;
  /** The PASID of requests that carry none. */
  readonly ownPasid: number;
}

/** §9.4: P 0, FPD 1, DTE 2, PASIDE 3, PDTS 11:9, directory 63:12; RID_PASID in 83:64. */
export function scalableContext(words: Int32Array): ScalableContext {
  const [lowLow, lowHigh, highLow] = words;
  return {
    kind: "scalable",
    words,
    silent: (lowLow & 2) !== 0,
    deviceTlb: (lowLow & 4) !== 0,
    pasidEnabled: (lowLow & 8) !== 0,
    pasids: 2 ** (((lowLow >>> 9) & 7) + 7 + 6),
    directory: frameIn(lowLow, lowHigh),
    ownPasid: highLow & 0x000f_ffff,
  };
}

export function scalableContextFault(
  { words, deviceTlb }: ScalableContext,
  capabilities: Capabilities,
): Reason | undefined {
  const [lowLow, lowHigh, highLow] = words;
  if ((lowLow & 1) === 0) return Scalable.contextNotPresent;
  let reserved = (lowLow & 0x1e0) | (lowHigh & BEYOND_HOST_WIDTH) | (highLow & 0xffe0_0000);
  for (let index = 3; index < 8; index++) reserved |= words[index];
  if (reserved !== 0) return Scalable.contextReserved;
  return deviceTlb && !capabilities.deviceTlbs ? Scalable.contextInvalid : undefined;
}

export const Translation = { first: 1, second: 2, nested: 3, passThrough: 4 } as const;

export interface PasidEntry {
  readonly words: Int32Array;
  readonly silent: boolean;
  readonly type: number;
  readonly domain: number;
  readonly secondRoot: number;
  readonly secondWidth: number;
  readonly secondMarks: boolean;
  readonly firstRoot: number;
  readonly firstLevels: number;
  /** First-stage entries get an extended accessed bit. */
  readonly extendedAccessed: boolean;
}

/** §9.6: q0 P 0, FPD 1, AW 4:2, PGTT 8:6, SSADE 9, second stage 63:12; q1 domain 15:0; q2 FSPM 3:2, EAFE 7, first stage. */
export function pasidEntry(words: Int32Array): PasidEntry {
  const [q0Low, q0High, q1Low, , q2Low, q2High] = words;
  return {
    words,
    silent: (q0Low & 2) !== 0,
    type: (q0Low >>> 6) & 7,
    domain: q1Low & 0xffff,
    secondRoot: frameIn(q0Low, q0High),
    secondWidth: (q0Low >>> 2) & 7,
    secondMarks: (q0Low & (1 << 9)) !== 0,
    firstRoot: frameIn(q2Low, q2High),
    firstLevels: ((q2Low >>> 2) & 3) + 4,
    extendedAccessed: (q2Low & (1 << 7)) !== 0,
  };
}

export function pasidEntryFault(entry: PasidEntry, capabilities: Capabilities): Reason | undefined {
  const { words, type } = entry;
  if ((words[0] & 1) === 0) return Scalable.pasidNotPresent;
  const usesFirst = type === Translation.first || type === Translation.nested;
  const usesSecond = type === Translation.second || type === Translation.nested;
  if (((words[1] | words[5]) & BEYOND_HOST_WIDTH) !== 0) return Scalable.pasidReserved;
  const isType =
    (usesFirst && capabilities.firstStage && (!usesSecond || capabilities.nested)) ||
    (type === Translation.second && capabilities.secondStage) ||
    (type === Translation.passThrough && capabilities.passThrough);
  const levels = capabilities.fiveLevelFirstStage ? 5 : 4;
  const isWidth = usesSecond ? hasWidth(entry.secondWidth, capabilities) : true;
  const isDepth = usesFirst ? entry.firstLevels <= levels : true;
  return isType && isWidth && isDepth ? undefined : Scalable.pasidInvalid;
}
