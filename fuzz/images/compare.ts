/**
 * Two tables side by side: whether they translate alike, whatever their formats, or whether they are built alike,
 * item by item. What differs is told as a diff: what the first has and the second has not, and the other way round.
 */
import {
  type Configuration,
  describeAddress,
  itemFields,
  itemKind,
  Pointer,
  rootBitsLg2,
  shapeOf,
  type Walker,
  WalkResult,
  walkResultName,
} from "../../models/index.js";
import { rightsName, sizeName } from "../lockstep/difference.js";
import { highWord, joined, lowWord } from "../lockstep/words.js";
import { rawItem } from "./layouts.js";
import { type Run, Runs } from "./runs.js";
import { itemSizeLg2, type Tables, visitTables, walkerOf } from "./tables.js";

/** The end of all addresses. */
const ALL = 1n << 64n;

/** A stretch of input addresses in which two tables differ. */
export interface TableDifference {
  readonly iova: bigint;
  readonly lengthBytes: bigint;
  /** What each has there, in words; undefined: nothing. */
  readonly first: string | undefined;
  readonly second: string | undefined;
}

export interface TranslationOptions {
  /** Pages of other sizes that lead to the same place are a difference. Default: they are not. */
  readonly sizes?: boolean | undefined;
  /** So is dirty state. Default: it is not. */
  readonly dirty?: boolean | undefined;
}

/**
 * Tells where two tables translate differently: where one has nothing, leads elsewhere or permits something else.
 * Formats without execute control say of each page that it may be read is executable; where the formats differ,
 * execute permissions are left out.
 */
export function compareTranslations(
  first: Tables,
  second: Tables,
  tell: (difference: TableDifference) => void,
  options: TranslationOptions = {},
): void {
  const execute = first.configuration.format === second.configuration.format;
  const told = (run: Run, iova: bigint) => describe(run, iova, execute, options);
  const [mine, its] = [runsOf(first), runsOf(second)];
  let [at, other] = [0, 0];
  for (let iova = 0n; at < mine.length || other < its.length; ) {
    const [one, two] = [stretch(mine[at], iova), stretch(its[other], iova)];
    const from = least(one.from, two.from);
    // Up to where either begins or ends, both are the same all the way.
    iova = least(one.from > from ? one.from : one.end, two.from > from ? two.from : two.end);
    const [said, saidToo] = [one, two].map(({ run, from: begins }) =>
      run === undefined || begins > from ? undefined : told(run, from),
    );
    if (said !== saidToo) tell({ iova: from, lengthBytes: iova - from, first: said, second: saidToo });
    if (one.end === iova) at++;
    if (two.end === iova) other++;
  }
}

/** What is left of a run from an address on; where there is no run, nothing up to the end of all addresses. */
function stretch(run: Run | undefined, iova: bigint) {
  if (run === undefined) return { run, from: ALL, end: ALL };
  const { first, lengthBytes } = run;
  return { run, from: first.iova > iova ? first.iova : iova, end: first.iova + lengthBytes };
}

function least(one: bigint, other: bigint): bigint {
  if (one < other) return one;
  return other;
}

function runsOf(tables: Tables): readonly Run[] {
  const runs: Run[] = [];
  const grouped = new Runs((run) => runs.push(run));
  visitTables(tables, { entry: (entry) => grouped.add(entry) });
  grouped.end();
  return runs;
}

function describe(run: Run, iova: bigint, execute: boolean, options: TranslationOptions): string {
  const { first } = run;
  const pa = describeAddress(first.pa + (iova - first.iova));
  const rights = rightsName(first.read, first.write, execute && first.execute);
  const size = options.sizes === true ? `  ${sizeName(first.sizeLg2)}` : "";
  return `→ ${pa}  ${rights}${size}${options.dirty === true && first.dirty ? "  dirty" : ""}`;
}

/**
 * Walks two tables of one format in step and tells every item that differs: present or not, a table or a leaf, any
 * bit outside `ignoredBits`. Where a table points to is not compared, for tables may lie anywhere.
 * @param ignoredBits of leaf items and of table items: accessed, dirty and software bits, for instance.
 */
