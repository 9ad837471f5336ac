/** Lists of physical runs: maps one behind the other, and an unmap that tells where the entries led. */
import type { Code, Operation, Outcome, PhysicalRun, Range } from "../models/operations.js";
import type { Leaves } from "./leaves.js";

const END_OF_ADDRESSES = 2n ** 64n;

type MapRequest = Extract<Operation, { op: "map" }>;

/** What a map, and what an unmap gives. */
export type Mapping = Omit<Extract<Outcome, { op: "map" }>, "op">;
export type Removal = Omit<Extract<Outcome, { op: "unmap" | "unmapGathered" }>, "op">;

/** Maps run by run, up to the first that is refused. */
export function mapEach(
  { iova, runs, prot }: Extract<Operation, { op: "mapRuns" }>,
  map: (one: MapRequest) => Mapping,
): Outcome {
  const invalidated: Range[] = [];
  let at = iova;
  let code: Code = "OK";
  for (const [pa, length] of merged(runs)) {
    // A run may end where the addresses do; nothing comes behind it.
    const isBehind = at === END_OF_ADDRESSES;
    const one = isBehind ? undefined : map({ op: "map", iova: at, pa, length, prot });
    code = one?.code ?? "WRAPS";
    at += one?.mappedBytes ?? 0n;
    invalidated.push(...(one?.invalidated ?? []));
    if (code !== "OK") break;
  }
  return { op: "mapRuns", code, mappedBytes: at - iova, invalidated };
}

/** Unmaps as `unmap` does, which asks how much of the range is left to remove, once it has settled the edges. */
export function unmapTelling(
  { iova, length, capacity }: Extract<Operation, { op: "unmapRuns" }>,
  leaves: Leaves,
  unmap: (lengthLeft: () => bigint) => Removal,
): Outcome {
  const runs: PhysicalRun[] = [];
  const removal = unmap(() => tellRuns(runs, capacity, leaves, iova, iova + length) - iova);
  return { op: "unmapRuns", ...removal, runs };
}

/** The runs, of which those that go on from each other are one. */
function merged(runs: readonly PhysicalRun[]): readonly PhysicalRun[] {
  const list: PhysicalRun[] = [];
  for (const run of runs) addRun(list, run);
  return list;
}

/**
 * Tells where the entries led from an address on, up to the end of the range, the first hole, or the first for which
 * the list has no room; gives the address of the first that was not told.
 */
function tellRuns(list: PhysicalRun[], capacity: number, leaves: Leaves, iova: bigint, end: bigint): bigint {
  let at = iova;
  while (at < end) {
    const leaf = leaves.at(at);
    if (leaf === undefined || leaf.iova !== at) break;
    const bytes = 1n << BigInt(leaf.sizeLg2);
    if (list.length === capacity && !goesOn(list, leaf.pa)) break;
    addRun(list, [leaf.pa, bytes]);
    at += bytes;
  }
  return at;
}

function addRun(list: PhysicalRun[], run: PhysicalRun): void {
  if (!goesOn(list, run[0])) {
    list.push(run);
    return;
  }
  const [pa, length] = list[list.length - 1];
  list[list.length - 1] = [pa, length + run[1]];
}

/** Whether an address is the one after the last run; nothing comes after the end of all addresses. */
function goesOn(list: readonly PhysicalRun[], pa: bigint): boolean {
  if (list.length === 0) return false;
  const [last, length] = list[list.length - 1];
  return last + length === pa && pa < END_OF_ADDRESSES;
}
