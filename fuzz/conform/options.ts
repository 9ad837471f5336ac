/** From a vector's configuration to the options of a page table. */
import type { CommonOptions, Invalidation, PageTable, TableMemory } from "../../impl/common.js";
import { amdv1 } from "../../impl/entries/amdv1.js";
import { amdv1Mock } from "../../impl/entries/amdv1-mock.js";
import { riscv64 } from "../../impl/entries/riscv64.js";
import { vtdSecondStage } from "../../impl/entries/vtd-second-stage.js";
import { x86_64 } from "../../impl/entries/x86-64.js";
import type { Creation } from "./vector.js";

/** How a vector's format is called here, and how its features are said. */
interface FormatVocabulary {
  readonly create: (options: CommonOptions) => PageTable;
  /**
   * Features by their vector names: the options that they stand for; null: here the format has the feature always,
   * or never needs it. A feature that is not listed has no counterpart here.
   */
  readonly features: Readonly<Record<string, object | null>>;
  /** Features without which the vectors' configurations do not exist here. */
  readonly required: readonly string[];
  readonly widthNamesTop: boolean;
}

const RANGE = { gather: "range" };
const NO_GAPS = { gather: "no-gaps" };
const INCOHERENT = { incoherent: () => {} };
const SIGN_EXTENDED = { signExtended: true };

const FORMATS: Readonly<Record<string, FormatVocabulary>> = {
  amdv1: {
    create: (options) => amdv1.create(options),
    features: {
      dynamic_top: null,
      full_va: null,
      flush_range: RANGE,
      flush_range_no_gaps: NO_GAPS,
      amdv1_encrypt_tables: null,
      amdv1_force_coherence: { forceCoherence: true },
      sign_extend: SIGN_EXTENDED,
      dma_incoherent: INCOHERENT,
    },
    required: ["dynamic_top"],
    widthNamesTop: false,
  },
  amdv1_mock: {
    create: (options) => amdv1Mock.create(options),
    features: { amdv1_force_coherence: { forceCoherence: true } },
    required: [],
    widthNamesTop: false,
  },
  x86_64: {
    create: (options) => x86_64.create(options),
    features: {
      sign_extend: SIGN_EXTENDED,
      flush_range: RANGE,
      flush_range_no_gaps: NO_GAPS,
      x86_64_amd_encrypt_tables: null,
      dma_incoherent: INCOHERENT,
    },
    required: [],
    widthNamesTop: false,
  },
  vtdss: {
    create: (options) => vtdSecondStage.create(options),
    features: {
      flush_range: RANGE,
      flush_range_no_gaps: NO_GAPS,
      vtdss_force_coherence: { forceCoherence: true },
      vtdss_force_writeable: { forceWriteable: true },
      sign_extend: SIGN_EXTENDED,
      dma_incoherent: INCOHERENT,
    },
    required: [],
    widthNamesTop: false,
  },
  riscv_64: {
    create: (options) => riscv64.create(options),
    features: {
      sign_extend: SIGN_EXTENDED,
      flush_range: RANGE,
      flush_range_no_gaps: NO_GAPS,
      riscv_svnapot_64k: { svnapot: true },
      dma_incoherent: INCOHERENT,
    },
    required: [],
    widthNamesTop: true,
  },
};

const ENCRYPTION_FEATURES = ["amdv1_encrypt_tables", "x86_64_amd_encrypt_tables"];
/** Formats of which a table is sign-extended unless the options say otherwise. */
const SIGN_EXTENDING = ["x86_64", "riscv_64"];

export function knowsFormat(format: string): boolean {
  return Object.hasOwn(FORMATS, format);
}

/**
 * What of a configuration cannot be said with the options of a page table here, or undefined. The vectors select
 * features by a mask, of which some settings (no flush at all, two kinds of flush) have no counterpart.
 */
export function inexpressible(creation: Creation): string | undefined {
  const vocabulary = FORMATS[creation.format];
  const { features } = creation.effective ?? creation.config;
  for (const feature of features) {
    if (!Object.hasOwn(vocabulary.features, feature)) return `${creation.format} with ${feature}`;
  }
  for (const feature of vocabulary.required) {
    if (!features.includes(feature)) return `${creation.format} without ${feature}`;
  }
  if (features.includes("flush_range") && features.includes("flush_range_no_gaps")) {
    return "flush_range and flush_range_no_gaps together";
  }
  return undefined;
}

/** The position of the encryption bit, or undefined for none. */
export function encryptionBit(creation: Creation): number | undefined {
  const { features } = creation.effective ?? creation.config;
  const mask = creation.config.encryptMask;
  if (mask === 0n || !features.some((feature) => ENCRYPTION_FEATURES.includes(feature))) return undefined;
  return mask.toString(2).length - 1;
}

/**
 * The page table that a vector's configuration describes.
 * @throws PageTableError where the implementation refuses it.
 */
export function createTable(
  creation: Creation,
  memory: TableMemory,
  invalidate?: (range: Invalidation) => void,
): PageTable {
  const vocabulary = FORMATS[creation.format];
  const { config } = creation;
  // A creation that succeeded may have left out features that the format ignores.
  const made = creation.effective ?? config;
  const vaWidthLg2 = mockWidth(creation) ?? made.maxVaLg2;
  const options = { memory, oaWidthLg2: made.maxOaLg2, pageSizes: config.pgsizeMask, invalidate };
  const more: object[] = [{ vaWidthLg2 }];
  if (!vocabulary.widthNamesTop && config.topLevel !== undefined) more.push({ topLevel: config.topLevel });
  if (SIGN_EXTENDING.includes(creation.format)) more.push({ signExtended: false });
  for (const feature of made.features) more.push(vocabulary.features[feature] ?? {});
  const bit = encryptionBit(creation);
  if (bit !== undefined) more.push({ encryptionBit: bit });
  // The options are checked by the implementation, as those of a caller without types are.
  return vocabulary.create(merged(options, more));
}

/** The mock takes any legal width and narrows it to what its top reaches; here the option says what is meant. */
function mockWidth({ format, config }: Creation): number | undefined {
  if (format !== "amdv1_mock" || config.topLevel === undefined || config.maxVaLg2 > 56) return undefined;
  return Math.min(config.maxVaLg2, 11 + 9 * (config.topLevel + 1));
}

function merged(options: CommonOptions, more: readonly object[]): CommonOptions {
  const into = { ...options };
  for (const part of more) Object.assign(into, part);
  return into;
}