export function compareItems(
  first: Tables,
  second: Tables,
  tell: (difference: TableDifference) => void,
  ignoredBits = 0n,
): void {
  const [one, other] = [first, second].map((tables) => ({ tables, walker: walkerOf(tables) }));
  const { configuration } = first;
  const top = configuration.topLevel;
  const step: Step = { configuration, ignoredBits, tell };
  compareTable(step, one, other, first.root.address, second.root.address, top, 0n);
}

interface Step {
  readonly configuration: Configuration;
  readonly ignoredBits: bigint;
  readonly tell: (difference: TableDifference) => void;
}

interface Side {
  readonly tables: Tables;
  readonly walker: Walker;
}

function compareTable(
  step: Step,
  one: Side,
  other: Side,
  oneTable: bigint,
  otherTable: bigint,
  level: number,
  iova: bigint,
): void {
  const { configuration } = step;
  const { itemBytesLg2, tableBitsLg2 } = shapeOf(configuration);
  const itemsLg2 = level === configuration.topLevel ? rootBitsLg2(configuration, level) : tableBitsLg2;
  const itemLg2 = BigInt(itemSizeLg2(configuration, level));
  for (let index = 0n; index < 1n << BigInt(itemsLg2); index++) {
    const offset = index << BigInt(itemBytesLg2);
    const itemIova = iova + (index << itemLg2);
    compareItem(step, one, other, oneTable + offset, otherTable + offset, level, itemIova);
  }
}

function compareItem(
  step: Step,
  one: Side,
  other: Side,
  oneItem: bigint,
  otherItem: bigint,
  level: number,
  iova: bigint,
): void {
  const [oneRaw, otherRaw] = [read(one, oneItem), read(other, otherItem)];
  if (oneRaw === 0n && otherRaw === 0n) return;
  const mine = meaning(step, one, level, oneRaw);
  const its = meaning(step, other, level, otherRaw);
  if (mine.text !== its.text) {
    const lengthBytes = 1n << BigInt(itemSizeLg2(step.configuration, level));
    step.tell({
      iova,
      lengthBytes,
      first: told(one, level, mine, oneRaw),
      second: told(other, level, its, otherRaw),
    });
  }
  if (mine.table !== undefined && its.table !== undefined && level > 0) {
    compareTable(step, one, other, mine.table, its.table, level - 1, iova);
  }
}

function read({ tables }: Side, address: bigint): bigint {
  const [low, high] = [lowWord(address), highWord(address)];
  const { memory, configuration } = tables;
  if (!memory.contains(low, high)) return 0n;
  const lowHalf = memory.readWord(low, high);
  return joined(lowHalf, shapeOf(configuration).itemBytesLg2 === 3 ? memory.readWord(low + 4, high) : 0);
}

interface Meaning {
  /** What two items have in common that say the same. */
  readonly text: string;
  readonly table: bigint | undefined;
}

function meaning(step: Step, { walker }: Side, level: number, raw: bigint): Meaning {
  const result = walker.inspect(level, lowWord(raw), highWord(raw));
  if (result === WalkResult.NotPresent) return { text: "nothing", table: undefined };
  const bits = raw & ~step.ignoredBits;
  if (result !== Pointer) return { text: `${walkResultName(result)} ${bits.toString(16)}`, table: undefined };
  const table = joined(walker.oaLow, walker.oaHigh);
  const kind = itemKind(step.configuration, level, raw);
  const fields = itemFields(step.configuration, kind, level, bits).filter(
    ({ name }) => !name.includes("address"),
  );
  return { text: fields.map(({ value }) => value.toString(16)).join(" "), table };
}

function told({ tables }: Side, level: number, { text, table }: Meaning, raw: bigint): string | undefined {
  if (text === "nothing") return undefined;
  return `level ${level}  ${table === undefined ? "leaf" : "table"} ${rawItem(tables, raw)}`;
}

/** The lines of a diff. */
export function diffLines({ iova, lengthBytes, first, second }: TableDifference): readonly string[] {
  const range = `${describeAddress(iova)} – ${describeAddress(iova + lengthBytes - 1n)}`;
  return [
    ...(first === undefined ? [] : [`- ${range}  ${first}`]),
    ...(second === undefined ? [] : [`+ ${range}  ${second}`]),
  ];
}
