/** What the exhaustive runs of the formats have in common. */

import test from "ava";
import { LETTERS_AT_MOST } from "../fuzz/exhaustive/alphabet.js";
import { alphabetOf, runExhaustive } from "../fuzz/exhaustive/index.js";
import type { Configuration, FormatName } from "../models/configuration.js";
import { configurationName, configurationsOf } from "../models/configurations.js";
import type { Code } from "../models/operations.js";
import { shapeOf } from "../models/shape.js";
import { isWhole } from "./part.js";

/**
 * Deeper programs in smaller spaces: what a state costs to look at grows with its pages. One configuration of a format
 * goes deepest, and a night goes deeper; for more there is the command line.
 */
function depthOf(configuration: Configuration, isFirst: boolean): number {
  if (!isWhole) return isFirst ? 3 : 2;
  const pagesLg2 = configuration.vaWidthLg2 - shapeOf(configuration).granuleLg2;
  return pagesLg2 > 6 || !isFirst ? 3 : 4;
}

const codesOfAll: readonly Code[] = [
  "OK",
  "NO_PERMISSION",
  "PA_OUT_OF_RANGE",
  "ZERO_LENGTH",
  "MISALIGNED",
  "IOVA_OUT_OF_RANGE",
  "ADDRESS_IN_USE",
  "OUT_OF_MEMORY",
];

/**
 * Every program of two or three operations, in every tiny configuration of the format; by night of three or four, of
 * four only where the format differs from another one by more than constants and its items.
 */
export function testExhaustively(format: FormatName, depthAtMost: 3 | 4 = 4): void {
  const tinyOnes = configurationsOf(format).filter(({ tiny }) => tiny !== undefined);
  for (const [index, configuration] of tinyOnes.entries()) {
    test(`${configurationName(configuration)}: implementation, hardware and models agree on every page of every state`, (t) => {
      const letters = alphabetOf(configuration).length;
      const depth = Math.min(depthAtMost, depthOf(configuration, index === 0));
      t.true(letters <= LETTERS_AT_MOST, `${letters} letters`);
      const { states, transitions, statesOfDepth, codes, finding } = runExhaustive({
        configuration,
        depth,
      });
      t.log(`${letters} operations, depth ${depth}: ${states} states, ${transitions} transitions`);
      if (finding !== undefined) t.fail(finding.report);
      // Each length of programs leads to states that no shorter one does, and every refusal is met on the way.
      t.is(statesOfDepth.length, depth + 1);
      t.true(statesOfDepth.every((count, length) => length === 0 || count > statesOfDepth[length - 1]));
      const expected: Code[] = [
        ...codesOfAll,
        shapeOf(configuration).tracksDirty ? "NOT_MAPPED" : "NOT_SUPPORTED",
      ];
      t.deepEqual(
        expected.filter((code) => !codes.has(code)),
        [],
      );
    });
  }
}
