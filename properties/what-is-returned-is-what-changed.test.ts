// I3
import { everyConfiguration } from "./every-configuration.js";

// Unmapping run by run removes exactly what each run maps, and leaves nothing.
everyConfiguration("I3", "what an operation returns is what really changed", {
  *afterwards({ reference }) {
    for (const { iova, count, sizeLg2 } of [...reference.runs]) {
      yield { op: "unmap", iova, length: count << BigInt(sizeLg2) };
    }
  },
  claim({ reference, counts }) {
    if (reference.runs.length === 0 && counts.leafItems === 0) return undefined;
    return `${reference.runs.length} runs and ${counts.leafItems} leaf items are left`;
  },
});
