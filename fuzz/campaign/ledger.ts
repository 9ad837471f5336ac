/** What a campaign has counted and not yet written: small things pile up here and are saved in one transaction. */
import { type Invariant, invariantNames, type Judged } from "../lockstep/index.js";
import type { CampaignFile, Counts, KeptFailure } from "./campaign-file.js";

export class Ledger {
  readonly #file: CampaignFile;
  #states: (readonly [configuration: number, state: number])[] = [];
  #failures: KeptFailure[] = [];
  /** By format and operation: a count for each of `invariantNames`. */
  #judged = new Map<string, Map<string, number[]>>();

  constructor(file: CampaignFile) {
    this.#file = file;
  }

  addState(configuration: number, state: number): void {
    this.#states.push([configuration, state]);
  }

  addFailure(failure: KeptFailure): void {
    this.#failures.push(failure);
  }

  addJudged(format: string, judged: Judged): void {
    const ofFormat = this.#judged.get(format) ?? new Map<string, number[]>();
    this.#judged.set(format, ofFormat);
    for (const [op, counts] of judged) {
      const before = ofFormat.get(op);
      ofFormat.set(
        op,
        Array.from(counts, (count, index) => count + (before?.[index] ?? 0)),
      );
    }
  }

  /** Writes everything with the counts that it belongs to. */
  save(counts: Counts, milliseconds: number): void {
    const [states, failures] = [this.#states, this.#failures];
    this.#file.save({ counts, milliseconds, states, failures, judged: this.#takeJudged() });
    this.#states = [];
    this.#failures = [];
    this.#judged = new Map();
  }

  #takeJudged() {
    const rows: { format: string; op: string; invariant: Invariant; count: number }[] = [];
    for (const [format, ofFormat] of this.#judged) {
      for (const [op, counts] of ofFormat) {
        for (const [index, count] of counts.entries()) {
          if (count > 0) rows.push({ format, op, invariant: invariantNames[index], count });
        }
      }
    }
    return rows;
  }
}
