/** The replacing policy's entry points, on words. */

export { domainSettings } from "../../options.js";
export { descend, makeRoot, Wanted } from "./descend.js";
export { findLeaf, type LeafItem, leavesOf, tableOnTheWay, type WalkStep, walkSteps } from "./inspect.js";
export { markEmptyTable, updateMarkers } from "./markers.js";
export { removeItem } from "./remove.js";
export { replaceLeaf } from "./replace.js";
export { ReplacingDomain, type ReplacingRules } from "./state.js";
export { detachSubtree } from "./tables.js";
