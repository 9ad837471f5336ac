/** What one stamp of the replacing policy exports; the build bundles this module once per format and variant. */
import * as functions from "../engine/replacing/index.js";

/** A plain object: the bundler's own module objects have a getter for each function. */
export const replacing: typeof functions = { ...functions };
export { ReplacingTable } from "../replacing-table.js";
