/** What the exhaustive runs of the formats have in common. */

import test from "ava";
import { LETTERS_AT_MOST } from "../fuzz/exhaustive/alphabet.js";
import { alphabetOf, runExhaustive } from "../fuzz/exhaustive/index.js";
import type { FormatName } from "../models/configuration.js";
import { configurationName, configurationsOf } from "../models/configurations.js";
import type { Code } from "../models/operations.js";
import { tracksDirty } from "./tracks-dirty.js";

const DEPTH = 4;
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

/** Every program of up to four operations, in every tiny configuration of the format. */
export function testExhaustively(format: FormatName): void {
  for (const configuration of configurationsOf(format).filter(({ tiny }) => tiny !== undefined)) {
    test(`${configurationName(configuration)}: implementation, hardware and models agree on every page of every state`, (t) => {
      const letters = alphabetOf(configuration).length;
      t.true(letters <= LETTERS_AT_MOST, `${letters} letters`);
      const { states, transitions, statesOfDepth, codes, finding } = runExhaustive({
        configuration,
        depth: DEPTH,
      });
      t.log(`${letters} operations, depth ${DEPTH}: ${states} states, ${transitions} transitions`);
      if (finding !== undefined) t.fail(finding.report);
      // Each length of programs leads to states that no shorter one does, and every refusal is met on the way.
      t.is(statesOfDepth.length, DEPTH + 1);
      t.true(statesOfDepth.every((count, depth) => depth === 0 || count > statesOfDepth[depth - 1]));
      const expected: Code[] = [...codesOfAll, tracksDirty(configuration) ? "NOT_MAPPED" : "NOT_SUPPORTED"];
      t.deepEqual(
        expected.filter((code) => !codes.has(code)),
        [],
      );
    });
  }
}
