/** Everything that hardware can reach, compared with everything that the reference has. */
import { shapeOf } from "../../models/index.js";
import { type Walker, WalkResult, walkResultName } from "../../models/walkers/index.js";
import { itemSizeLg2, levelOfSize, type Reference, tableKey } from "../../reference/index.js";
import {
  type Differences,
  describeAddress,
  describeHex,
  itemName,
  sizeName,
  walkName,
} from "./difference.js";
import { createItemBits } from "./item-bits/index.js";
import type { ReferenceView } from "./reference-view.js";
import type { Subject } from "./subject.js";
import { joined, maskHigh, maskLow } from "./words.js";

/** What a sweep counted. */
export interface SweepCounts {
  readonly tables: number;
  readonly leafItems: number;
}

export function sweep(
  subject: Pick<Subject, "configuration" | "isLive" | "scope">,
  reference: Reference,
  view: ReferenceView,
  walker: Walker,
  differences: Differences,
): SweepCounts {
  const { configuration, scope } = subject;
  const bits = createItemBits(configuration);
  const tables = new Set<bigint>();
  const frames = new Set<bigint>();
  const dirtyEntries = new Set<bigint>();
  const { mapsAccessed, ...shape } = shapeOf(configuration);
  const tracksAccessed = shape.tracksAccessed && scope?.accessed !== false;
  /** By entry: how many more items must be other than fresh ones, so that the entry is. */
  const otherwiseAccessed = new Map<bigint, number>();
  let leafItems = 0;
  walker.sweep({
    table(level, addressLow, addressHigh, vaLow, vaHigh) {
      const address = joined(addressLow, addressHigh);
      const va = joined(vaLow, vaHigh);
      if (frames.has(address)) {
        differences.add("I5", va, `the table frame ${describeHex(address)} is reached twice`);
      }
      if (!subject.isLive(address)) {
        differences.add("I5", va, `hardware reaches the frame ${describeHex(address)}, which is not in use`);
      }
      frames.add(address);
      const prefix =
        BigInt.asUintN(configuration.vaWidthLg2, va) >> BigInt(itemSizeLg2(configuration, level + 1));
      tables.add(tableKey(level, prefix));
    },
    leaf(level, _itemLow, _itemHigh, rawLow, rawHigh, vaLow, vaHigh, sizeLg2) {
      leafItems++;
      view.find(vaLow, vaHigh);
      if (!view.mapped || view.sizeLg2 !== sizeLg2) {
        const wanted = view.mapped ? `a leaf of ${sizeName(view.sizeLg2)}` : "nothing";
        const va = joined(vaLow, vaHigh);
        const given = `a leaf of ${sizeName(sizeLg2)} stands at ${describeAddress(va)}`;
        differences.add(view.mapped ? "I7" : "I1", va, `${given}; the reference has ${wanted} there`);
        return;
      }
      const entryLow = vaLow & ~maskLow(sizeLg2);
      const entryHigh = vaHigh & ~maskHigh(sizeLg2);
      const result = walker.inspect(level, rawLow, rawHigh);
      const isRight =
        walker.oaLow === view.outputLow(entryLow) && walker.oaHigh === view.outputHigh(entryLow, entryHigh);
      if (result !== WalkResult.Translated || !isRight) {
        const va = joined(vaLow, vaHigh);
        differences.add("I1", va, `the leaf at ${describeAddress(va)} goes to ${walkName(walker, result)}`);
      }
      const isFirst = entryLow === vaLow && entryHigh === vaHigh;
      const [outLow, outHigh] = bits.stepped ? [vaLow, vaHigh] : [entryLow, entryHigh];
      const itemLg2 = itemSizeLg2(configuration, level);
      const [low, high] = [view.outputLow(outLow), view.outputHigh(outLow, outHigh)];
      bits.setLeaf(view.prot, level, sizeLg2, itemLg2, low, high);
      if (scope?.bits !== false && (((rawLow ^ bits.low) & ~bits.freeLow) | (rawHigh ^ bits.high)) !== 0) {
        const va = joined(vaLow, vaHigh);
        const [given, wanted] = [itemName(rawLow, rawHigh), itemName(bits.low, bits.high)];
        const sentence = `the item for ${describeAddress(va)} is ${given}; the format has ${wanted} there`;
        differences.add(isFirst ? "I14" : "I8", va, sentence);
      }
      if (bits.isDirty(rawLow, rawHigh)) dirtyEntries.add(joined(entryLow, entryHigh));
      if (tracksAccessed && ((rawLow & bits.accessedLow) !== 0) !== mapsAccessed) {
        const entry = joined(entryLow, entryHigh);
        // Of items that begin accessed all must have been cleared.
        const needed = mapsAccessed ? 2 ** (sizeLg2 - itemLg2) : 1;
        otherwiseAccessed.set(entry, (otherwiseAccessed.get(entry) ?? needed) - 1);
      }
    },
    illegal(fault, level, _itemLow, _itemHigh, rawLow, rawHigh, vaLow, vaHigh) {
      const va = joined(vaLow, vaHigh);
      const given = `the item ${itemName(rawLow, rawHigh)} at level ${level} for ${describeAddress(va)}`;
      differences.add("I14", va, `${given} is illegal: ${walkResultName(fault)}`);
    },
  });
  if (scope?.tables !== false) compareTables(tables, reference, differences);
  compareDirtyEntries(dirtyEntries, reference, differences);
  const accessed = [...otherwiseAccessed].filter(([, missing]) => missing <= 0).map(([entry]) => entry);
  if (tracksAccessed) compareAccessed(accessed, reference, differences);
  const wantedItems = leafItemsOf(reference);
  if (BigInt(leafItems) !== wantedItems) {
    differences.add(
      "I1",
      undefined,
      `hardware reaches ${leafItems} leaf items; the reference has ${wantedItems}`,
    );
  }
  return { tables: tables.size, leafItems };
}

