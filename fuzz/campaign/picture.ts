/**
 * The table around an address before and after the operation that failed, as rows of boxes: what hardware reaches,
 * and under it what the reference maps. Plain data, so that it is kept with the finding and drawn later.
 */
import {
  describeAddress,
  describeHex,
  describeLength,
  describeOperation,
  shapeOf,
} from "../../models/index.js";
import { createWalker, type SweepVisitor, WalkResult, walkResultName } from "../../models/walkers/index.js";
import { type Finding, Lockstep, type SubjectFactory } from "../lockstep/index.js";
import { highWord, joined, lowWord } from "../lockstep/words.js";

/** Neighbouring columns of a row that hold one thing. */
export interface Box {
  readonly columns: number;
  readonly kind: "mapped" | "hole" | "illegal";
  readonly label: string;
  /** Hardware and reference disagree here. */
  readonly differs: boolean;
}

export interface PictureRow {
  readonly when: "before" | "after";
  readonly who: "hardware" | "reference";
  readonly boxes: readonly Box[];
}

export interface Picture {
  /** The operation that failed, in words. */
  readonly operation: string;
  /** The address around which the picture is. */
  readonly address: string;
  /** The first address of every column, and its length; columns are as wide as they are, whatever they hold. */
  readonly columns: readonly { readonly first: string; readonly length: string; readonly isHere: boolean }[];
  readonly rows: readonly PictureRow[];
}

/** Side by side, of one size and with one set of rights. */
interface Stretch {
  readonly first: bigint;
  /** One past the last byte. */
  end: bigint;
  readonly pa: bigint | undefined;
  readonly what: string;
}

interface State {
  readonly hardware: readonly Stretch[];
  readonly reference: readonly Stretch[];
}

/** On either side of the address; what lies farther away is left out. */
const COLUMNS_BESIDE = 5;
/** Of a table with more leaf items the first ones are drawn. */
const ITEMS_AT_MOST = 1 << 16;
const END = 1n << 64n;

/** Runs the finding's program once more and draws what it did. */
export function pictureOf(finding: Finding, subjectOf?: SubjectFactory): Picture {
  const { configuration, operations, atFinish } = finding;
  const lockstep = new Lockstep(configuration, { subject: subjectOf?.(configuration) });
  const last = operations.length - 1;
  let before: State = { hardware: [], reference: [] };
  for (const [index, operation] of operations.entries()) {
    if (index === last && !atFinish) before = stateOf(lockstep);
    lockstep.step(operation);
  }
  const after = stateOf(lockstep);
  return draw(finding, atFinish ? after : before, after);
}

/** The same of a program whose last operation does not end: only how it was before. */
export function pictureBefore(finding: Finding, subjectOf?: SubjectFactory): Picture {
  const before = finding.operations.slice(0, -1);
  const lockstep = new Lockstep(finding.configuration, { subject: subjectOf?.(finding.configuration) });
  for (const operation of before) lockstep.step(operation);
  const state = stateOf(lockstep);
  const { rows, ...picture } = draw(finding, state, state);
  return { ...picture, rows: rows.filter(({ when }) => when === "before") };
}

function draw({ operations, atFinish, iova }: Finding, before: State, after: State): Picture {
  const operation = atFinish ? undefined : operations.at(-1);
  const range = operation !== undefined && "length" in operation ? operation : undefined;
  const given = iova ?? (operation !== undefined && "iova" in operation ? operation.iova : undefined);
  const everything = [before, after].flatMap(({ hardware, reference }) => [...hardware, ...reference]);
  const address = BigInt.asUintN(64, given ?? everything[0]?.first ?? 0n);
  const edges = everything.flatMap(({ first, end }) => [first, end]);
  if (range !== undefined) edges.push(range.iova, BigInt.asUintN(64, range.iova + range.length));
  const columns = columnsAround(address, edges);
  const rows = (["before", "after"] as const).flatMap((when) => {
    const { hardware, reference } = when === "before" ? before : after;
    return [
      { when, who: "hardware" as const, boxes: boxesOf(columns, hardware, reference) },
      { when, who: "reference" as const, boxes: boxesOf(columns, reference, hardware) },
    ];
  });
  return {
    operation: operation === undefined ? "everything freed" : describeOperation(operation),
    address: describeAddress(address),
    columns: columns.map(([first, end]) => ({
      first: describeAddress(first),
      length: roughLength(end - first),
      isHere: first <= address && address < end,
    })),
    rows,
  };
}

/** The stretches between neighbouring edges, those nearest to the address. */
function columnsAround(address: bigint, edges: readonly bigint[]): readonly (readonly [bigint, bigint])[] {
  const page = address & ~0xfffn;
  const sorted = [...new Set([0n, END, page, ...edges])].sort((one, other) => (one < other ? -1 : 1));
  const columns = sorted.slice(1).map((end, index) => [sorted[index], end] as const);
  const here = columns.findIndex(([first, end]) => first <= address && address < end);
  return columns.slice(Math.max(0, here - COLUMNS_BESIDE), here + COLUMNS_BESIDE + 1);
}

