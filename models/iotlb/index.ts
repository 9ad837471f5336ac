/** What hardware may still believe, and what it sees between two stores. */
export type { LineBytes } from "../coherency/written-back.js";
export { DeviceCache, type InvalidationLanguage, type StaleStep } from "./device-cache.js";
export type { TableWindow } from "./live-tables.js";
export { type Span, spanOf } from "./span.js";
export { TableWatch, type Violation, type WatchOptions } from "./table-watch.js";
