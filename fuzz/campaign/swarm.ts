/**
 * Which unit of a campaign does what, as a function of the seed and the unit's number alone: any thread may run any
 * unit, and a campaign that was interrupted goes on where it was.
 */
import { Random } from "../../models/index.js";
import type { MixName } from "../lockstep/index.js";

export interface UnitOfCampaign {
  /** Where in the campaign's list of configurations. */
  readonly configuration: number;
  /** The number of the unit within the seed and the configuration. */
  readonly unit: number;
  /** The mix, where it is not the one that falls to the unit's number. */
  readonly mix: MixName | undefined;
}

/** Deals the units of a seed: every round visits every configuration once, in an order of its own. */
export class Swarm {
  readonly #seed: string;
  readonly #count: number;
  #round = -1;
  #order: readonly number[] = [];

  /** @param count how many configurations there are, at least 1 */
  constructor(seed: string, count: number) {
    this.#seed = seed;
    this.#count = count;
  }

  unitAt(number: number): UnitOfCampaign {
    const unit = Math.floor(number / this.#count);
    if (unit !== this.#round) {
      this.#round = unit;
      this.#order = shuffled(this.#count, Random.fromSeed(`order:${this.#seed}:${unit}`));
    }
    return { configuration: this.#order[number % this.#count], unit, mix: mixOf(unit) };
  }
}

/** Half of the units run a mix that has a name; the others draw weights, and how often allocations fail, themselves. */
function mixOf(unit: number): MixName | undefined {
  return unit % 2 === 1 || unit % 8 === 0 ? undefined : "swarm";
}

function shuffled(count: number, random: Random): readonly number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}
