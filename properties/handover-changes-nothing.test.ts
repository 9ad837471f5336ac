/** A table may be handed over to another process anywhere in a program: nothing that anybody can see changes. */
import test from "ava";
import { implementation, optionsOf } from "../fuzz/lockstep/create-table.js";
import { canCreate, createSubject, PageTableSubject } from "../fuzz/lockstep/index.js";
import {
  adoptMemory,
  type CommonOptions,
  type FormatEntry,
  type PageTable,
  PageTableError,
} from "../impl/common.js";
import {
  type Configuration,
  configurationsOf,
  formatNames,
  generateProgram,
  mixFor,
  SeededDraws,
  shapeOf,
} from "../models/index.js";
import type { Operation, Outcome } from "../models/operations.js";
import { Reference } from "../reference/index.js";

const OPERATIONS = 60;

/** What `Moving` does comes often: a quarter are lookups, and no unmap waits in a gather. */
function programFor(configuration: Configuration): Operation[] {
  const usual = mixFor(shapeOf(configuration));
  const mix = { ...usual, lookup: 64, change: usual.change + usual.lookup - 64, gathered: 0 };
  return generateProgram(new SeededDraws("handover"), new Reference(configuration), OPERATIONS, mix);
}

/** A table that may move house between any two operations. */
class Moving {
  readonly #configuration: Configuration;
  readonly #entry: FormatEntry<CommonOptions>;
  #table: PageTable;

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
    this.#entry = implementation.entryOf(configuration);
    const memory = implementation.createMemory({
      base: configuration.tableBase,
      capacityBytes: 1 << 23,
      smallestFrameLg2: new PageTableSubject(configuration).memory.smallestFrameLg2,
    });
    this.#table = this.#entry.create(optionsOf(configuration, memory, { invalidated() {}, cleaned() {} }));
  }

  get table(): PageTable {
    return this.#table;
  }

  /** To a copy of the memory; what is left behind is spoiled. */
  move(): void {
    const { memory } = this.#table;
    const record = this.#table.handOver();
    const copy = memory.words.slice();
    memory.words.fill(-1);
    const moved = adoptMemory(copy.buffer, [record]);
    const options = this.#configuration.incoherent ? { incoherent() {} } : {};
    this.#table = this.#entry.adopt(record, { memory: moved, invalidate() {}, ...options });
  }

  apply(operation: Operation): unknown {
    const table = this.#table;
    switch (operation.op) {
      case "map": {
        const { iova, pa, length, prot, pageSizes } = operation;
        return [table.tryMap(iova, pa, length, prot, pageSizes), table.mappedBytes];
      }
      case "unmap":
        return table.unmap(operation.iova, operation.length);
      case "lookup":
        return table.lookup(operation.iova);
      default:
        return undefined;
    }
  }
}

/** Tiny geometries are stamps of the suite's own, which records know by the name of the format that they shrink. */
const isWhole = (configuration: Configuration) =>
  configuration.tiny === undefined && canCreate(configuration);

for (const format of formatNames) {
  test(`${format}: a program goes on in another process as it would have here`, (t) => {
    for (const configuration of configurationsOf(format).filter(isWhole).slice(0, 6)) {
      const program = programFor(configuration);
      const stays = new Moving(configuration);
      const moves = new Moving(configuration);
      for (const [step, operation] of program.entries()) {
        if (step % 5 === 0) moves.move();
        t.deepEqual(
          moves.apply(operation),
          stays.apply(operation),
          `${configuration.name}, operation ${step}`,
        );
      }
      t.deepEqual([...moves.table.entries()], [...stays.table.entries()], configuration.name);
      t.is(moves.table.topLevel, stays.table.topLevel);
      t.is(moves.table.memory.liveFrames, stays.table.memory.liveFrames);
      moves.table.destroy();
      t.is(moves.table.memory.liveFrames, 0);
    }
  });
}

function handedOver(): { readonly record: string; readonly memory: Int32Array } {
  const [configuration] = configurationsOf("amdv1");
  const moving = new Moving(configuration);
  moving.table.map(0x20_0000n, 0x40_0000n, 0x20_3000n, 3);
  const { words } = moving.table.memory;
  return { record: moving.table.handOver(), memory: words };
}

function refusal(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (error instanceof PageTableError) return error.message;
    throw error;
  }
  return "it was not refused";
}

test("a record of which any character is lost or another is refused, with the reason", (t) => {
  const { record, memory } = handedOver();
  const adopt = (text: string) => () => adoptMemory(memory.buffer, [text]);
  for (let at = 0; at < record.length; at += 7) {
    const spoiled = `${record.slice(0, at)}${record[at] === "0" ? "1" : "0"}${record.slice(at + 1)}`;
    t.regex(refusal(adopt(spoiled)), /the record: /, `character ${at}`);
    t.regex(refusal(adopt(record.slice(0, at))), /the record: /, `cut at ${at}`);
  }
  t.notThrows(adopt(record));
});

test("a record of another format, version or memory is refused, with the reason", (t) => {
  const { record, memory } = handedOver();
  const adopted = adoptMemory(memory.buffer, [record]);
  const [dart] = configurationsOf("dart2");
  const [amd] = configurationsOf("amdv1");
  const as = (configuration: Configuration, where = adopted) =>
    implementation.entryOf(configuration).adopt(record, { memory: where });
  t.regex(
    refusal(() => as(dart)),
    /it is of a table of amdv1, not dart2/,
  );
  const other = implementation.createMemory({ base: 0x7000n, capacityBytes: 1 << 20 });
  t.regex(
    refusal(() => as(amd, other)),
    /its tables are not in this memory/,
  );
  const empty = implementation.createMemory({ base: adopted.base, capacityBytes: 1 << 20 });
  t.regex(
    refusal(() => as(amd, empty)),
    /its frame 0x[0-9a-f]+ is not in use here/,
  );
  t.regex(
    refusal(() => adoptMemory(new ArrayBuffer(4096), [record])),
    /it is of another table memory/,
  );
  t.is(as(amd).lookup(0x20_0004n), 0x40_0004n);
});

test("a table that was handed over cannot be used, and one whose frames wait for an invalidation is not handed over", (t) => {
  const [configuration] = configurationsOf("amdv1");
  const { table } = new Moving(configuration);
  const gather = table.createGather();
  table.map(0x1000n, 0x1000n, 0x1000n, 3);
  table.map(0x20_0000n, 0n, 0x20_0000n, 3, 1n << 12n);
  table.unmap(0x20_0000n, 0x20_0000n, gather);
  t.regex(
    refusal(() => table.handOver()),
    /frames wait for an invalidation/,
  );
  gather.sync();
  t.notThrows(() => table.handOver());
  t.regex(
    refusal(() => table.lookup(0n)),
    /DESTROYED/,
  );
});

const outcomes: readonly Outcome["op"][] = ["map", "unmap", "lookup"];

test("the programs of this file do what they are meant for", (t) => {
  const subject = createSubject(configurationsOf("amdv1")[0]);
  const program = programFor(subject.configuration);
  const counted = outcomes.map((op) => program.filter((operation) => operation.op === op).length);
  // By its mix a program has 15 lookups and 24 changes, of which in a table that is nearly empty 6 are unmaps.
  t.true(
    counted.every((count) => count >= 4),
    counted.join(", "),
  );
});
