// I16
import { everyConfiguration } from "./every-configuration.js";

// One address of each higher level, so that the top grows as often as it can over what the program left.
everyConfiguration("I16", "old translations hold while the top grows, and root and level are read as one", {
  only: ({ growingTop }) => growingTop,
  operations: 60,
  programs: 4,
  *afterwards({ reference }) {
    const page = reference.pageSizes & -reference.pageSizes;
    for (let lg2 = 13; lg2 < reference.configuration.vaWidthLg2; lg2++) {
      const iova = 1n << BigInt(lg2);
      if (iova >= page) yield { op: "map", iova, pa: 0n, length: page, prot: 1 };
    }
  },
});
