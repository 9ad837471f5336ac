/**
 * The lockstep must bite: implementations that misbehave in one way each, and the invariant under which every one
 * of them must be reported, within some thousands of operations.
 */
import test from "ava";
import {
  type Invariant,
  PageTableSubject,
  parseToken,
  report,
  runUnit,
  shrink,
  tokenOf,
} from "../fuzz/lockstep/index.js";
import type { Configuration } from "../models/configuration.js";
import { findConfiguration } from "../models/index.js";
import type { Operation, Outcome } from "../models/operations.js";

type Driven = Exclude<Operation, { op: "deviceRead" | "deviceWrite" }>;

/** The implementation, with a chance to interfere after each operation. */
abstract class Canary extends PageTableSubject {
  protected abstract spoil(operation: Driven, outcome: Outcome): Outcome;

  override apply(operation: Driven): Outcome {
    return this.spoil(operation, super.apply(operation));
  }

  /** The first word, among those just stored, of an item that is set now. */
  protected lastItemSet(): number | undefined {
    const { stores, storeCount } = this.journal;
    const itemMask = this.configuration.format === "riscv32" ? -1 : -2;
    for (let index = storeCount - 1; index >= 0; index--) {
      const item = stores[index] & itemMask;
      if (this.words[item] !== 0) return item;
    }
    return undefined;
  }
}

class LookupOffByOnePage extends PageTableSubject {
  override lookup(iova: bigint): bigint | undefined {
    const pa = super.lookup(iova);
    return pa === undefined ? undefined : pa ^ 0x1000n;
  }
}

class MissIsZero extends PageTableSubject {
  override lookup(iova: bigint): bigint | undefined {
    return super.lookup(iova) ?? 0n;
  }
}

class LostStore extends Canary {
  protected override spoil(operation: Driven, outcome: Outcome): Outcome {
    const item = operation.op === "map" ? this.lastItemSet() : undefined;
    if (item !== undefined) this.words.fill(0, item, item + 2);
    return outcome;
  }
}

/** In the middle of a run of pages, where no probe of an edge looks. */
class MiddlePageElsewhere extends Canary {
  protected override spoil(operation: Driven, outcome: Outcome): Outcome {
    const { stores, storeCount } = this.journal;
    if (operation.op === "map" && outcome.op === "map" && outcome.mappedBytes >= 0x8000n) {
      this.words[stores[storeCount >> 1] & -2] ^= 1 << 21;
    }
    return outcome;
  }
}

class FrameLeaked extends Canary {
  protected override spoil(operation: Driven, outcome: Outcome): Outcome {
    if (operation.op === "unmap") this.memory.allocate(12);
    return outcome;
  }
}

class GatherTooShort extends Canary {
  protected override spoil(operation: Driven, outcome: Outcome): Outcome {
    if (operation.op !== "unmap" || outcome.op !== "unmap") return outcome;
    const invalidated = outcome.invalidated.map(([first, last]) => [first, last - 0x1000n] as const);
    return { ...outcome, invalidated };
  }
}

class TableLevelsForgotten extends Canary {
  protected override spoil(_operation: Driven, outcome: Outcome): Outcome {
    const { invalidations } = this.journal;
    const without = invalidations.map((range) => ({ ...range, tableLevels: 0 }));
    invalidations.splice(0, invalidations.length, ...without);
    return outcome;
  }
}

class RemovedBytesWrong extends Canary {
  protected override spoil(_operation: Driven, outcome: Outcome): Outcome {
    if (outcome.op !== "unmap" || outcome.removedBytes === 0n) return outcome;
    return { ...outcome, removedBytes: outcome.removedBytes + 0x1000n };
  }
}

class PrefixNotReported extends Canary {
  protected override spoil(_operation: Driven, outcome: Outcome): Outcome {
    return outcome.op === "map" && outcome.code !== "OK" ? { ...outcome, mappedBytes: 0n } : outcome;
  }
}

class DirtyLost extends Canary {
  protected override spoil(_operation: Driven, outcome: Outcome): Outcome {
    return outcome.op === "readAndClearDirty" ? { ...outcome, dirty: outcome.dirty.slice(1) } : outcome;
  }
}

