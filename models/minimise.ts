/**
 * Makes a failing program small: delta debugging over its operations (Zeller and Hildebrandt, "Simplifying and
 * isolating failure-inducing input", TSE 2002), then over their arguments. It knows what an operation means: a
 * map and the unmap that undoes it leave together, and addresses move together, so that what was aligned stays
 * aligned. Every step is again a program; nothing is random.
 */
import { type Operation, Prot } from "./operations.js";

export interface MinimiseLimits {
  /** How many programs may be tried at most. */
  readonly executions: number;
  /** What lengths shrink to; the smallest page of the configuration. 4 KiB when absent. */
  readonly pageBytes?: bigint;
}

export interface Minimised {
  readonly operations: readonly Operation[];
  /** How many programs were tried. */
  readonly executions: number;
  /** Nothing more can be taken away; false when the limit ended the search. */
  readonly minimal: boolean;
}

type Program = readonly Operation[];

/**
 * The smallest program found that still fails. `fails` runs a program from a fresh state and says whether it
 * fails in the way that is looked for; it must answer alike for equal programs, and true for `operations`.
 *
 * @throws RangeError when `operations` do not fail to begin with
 */
export function minimise(
  operations: Program,
  fails: (operations: Program) => boolean,
  limits: MinimiseLimits,
): Minimised {
  const search = new Search(operations, fails, limits.executions);
  if (!search.tries(operations)) throw new RangeError("a program that does not fail cannot be minimised");
  const pageBytes = limits.pageBytes ?? 0x1000n;
  let before: Program;
  do {
    before = search.best;
    search.cutTail();
    search.dropChunks();
    search.dropPairs();
    search.moveAddresses();
    search.simplifyArguments(pageBytes);
  } while (search.best !== before && !search.spent);
  return { operations: search.best, executions: search.executions, minimal: !search.spent };
}

class Search {
  best: Program;
  executions = 0;
  /** The limit was met, so that at least one program was not tried. */
  spent = false;
  readonly #fails: (operations: Program) => boolean;
  readonly #executionsAtMost: number;

  constructor(operations: Program, fails: (operations: Program) => boolean, executionsAtMost: number) {
    this.best = operations;
    this.#fails = fails;
    this.#executionsAtMost = executionsAtMost;
  }

  /** Tries a program, and keeps it when it fails. */
  tries(candidate: Program): boolean {
    if (this.executions >= this.#executionsAtMost) {
      this.spent = true;
      return false;
    }
    this.executions++;
    if (!this.#fails(candidate)) return false;
    this.best = candidate;
    return true;
  }

  /** Most failures need nothing of what follows them: the shortest failing beginning, by halving. */
  cutTail(): void {
    let passing = 0;
    let failing = this.best.length;
    while (failing - passing > 1 && !this.spent) {
      const middle = (passing + failing) >> 1;
      if (this.tries(this.best.slice(0, middle))) failing = middle;
      else passing = middle;
    }
  }

  /** Drops chunks, from halves to single operations; from the end, for later operations matter less to the rest. */
  dropChunks(): void {
    for (let size = this.best.length >> 1; size >= 1; size >>= 1) {
      let dropped: boolean;
      do {
        dropped = false;
        for (let start = this.best.length - size; start > -size && !this.spent; start -= size) {
          const candidate = without(this.best, Math.max(start, 0), start + size);
          if (candidate.length > 0 && this.tries(candidate)) dropped = true;
        }
      } while (dropped && size === 1);
    }
  }

  /** Drops two operations at once where one makes up for the other: a map and a later removal that touches it. */
  dropPairs(): void {
    for (let first = 0; first < this.best.length; first++) {
      for (let second = first + 1; second < this.best.length && !this.spent; second++) {
        if (!undoes(this.best[second], this.best[first])) continue;
        const rest = without(without(this.best, second, second + 1), first, first + 1);
        if (rest.length > 0 && this.tries(rest)) second = first;
      }
    }
  }

  /** Takes high bits from all input addresses alike, then from all output addresses. */
  moveAddresses(): void {
    for (const kept of [12, 14, 16, 21, 25, 30, 34, 39, 48, 57]) {
      const mask = (1n << BigInt(kept)) - 1n;
      this.#offer(this.best.map((operation) => withAddress(operation, mask)));
      this.#offer(this.best.map((operation) => withOutputs(operation, mask)));
    }
  }

  /** Offers each operation's simpler forms, the simplest first, until none is taken. */
  simplifyArguments(pageBytes: bigint): void {
    for (let index = 0; index < this.best.length; index++) {
      let simplified: boolean;
      do {
        simplified = simplerForms(this.best[index], pageBytes).some((simpler) =>
          this.#offer(replaced(this.best, index, simpler)),
        );
      } while (simplified && !this.spent);
    }
  }

  /** Like `tries`, for a program that may be the same as the present one. */
  #offer(candidate: Program): boolean {
    return candidate.some((operation, index) => !equal(operation, this.best[index])) && this.tries(candidate);
  }
}

