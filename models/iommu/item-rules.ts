/** The three kinds of items that IOMMUs walk, each judged by the strict walker of its architecture. */
import type { Configuration, FormatName } from "../configuration.js";
import { createWalker } from "../walkers/create-walker.js";
import { Rights } from "../walkers/table-walker.js";
import type { PhysicalMemory as WalkerMemory } from "../walkers/walker.js";
import type { ItemRules } from "./caching-walker.js";

export interface FormatOptions {
  /** Output addresses of leaves are below 2^oaWidthLg2. Default 52. */
  readonly oaWidthLg2?: number | undefined;
  /** Mask of page sizes that leaves may have. Default: all that the architecture has. */
  readonly pageSizes?: bigint | undefined;
  /** VT-d second stage: SNP is no reserved bit. Default true. */
  readonly snoopControl?: boolean | undefined;
  /** First stage: entries get VT-d's extended accessed bit (10) as well. */
  readonly extendedAccessed?: boolean | undefined;
}

/** A configuration with which a walker of this format takes everything that hardware takes. */
export function hardwareConfiguration(
  format: FormatName,
  vaWidthLg2: number,
  { oaWidthLg2 = 52, pageSizes = -1n, snoopControl = true }: FormatOptions,
): Configuration {
  return {
    format,
    name: "hardware",
    vaWidthLg2,
    oaWidthLg2,
    topLevel: 3,
    growingTop: false,
    signExtended: false,
    pageSizes: BigInt.asUintN(64, pageSizes),
    gather: "range",
    forceCoherence: snoopControl,
    forceWriteable: false,
    svnapot: false,
    incoherent: false,
    tableBase: 0n,
  };
}

/** AMD 48882 §2.2.3: IR is bit 61, IW bit 62; A is bit 5 and D bit 6 of the leaf. */
export function amdHostItems(memory: WalkerMemory, options: FormatOptions): ItemRules {
  return {
    inspector: createWalker(hardwareConfiguration("amdv1", 64, options), memory),
    pointerRights: (_low, high) =>
      ((high >>> 29) & 1 ? Rights.read : 0) | ((high >>> 30) & 1 ? Rights.write : 0),
    accessed: 1 << 5,
    dirty: 1 << 6,
    marksPointers: false,
    signExtended: false,
  };
}

/** AMD64 APM vol. 2 §5.4: R/W is bit 1, U/S bit 2, A bit 5, D bit 6; devices are users. VT-d's first stage as well. */
export function x86Items(memory: WalkerMemory, options: FormatOptions): ItemRules {
  return {
    inspector: createWalker(hardwareConfiguration("x86-64", 64, options), memory),
    pointerRights: (low) => ((low & 4) === 0 ? 0 : Rights.read | (low & 2 ? Rights.write : 0)),
    accessed: (1 << 5) | (options.extendedAccessed ? 1 << 10 : 0),
    dirty: 1 << 6,
    marksPointers: true,
    signExtended: true,
  };
}

/** VT-d §9.8: R is bit 0, W bit 1, A bit 8, D bit 9. */
export function vtdSecondStageItems(memory: WalkerMemory, options: FormatOptions): ItemRules {
  return {
    inspector: createWalker(hardwareConfiguration("vtd-second-stage", 57, options), memory),
    pointerRights: (low) => (low & 1 ? Rights.read : 0) | (low & 2 ? Rights.write : 0),
    accessed: 1 << 8,
    dirty: 1 << 9,
    marksPointers: true,
    signExtended: false,
  };
}
