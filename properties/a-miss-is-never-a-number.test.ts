// I2
import { everyConfiguration } from "./every-configuration.js";
import { freePage, smallestPage } from "./free-page.js";

// Physical address 0 is an answer like any other; after the unmap the same address is a miss.
everyConfiguration("I2", "lookup equals the walk, and a miss is explicit", {
  *afterwards(lockstep) {
    const page = smallestPage(lockstep);
    const iova = freePage(lockstep);
    yield { op: "map", iova, pa: 0n, length: page, prot: 3 };
    yield { op: "lookup", iova };
    yield { op: "unmap", iova, length: page };
    yield { op: "lookup", iova };
  },
});
