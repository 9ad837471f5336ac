/** Several threads on the same tables: step by step in every order, or at once. */
export { type Exploration, explore, type Misstep, runOnce } from "./explore.js";
export { type Scene, Stage } from "./stage.js";
export type { SteppedStamp } from "./stepped.js";
