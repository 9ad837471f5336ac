/** Exhaustive runs of small scopes. */
export { alphabetOf, type Letter } from "./alphabet.js";
export {
  type ExhaustiveFinding,
  type ExhaustiveOptions,
  type ExhaustiveProgress,
  type ExhaustiveResult,
  runExhaustive,
} from "./explore.js";
