// I20
import { everyConfiguration } from "./every-configuration.js";

// Configurations that may not use every size, and requests that narrow the sizes further.
everyConfiguration("I20", "page sizes used are a subset of those that the domain allows", {
  only: ({ pageSizes, oaWidthLg2, encryptionBit }) =>
    pageSizes !== 0xffff_ffff_ffff_ffffn || oaWidthLg2 < 52 || encryptionBit !== undefined,
  operations: 100,
  claim({ reference }) {
    const foreign = reference.runs.find(
      ({ sizeLg2 }) => ((reference.pageSizes >> BigInt(sizeLg2)) & 1n) === 0n,
    );
    return foreign && `the size 2^${foreign.sizeLg2} is used`;
  },
});