function boxesOf(
  columns: readonly (readonly [bigint, bigint])[],
  stretches: readonly Stretch[],
  others: readonly Stretch[],
): readonly Box[] {
  const boxes: (Box & { readonly of: Stretch | undefined })[] = [];
  for (const [first] of columns) {
    const of = stretches.find((stretch) => stretch.first <= first && first < stretch.end);
    const other = others.find((stretch) => stretch.first <= first && first < stretch.end);
    const differs = meaningAt(of, first) !== meaningAt(other, first);
    const kind = of === undefined ? "hole" : of.pa === undefined ? "illegal" : "mapped";
    const box = { columns: 1, kind, label: meaningAt(of, first), differs, of } as const;
    const previous = boxes.at(-1);
    if (previous === undefined || previous.of !== of || previous.differs !== differs) boxes.push(box);
    else boxes[boxes.length - 1] = { ...previous, columns: previous.columns + 1 };
  }
  return boxes.map(({ of: _, ...box }) => box);
}

/** What an address means to whoever made the stretch. */
function meaningAt(stretch: Stretch | undefined, address: bigint): string {
  if (stretch === undefined) return "nothing";
  const { pa, first, what } = stretch;
  return pa === undefined ? what : `→ ${describeHex(pa + address - first)} ${what}`;
}

function stateOf(lockstep: Lockstep): State {
  return { hardware: hardwareOf(lockstep), reference: referenceOf(lockstep) };
}

function referenceOf({ reference }: Lockstep): readonly Stretch[] {
  return reference.runs.flatMap(({ iova, count, sizeLg2 }) => {
    const leaf = reference.translate(iova);
    if (leaf === undefined) return [];
    return [{ first: iova, end: iova + (count << BigInt(sizeLg2)), pa: leaf.pa, what: whatOf(leaf) }];
  });
}

/** Every leaf that a sweep from the root meets, as a walk of its address gives it. */
function hardwareOf({ subject }: Lockstep): readonly Stretch[] {
  const { root, mode } = subject.hardwareRoot();
  const sweeper = createWalker(subject.configuration, subject.physical);
  const walker = createWalker(subject.configuration, subject.physical);
  for (const one of [sweeper, walker]) one.setRoot(lowWord(root), highWord(root), mode);
  const { granuleLg2, tableBitsLg2 } = shapeOf(subject.configuration);
  const stretches: Stretch[] = [];
  let items = 0;
  const add = (first: bigint, sizeLg2: number, pa: bigint | undefined, what: string): void => {
    const last = stretches.at(-1);
    const end = first + (1n << BigInt(sizeLg2));
    const goesOn = last?.end === first && last.what === what && last.pa !== undefined;
    if (last !== undefined && goesOn && last.pa === (pa ?? -1n) - (first - last.first)) last.end = end;
    else stretches.push({ first, end, pa, what });
  };
  const visitor: SweepVisitor = {
    table() {},
    leaf(level, _itemLow, _itemHigh, _rawLow, _rawHigh, vaLow, vaHigh, sizeLg2) {
      if (items++ >= ITEMS_AT_MOST) return;
      // Each item of a contiguous entry for itself: one of them may be missing.
      const itemLg2 = Math.min(sizeLg2, granuleLg2 + level * tableBitsLg2);
      const result = walker.walk(vaLow, vaHigh);
      const isLeaf = result === WalkResult.Translated;
      const pa = isLeaf ? joined(walker.oaLow, walker.oaHigh) : undefined;
      add(joined(vaLow, vaHigh), itemLg2, pa, isLeaf ? whatOf(walker) : walkResultName(result));
    },
    illegal(fault, _level, _itemLow, _itemHigh, _rawLow, _rawHigh, vaLow, vaHigh) {
      const first = joined(vaLow, vaHigh);
      stretches.push({ first, end: first + 0x1000n, pa: undefined, what: walkResultName(fault) });
    },
  };
  sweeper.sweep(visitor);
  return stretches.sort((one, other) => (one.first < other.first ? -1 : 1));
}

/** At most four digits and a unit. */
function roughLength(lengthBytes: bigint): string {
  const exact = describeLength(lengthBytes);
  if (exact.length <= 8) return exact;
  const unitLg2 = BigInt(Math.floor((lengthBytes.toString(2).length - 1) / 10) * 10);
  return `about ${describeLength(((lengthBytes + (1n << (unitLg2 - 1n))) >> unitLg2) << unitLg2)}`;
}

interface Facts {
  readonly sizeLg2: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
}

/** `2 MiB rwx`: the size of a leaf and its rights. */
function whatOf({ sizeLg2, read, write, execute }: Facts): string {
  const rights = [read ? "r" : "", write ? "w" : "", execute && read ? "x" : ""].join("");
  return `${describeLength(1n << BigInt(sizeLg2))} ${rights === "" ? "no access" : rights}`;
}