function without(operations: Program, from: number, to: number): Program {
  return [...operations.slice(0, from), ...operations.slice(to)];
}

function replaced(operations: Program, index: number, operation: Operation): Program {
  return operations.map((other, at) => (at === index ? operation : other));
}

function undoes(later: Operation, earlier: Operation): boolean {
  if (!("length" in later) || !later.op.startsWith("unmap")) return false;
  return mapsOf(earlier).some(
    ({ iova, length }) => later.iova < iova + length && iova < later.iova + later.length,
  );
}

/** What an operation maps, where to, run by run. */
function mapsOf(operation: Operation) {
  if (operation.op === "map") return [operation];
  if (operation.op !== "mapRuns") return [];
  let { iova } = operation;
  return operation.runs.map(([pa, length]) => {
    const map = { iova, pa, length };
    iova += length;
    return map;
  });
}

function withAddress(operation: Operation, mask: bigint): Operation {
  return "iova" in operation ? { ...operation, iova: operation.iova & mask } : operation;
}

function withOutputs(operation: Operation, mask: bigint): Operation {
  if (operation.op === "map") return { ...operation, pa: operation.pa & mask };
  if (operation.op !== "mapRuns") return operation;
  return { ...operation, runs: operation.runs.map(([pa, length]) => [pa & mask, length]) };
}

/** Smaller variants of one operation, each simpler by a measure that only falls, so that taking them ends. */
function simplerForms(operation: Operation, pageBytes: bigint): Operation[] {
  const forms: Operation[] = [];
  if (operation.op === "unmapGathered") forms.push({ ...operation, op: "unmap" });
  if ("gathered" in operation && operation.gathered === true) {
    const { gathered, ...atOnce } = operation;
    forms.push(atOnce);
  }
  if (operation.op === "handover") forms.push({ op: "sync" });
  if (operation.op === "mapRuns") forms.push(...simplerBatches(operation, pageBytes));
  if (operation.op === "unmapRuns") {
    const { capacity, ...unmap } = operation;
    forms.push({ ...unmap, op: "unmap" });
    if (capacity > 1) forms.push({ ...operation, capacity: 1 }, { ...operation, capacity: capacity - 1 });
  }
  if (operation.op === "resize" && operation.largestLg2 < 63) {
    forms.push({ ...operation, largestLg2: 63 }, { ...operation, largestLg2: operation.largestLg2 + 1 });
  }
  if (operation.op === "failNextAllocation" && operation.nth > 1) {
    forms.push({ ...operation, nth: 1 }, { ...operation, nth: operation.nth - 1 });
  }
  if (operation.op === "map") {
    const { pageSizes, ...unrestricted } = operation;
    if (pageSizes !== undefined) forms.push(unrestricted);
    for (const prot of simplerProts(operation.prot)) forms.push({ ...operation, prot });
    for (const pa of smallerAddresses(operation.pa, pageBytes)) forms.push({ ...operation, pa });
    // What is left of it behind a cut, where only its end matters.
    for (const length of smallerLengths(operation.length, pageBytes)) {
      const cut = operation.length - length;
      forms.push({ ...operation, iova: operation.iova + cut, pa: operation.pa + cut, length });
    }
  }
  if ("length" in operation) {
    for (const length of smallerLengths(operation.length, pageBytes)) forms.push({ ...operation, length });
  }
  if ("iova" in operation) {
    for (const iova of smallerAddresses(operation.iova, pageBytes)) forms.push({ ...operation, iova });
  }
  const leavesAtMost = Math.max(LEAVES_AT_MOST, leavesAtLeast(operation));
  return forms.filter((form) => leavesAtLeast(form) <= leavesAtMost);
}