function compareTables(tables: ReadonlySet<bigint>, reference: Reference, differences: Differences): void {
  const wanted = reference.liveTables();
  for (const key of tables) {
    if (!wanted.has(key))
      differences.add("I6", undefined, `${tableName(key)} is alive; the reference has none there`);
  }
  for (const key of wanted) {
    if (!tables.has(key))
      differences.add("I6", undefined, `${tableName(key)} cannot be reached; the reference has one`);
  }
}

function tableName(key: bigint): string {
  return `the table of level ${key & 7n} with the index prefix ${describeHex(key >> 3n)}`;
}

function compareDirtyEntries(
  dirty: ReadonlySet<bigint>,
  reference: Reference,
  differences: Differences,
): void {
  for (const entry of dirty) {
    if (reference.isDirty(entry)) continue;
    differences.add(
      "I15",
      entry,
      `the entry at ${describeAddress(entry)} is dirty in memory, not in the reference`,
    );
  }
  const [given, wanted] = [BigInt(dirty.size), reference.dirtyCount];
  if (given === wanted) return;
  differences.add("I15", undefined, `${given} entries are dirty in memory; the reference has ${wanted}`);
}

/** The entries of which memory says otherwise than of fresh ones whether they were accessed. */
function compareAccessed(
  given: readonly bigint[],
  { otherwiseAccessed }: Reference,
  differences: Differences,
): void {
  const wrong = given.find((entry) => !otherwiseAccessed.has(entry));
  if (wrong === undefined && given.length === otherwiseAccessed.size) return;
  const entry = wrong ?? [...otherwiseAccessed].find((one) => !given.includes(one));
  if (entry === undefined) return;
  const sentence = `whether the entry at ${describeAddress(entry)} was accessed is not as the reference has it`;
  differences.add("I15", entry, sentence);
}

function leafItemsOf(reference: Reference): bigint {
  let items = 0n;
  for (const run of reference.runs) items += itemsOfRun(reference, run.sizeLg2, run.count);
  return items;
}

/** How many leaf items the entries of a run take: a contiguous entry takes several. */
function itemsOfRun({ configuration }: Reference, sizeLg2: number, count: bigint): bigint {
  return count << BigInt(sizeLg2 - itemSizeLg2(configuration, levelOfSize(configuration, sizeLg2)));
}
