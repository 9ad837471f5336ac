/** A mutant as the lockstep drives it: this project's implementation, made of the mutant's stamps. */

import type { adoptMemory, PhysicalRuns, TableMemory, TableMemoryOptions } from "../../impl/common.js";
import type { formatEntry } from "../../impl/format-entry.js";
import type { Configuration } from "../../models/configuration.js";
import type { AskedOperation, Outcome } from "../../models/operations.js";
import type { Implementation } from "../lockstep/create-table.js";
import { PageTableSubject, type SubjectFactory } from "../lockstep/index.js";
import { EndlessOperation } from "../lockstep/journal.js";
import { stampName } from "../lockstep/stamp-name.js";

/** Turns of loops that one operation may take: more than any legal one of the generators does. */
const TURNS_AT_MOST = 1 << 22;

/** What a mutant's stamp exports. */
export interface MutantStamp {
  readonly PageTable: Parameters<typeof formatEntry>[1]["PageTable"];
  /** Of the same patched source. */
  readonly TableMemory: new (
    options: TableMemoryOptions,
  ) => TableMemory;
  readonly PhysicalRuns: new (capacity: number) => PhysicalRuns;
  readonly adoptMemory: typeof adoptMemory;
  readonly formatEntry: typeof formatEntry;
  /** Counted down by every loop of the stamp. */
  readonly turns: { left: number; over: () => void };
}

/** The stamps of one mutant, by their names. */
export type MutantStamps = ReadonlyMap<string, MutantStamp>;

/** The name of the stamp that a configuration is made with; tiny geometries have their own. */
export function stampOf(configuration: Configuration): string {
  return `${stampName(configuration)}${configuration.tiny === undefined ? "" : "-tiny"}`;
}

export function subjectFactory(stamps: MutantStamps): SubjectFactory {
  return (configuration) => {
    const stamp = stamps.get(stampOf(configuration));
    if (stamp === undefined) throw new RangeError(`the mutant has no stamp ${stampOf(configuration)}`);
    stamp.turns.over = endless;
    stamp.turns.left = TURNS_AT_MOST;
    return new MutantSubject(configuration, stamp);
  };
}

function endless(): never {
  throw new EndlessOperation(`${TURNS_AT_MOST} turns of loops and no end`);
}

class MutantSubject extends PageTableSubject {
  readonly #turns: MutantStamp["turns"];

  constructor(configuration: Configuration, stamp: MutantStamp) {
    const made: Implementation = {
      createMemory: (options) => new stamp.TableMemory(options),
      entryOf: () => stamp.formatEntry(stampName(configuration), stamp),
      createRuns: (capacity) => new stamp.PhysicalRuns(capacity),
      adoptMemory: stamp.adoptMemory,
    };
    super(configuration, undefined, made);
    this.#turns = stamp.turns;
  }

  override apply(operation: AskedOperation): Outcome {
    this.#turns.left = TURNS_AT_MOST;
    return super.apply(operation);
  }
}
