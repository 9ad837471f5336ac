/** Table images: read in place, dumped, walked, checked. */
export { type CheckSummary, check, type Violation } from "./check.js";
export {
  compareItems,
  compareTranslations,
  diffLines,
  type TableDifference,
} from "./compare.js";
export { Image } from "./image.js";
export { dump, dumpJson, hex, type LayoutName, layoutNames, rawItem } from "./layouts.js";
export { type LeafEntry, type Tables, type TablesVisitor, visitTables } from "./tables.js";
