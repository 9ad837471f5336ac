/** What hardware may still believe, and what it sees between two stores. */
export { type Span, spanOf } from "./span.js";
export { TableWatch, type Violation, type WatchOptions } from "./table-watch.js";
