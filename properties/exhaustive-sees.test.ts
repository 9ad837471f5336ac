/**
 * The exhaustive runs must find what is wrong: implementations with one fault each, most of them rare, and the
 * shortest program that shows it.
 */
import { readFile } from "node:fs/promises";
import test from "ava";
import { runExhaustive } from "../fuzz/exhaustive/index.js";
import { implementation } from "../fuzz/lockstep/create-table.js";
import type { Invariant } from "../fuzz/lockstep/invariants.js";
import { PageTableSubject } from "../fuzz/lockstep/subject.js";
import type { CommonOptions } from "../impl/common.js";
import { type FormatEntry, formatEntry } from "../impl/format-entry.js";
import { type Configuration, findConfiguration, parseProgram } from "../models/index.js";
import type { Operation, Outcome } from "../models/operations.js";

type Done = Exclude<Operation, { op: "deviceRead" | "deviceWrite" }>;

function tiny(name: string): Configuration {
  const configuration = findConfiguration(name);
  if (configuration === undefined) throw new RangeError(`no configuration ${name}`);
  return configuration;
}

const threeLevels = tiny("amdv1/tiny-3-levels");

/** What the run says of an implementation. */
function findingOf(configuration: Configuration, createSubject: (of: Configuration) => PageTableSubject) {
  return runExhaustive({ configuration, depth: 3, createSubject }).finding;
}

/** An implementation of which the answers, or the memory, are tampered with after each operation. */
abstract class Tampered extends PageTableSubject {
  constructor(configuration: Configuration) {
    super(configuration, 1 << 17);
  }

  override apply(operation: Done): Outcome {
    return this.tamper(operation, super.apply(operation));
  }

  abstract tamper(operation: Done, outcome: Outcome): Outcome;
}

/** Answers as if nothing were wrong, and changes nothing. */
class Faultless extends Tampered {
  tamper(_operation: Done, outcome: Outcome): Outcome {
    return outcome;
  }
}

/** Says that a map that failed in its middle mapped nothing. */
class ForgetsPrefix extends Tampered {
  tamper(_operation: Done, outcome: Outcome): Outcome {
    const isPrefix = outcome.op === "map" && outcome.code !== "OK";
    return isPrefix ? { ...outcome, mappedBytes: 0n } : outcome;
  }
}

/** A device wrote, and the clear that takes the mark away reports nothing of an entry that it enters in its middle. */
class LosesDirt extends Tampered {
  tamper(operation: Done, outcome: Outcome): Outcome {
    if (outcome.op !== "readAndClearDirty" || !("iova" in operation)) return outcome;
    return { ...outcome, dirty: outcome.dirty.filter(({ iova }) => iova >= operation.iova) };
  }
}

/** Takes a frame for itself whenever an unmap removes a whole table. */
class LeaksFrames extends Tampered {
  tamper(operation: Done, outcome: Outcome): Outcome {
    const isWhole =
      outcome.op === "unmap" && "length" in operation && outcome.removedBytes > operation.length;
    if (isWhole) this.memory.allocate(12);
    return outcome;
  }
}

/** Takes the write permission from the second item of the root once the first and the third hold something. */
class TouchesNeighbour extends Tampered {
  tamper(_operation: Done, outcome: Outcome): Outcome {
    const root = Number(this.hardwareRoot().root - this.base) >> 2;
    if (this.words[root] !== 0 && this.words[root + 4] !== 0) this.words[root + 3] &= ~(1 << 30);
    return outcome;
  }
}

/** Looks up the last page of the space wrongly, if the first one is mapped too and the sixth is not. */
class MisreadsLastPage extends Tampered {
  tamper(_operation: Done, outcome: Outcome): Outcome {
    return outcome;
  }

  override lookup(iova: bigint): bigint | undefined {
    const pa = super.lookup(iova);
    const isLast =
      iova >> 12n === 63n && super.lookup(0n) !== undefined && super.lookup(0x5000n) === undefined;
    return pa === undefined || !isLast ? pa : pa ^ 0x1000n;
  }
}

/** Holds the invalidation of a second range back. */
class ForgetsSecondRange extends Tampered {
  override get pendingInvalidation() {
    const pending = super.pendingInvalidation;
    return pending === undefined || pending[0] === 0n ? pending : undefined;
  }

  tamper(_operation: Done, outcome: Outcome): Outcome {
    return outcome;
  }
}

interface Fault {
  readonly fault: new (configuration: Configuration) => Tampered;
  readonly invariant: Invariant;
  readonly operations: number;
}

