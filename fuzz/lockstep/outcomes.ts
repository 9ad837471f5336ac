/** Whether two outcomes of one operation say the same, and the sentence that tells how they differ. */
import { describeAddress, describeHex, describeLength } from "../../models/index.js";
import type { Code, EntryFacts, Operation, Outcome, PhysicalRun, Range } from "../../models/operations.js";
import { type Differences, rightsName } from "./difference.js";
import type { Invariant } from "./invariants.js";

const rangeCodes: readonly Code[] = ["IOVA_OUT_OF_RANGE", "PA_OUT_OF_RANGE", "WRAPS"];

/** Compares what the implementation answered with what the reference did. */
export function compareOutcomes(
  operation: Operation,
  given: Outcome,
  wanted: Outcome,
  differences: Differences,
): void {
  if (isPlainlyEqual(given, wanted)) return;
  const iova = "iova" in operation ? operation.iova : undefined;
  const differ = (invariant: Invariant, what: string, one: string, other: string) =>
    differences.add(invariant, iova, `${operation.op} ${what} ${one}; the reference says ${other}`);
  const [code, other] = [codeOf(given), codeOf(wanted)];
  if (code !== other) {
    const isOfRange = rangeCodes.includes(code) || rangeCodes.includes(other);
    differ(isOfRange ? "I18" : "I3", "answered", code, other);
  }
  if ("mappedBytes" in given && "mappedBytes" in wanted && given.mappedBytes !== wanted.mappedBytes) {
    const [one, other] = [describeLength(given.mappedBytes), describeLength(wanted.mappedBytes)];
    differ(wanted.code === "OK" ? "I3" : "I4", "reports", `${one} mapped`, other);
  }
  if ("removedBytes" in given && "removedBytes" in wanted && given.removedBytes !== wanted.removedBytes) {
    differ("I3", "removed", describeLength(given.removedBytes), describeLength(wanted.removedBytes));
  }
  if ("runs" in given && "runs" in wanted && !sameRanges(given.runs, wanted.runs)) {
    differ("I3", "told", describeRuns(given.runs), describeRuns(wanted.runs));
  }
  if (given.op === "lookup" && wanted.op === "lookup" && given.pa !== wanted.pa) {
    differ("I2", "gave", addressOrMiss(given.pa), addressOrMiss(wanted.pa));
  }
  if ("permitted" in given && "permitted" in wanted && given.permitted !== wanted.permitted) {
    differ("I1", "was", permission(given.permitted), permission(wanted.permitted));
  }
  if ("freedTables" in given && "freedTables" in wanted && given.freedTables !== wanted.freedTables) {
    differ("I6", "freed", `${given.freedTables} tables`, `${wanted.freedTables}`);
  }
  if ("missed" in given && "missed" in wanted && !sameRanges(given.missed, wanted.missed)) {
    differ("I3", "says that it missed", describeRanges(given.missed), describeRanges(wanted.missed));
  }
  if (
    "invalidated" in given &&
    "invalidated" in wanted &&
    !sameRanges(given.invalidated, wanted.invalidated)
  ) {
    differ("I11", "invalidated", describeRanges(given.invalidated), describeRanges(wanted.invalidated));
  }
  if ("dirty" in given && "dirty" in wanted) compareMarked("dirty", given.dirty, wanted.dirty, differ);
  if ("accessed" in given && "accessed" in wanted) {
    compareMarked("accessed", given.accessed, wanted.accessed, differ);
  }
  if ("entries" in given && "entries" in wanted) compareEntries(given.entries, wanted.entries, differ);
}

/** What is not refused is done. */
function codeOf(outcome: Outcome): Code {
  if ("removedBytes" in outcome) return outcome.refusal ?? "OK";
  return "code" in outcome ? outcome.code : "OK";
}

/** The commonest outcomes, without looking for what may differ. False says nothing. */
function isPlainlyEqual(given: Outcome, wanted: Outcome): boolean {
  if (given.op === "map" && wanted.op === "map") {
    const isAnswer = given.code === wanted.code && given.mappedBytes === wanted.mappedBytes;
    return isAnswer && given.invalidated.length === 0 && wanted.invalidated.length === 0;
  }
  if ("removedBytes" in given && "removedBytes" in wanted) {
    const isAnswer = codeOf(given) === codeOf(wanted) && given.removedBytes === wanted.removedBytes;
    const isTold = !("runs" in given && "runs" in wanted) || sameRanges(given.runs, wanted.runs);
    return isAnswer && isTold && sameRanges(given.invalidated, wanted.invalidated);
  }
  return given.op === "lookup" && wanted.op === "lookup" && given.pa === wanted.pa;
}

type Differ = (invariant: Invariant, what: string, one: string, other: string) => void;
type MarkedPart = Extract<Outcome, { op: "readAndClearDirty" }>["dirty"][number];

function compareMarked(
  what: "dirty" | "accessed",
  given: readonly MarkedPart[],
  wanted: readonly MarkedPart[],
  differ: Differ,
): void {
  const count = Math.max(given.length, wanted.length);
  for (let index = 0; index < count; index++) {
    const [one, other] = [given[index], wanted[index]];
    if (one?.iova === other?.iova && one?.length === other?.length) continue;
    differ("I15", `reported as ${what} range ${index + 1}`, describeMarked(one), describeMarked(other));
    return;
  }
}

