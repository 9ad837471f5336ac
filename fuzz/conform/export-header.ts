/** The first line of an exported vector file: a configuration of this project in the vectors' words. */
import type { Configuration, FormatName } from "../../models/configuration.js";
import { configurationName } from "../../models/index.js";
import { hex } from "./outcome.js";

/** A configuration or a program has no counterpart among the vectors; the message says what. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

type Said = Partial<Record<"forceCoherence" | "forceWriteable" | "svnapot" | "encryptionBit", string>>;

/** By format: its name in vectors, and what its options are called; those in common are not repeated. */
const vocabularies: Readonly<
  Partial<Record<FormatName, { readonly name: string; readonly features: Said }>>
> = {
  amdv1: {
    name: "amdv1",
    features: { forceCoherence: "amdv1_force_coherence", encryptionBit: "amdv1_encrypt_tables" },
  },
  "amdv1-mock": { name: "amdv1_mock", features: { forceCoherence: "amdv1_force_coherence" } },
  "x86-64": { name: "x86_64", features: { encryptionBit: "x86_64_amd_encrypt_tables" } },
  "vtd-second-stage": {
    name: "vtdss",
    features: { forceCoherence: "vtdss_force_coherence", forceWriteable: "vtdss_force_writeable" },
  },
  riscv64: { name: "riscv_64", features: { svnapot: "riscv_svnapot_64k" } },
};

/** @throws ExportError */
export function vectorFormat({ format }: Configuration): string {
  const vocabulary = vocabularies[format];
  if (vocabulary !== undefined) return vocabulary.name;
  throw new ExportError(`vectors have ${Object.keys(vocabularies).join(", ")}; not ${format}`);
}

/**
 * The header; `pageSizes` are those that the made table offers.
 * @throws ExportError
 */
export function headerOf(configuration: Configuration, pageSizes: bigint): object {
  const { name, vaWidthLg2, oaWidthLg2, topLevel, encryptionBit, format } = configuration;
  const features = featuresOf(configuration);
  return {
    format: vectorFormat(configuration),
    config: {
      name,
      maxVaLg2: vaWidthLg2,
      maxOaLg2: oaWidthLg2,
      // RISC-V's width decides its levels.
      ...(format === "riscv64" ? {} : { topLevel }),
      features,
      encryptMask: hex(encryptionBit === undefined ? 0n : 1n << BigInt(encryptionBit)),
      pgsizeMask: hex(configuration.pageSizes),
    },
    ret: 0,
    effective: { maxVaLg2: vaWidthLg2, maxOaLg2: oaWidthLg2, topLevel, features },
    pageSizes: hex(pageSizes),
    exact: true,
    note: `genpt export, ${configurationName(configuration)}`,
  };
}

function featuresOf(configuration: Configuration): readonly string[] {
  const { format, gather, signExtended, incoherent, growingTop } = configuration;
  const said: Said = vocabularies[format]?.features ?? {};
  const features: string[] = [];
  if (growingTop) features.push("dynamic_top");
  else if (format === "amdv1") throw inexpressible(configuration, "a top that does not grow");
  if (signExtended) features.push("sign_extend");
  if (incoherent) features.push("dma_incoherent");
  if (gather === "no-gaps") features.push("flush_range_no_gaps");
  // The mock is never told how it flushes.
  else if (format !== "amdv1-mock") features.push("flush_range");
  const options = ["forceCoherence", "forceWriteable", "svnapot", "encryptionBit"] as const;
  for (const option of options) {
    const value = configuration[option];
    if (value === undefined || value === false) continue;
    const feature = said[option];
    if (feature !== undefined) features.push(feature);
    else if (option === "encryptionBit") throw inexpressible(configuration, option);
  }
  const others = ["tiny", "svpbmt", "cachesNotPresent"] as const;
  const other = others.find(
    (option) => configuration[option] !== undefined && configuration[option] !== false,
  );
  if (other !== undefined) throw inexpressible(configuration, other);
  const { partialUnmap = "whole", freeing = "covered" } = configuration;
  if (partialUnmap !== "whole" || freeing !== "covered") throw inexpressible(configuration, "such unmaps");
  if (gather === "queued") throw inexpressible(configuration, "a gather that is queued");
  return features;
}

function inexpressible(configuration: Configuration, what: string): ExportError {
  return new ExportError(`${configurationName(configuration)}: vectors have no words for ${what}`);
}
