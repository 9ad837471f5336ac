/** What one stamp exports; the build bundles this module once per format and variant. */
export * as engine from "../engine/index.js";
export { PageTable } from "../page-table.js";
