/** What must be true of a domain's page tables at every store and after every operation, whatever the operation. */
import {
  ABSENT,
  FlushFlag,
  owedFor,
  type PagingScene,
  type ReachedTable,
  type Sight,
  Status,
  sight,
} from "./paging-scene.js";

export interface PageOp {
  readonly op: "map" | "unmap";
  readonly dfn: number;
  readonly order: number;
  readonly mfn: number;
  readonly access: number;
}

export function mapOp(dfn: number, mfn: number, order: number, access: number): PageOp {
  return { op: "map", dfn, order, mfn, access };
}

export function unmapOp(dfn: number, order: number): PageOp {
  return { op: "unmap", dfn, order, mfn: 0, access: 0 };
}

/** What a page is after an operation. */
export function sightAfter(op: PageOp, dfn: number, before: Sight): Sight {
  if (dfn < op.dfn || dfn >= op.dfn + 2 ** op.order) return before;
  return op.op === "unmap" ? ABSENT : sight(op.mfn + dfn - op.dfn, op.access);
}

export function apply(scene: PagingScene, { op, dfn, order, mfn, access }: PageOp): Status {
  return op === "map" ? scene.map(dfn, mfn, order, access) : scene.unmap(dfn, order);
}

/**
 * Does an operation and looks at some pages between any two stores and afterwards: a device sees what was or what
 * will be. `before` says what each of these pages is.
 * @returns what is wrong, in words.
 */
export function doAndWatch(
  scene: PagingScene,
  op: PageOp,
  probes: readonly number[],
  before: readonly Sight[],
): string[] {
  const wrong: string[] = [];
  const after = probes.map((dfn, index) => sightAfter(op, dfn, before[index]));
  const look = (word: number) => {
    if (scene.memory.isQuarantined(word)) wrong.push(`word ${word} of a table that left was stored to`);
    for (const [index, dfn] of probes.entries()) {
      const seen = scene.see(dfn);
      if (seen === before[index] || seen === after[index]) continue;
      wrong.push(`page ${dfn} was ${seen} between two stores, not ${before[index]} or ${after[index]}`);
    }
  };
  scene.watch({ stored: look, storedPair: look });
  const coalesces = scene.paging.coalesces;
  const shatters = scene.paging.shatters;
  const status = apply(scene, op);
  scene.memory.observer = undefined;
  if (status !== Status.OK) wrong.push(`status ${status}`);
  for (const [index, dfn] of probes.entries()) {
    const [seen, found] = [scene.see(dfn), scene.lookup(dfn)];
    if (seen !== after[index]) wrong.push(`page ${dfn} is ${seen}, not ${after[index]}`);
    if (found !== after[index]) wrong.push(`lookup says ${found} of page ${dfn}, not ${after[index]}`);
  }
  const isSplit = scene.paging.shatters > shatters;
  const changed = { before, after, hasLeft: scene.paging.coalesces > coalesces, isSplit };
  wrong.push(...flagsOf(scene, op, changed));
  return wrong;
}

interface Changed {
  readonly before: readonly Sight[];
  readonly after: readonly Sight[];
  readonly hasLeft: boolean;
  readonly isSplit: boolean;
}

/** What is owed: for each page that changed, and for each table that left the tree. */
function flagsOf(scene: PagingScene, op: PageOp, { before, after, hasLeft, isSplit }: Changed): string[] {
  const owed = before.reduce((flags, one, index) => flags | owedFor(one, after[index]), 0);
  const said = scene.flags;
  const wrong: string[] = [];
  if ((owed & ~said) !== 0) wrong.push(`flags ${said} leave out some of ${owed}`);
  if (((said & FlushFlag.all) !== 0) !== hasLeft) wrong.push(`flags ${said}, tables left: ${hasLeft}`);
  if (isSplit && (said & FlushFlag.modified) === 0) wrong.push("a leaf was split and nothing is owed");
  const always = scene.options.vendor === "amd" && op.op === "map" ? FlushFlag.added : 0;
  const isSame = owed === 0 && op.order === 0;
  if (isSame && said !== always) wrong.push(`flags ${said} where nothing changed`);
  return wrong;
}

