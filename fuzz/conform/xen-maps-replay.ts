/**
 * Replays recorded maps and unmaps of an IOMMU layer.
 *
 * As deployed, every figure must be as recorded. As is right, it must be so wherever no deviation is met, and elsewhere
 * as in the naive tree, from the operation that met it on until the naive trees of both kinds are alike again.
 */
import type { Status } from "../../impl/errors.js";
import type { DomainPaging, PendingFlush } from "../../impl/iommu/index.js";
import type { SuperpageTables } from "../../reference/superpage-tables.js";
import { errnoText } from "./errno.js";
import { ModelPaging } from "./model-paging.js";
import {
  deviationsAfter,
  deviationsBefore,
  type XenDeviationName,
  type XenStep,
} from "./xen-maps-deviations.js";
import { type MakeXenTables, modelTables, type XenFields, XenMapsMachine } from "./xen-maps-machine.js";
import type { XenLeaf, XenMapsOp, XenMapsSequence, XenOutcome } from "./xen-maps-vector.js";
import type { XenFailure, XenSequenceResult } from "./xen-result.js";

/** Replays a sequence on tables that make the known mistakes. */
export function replayAsDeployed(sequence: XenMapsSequence, make: MakeXenTables): XenSequenceResult {
  const machine = new XenMapsMachine(sequence, true, make);
  for (const [index, op] of sequence.ops.entries()) {
    const failure = difference(sequence, index, recordedFields(op.recorded), machine.run(op));
    if (failure !== undefined) return result(sequence, new Map(), failure);
  }
  const failure =
    sequence.final === undefined
      ? undefined
      : leafDifference(sequence, sequence.final, machine.tables.leaves());
  return result(sequence, new Map(), failure);
}

/** Replays a sequence on tables that are right. */
export function replayAsRight(sequence: XenMapsSequence, make: MakeXenTables): XenSequenceResult {
  const met = new Set<XenDeviationName>();
  const subject = new XenMapsMachine(sequence, false, make);
  const deployed = new XenMapsMachine(sequence, true, modelTables);
  const right = new XenMapsMachine(sequence, false, watchedTables(met));
  const counts = new Map<string, number>();
  // Deviations of which the tables still bear the marks.
  let lasting: readonly XenDeviationName[] = [];
  for (const [index, op] of sequence.ops.entries()) {
    met.clear();
    const recorded = recordedFields(op.recorded);
    const wrong = deployed.run(op);
    const wanted = right.run(op);
    const names = sameFields(wrong, wanted) ? [] : [...new Set([...lasting, ...met])];
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    const failure =
      difference(sequence, index, recorded, wrong, "the naive tree, ") ??
      difference(sequence, index, names.length > 0 ? wanted : recorded, subject.run(op));
    if (failure !== undefined) return result(sequence, counts, failure);
    lasting = sameFields(deployed.state(), right.state()) ? [] : names;
  }
  const leaves = lasting.length > 0 ? right.tables.leaves() : sequence.final;
  const failure =
    leaves === undefined ? undefined : leafDifference(sequence, leaves, subject.tables.leaves());
  return result(sequence, counts, failure);
}

/** The naive tree, which tells which deviations the pages of a request meet. */
function watchedTables(met: Set<XenDeviationName>): MakeXenTables {
  return (shape, deployed, memory, queue) => {
    const tables = modelTables(shape, deployed, memory, queue);
    if (!(tables.paging instanceof ModelPaging)) throw new Error("not the naive tree");
    const model = tables.paging;
    const watch = (step: XenStep, run: () => Status): Status => {
      for (const name of deviationsBefore(shape, model.tables, step)) met.add(name);
      const status = run();
      for (const name of deviationsAfter(shape, model.tables, step, status)) met.add(name);
      return status;
    };
    return { ...tables, paging: watched(model, model.tables, watch) };
  };
}

function watched(
  model: ModelPaging,
  tables: SuperpageTables,
  watch: (step: XenStep, run: () => Status) => Status,
): DomainPaging {
  return {
    dfnWidthLg2: model.dfnWidthLg2,
    mapPage: (dfn: number, mfn: number, order: number, access: number, flush: PendingFlush) =>
      watch({ dfn, mfn, order, access }, () => model.mapPage(dfn, mfn, order, access, flush)),
    unmapPage: (dfn: number, order: number, flush: PendingFlush) =>
      watch({ dfn, mfn: undefined, order, access: 0 }, () => model.unmapPage(dfn, order, flush)),
    lookupPage: (dfn: number) => model.lookupPage(dfn),
    get tableCount() {
      return tables.tables;
    },
    get shatters() {
      return tables.shatters;
    },
    get coalesces() {
      return tables.coalesces;
    },
    destroy: () => model.destroy(),
  };
}

function recordedFields(outcome: XenOutcome): XenFields {
  return {
    rc: errnoText(outcome.rc),
    crashed: String(outcome.crashed),
    flags: String(outcome.flags),
    shatters: String(outcome.shatters),
    coalesces: String(outcome.coalesces),
    queued: String(outcome.queued),
    tables: String(outcome.tables),
    leaves: outcome.leaves.join(" "),
    uniform_tables: String(outcome.uniform_tables),
  };
}

function sameFields(one: XenFields, other: XenFields): boolean {
  return Object.entries(one).every(([field, value]) => other[field] === value);
}

function difference(
  sequence: XenMapsSequence,
  opIndex: number,
  expected: XenFields,
  got: XenFields,
  whose = "",
): XenFailure | undefined {
  for (const [field, value] of Object.entries(expected)) {
    if (got[field] === value) continue;
    const { line, name } = sequence;
    const op = describe(sequence.ops[opIndex]);
    return {
      line,
      name,
      opIndex,
      op,
      field: `${whose}${field}`,
      expected: value,
      got: got[field] ?? "nothing",
    };
  }
  return undefined;
}

function leafDifference(
  { line, name }: XenMapsSequence,
  expected: readonly XenLeaf[],
  got: readonly XenLeaf[],
): XenFailure | undefined {
  for (let index = 0; index < Math.max(expected.length, got.length); index++) {
    const [wanted, found] = [leafText(expected[index]), leafText(got[index])];
    if (wanted === found) continue;
    return { line, name, opIndex: undefined, op: "", field: `leaf ${index}`, expected: wanted, got: found };
  }
  return undefined;
}

function result(
  sequence: XenMapsSequence,
  deviations: ReadonlyMap<string, number>,
  failure: XenFailure | undefined,
): XenSequenceResult {
  return { operations: sequence.ops.length, deviations, failure };
}

function leafText(leaf: XenLeaf | undefined): string {
  if (leaf === undefined) return "none";
  return `${hex(leaf.dfn)} → ${hex(leaf.mfn)} order ${leaf.order} ${accessText(leaf.access)}`;
}

function describe(op: XenMapsOp): string {
  const fail = op.failAllocAfter === undefined ? "" : `, allocation ${op.failAllocAfter + 1} fails`;
  if (op.op === "unmap") return `unmap ${hex(op.dfn)}, ${op.pages} pages${fail}`;
  return `map ${hex(op.dfn)} → ${hex(op.mfn)}, ${op.pages} pages ${accessText(op.access)}${fail}`;
}

function accessText(access: number): string {
  return `${(access & 1) !== 0 ? "r" : "-"}${(access & 2) !== 0 ? "w" : "-"}`;
}

function hex(frame: number): string {
  return `0x${frame.toString(16)}`;
}
