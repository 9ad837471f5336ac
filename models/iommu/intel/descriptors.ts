/**
 * Invalidation descriptors. Source: VT-d §6.5.2.1 … §6.5.2.10. A type that does not exist, a granularity that does not,
 * and a reserved bit that is set are invalid descriptors: the queue stops with IQE.
 */
import { sizedBlock } from "../page-walk.js";
import type { PageBlock } from "../translation-cache.js";
import type { Capabilities } from "./registers.js";

export type Descriptor =
  | {
      readonly kind: "context";
      readonly granularity: "global" | "domain" | "device";
      readonly domain: number;
      readonly device: number;
      /** How many of the function number's highest bits are masked. */
      readonly functionMask: number;
    }
  | IotlbDescriptor
  | { readonly kind: "device-tlb"; readonly device: number; readonly block: PageBlock }
  | {
      readonly kind: "pasid-device-tlb";
      readonly device: number;
      readonly pasid: number;
      readonly global: boolean;
      readonly block: PageBlock;
    }
  | { readonly kind: "interrupt-entries" }
  | {
      readonly kind: "wait";
      readonly interrupts: boolean;
      readonly stores: boolean;
      readonly data: number;
      readonly address: number;
    }
  | {
      readonly kind: "pasid-iotlb";
      readonly domain: number;
      readonly pasid: number;
      /** Absent: all of the PASID's addresses. */
      readonly block: PageBlock | undefined;
      readonly leavesOnly: boolean;
    }
  | {
      readonly kind: "pasid-cache";
      readonly granularity: "domain" | "pasid" | "global";
      readonly domain: number;
      readonly pasid: number;
    };

export interface IotlbDescriptor {
  readonly kind: "iotlb";
  readonly granularity: "global" | "domain" | "page";
  readonly domain: number;
  readonly block: PageBlock;
  /** IH: pointers to tables may stay. */
  readonly leavesOnly: boolean;
}

/** What the four words ask for; undefined is an invalid descriptor. */
export function decodeDescriptor(words: Int32Array, capabilities: Capabilities): Descriptor | undefined {
  const [lo, mid, hi, top] = words;
  // Bits 11:9 extend the type, and no type has them.
  if ((lo & 0xe00) !== 0) return undefined;
  switch (lo & 0xf) {
    case 1:
      return (lo & 0xf1c0) === 0 && (mid & 0xfffc_0000) === 0 && (hi | top) === 0
        ? context(lo, mid)
        : undefined;
    case 2:
      return (lo & 0xf100) === 0 && mid === 0 && (hi & 0xf80) === 0
        ? iotlbOf((lo >>> 4) & 3, lo >>> 16, hi, top, capabilities)
        : undefined;
    case 3:
      return deviceTlb(lo, mid, hi, top, capabilities);
    case 4:
      return (lo & 0x07ff_f1e0) === 0 && (mid & 0xffff_0000) === 0 && (hi | top) === 0
        ? { kind: "interrupt-entries" }
        : undefined;
    case 5:
      return (lo & 0xffff_f100) === 0 && (hi & 3) === 0 && (top & 0xfff0_0000) === 0
        ? wait(lo, mid, hi, top)
        : undefined;
    case 6:
      return capabilities.scalable ? pasidIotlb(lo, mid, hi, top, capabilities) : undefined;
    case 7:
      return capabilities.scalable ? pasidCache(lo, mid, hi, top) : undefined;
    case 8:
      return capabilities.scalable ? pasidDeviceTlb(lo, mid, hi, top, capabilities) : undefined;
    default:
      return undefined;
  }
}

/** lo: granularity 5:4, domain 31:16; mid: device 15:0, function mask 17:16. */
function context(lo: number, mid: number): Descriptor | undefined {
  const granularity = contextGranularity((lo >>> 4) & 3);
  if (granularity === undefined) return undefined;
  return {
    kind: "context",
    granularity,
    domain: lo >>> 16,
    device: mid & 0xffff,
    functionMask: (mid >>> 16) & 3,
  };
}

export function contextGranularity(code: number): "global" | "domain" | "device" | undefined {
  return ([undefined, "global", "domain", "device"] as const)[code];
}

