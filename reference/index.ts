export { itemSizeLg2 } from "./formats.js";
export { levelOfSize } from "./geometry.js";
export type { Run } from "./leaves.js";
export { PageByPage } from "./page-by-page.js";
export { Reference } from "./reference.js";
export { tableKey } from "./tables.js";
