/**
 * What a run looks at. A change is judged within minutes by a part of the configurations that differs from test to
 * test, so that together the tests meet each of them several times; the nightly command, which sets `GENPT_WHOLE`,
 * gives every test all of them.
 */
import type { Configuration } from "../models/configuration.js";
import { Random } from "../models/random.js";

/** Nothing is left out. */
export const isWhole = process.env["GENPT_WHOLE"] === "1";

/** One in so many. */
const PARTS = 5;

/**
 * Every fifth configuration of each format, beginning where the key says; one of each format at least.
 * @param key the test's title, which decides the part
 */
export function partOf(configurations: readonly Configuration[], key: string): readonly Configuration[] {
  if (isWhole) return configurations;
  const turn = Random.fromSeed(`part:${key}`).below(PARTS);
  return configurations.filter((one) => {
    const same = configurations.filter(({ format }) => format === one.format);
    return same.indexOf(one) % PARTS === turn % Math.min(PARTS, same.length);
  });
}
