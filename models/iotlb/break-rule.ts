/**
 * What may change of a live item without breaking it first. Source: Arm ARM DDI 0487 D8.16.1 "Using
 * break-before-make when updating translation table entries", and v7-A/R B3.10.1: a change of output address, of
 * size, between block and table, or of memory attributes needs the item to be invalid, and the TLBs to have
 * forgotten it, in between; permissions, access flag, dirty state and software bits do not.
 */
import type { Configuration, FormatName } from "../configuration.js";

export interface BreakRule {
  /** Bits of the words that may change while the item is live. */
  readonly freeLow: number;
  readonly freeHigh: number;
  /** The hardware takes a live item that becomes another one of the same translation, in another size. */
  readonly sizeMayChange?: boolean | undefined;
}

/** AP[2:1] or S2AP 7:6, AF 10; DBM 51, XN 54:53, software 58:55. */
const longDescriptor: BreakRule = { freeLow: 0x4c0, freeHigh: 0x7e8_0000 };

/** Undefined where hardware takes any change of a live item that is one store. */
export function breakRuleOf({ format, toleratesSizeChange }: Configuration): BreakRule | undefined {
  const rule = ruleOf(format);
  // Arm ARM D8.16.1, FEAT_BBM, "level 2 support".
  return rule && toleratesSizeChange === true ? { ...rule, sizeMayChange: true } : rule;
}

function ruleOf(format: FormatName): BreakRule | undefined {
  switch (format) {
    case "armv8-stage1":
    case "armv8-stage2":
    case "arm-lpae-stage1":
    case "arm-lpae-stage2":
    case "mali":
      return longDescriptor;
    case "arm-short":
      // The permission bits stand elsewhere in each kind of leaf: none is free.
      return { freeLow: 0, freeHigh: 0 };
    default:
      return undefined;
  }
}
