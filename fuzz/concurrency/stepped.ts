/** Operations that stand still after every access to what threads share: what a stepped stamp exports. */
import type * as engine from "../../impl/engine/index.js";
import type { Domain } from "../../impl/engine/index.js";
import { Status, statusCode } from "../../impl/errors.js";
import type { Gather } from "../../impl/memory/gather.js";
import type { Operation } from "../../models/operations.js";
import { highWord, joined, lowWord } from "../lockstep/words.js";
import type { Answer } from "./answer.js";

/** Gives the word of each access, counted from the window's first, or one of the numbers below. */
export type Steps<Result> = Generator<number, Result, void>;

/** The cell of the root and its level was accessed. */
export const TOP = -1;
/** Nothing was accessed, but something begins or ends. */
export const PAUSE = -2;

type Stepping<Name extends keyof typeof engine> = (typeof engine)[Name] extends (
  ...parameters: infer Parameters
) => infer Result
  ? (...parameters: Parameters) => Steps<Result>
  : never;

export interface SteppedStamp {
  readonly engine: Pick<typeof engine, "Domain" | "domainSettings"> & {
    readonly map: Stepping<"map">;
    readonly unmap: Stepping<"unmap">;
    readonly lookup: Stepping<"lookup">;
  };
  refreshTop(domain: Domain): Steps<void>;
  modeOf(topLevel: number, vaWidthLg2: number): number;
}

/** Does the operation and says what it answered. */
export function* perform(
  { engine: { map, unmap, lookup }, refreshTop }: SteppedStamp,
  domain: Domain,
  gather: Gather,
  operation: Operation,
): Steps<Answer> {
  yield* refreshTop(domain);
  const { op } = operation;
  if (op === "sync") {
    gather.sync();
    return ["OK", 0n];
  }
  if (op !== "map" && op !== "unmap" && op !== "unmapGathered" && op !== "lookup") {
    throw new RangeError(`${op} is not stepped`);
  }
  const low = lowWord(operation.iova);
  const high = highWord(operation.iova);
  if (op === "lookup") {
    const isFound = yield* lookup(domain, low, high);
    return isFound ? ["OK", joined(domain.resultLow, domain.resultHigh)] : ["NOT_MAPPED", 0n];
  }
  if (op === "map") {
    const { pa, length, prot } = operation;
    const lengthLow = lowWord(length);
    const lengthHigh = highWord(length);
    const [paLow, paHigh] = [lowWord(pa), highWord(pa)];
    const status = yield* map(domain, low, high, paLow, paHigh, lengthLow, lengthHigh, prot, gather);
    return [status === Status.OK ? "OK" : statusCode(status), doneFrom(domain, operation.iova)];
  }
  const last = operation.iova + operation.length - 1n;
  yield* unmap(domain, low, high, lowWord(last), highWord(last), gather);
  const removed = domain.resultAny ? doneFrom(domain, operation.iova) : 0n;
  if (op === "unmap") {
    yield PAUSE;
    gather.sync();
  }
  return ["OK", removed];
}

function doneFrom(domain: Domain, iova: bigint): bigint {
  return BigInt.asUintN(64, joined(domain.resultLow, domain.resultHigh) - iova);
}

/** Takes all steps at once. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