/** What is wrong with the tables as they stand, in words. */
export function judgeTables(scene: PagingScene, tables = scene.tables()): string[] {
  const wrong: string[] = [];
  const words = new Set(tables.map(({ word }) => word));
  if (words.size !== tables.length) wrong.push("a table is reached twice");
  if (tables.length !== scene.paging.tableCount) {
    wrong.push(`${tables.length} tables are reached, ${scene.paging.tableCount} counted`);
  }
  if (tables.length !== scene.memory.liveFrames) {
    wrong.push(`${tables.length} tables are reached, ${scene.memory.liveFrames} frames in use`);
  }
  for (const [place, table] of tables.entries()) wrong.push(...judgeTable(scene, table, place === 0));
  return wrong;
}

function judgeTable(scene: PagingScene, table: ReachedTable, isRoot: boolean): string[] {
  const wrong: string[] = [];
  const name = `the table of level ${table.level} at page ${table.firstPage}`;
  for (const [index, item] of table.items.entries()) {
    const problem = judgeItem(scene, item, table.level);
    if (problem !== undefined) wrong.push(`item ${index} of ${name}: ${problem}`);
  }
  const markers = table.items.map((item) => scene.markerOf(item));
  if (isRoot) {
    if (markers.some((marker) => marker !== 0)) wrong.push("the root has markers");
    return wrong;
  }
  const expected = scene.markersOf(table);
  const at = markers.findIndex((marker, index) => marker !== expected[index]);
  if (at >= 0) wrong.push(`marker ${at} of ${name} is ${markers[at]}, not ${expected[at]}`);
  if (expected[0] === scene.tableLg2 && !mayBeUniform(scene, table)) wrong.push(`${name} is uniform`);
  return wrong;
}

/** The tables that stay although they are empty, or one row of leaves. */
function mayBeUniform({ options }: PagingScene, { level, items }: ReachedTable): boolean {
  const { vendor, levels, minLevels = levels } = options;
  if (vendor === "amd") return level + 1 >= levels - 1;
  const isEmpty = items.every((item) => (item & 3n) === 0n);
  return level + 1 >= (isEmpty ? minLevels - 1 : minLevels);
}

/** The bits that each kind of item may and must have. */
function judgeItem(scene: PagingScene, item: bigint, level: number): string | undefined {
  const bits = scene.unmarked(item);
  const isAmd = scene.options.vendor === "amd";
  switch (scene.kindOf(item, level)) {
    case "absent":
      return bits === 0n ? undefined : "an absent item that is not 0";
    case "table": {
      const next = (bits >> 9n) & 7n;
      const fixed = bits & ~0xf_ffff_ffff_f000n;
      const expected = isAmd ? (3n << 61n) | (BigInt(level) << 9n) | 1n : 3n;
      if (isAmd && next !== BigInt(level)) return `a pointer to level ${next} at level ${level}`;
      return fixed === expected ? undefined : `a pointer with bits ${fixed.toString(16)}`;
    }
    case "leaf": {
      if (level > 0 && !scene.orders.includes(level * scene.tableLg2))
        return "a leaf of a size not announced";
      const address = bits & 0xf_ffff_ffff_f000n;
      if (address % (1n << BigInt(12 + level * scene.tableLg2)) !== 0n) return "a leaf out of alignment";
      const rights = isAmd ? 3n << 61n : 3n;
      const expected = isAmd ? (1n << 60n) | 1n : level > 0 ? 0x880n : 0x800n;
      const fixed = bits & ~address & ~rights;
      return fixed === expected ? undefined : `a leaf with bits ${fixed.toString(16)}`;
    }
  }
}

/** The tree as text, wherever its tables stand. */
export function treeText(scene: PagingScene): string {
  return scene
    .tables()
    .map(({ level, items }) =>
      items
        .map((item) => (scene.kindOf(item, level) === "table" ? "t" : scene.unmarked(item).toString(36)))
        .join(","),
    )
    .join(";");
}