/** The same request comes through the queue and through the IOTLB registers: AM 5:0, IH 6, address 63:12. */
export function iotlbOf(
  code: number,
  domain: number,
  addressLow: number,
  addressHigh: number,
  { pageSelective, maximumMask }: Capabilities,
): IotlbDescriptor | undefined {
  const granularity = ([undefined, "global", "domain", "page"] as const)[code];
  if (granularity === undefined) return undefined;
  const mask = addressLow & 0x3f;
  if (granularity === "page" && (!pageSelective || mask > maximumMask)) return undefined;
  return {
    kind: "iotlb",
    granularity,
    domain,
    block: maskedBlock(addressLow, addressHigh, mask),
    leavesOnly: (addressLow & 0x40) !== 0,
  };
}

/** `2^mask` pages: the address bits below are not looked at. */
function maskedBlock(low: number, high: number, mask: number): PageBlock {
  const page = (high >>> 0) * 2 ** 20 + (low >>> 12);
  return { firstPage: Math.floor(page / 2 ** mask) * 2 ** mask, pagesLg2: mask };
}

/** lo: PFSID 15:12, pending 20:16; mid: device 15:0, PFSID 31:20; hi: S 0, address. */
function deviceTlb(
  lo: number,
  mid: number,
  hi: number,
  top: number,
  { deviceTlbs }: Capabilities,
): Descriptor | undefined {
  if (!deviceTlbs || (lo & 0xffe0_01f0) !== 0 || (mid & 0x000f_0000) !== 0 || (hi & 0xffe) !== 0)
    return undefined;
  return { kind: "device-tlb", device: mid & 0xffff, block: sizedBlock(hi, top, (hi & 1) !== 0) };
}

/** lo: pending 8:4, PFSID 15:12, device 31:16; mid: PASID 19:0, PFSID 31:20; hi: G 0, S 11, address. */
function pasidDeviceTlb(
  lo: number,
  mid: number,
  hi: number,
  top: number,
  { deviceTlbs }: Capabilities,
): Descriptor | undefined {
  if (!deviceTlbs || (hi & 0x7fe) !== 0) return undefined;
  return {
    kind: "pasid-device-tlb",
    device: lo >>> 16,
    pasid: mid & 0x000f_ffff,
    global: (hi & 1) !== 0,
    block: sizedBlock(hi, top, (hi & 0x800) !== 0),
  };
}

/** lo: IF 4, SW 5, FN 6, PD 7; mid: the data; hi: the address. */
function wait(lo: number, mid: number, hi: number, top: number): Descriptor {
  return {
    kind: "wait",
    interrupts: (lo & 0x10) !== 0,
    stores: (lo & 0x20) !== 0,
    data: mid,
    address: (top >>> 0) * 2 ** 32 + (hi >>> 0),
  };
}

/** lo: granularity 5:4 (2: the PASID, 3: pages of it), domain 31:16; mid: PASID 19:0; hi: AM 5:0, IH 6, address. */
function pasidIotlb(
  lo: number,
  mid: number,
  hi: number,
  top: number,
  { maximumMask }: Capabilities,
): Descriptor | undefined {
  const code = (lo >>> 4) & 3;
  const mask = hi & 0x3f;
  const reserved = (lo & 0xf1c0) | (mid & 0xfff0_0000) | (code === 3 ? hi & 0xf80 : hi | top);
  if (reserved !== 0 || code < 2 || mask > maximumMask) return undefined;
  return {
    kind: "pasid-iotlb",
    domain: lo >>> 16,
    pasid: mid & 0x000f_ffff,
    block: code === 3 ? maskedBlock(hi, top, mask) : undefined,
    leavesOnly: (hi & 0x40) !== 0,
  };
}

/** lo: granularity 5:4 (0: domain, 1: PASID, 3: global), domain 31:16; mid: PASID 19:0. */
function pasidCache(lo: number, mid: number, hi: number, top: number): Descriptor | undefined {
  const granularity = (["domain", "pasid", undefined, "global"] as const)[(lo >>> 4) & 3];
  const reserved = (lo & 0xf1c0) | (mid & 0xfff0_0000) | hi | top;
  if (granularity === undefined || reserved !== 0) return undefined;
  return { kind: "pasid-cache", granularity, domain: lo >>> 16, pasid: mid & 0x000f_ffff };
}
