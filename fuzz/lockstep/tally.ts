/**
 * How often each operation was judged by each invariant: the matrix of a campaign's report. An invariant counts where
 * it had something to say: I13 where a walker does not snoop and something was stored, I4 where a request failed.
 */
import type { Configuration } from "../../models/configuration.js";
import { shapeOf } from "../../models/index.js";
import type { Operation, Outcome } from "../../models/operations.js";
import { type Difference, type Invariant, invariantNames } from "./invariants.js";
import type { Lockstep } from "./lockstep.js";
import { judgesBy, type OracleName, oracleNames } from "./watch.js";

/** By operation: a count for each of `invariantNames`, in their order. */
export type Judged = ReadonlyMap<Operation["op"], Uint32Array>;

/** Judged after every operation: probes walk and look up, outcomes, tables, frames and stores are compared. */
const ALWAYS = maskOf("I1", "I2", "I3", "I5", "I6", "I17");
/** Judged where an item was stored. */
const STORED = maskOf("I7", "I8", "I14");
const [I4, I10, I11, I13, I15, I16, I18, I20] = (
  ["I4", "I10", "I11", "I13", "I15", "I16", "I18", "I20"] as const
).map((invariant) => maskOf(invariant));
const OF_DIRTY: readonly Operation["op"][] = ["readAndClearDirty", "setDirty", "deviceWrite", "entries"];
const OF_ACCESSES: readonly Operation["op"][] = ["readAndClearAccessed", "deviceRead", "deviceWrite"];

export class Tally {
  readonly judged = new Map<Operation["op"], Uint32Array>();
  /** What I15 judges. */
  readonly #marking: readonly Operation["op"][];
  /** What is judged after a store, and after an allocation. */
  readonly #stored: number;
  readonly #allocated: number;

  constructor(configuration: Configuration, oracles: readonly OracleName[] = oracleNames) {
    const { tracksDirty, tracksAccessed } = shapeOf(configuration);
    this.#marking = [...(tracksDirty ? OF_DIRTY : []), ...(tracksAccessed ? OF_ACCESSES : [])];
    const watched = (["I9", "I12", "I19"] as const).filter((invariant) => judgesBy(oracles, invariant));
    this.#stored = STORED | maskOf(...watched) | (configuration.incoherent ? I13 : 0);
    this.#allocated = judgesBy(oracles, "I10") ? I10 : 0;
  }

  /** Counts the last step of the lockstep. What differed was judged, whatever else was. */
  add({ op }: Operation, { outcome, subject }: Lockstep, difference: Difference | undefined): void {
    const { storeCount, allocations, publications } = subject.journal;
    let judged = ALWAYS | maskOfOutcome(outcome);
    if (storeCount > 0) judged |= this.#stored | (op === "map" ? I20 : 0);
    if (allocations.length > 0) judged |= this.#allocated;
    if (publications.length > 0) judged |= I16;
    if (this.#marking.includes(op)) judged |= I15;
    if (difference !== undefined) judged |= maskOf(difference.invariant);
    const counts = this.#countsOf(op);
    for (let index = 0; index < counts.length; index++) counts[index] += (judged >>> index) & 1;
  }

  #countsOf(op: Operation["op"]): Uint32Array {
    let counts = this.judged.get(op);
    if (counts === undefined) {
      counts = new Uint32Array(invariantNames.length);
      this.judged.set(op, counts);
    }
    return counts;
  }
}

/** Bit n for the nth of `invariantNames`. */
function maskOf(...names: readonly Invariant[]): number {
  return names.reduce((mask, name) => mask | (1 << invariantNames.indexOf(name)), 0);
}

function maskOfOutcome(outcome: Outcome | undefined): number {
  if (outcome === undefined) return 0;
  const gathered = "invalidated" in outcome ? I11 : 0;
  if (!("code" in outcome) || outcome.code === "OK") return gathered;
  const { code } = outcome;
  const isBeyond = code === "IOVA_OUT_OF_RANGE" || code === "PA_OUT_OF_RANGE" || code === "WRAPS";
  return gathered | I4 | (isBeyond ? I18 : 0);
}