/** One map in its place, a run less at either end or between, a shorter run, a run that leads elsewhere. */
function simplerBatches(batch: Extract<Operation, { op: "mapRuns" }>, pageBytes: bigint): Operation[] {
  const { iova, runs, prot } = batch;
  const [first] = runs;
  const forms: Operation[] = [];
  if (runs.length === 1) forms.push({ op: "map", iova, pa: first[0], length: first[1], prot });
  if (runs.length > 1) forms.push({ ...batch, iova: iova + first[1], runs: runs.slice(1) });
  for (let index = runs.length - 1; index >= 0; index--) {
    const [pa, length] = runs[index];
    const before = runs.slice(0, index);
    const after = runs.slice(index + 1);
    if (runs.length > 1) forms.push({ ...batch, runs: [...before, ...after] });
    for (const shorter of smallerLengths(length, pageBytes)) {
      forms.push({ ...batch, runs: [...before, [pa, shorter], ...after] });
    }
    for (const lower of smallerAddresses(pa, pageBytes)) {
      forms.push({ ...batch, runs: [...before, [lower, length], ...after] });
    }
  }
  for (const simpler of simplerProts(prot)) forms.push({ ...batch, prot: simpler });
  return forms;
}

/** A simpler request that needs many more leaves would not be simpler to run. */
const LEAVES_AT_MOST = 4096;

/** No page of a map is larger than the lowest bit in which its two addresses differ. */
function leavesAtLeast(operation: Operation): number {
  const leaves = mapsOf(operation).map(({ iova, pa, length }) => {
    const difference = iova ^ pa;
    return difference === 0n ? 1 : Number(length / (difference & -difference));
  });
  return leaves.reduce((sum, count) => sum + count, 1);
}

/** Without the memory types, then read and write, which is the plainest request, then one of the flags less. */
function simplerProts(prot: number): number[] {
  const access = prot & (Prot.read | Prot.write);
  const flags = prot - access;
  const simpler = flags === 0 ? [] : [access];
  for (let bit: number = Prot.noExec; bit <= Prot.mmio; bit <<= 1) {
    if ((flags & bit) !== 0 && flags !== bit) simpler.push(prot & ~bit);
  }
  if (access !== (Prot.read | Prot.write)) simpler.push(flags | Prot.read | Prot.write);
  return simpler;
}

/** One page, whole pages only, half as many, one less. Lengths of a page or less are left alone. */
function smallerLengths(length: bigint, pageBytes: bigint): bigint[] {
  if (length <= pageBytes) return [];
  const pages = length / pageBytes;
  // Page by page only where that ends soon.
  const oneLess = pages <= 64n ? [(pages - 1n) * pageBytes] : [];
  return [pageBytes, pages * pageBytes, ((pages + 1n) / 2n) * pageBytes, ...oneLess].filter(
    (smaller, index, all) => smaller > 0n && smaller < length && all.indexOf(smaller) === index,
  );
}

/** 0, a whole page, and the address without each of its set bits, the highest first. */
function smallerAddresses(address: bigint, pageBytes: bigint): bigint[] {
  const smaller: bigint[] = [];
  if (address !== 0n) smaller.push(0n, address - (address % pageBytes));
  for (let bit = 1n << 63n; bit > 0n; bit >>= 1n) {
    if ((address & bit) !== 0n) smaller.push(address & ~bit);
  }
  return smaller.filter((value, index) => value < address && smaller.indexOf(value) === index);
}

function equal(a: Operation, b: Operation): boolean {
  if (a === b) return true;
  const left = Object.entries(a);
  const right = new Map<string, unknown>(Object.entries(b));
  // The runs of a batch are other lists of the same numbers.
  const isSame = (one: unknown, other: unknown) => one === other || String(one) === String(other);
  return left.length === right.size && left.every(([key, value]) => isSame(value, right.get(key)));
}