function compareEntries(given: readonly EntryFacts[], wanted: readonly EntryFacts[], differ: Differ): void {
  const count = Math.max(given.length, wanted.length);
  for (let index = 0; index < count; index++) {
    const [one, other] = [given[index], wanted[index]];
    if (one !== undefined && other !== undefined && sameEntry(one, other)) continue;
    differ(
      entryInvariant(one, other),
      `lists as entry ${index + 1}`,
      describeEntry(one),
      describeEntry(other),
    );
    return;
  }
}

function entryInvariant(one: EntryFacts | undefined, other: EntryFacts | undefined): Invariant {
  if (one === undefined || other === undefined || one.iova !== other.iova) return "I2";
  if (one.sizeLg2 !== other.sizeLg2) return "I7";
  return one.dirty !== other.dirty ? "I15" : "I2";
}

function sameEntry(one: EntryFacts, other: EntryFacts): boolean {
  return (
    one.iova === other.iova &&
    one.sizeLg2 === other.sizeLg2 &&
    one.pa === other.pa &&
    one.read === other.read &&
    one.write === other.write &&
    (!other.read || one.execute === other.execute) &&
    one.dirty === other.dirty
  );
}

/** Ranges, or runs. */
function sameRanges(one: readonly Range[], other: readonly Range[]): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) {
    if (one[index][0] !== other[index][0] || one[index][1] !== other[index][1]) return false;
  }
  return true;
}

/** What an operation gave back, as a report's column shows it. */
export function describeOutcome(outcome: Outcome): string {
  switch (outcome.op) {
    case "map":
    case "mapRuns":
      return withInvalidation(
        outcome.code === "OK" ? "OK" : `${outcome.code} after ${describeLength(outcome.mappedBytes)}`,
        outcome.invalidated,
      );
    case "unmap":
    case "unmapGathered":
      return withInvalidation(
        codeOf(outcome) === "OK" ? `removed ${describeLength(outcome.removedBytes)}` : codeOf(outcome),
        outcome.invalidated,
      );
    case "unmapRuns": {
      const removed = `removed ${describeLength(outcome.removedBytes)}: ${describeRuns(outcome.runs)}`;
      return withInvalidation(codeOf(outcome) === "OK" ? removed : codeOf(outcome), outcome.invalidated);
    }
    case "cut":
    case "resize":
      return withInvalidation(outcome.code, outcome.invalidated);
    case "trim": {
      const tables = `freed ${outcome.freedTables} tables`;
      return withInvalidation(outcome.code === "OK" ? tables : outcome.code, outcome.invalidated);
    }
    case "sync":
    case "handover":
      return `invalidated ${describeRanges(outcome.invalidated)}`;
    case "lookup":
      return addressOrMiss(outcome.pa);
    case "readAndClearDirty":
      return withInvalidation(
        outcome.code === "OK" ? `dirty: ${describeMarkedList(outcome.dirty)}` : outcome.code,
        outcome.invalidated,
      );
    case "readAndClearAccessed":
      return withInvalidation(
        outcome.code === "OK" ? `accessed: ${describeMarkedList(outcome.accessed)}` : outcome.code,
        outcome.invalidated,
      );
    case "setDirty":
      return outcome.code;
    case "deviceRead":
    case "deviceWrite":
      return permission(outcome.permitted);
    case "entries":
      return `${outcome.entries.length} ${outcome.entries.length === 1 ? "entry" : "entries"}`;
    case "failNextAllocation":
      return "armed";
  }
}

function withInvalidation(what: string, invalidated: readonly Range[]): string {
  return invalidated.length === 0 ? what : `${what}, invalidated ${describeRanges(invalidated)}`;
}

function describeRanges(ranges: readonly Range[]): string {
  if (ranges.length === 0) return "nothing";
  return ranges.map(([first, last]) => `${describeAddress(first)} … ${describeAddress(last)}`).join(", ");
}

function describeRuns(runs: readonly PhysicalRun[]): string {
  if (runs.length === 0) return "no runs";
  const shown = runs.slice(0, 3).map(([pa, length]) => `${describeHex(pa)} ${describeLength(length)}`);
  return shown.join(", ") + (runs.length > 3 ? ` and ${runs.length - 3} more` : "");
}

function describeMarkedList(dirty: readonly MarkedPart[]): string {
  if (dirty.length === 0) return "nothing";
  const shown = dirty.slice(0, 3).map(describeMarked).join(", ");
  return dirty.length > 3 ? `${shown} and ${dirty.length - 3} more` : shown;
}

function describeMarked(part: MarkedPart | undefined): string {
  return part === undefined ? "nothing" : `${describeAddress(part.iova)} ${describeLength(part.length)}`;
}

function describeEntry(entry: EntryFacts | undefined): string {
  if (entry === undefined) return "nothing";
  const { iova, sizeLg2, pa, read, write, execute, dirty } = entry;
  const rights = `${rightsName(read, write, execute)}${dirty ? " dirty" : ""}`;
  return `${describeAddress(iova)} → ${describeHex(pa)} ${describeLength(1n << BigInt(sizeLg2))} ${rights}`;
}

function addressOrMiss(pa: bigint | undefined): string {
  return pa === undefined ? "a miss" : describeHex(pa);
}

function permission(permitted: boolean): string {
  return permitted ? "permitted" : "refused";
}
