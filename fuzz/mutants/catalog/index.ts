/** All mutants by the file of the source that they change, the controls, and what waits for its code. */
import type { Mutant } from "../mutant.js";
import { batchMutants } from "./batches.js";
import { itemMutants } from "./items.js";
import { layoutMutants } from "./layout.js";
import { mapMutants } from "./map.js";
import { memoryMutants } from "./memory.js";
import { readingMutants } from "./reading.js";
import { unmapMutants } from "./unmap.js";
import { writeBackMutants } from "./write-back.js";

export { controls } from "./controls.js";
export { pending } from "./pending.js";

export const mutants: readonly Mutant[] = [
  ...unmapMutants,
  ...mapMutants,
  ...layoutMutants,
  ...batchMutants,
  ...memoryMutants,
  ...readingMutants,
  ...itemMutants,
  ...writeBackMutants,
].sort((a, b) => (a.id < b.id ? -1 : 1));

/** The rows of the table of known bugs; its numbers have gaps. */
export const knownBugs: readonly string[] = [
  ..."M01 M03 M04 M05 M07 M08 M09 M10 M11 M12 M14 M15 M17 M18 M20 M21 M23 M24 M26 M27 M29 M30".split(" "),
  ..."M31 M32 M34 M35 M36 M38 M39 M41 M42 M45 M46 M47 M48 M50 M51 M52 M54 M55 M58 M59".split(" "),
];
