// I18
import { everyConfiguration } from "./every-configuration.js";

everyConfiguration("I18", "addresses beyond the input or output width are refused, at both ends", {
  mix: "refused",
  operations: 120,
  *afterwards({ reference }) {
    const { vaWidthLg2, oaWidthLg2, signExtended } = reference.configuration;
    const page = reference.pageSizes & -reference.pageSizes;
    const beyond = 1n << BigInt(vaWidthLg2 - (signExtended ? 1 : 0));
    const map = { op: "map", pa: 0n, length: page, prot: 3 } as const;
    if (beyond >> 64n === 0n) {
      yield { ...map, iova: beyond };
      yield { ...map, iova: beyond - page, length: 2n * page };
      yield { op: "lookup", iova: beyond };
      yield { op: "unmap", iova: beyond, length: page };
    }
    yield { ...map, iova: (1n << 64n) - page, length: 2n * page };
    yield { ...map, iova: 0n, pa: 1n << BigInt(oaWidthLg2) };
    yield { ...map, iova: 0n, pa: (1n << BigInt(oaWidthLg2)) - page, length: 2n * page };
  },
});
