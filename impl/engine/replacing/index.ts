/** The replacing policy's own entry points, on words. */

export { domainSettings } from "../../options.js";
export { makeRoot, Wanted } from "./descend.js";
export { markEmptyTable, updateMarkers } from "./markers.js";
export { removeItem } from "./remove.js";
export { replaceLeaf } from "./replace.js";
export { ReplacingDomain } from "./state.js";
