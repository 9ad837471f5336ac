/** Configurations for the tests of the reference: what matters to the test is given, the rest is ordinary. */
import type { Configuration, FormatName } from "../models/configuration.js";

export type Options = Partial<Omit<Configuration, "format" | "name">>;

export function configuration(format: FormatName, options: Options): Configuration {
  return {
    format,
    name: "of the test",
    vaWidthLg2: 48,
    oaWidthLg2: 52,
    topLevel: 3,
    growingTop: false,
    signExtended: false,
    pageSizes: 2n ** 64n - 1n,
    gather: "range",
    forceCoherence: false,
    forceWriteable: false,
    svnapot: false,
    incoherent: false,
    tableBase: 0x8_4000_0000n,
    ...options,
  };
}
