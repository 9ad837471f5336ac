/**
 * This project's implementation behind the protocol, as a stranger's would be: a program of its own, for
 * `against.test.ts`. It knows every operation and reports everything, and its memory goes through lines.
 */
import { createInterface } from "node:readline";
import { adoptTable, createTable, implementation } from "../fuzz/lockstep/create-table.js";
import { smallestFrameLg2 } from "../fuzz/lockstep/frames.js";
import { Journal } from "../fuzz/lockstep/journal.js";
import { adoptMemory, PageTableError, PhysicalRuns, TableMemory } from "../impl/common.js";
import { type Configuration, findConfiguration } from "../models/index.js";

const settings = new Map<string, string>();
let lines: string[] = [];
let table: OpenTable | undefined;

const hex = (value: bigint | number) => `0x${value.toString(16)}`;

class OpenTable {
  readonly #configuration: Configuration;
  readonly #journal: Journal;
  /** These three are others after a handover. */
  #memory: TableMemory;
  #table: ReturnType<typeof createTable>;
  #gather: ReturnType<ReturnType<typeof createTable>["createGather"]>;
  #root = "";

  constructor() {
    const name = `${settings.get("format")}/${settings.get("configuration")}`;
    const configuration = findConfiguration(name);
    if (configuration === undefined) throw new Error(`no configuration ${name}`);
    const capacityBytes = Number(settings.get("memoryBytes"));
    const base = BigInt(settings.get("memoryBase") ?? 0);
    const smallest = smallestFrameLg2(configuration);
    this.#memory = new TableMemory({ base, capacityBytes, poison: true, smallestFrameLg2: smallest });
    const journal = new Journal(0, { markWord: 0, markBit: 0 });
    const address = (word: number) => hex(base + BigInt(word * 4));
    journal.allocated = (word, frameLg2) => lines.push(`+ ${address(word)} ${2 ** frameLg2}`);
    journal.released = (word) => lines.push(`- ${address(word)}`);
    journal.published = () => {};
    journal.stored = () => {};
    journal.storedPair = () => {};
    journal.cleaned = () => {};
    journal.invalidated = ({ first, last, leafLevels, tableLevels }) =>
      lines.push(`! ${hex(first)} ${hex(last)} ${leafLevels} ${tableLevels}`);
    this.#memory.observer = journal;
    [this.#configuration, this.#journal] = [configuration, journal];
    this.#table = createTable(configuration, this.#memory, journal);
    this.#gather = this.#table.createGather();
    lines.push("can reset write lookup entries gather dirty setdirty fail sizes refusals overlaps partial");
    lines.push("can cut resize trim mapruns unmapruns handover");
    lines.push("judge frames tables ranges bits");
    this.sayRoot();
  }

  sayRoot(): void {
    const { root, topLevel } = this.#table.hwInfo();
    const text = `root ${hex(root)} ${topLevel}`;
    if (text !== this.#root) lines.push(text);
    this.#root = text;
  }

  answer(op: string, numbers: readonly bigint[]): string {
    const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n] = numbers;
    const table = this.#table;
    switch (op) {
      case "map": {
        const code = codeOf(() => table.map(a, b, c, Number(d), e));
        return code === "" ? `ok ${hex(table.mappedBytes)}` : `no ${code} ${hex(table.mappedBytes)}`;
      }
      case "unmap":
        return `ok ${hex(table.unmap(a, b))}`;
      case "gather":
        return `ok ${hex(table.unmap(a, b, this.#gather))}`;
      case "sync":
        this.#gather.sync();
        return "ok";
      case "lookup": {
        const pa = table.lookup(a);
        return pa === undefined ? "no" : `ok ${hex(pa)}`;
      }
      case "entries":
        for (const { iova, sizeLg2, pa, read, write, execute, dirty } of table.entries(a, b)) {
          const rights = `${read ? "r" : "-"}${write ? "w" : "-"}${execute ? "x" : "-"}`;
          lines.push(`entry ${hex(iova)} ${sizeLg2} ${hex(pa)} ${rights} ${dirty ? 1 : 0}`);
        }
        return "ok";
      case "dirty":
        return ended(() =>
          table.readAndClearDirty(a, b, (iova, length) => lines.push(`dirty ${hex(iova)} ${hex(length)}`), {
            clear: c === 1n,
          }),
        );
      case "setdirty":
        return ended(() => table.setDirty(a));
      case "cut":
        return ended(() => table.cut(a));
      case "resize":
        return ended(() => table.resize(a, b, { largestLg2: Number(c) }));
      case "trim": {
        const code = codeOf(() => table.trim(a, b));
        return code === "" ? `ok ${table.trimmedTables}` : `no ${code}`;
      }
      case "mapruns":
        return this.#mapRuns(a, Number(b), numbers.slice(2));
      case "unmapruns": {
        const told = new PhysicalRuns(Number(c));
        const removed = table.unmapRuns(a, b, told);
        for (const { pa, lengthBytes } of told) lines.push(`run ${hex(pa)} ${hex(lengthBytes)}`);
        return `ok ${hex(removed)}`;
      }
      case "handover":
        this.#handOver();
        return "ok";
      case "fail":
        this.#memory.failNextAllocation(Number(a));
        return "ok";
      case "read": {
        const { words } = this.#memory;
        const place = Number(a - this.#memory.base);
        const bytes = Buffer.from(words.buffer, words.byteOffset + place, Number(b));
        return `ok ${bytes.toString("hex")}`;
      }
      case "write":
        this.#memory.words[Number(a - this.#memory.base) / 4] = Number(b) | 0;
        return "ok";
      default:
        this.#gather.sync();
        table.destroy();
        return "ok";
    }
  }

  #mapRuns(iova: bigint, prot: number, numbers: readonly bigint[]): string {
    const runs = new PhysicalRuns(Math.max(1, numbers.length / 2));
    for (let at = 0; at < numbers.length; at += 2) runs.add(numbers[at], numbers[at + 1]);
    const code = codeOf(() => this.#table.mapRuns(iova, runs, prot));
    const mapped = numbers.length === 0 ? 0n : this.#table.mappedBytes;
    return code === "" ? `ok ${hex(mapped)}` : `no ${code} ${hex(mapped)}`;
  }

  #handOver(): void {
    this.#gather.sync();
    const record = this.#table.handOver();
    this.#memory.observer = undefined;
    this.#memory = adoptMemory(this.#memory.words.buffer, [record], { poison: true });
    this.#memory.observer = this.#journal;
    this.#table = adoptTable(this.#configuration, record, this.#memory, this.#journal, implementation);
    this.#gather = this.#table.createGather();
  }
}

/** Empty, or why it was refused. */
function codeOf(attempt: () => void): string {
  try {
    attempt();
    return "";
  } catch (error) {
    if (error instanceof PageTableError) return error.code;
    throw error;
  }
}

function ended(attempt: () => void): string {
  const code = codeOf(attempt);
  return code === "" ? "ok" : `no ${code}`;
}

function respond([op, ...words]: readonly string[]): void {
  lines = [];
  let last = "ok 1";
  if (op === "open") table = new OpenTable();
  else if (table === undefined) last = "no";
  else {
    last = table.answer(op, words.map(BigInt));
    if (op !== "close" && op !== "read") table.sayRoot();
  }
  process.stdout.write(`${[...lines, last].join("\n")}\n`);
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const words = line.split(" ");
  if (words[0] === "genpt") settings.clear();
  else if (words[0] === "set") settings.set(words[1], words[2]);
  else respond(words);
});