class DirtyNotCleaned extends Canary {
  override apply(operation: Driven): Outcome {
    const outcome = super.apply(operation);
    if (outcome.op !== "readAndClearDirty") return outcome;
    const { stores, storeCount } = this.journal;
    // AMDv1's dirty bit comes back.
    for (let index = 0; index < storeCount; index++) this.words[stores[index]] |= 0x40;
    return outcome;
  }

  protected override spoil(_operation: Driven, outcome: Outcome): Outcome {
    return outcome;
  }
}

class WritableForReaders extends Canary {
  protected override spoil(operation: Driven, outcome: Outcome): Outcome {
    const item = operation.op === "map" && operation.prot === 1 ? this.lastItemSet() : undefined;
    // IW of AMDv1 is bit 62.
    if (item !== undefined) this.words[item + 1] |= 1 << 30;
    return outcome;
  }
}

class OneItemTooFew extends Canary {
  #entry: { readonly item: number; readonly low: number; readonly high: number } | undefined;

  protected override spoil(operation: Driven, outcome: Outcome): Outcome {
    if (operation.op === "map") {
      const item = this.lastItemSet();
      // NextLevel 7: the entry has several items.
      if (item !== undefined && (this.words[item] & 0xe00) === 0xe00) {
        this.#entry = { item, low: this.words[item], high: this.words[item + 1] };
      }
    }
    if (outcome.op === "unmap" && this.#entry !== undefined && outcome.removedBytes > 0n) {
      const { item, low, high } = this.#entry;
      const wasCleared = this.journal.stores.subarray(0, this.journal.storeCount).includes(item);
      if (wasCleared && this.isLive(this.base + BigInt((item >> 10) << 12))) {
        this.words[item] = low;
        this.words[item + 1] = high;
      }
    }
    return outcome;
  }
}

class IgnoredBitSet extends Canary {
  protected override spoil(operation: Driven, outcome: Outcome): Outcome {
    const item = operation.op === "map" ? this.lastItemSet() : undefined;
    if (item !== undefined) this.words[item] |= 1 << 7;
    return outcome;
  }
}

class AcceptsBeyondWidth extends Canary {
  protected override spoil(_operation: Driven, outcome: Outcome): Outcome {
    return outcome.op === "map" && outcome.code === "IOVA_OUT_OF_RANGE"
      ? { ...outcome, code: "OK" }
      : outcome;
  }
}

class StoresTwice extends Canary {
  protected override spoil(_operation: Driven, outcome: Outcome): Outcome {
    const { stores, storeCount } = this.journal;
    const again = stores.slice(0, storeCount);
    for (let round = 0; round < 2; round++) {
      for (const word of again) this.journal.stored(word, this.words[word], this.words[word]);
    }
    return outcome;
  }
}

class PublishedTwice extends Canary {
  protected override spoil(_operation: Driven, outcome: Outcome): Outcome {
    const { publications } = this.journal;
    const [last] = publications.slice(-1);
    if (last !== undefined) publications.push(last);
    return outcome;
  }
}

class CleanForgotten extends Canary {
  protected override spoil(operation: Driven, outcome: Outcome): Outcome {
    const item = operation.op === "map" ? this.lastItemSet() : undefined;
    if (item !== undefined) this.journal.stored(item, 0, this.words[item]);
    return outcome;
  }
}

interface Misbehaviour {
  readonly name: string;
  readonly subject: new (configuration: Configuration) => PageTableSubject;
  readonly invariant: Invariant;
  readonly configuration?: string;
}