/** Does not tell its owner of what it stored last. */
class ForgetsToClean extends Tampered {
  tamper(_operation: Done, outcome: Outcome): Outcome {
    const { journal } = this;
    if (journal.storeCount > 0) journal.stored(journal.stores[journal.storeCount - 1], 0, 1);
    return outcome;
  }
}

const faults: readonly Fault[] = [
  { fault: ForgetsPrefix, invariant: "I4", operations: 2 },
  { fault: LosesDirt, invariant: "I15", operations: 3 },
  { fault: LeaksFrames, invariant: "I5", operations: 2 },
  { fault: TouchesNeighbour, invariant: "I8", operations: 1 },
  { fault: MisreadsLastPage, invariant: "I2", operations: 2 },
  { fault: ForgetsSecondRange, invariant: "I11", operations: 2 },
];

test("an implementation without a fault passes", (t) => {
  t.is(
    findingOf(threeLevels, (of) => new Faultless(of)),
    undefined,
  );
});

test("an implementation that forgets to clean what it stored: found in 1 operation as I13", (t) => {
  const finding = findingOf(
    tiny("vtd-second-stage/tiny-2-levels-nogaps-incoherent"),
    (of) => new ForgetsToClean(of),
  );
  t.is(finding?.difference.invariant, "I13");
  t.is(finding?.operations.length, 1, finding?.report);
});

for (const { fault, invariant, operations } of faults) {
  test(`${fault.name}: found in ${operations} operations as ${invariant}`, (t) => {
    const finding = findingOf(threeLevels, (of) => new fault(of));
    t.is(finding?.difference.invariant, invariant);
    t.is(finding?.operations.length, operations, finding?.report);
  });
}

test("a finding's report ends with the program, in the form that is replayed", (t) => {
  const finding = findingOf(threeLevels, (of) => new LosesDirt(of));
  const report = finding?.report ?? "";
  const program = parseProgram(report.slice(report.indexOf("{\n")), "report");
  t.deepEqual(program.operations, finding?.operations);
  t.is(`${program.format}/${program.configuration}`, "amdv1/tiny-3-levels");
});

/** The tiny AMDv1 stamp with another body for one of its functions. */
async function mutant(functionName: string, body: string): Promise<FormatEntry<CommonOptions>> {
  const stamps = new URL("../impl/stamps/", import.meta.url);
  const source = await readFile(new URL("amdv1-tiny.observed.stamp.js", stamps), "utf8");
  const head = new RegExp(`^const ${functionName} = function\\(.*\\) \\{$`, "gm");
  if (source.match(head)?.length !== 1) throw new Error(`the stamp has no function ${functionName}`);
  const changed = source
    .replace(head, (found) => `${found}\n${body}`)
    .replace(/^\/\/# sourceMappingURL.*$/m, "")
    .replace(/(?<=(?: from |^import )")\.\.\/[^"]+(?=")/gm, (path) => new URL(path, stamps).href);
  const stamp: typeof import("../impl/stamps/amdv1-tiny.observed.stamp.js") = await import(
    `data:text/javascript,${encodeURIComponent(changed)}`
  );
  return formatEntry("amdv1", stamp);
}

/** The implementation with a mutant's stamp in place of its own. */
function mutantSubject(configuration: Configuration, entry: FormatEntry<CommonOptions>): PageTableSubject {
  return new PageTableSubject(configuration, 1 << 17, { ...implementation, entryOf: () => entry });
}

const mutants = [
  {
    name: "holdsNoLeaf",
    body: "return true;",
    says: "a table that still holds leaves gives way",
    operations: 2,
  },
  { name: "freeCovered", body: "return 0;", says: "no table is ever freed", operations: 2 },
  { name: "beginsEntry", body: "return true;", says: "unmapping begins inside an entry", operations: 2 },
  { name: "clearEntry", body: "return;", says: "what is reported dirty stays dirty", operations: 3 },
  { name: "isDirty", body: "return false;", says: "nothing is ever dirty", operations: 2 },
  { name: "nextLargerSizeLg2", body: "return 64;", says: "pages do not grow within a table", operations: 1 },
  { name: "giveBack", body: "return;", says: "the levels of a growth that failed leak", operations: 2 },
  { name: "reaches", body: "return true;", says: "the top does not grow for a high address", operations: 1 },
];

const growth = ["giveBack", "reaches"];

for (const { name, body, says, operations } of mutants) {
  test(`${name} as "${body}" (${says}): found in ${operations} operations`, async (t) => {
    const entry = await mutant(name, body);
    const configuration = growth.includes(name) ? tiny("amdv1/tiny-growing-twice") : threeLevels;
    const finding = findingOf(configuration, (of) => mutantSubject(of, entry));
    t.is(finding?.operations.length, operations, finding?.report);
  });
}
