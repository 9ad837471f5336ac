/** What a dump looks like: grouped runs, the tree, or the columns that people know from debugfs. */
import { describeAddress, shapeOf, walkSteps } from "../../models/index.js";
import { rightsName, sizeName } from "../lockstep/difference.js";
import { type Run, Runs } from "./runs.js";
import { type IllegalItem, type LeafEntry, type TableFrame, type Tables, visitTables } from "./tables.js";

export const layoutNames = ["runs", "tree", "ptdump", "items"] as const;

export type LayoutName = (typeof layoutNames)[number];

/** Writes the dump line by line. */
export function dump(tables: Tables, layout: LayoutName, write: (line: string) => void): void {
  LAYOUTS[layout](tables, write);
}

type Layout = (tables: Tables, write: (line: string) => void) => void;

const LAYOUTS: Readonly<Record<LayoutName, Layout>> = {
  runs: dumpRuns,
  tree: dumpTree,
  ptdump: dumpPtdump,
  items: dumpItems,
};

/** What the tables hold, for machines: every run, every table, every illegal item. */
export function dumpJson(tables: Tables): object {
  const runs: object[] = [];
  const frames: object[] = [];
  const illegal: object[] = [];
  const grouped = new Runs((run) => runs.push(runJson(run)));
  visitTables(tables, {
    table: ({ level, address, iova }) => frames.push({ level, address: hex(address), iova: hex(iova) }),
    entry: (entry) => grouped.add(entry),
    illegal: (item) => illegal.push(illegalJson(item)),
  });
  grouped.end();
  return { root: hex(tables.root.address), mode: tables.root.mode, runs, tables: frames, illegal };
}

function runJson({ first, entries, lengthBytes }: Run): object {
  const { iova, pa, sizeLg2, level, read, write, execute, dirty } = first;
  const rights = { read, write, execute, dirty };
  return { iova: hex(iova), pa: hex(pa), lengthBytes: hex(lengthBytes), sizeLg2, entries, level, ...rights };
}

export function illegalJson({ fault, level, item, raw, iova }: IllegalItem): object {
  return { fault, level, item: hex(item), raw: hex(raw), iova: hex(iova) };
}

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function dumpRuns(tables: Tables, write: (line: string) => void): void {
  const runs = new Runs((run) => write(runLine(run)));
  visitTables(tables, {
    entry: (entry) => runs.add(entry),
    illegal: (item) => {
      runs.end();
      write(illegalLine(tables, item));
    },
  });
  runs.end();
}

function runLine({ first, entries, lengthBytes }: Run): string {
  const last = first.iova + lengthBytes - 1n;
  const count = entries === 1 ? "" : ` × ${entries}`;
  const place = `${describeAddress(first.iova)} – ${describeAddress(last)}  → ${describeAddress(first.pa)}`;
  return `${place}  ${rights(first)}  ${sizeName(first.sizeLg2)}${count}${first.dirty ? "  dirty" : ""}`;
}

function rights({ read, write, execute }: LeafEntry): string {
  return rightsName(read, write, execute);
}

function illegalLine(tables: Tables, { fault, level, item, raw, iova }: IllegalItem): string {
  const where = `level ${level}  item at ${describeAddress(item)} = ${rawItem(tables, raw)}`;
  return `${describeAddress(iova)}  ${fault}  ${where}`;
}

export function rawItem({ configuration }: Tables, raw: bigint): string {
  return `0x${raw.toString(16).padStart(shapeOf(configuration).itemBytesLg2 === 2 ? 8 : 16, "0")}`;
}

/** Every table with the runs that stand in it, indented by how far it is from the root. */
function dumpTree(tables: Tables, write: (line: string) => void): void {
  let top = -1;
  let depth = 0;
  const indent = (level: number) => "  ".repeat(top - level);
  const runs = new Runs((run) => write(`${"  ".repeat(depth)}${runLine(run)}`));
  visitTables(tables, {
    table: ({ level, address, iova }: TableFrame) => {
      runs.end();
      top = Math.max(top, level);
      depth = top - level + 1;
      const kind = level === top ? "root" : "table";
      write(
        `${indent(level)}${kind} of level ${level} at ${describeAddress(address)}, from ${describeAddress(iova)}`,
      );
    },
    entry: (entry) => {
      if (depth !== top - entry.level + 1) runs.end();
      depth = top - entry.level + 1;
      runs.add(entry);
    },
    illegal: (item) => {
      runs.end();
      write(`${indent(item.level)}  ${illegalLine(tables, item)}`);
    },
  });
  runs.end();
}

const PTDUMP_LEVELS = ["pte", "pmd", "pud", "p4d", "pgd"];

/**
 * As debugfs shows the CPU's tables: ranges of one level and right, wherever they lead to, and what is not mapped
 * between them left out.
 */
function dumpPtdump(tables: Tables, write: (line: string) => void): void {
  let first: LeafEntry | undefined;
  let end = 0n;
  const give = () => {
    if (first === undefined) return;
    const range = `${wide(first.iova)}-${wide(end)}`;
    const level = PTDUMP_LEVELS[first.level] ?? `level ${first.level}`;
    const flags = `${first.write ? "RW" : "ro"} ${first.execute ? "x " : "NX"}`;
    write(`${range} ${shortSize(end - first.iova).padStart(8)} ${flags} ${level}`);
  };
  visitTables(tables, {
    entry: (entry) => {
      const isSame = first !== undefined && first.level === entry.level && rights(first) === rights(entry);
      if (!isSame || entry.iova !== end) {
        give();
        first = entry;
      }
      end = entry.iova + (1n << BigInt(entry.sizeLg2));
    },
  });
  give();
}

function wide(address: bigint): string {
  return `0x${BigInt.asUintN(64, address).toString(16).padStart(16, "0")}`;
}

/** The largest unit that leaves a whole number. */
function shortSize(lengthBytes: bigint): string {
  let left = lengthBytes;
  for (const unit of "BKMGTP") {
    if (left % 1024n !== 0n) return `${left}${unit}`;
    left /= 1024n;
  }
  return `${left}E`;
}

/** As debugfs shows an IOMMU's tables: a line for each leaf item, with all items on the way to it. */
function dumpItems(tables: Tables, write: (line: string) => void): void {
  const { configuration, memory, root } = tables;
  const { granuleLg2 } = shapeOf(configuration);
  let top = -1;
  visitTables(tables, {
    table: ({ level }) => {
      if (top >= 0) return;
      top = level;
      const columns = Array.from({ length: top + 1 }, (_, below) => `level ${top - below}`.padEnd(18));
      write(`${"IOVA >> ".concat(String(granuleLg2)).padEnd(18)} | ${columns.join(" ").trimEnd()}`);
    },
    item: ({ iova }) => {
      const { steps } = walkSteps(configuration, memory, root, iova);
      const items = new Map(steps.map(({ level, raw }) => [level, rawItem(tables, raw)]));
      const columns = Array.from({ length: top + 1 }, (_, below) =>
        (items.get(top - below) ?? "").padEnd(18),
      );
      const frame = `0x${(iova >> BigInt(granuleLg2)).toString(16).padStart(16, "0")}`;
      write(`${frame} | ${columns.join(" ").trimEnd()}`);
    },
  });
}
