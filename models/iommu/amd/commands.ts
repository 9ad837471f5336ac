/**
 * Commands, 16 bytes each. Source: AMD 48882 §2.4. An unknown opcode, one that the unit does not support, and a reserved
 * bit that is set are ILLEGAL_COMMAND_ERRORs.
 */

import { sizedBlock } from "../page-walk.js";
import { addressOf } from "../physical-memory.js";
import { NO_PASID, type PageBlock } from "../translation-cache.js";

export type Command =
  | {
      readonly kind: "completion-wait";
      readonly stores: boolean;
      readonly interrupts: boolean;
      readonly address: number;
      readonly dataLow: number;
      readonly dataHigh: number;
    }
  | { readonly kind: "invalidate-device-entry"; readonly device: number }
  | {
      readonly kind: "invalidate-pages";
      readonly domain: number;
      /** `NO_PASID`: host translations. */
      readonly pasid: number;
      readonly block: PageBlock;
      /** Directory entries go as well. */
      readonly directories: boolean;
    }
  | {
      readonly kind: "invalidate-device-tlb";
      readonly device: number;
      readonly pasid: number;
      readonly block: PageBlock;
    }
  | { readonly kind: "invalidate-interrupt-table"; readonly device: number }
  | { readonly kind: "prefetch" }
  | { readonly kind: "complete-page-request" }
  | { readonly kind: "invalidate-all" };

/** Bits of the extended feature register that commands depend on. */
export interface CommandFeatures {
  readonly prefetch: boolean;
  readonly pageRequests: boolean;
  readonly invalidateAll: boolean;
  readonly guestTranslation: boolean;
}

const SIZE = 1 << 0;
const DIRECTORIES = 1 << 1;
const GUEST = 1 << 2;

/** What the four words ask for; undefined is an illegal command. */
export function decodeCommand(words: Int32Array, features: CommandFeatures): Command | undefined {
  const [d0, d1, d2, d3] = words;
  switch (d1 >>> 28) {
    case 1:
      return completionWait(d0, d1, d2, d3);
    case 2: {
      const device = onlyDevice(words);
      return device === undefined ? undefined : { kind: "invalidate-device-entry", device };
    }
    case 3:
      return invalidatePages(d0, d1, d2, d3, features);
    case 4:
      return invalidateDeviceTlb(d0, d1, d2, d3, features);
    case 5: {
      const device = onlyDevice(words);
      return device === undefined ? undefined : { kind: "invalidate-interrupt-table", device };
    }
    case 6:
      return features.prefetch ? { kind: "prefetch" } : undefined;
    case 7:
      return features.pageRequests ? { kind: "complete-page-request" } : undefined;
    case 8:
      return features.invalidateAll && (d0 | (d1 & 0x0fff_ffff) | d2 | d3) === 0
        ? { kind: "invalidate-all" }
        : undefined;
    default:
      return undefined;
  }
}

/** d0: S 0, I 1, F 2, store address 31:3; d1: address 51:32 in 19:0, the rest reserved. */
function completionWait(d0: number, d1: number, d2: number, d3: number): Command | undefined {
  if ((d1 & 0x0ff0_0000) !== 0) return undefined;
  return {
    kind: "completion-wait",
    stores: (d0 & 1) !== 0,
    interrupts: (d0 & 2) !== 0,
    address: addressOf(d0 & ~7, d1 & 0x000f_ffff),
    dataLow: d2,
    dataHigh: d3,
  };
}

function onlyDevice([d0, d1, d2, d3]: Int32Array): number | undefined {
  return ((d0 >>> 16) | (d1 & 0x0fff_ffff) | d2 | d3) === 0 ? d0 & 0xffff : undefined;
}

/** d0: PASID 19:0 where GN is set; d1: domain 15:0; d2: S 0, PDE 1, GN 2, address 31:12; d3: address. */
function invalidatePages(
  d0: number,
  d1: number,
  d2: number,
  d3: number,
  { guestTranslation }: CommandFeatures,
): Command | undefined {
  const isGuest = (d2 & GUEST) !== 0;
  const reserved = (d0 & ~(isGuest ? 0x000f_ffff : 0)) | (d1 & 0x0fff_0000) | (d2 & 0xff8);
  if (reserved !== 0 || (isGuest && !guestTranslation)) return undefined;
  return {
    kind: "invalidate-pages",
    domain: d1 & 0xffff,
    pasid: isGuest ? d0 & 0x000f_ffff : NO_PASID,
    block: sizedBlock(d2, d3, (d2 & SIZE) !== 0),
    directories: (d2 & DIRECTORIES) !== 0,
  };
}

/** d0: device 15:0, PASID 7:0 in 23:16, maximum pending 31:24; d1: queue 15:0, PASID 19:8 in 27:16; d2: S 0, GN 2. */
function invalidateDeviceTlb(
  d0: number,
  d1: number,
  d2: number,
  d3: number,
  { guestTranslation }: CommandFeatures,
): Command | undefined {
  const isGuest = (d2 & GUEST) !== 0;
  if ((d2 & 0xfc8) !== 0 || (isGuest && !guestTranslation)) return undefined;
  const pasid = ((d0 >>> 16) & 0xff) | (((d1 >>> 16) & 0xfff) << 8);
  return {
    kind: "invalidate-device-tlb",
    device: d0 & 0xffff,
    pasid: isGuest ? pasid : NO_PASID,
    block: sizedBlock(d2, d3, (d2 & SIZE) !== 0),
  };
}
