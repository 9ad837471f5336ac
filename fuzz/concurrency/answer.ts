/** What an operation answered, as far as it does not depend on what other threads do. */

import { describeHex, describeOperation } from "../../models/index.js";
import type { Operation, Outcome } from "../../models/operations.js";

/** A code, and the bytes done, or the output address found. */
export type Answer = readonly [code: string, value: bigint];

const DONE: Answer = ["OK", 0n];

/** The same from the outcome that the reference gives. */
export function answerOf(outcome: Outcome): Answer {
  switch (outcome.op) {
    case "map":
      return [outcome.code, outcome.mappedBytes];
    case "unmap":
    case "unmapGathered":
      return ["OK", outcome.removedBytes];
    case "lookup":
      return outcome.pa === undefined ? ["NOT_MAPPED", 0n] : ["OK", outcome.pa];
    default:
      return DONE;
  }
}

/** The first answer that is not the expected one, as a sentence. */
export function differenceOfAnswers(
  operations: readonly Operation[],
  given: readonly Answer[],
  expected: readonly Answer[],
): string | undefined {
  const index = expected.findIndex(([code, value], at) => {
    const answer = given[at];
    return answer === undefined || answer[0] !== code || answer[1] !== value;
  });
  if (index < 0) return undefined;
  const answer = given[index];
  const said = answer === undefined ? "did not end" : `answered ${nameOf(answer)}`;
  return `${describeOperation(operations[index])} ${said}; the reference answers ${nameOf(expected[index])}`;
}

function nameOf([code, value]: Answer): string {
  return `${code} ${describeHex(value)}`;
}
