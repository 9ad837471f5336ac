/** The union over stamps: a branch is taken when one of the scripts that have it takes it. */
import type { Branch, Place } from "./branches.js";

/** `absent`: no script has it any more, for the stamper folded it away everywhere, or no script was loaded. */
export type Verdict = "taken" | "missed" | "absent";

/** @param scripts for each script that is made of the source, how often its places ran */
export function verdictOf(branch: Branch, scripts: readonly ReadonlyMap<Place, number>[]): Verdict {
  const verdicts = scripts.map((counts) => verdictIn(branch, counts));
  if (verdicts.includes("taken")) return "taken";
  return verdicts.includes("missed") ? "missed" : "absent";
}

function verdictIn({ places, condition }: Branch, counts: ReadonlyMap<Place, number>): Verdict {
  const inside = places.flatMap((place) => counts.get(place) ?? []);
  if (inside.length === 0) return "absent";
  if (condition === undefined) return inside.some((count) => count > 0) ? "taken" : "missed";
  const asked = condition.map((place) => counts.get(place)).find((count) => count !== undefined);
  if (asked === undefined) return "absent";
  return asked > inside[0] ? "taken" : "missed";
}