const misbehaviours: readonly Misbehaviour[] = [
  { name: "lookup is off by one page", subject: LookupOffByOnePage, invariant: "I2" },
  { name: "a miss is address 0", subject: MissIsZero, invariant: "I2" },
  { name: "a store is lost", subject: LostStore, invariant: "I1", configuration: "x86-64/vtdfs-4l" },
  {
    name: "a page in the middle of a run goes elsewhere",
    subject: MiddlePageElsewhere,
    invariant: "I1",
    configuration: "x86-64/vtdfs-5l-4konly",
  },
  { name: "a frame leaks", subject: FrameLeaked, invariant: "I5" },
  { name: "the gather is a page too short", subject: GatherTooShort, invariant: "I11" },
  {
    name: "the table levels of an invalidation are forgotten",
    subject: TableLevelsForgotten,
    invariant: "I11",
  },
  { name: "removedBytes is a page too much", subject: RemovedBytesWrong, invariant: "I3" },
  { name: "a failed map does not report its prefix", subject: PrefixNotReported, invariant: "I4" },
  { name: "a dirty entry is not reported", subject: DirtyLost, invariant: "I15" },
  { name: "a dirty entry is reported but not cleaned", subject: DirtyNotCleaned, invariant: "I15" },
  { name: "a read-only leaf is writable", subject: WritableForReaders, invariant: "I14" },
  { name: "a contiguous entry keeps one item", subject: OneItemTooFew, invariant: "I8" },
  { name: "an ignored bit is set", subject: IgnoredBitSet, invariant: "I14" },
  {
    name: "a range beyond the input width is accepted",
    subject: AcceptsBeyondWidth,
    invariant: "I18",
    configuration: "vtd-second-stage/4l",
  },
  { name: "every store is made three times", subject: StoresTwice, invariant: "I17" },
  { name: "the root is published twice", subject: PublishedTwice, invariant: "I16" },
  {
    name: "a store is not written back",
    subject: CleanForgotten,
    invariant: "I13",
    configuration: "x86-64/vtdfs-4l-incoherent",
  },
];

for (const { name, subject, invariant, configuration: fullName = "amdv1/top2-va64" } of misbehaviours) {
  test(`the lockstep reports ${invariant} when ${name}`, (t) => {
    const configuration = findConfiguration(fullName);
    if (configuration === undefined) return t.fail(`no configuration ${fullName}`);
    const subjectOf = (made: Configuration) => new subject(made);
    for (let unit = 0; unit < 8; unit++) {
      const { finding } = runUnit({ configuration, seed: "canary", unit, operations: 1000, subjectOf });
      if (finding === undefined) continue;
      const shrunk = shrink(finding, { subjectOf, executions: 60 });
      t.is(finding.invariant, invariant, report(shrunk, { subjectOf }));
      t.is(shrunk.invariant, invariant);
      t.true(shrunk.operations.length <= finding.operations.length);
      return;
    }
    t.fail(`${name} went unnoticed for 8000 operations`);
  });
}

test("without misbehaviour there is no finding, and two runs of a unit have one checksum", (t) => {
  const configuration = findConfiguration("amdv1/top2-va64");
  if (configuration === undefined) return t.fail();
  const request = { configuration, seed: "canary", unit: 3, operations: 1000 };
  const [first, second] = [runUnit(request), runUnit(request)];
  t.is(first.finding, undefined);
  t.is(first.checksum, second.checksum);
  t.deepEqual(first.features, second.features);
  t.not(first.checksum, runUnit({ ...request, unit: 4 }).checksum);
});

test("the token of a finding leads back to its unit, and its report ends with it", (t) => {
  const configuration = findConfiguration("amdv1/top2-va64");
  if (configuration === undefined) return t.fail();
  const subjectOf = (made: Configuration) => new FrameLeaked(made);
  const { finding } = runUnit({ configuration, seed: "canary", unit: 0, subjectOf });
  if (finding === undefined) return t.fail("no finding");
  const token = tokenOf(finding) ?? "";
  const { seed, unit, operations, checksum } = parseToken(token);
  t.deepEqual([seed, unit, operations, checksum], ["canary", 0, 2000, finding.unit?.checksum]);
  const again = runUnit({ ...parseToken(token), subjectOf });
  t.deepEqual(again.finding, finding);
  const text = report(shrink(finding, { subjectOf }), { subjectOf });
  t.true(text.startsWith("I5 violated: "));
  t.true(text.trimEnd().endsWith(`replay:  npx genpt repro ${token}`));
});
