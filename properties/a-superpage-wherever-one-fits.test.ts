// I7
import { everyConfiguration } from "./every-configuration.js";

everyConfiguration("I7", "a superpage exactly where alignment and the allowed sizes permit", {
  mix: "crowded",
  *afterwards({ reference }) {
    yield { op: "entries", iova: 0n, length: 1n << 63n };
    for (const { iova } of [...reference.runs].slice(0, 8)) yield { op: "entries", iova, length: 1n << 24n };
  },
});
