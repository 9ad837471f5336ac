/** What one stamp exports; the build bundles this module once per format and variant. */
import * as functions from "../engine/index.js";

/** A plain object: the bundler's own module objects have a getter for each function. */
export const engine: typeof functions = { ...functions };
export { PageTable } from "../page-table.js";
