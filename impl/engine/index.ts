/** The engine's own entry points, on words. The public class and the benchmark are built on them. */

export { domainSettings } from "../options.js";
export { collectEmpty, destroy } from "./collect.js";
export { Cursor } from "./cursor.js";
export { readAndClear, setDirty } from "./dirty.js";
export { Domain, type DomainSettings } from "./domain.js";
export { lookup } from "./lookup.js";
export { map } from "./map.js";
export { highestSizeUpTo, largestSizeLg2, nextLargerSizeLg2, wholePages } from "./page-size.js";
export { unmap } from "./unmap.js";
