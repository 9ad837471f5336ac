// I8
import { everyConfiguration } from "./every-configuration.js";

// Formats in which several items can be one entry; devices make some of their items dirty.
everyConfiguration("I8", "a contiguous entry is all or nothing, and its items are as its format says", {
  only: ({ format, svnapot }) => format.startsWith("amdv1") || (format === "riscv64" && svnapot),
  mix: "dirty",
  operations: 160,
});
