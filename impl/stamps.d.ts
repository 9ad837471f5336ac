/**
 * The stamps: one copy of the public class and the engine per format and variant, written by the build into
 * `stamps/` beside the compiled files. Every stamp has the shape of the modules it is a copy of.
 */
declare module "*-replacing.plain.stamp.js" {
  export const ReplacingTable: typeof import("./replacing-table.js").ReplacingTable;
  export const replacing: typeof import("./engine/replacing/index.js");
}
declare module "*-replacing.observed.stamp.js" {
  export const ReplacingTable: typeof import("./replacing-table.js").ReplacingTable;
  export const replacing: typeof import("./engine/replacing/index.js");
}
declare module "*-replacing-tiny.observed.stamp.js" {
  export const ReplacingTable: typeof import("./replacing-table.js").ReplacingTable;
  export const replacing: typeof import("./engine/replacing/index.js");
}
declare module "*.stamp.js" {
  export const PageTable: typeof import("./page-table.js").PageTable;
  export const engine: typeof import("./engine/index.js");
}
