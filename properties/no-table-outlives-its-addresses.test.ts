// I6
import { everyConfiguration } from "./every-configuration.js";
import { freePage, smallestPage } from "./free-page.js";

// A page mapped where no table was, and the whole span of its table unmapped with it: the tables are those of before.
everyConfiguration("I6", "no table survives an unmap that removed every address of its span", {
  mix: "sparse",
  operations: 120,
  *afterwards(lockstep) {
    const page = smallestPage(lockstep);
    const iova = freePage(lockstep);
    yield { op: "map", iova, pa: 0n, length: page, prot: 3 };
    yield { op: "unmap", iova, length: page };
  },
});
