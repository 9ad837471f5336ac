// The operation language: its JSON form is exact, its errors say where, its one-line form reads well.
import assert from "node:assert/strict";
import test from "ava";
import fc from "fast-check";
import { programBytes } from "../models/arbitraries.js";
import {
  ByteDraws,
  configurationName,
  configurations,
  configurationsOf,
  describeLength,
  describeOperation,
  findConfiguration,
  formatProgram,
  generateProgram,
  type Operation,
  operationFromJson,
  operationToJson,
  ProgramError,
  Prot,
  parseProgram,
} from "../models/index.js";
import { Reference } from "../reference/index.js";

const header = '"version": 1, "format": "amdv1", "configuration": "top2-va64"';

/** A program text that holds one operation. */
function programText(operation: string): string {
  return `{${header}, "operations": [{"op": "sync"}, ${operation}]}`;
}

test("a program survives its JSON form, whatever the generator made", (t) => {
  const configuration = findConfiguration("amdv1/top2-va64");
  if (configuration === undefined) return t.fail();
  const survives = fc.property(programBytes(40), (bytes) => {
    const operations = generateProgram(new ByteDraws(bytes), new Reference(configuration), 40);
    const program = { version: 1, format: "amdv1", configuration: "top2-va64", operations } as const;
    assert.deepEqual(parseProgram(formatProgram(program), "text"), program);
  });
  t.notThrows(() => fc.assert(survives, { numRuns: 50, seed: 1 }));
});

test("every kind of operation survives its JSON form at the ends of 64 bits", (t) => {
  const last = 0xffff_ffff_ffff_ffffn;
  const operations: Operation[] = [
    { op: "map", iova: last, pa: 0n, length: last, prot: 0 },
    { op: "map", iova: 0n, pa: last, length: 1n, prot: 63, pageSizes: 0x20_1000n },
    { op: "unmap", iova: last, length: 0n },
    { op: "unmapGathered", iova: 0x8000_0000_0000_0000n, length: last },
    { op: "sync" },
    { op: "lookup", iova: last },
    { op: "readAndClearDirty", iova: 0n, length: 0x1000n, clear: false },
    { op: "setDirty", iova: 0x1000n },
    { op: "deviceWrite", iova: 0x1fffn },
    { op: "entries", iova: 0n, length: last },
    { op: "cut", iova: last },
    { op: "resize", iova: last, length: 1n, largestLg2: 63 },
    { op: "trim", iova: 0n, length: last },
    { op: "mapRuns", iova: last, runs: [], prot: 1 },
    {
      op: "mapRuns",
      iova: 0n,
      runs: [
        [last, 1n],
        [0n, last],
      ],
      prot: 3,
    },
    { op: "unmapRuns", iova: last, length: last, capacity: 0x1_0000 },
    { op: "handover" },
    { op: "failNextAllocation", nth: 7 },
  ];
  for (const operation of operations) {
    const text = JSON.stringify(operationToJson(operation));
    t.deepEqual(operationFromJson(JSON.parse(text), "it"), operation, text);
  }
});

test("64-bit values are hexadecimal strings and permissions are names", (t) => {
  const operation = { op: "map", iova: 0x20_0000n, pa: 0x8_4020_0000n, length: 0x1000n, prot: 5 } as const;
  t.deepEqual(operationToJson(operation), {
    op: "map",
    iova: "0x200000",
    pa: "0x840200000",
    length: "0x1000",
    prot: ["read", "noExec"],
  });
});

const badPrograms: readonly (readonly [title: string, text: string, message: string])[] = [
  ["no JSON", `{\n  ${header},,`, "f.json:2:65: not JSON: Expected double-quoted property name"],
  ["no object", "[]", "f.json: expected an object, found []"],
  ["another version", '{"version": 2}', "f.json: version: expected 1, found 2"],
  ["an unknown format", '{"version": 1, "format": "ia64"}', "f.json: format: expected one of amdv1,"],
  [
    "an unknown configuration",
    '{"version": 1, "format": "riscv32", "configuration": "sv39", "operations": []}',
    "f.json: configuration: expected a configuration of riscv32 (sv32,",
  ],
  ["no operations", `{${header}}`, "f.json: operations: expected an array, found nothing"],
  ["an unknown key", `{${header}, "operation": []}`, 'f.json: unknown key "operation"; known are version,'],
  [
    "an unknown operation",
    programText('{"op": "remap"}'),
    'f.json: operations[1].op: expected the name of an operation, found "remap"',
  ],
  [
    "a number for an address",
    programText('{"op": "lookup", "iova": 4096}'),
    'f.json: operations[1].iova: expected a hexadecimal string such as "0x1000", found 4096',
  ],
  [
    "decimal digits",
    programText('{"op": "lookup", "iova": "4096"}'),
    'f.json: operations[1].iova: expected a hexadecimal string such as "0x1000", found "4096"',
  ],
  [
    "65 bits",
    programText('{"op": "unmap", "iova": "0x0", "length": "0x10000000000000000"}'),
    "f.json: operations[1].length: expected at most 64 bits",
  ],
  [
    "a missing member",
    programText('{"op": "unmap", "iova": "0x0"}'),
    "f.json: operations[1].length: expected a hexadecimal string such as",
  ],
  [
    "an unknown permission",
    programText('{"op": "map", "iova": "0x0", "pa": "0x0", "length": "0x1000", "prot": ["read", "exec"]}'),
    "f.json: operations[1].prot[1]: expected one of read, write,",
  ],
  [
    "a member of another operation",
    programText('{"op": "sync", "iova": "0x0"}'),
    'f.json: operations[1]: unknown key "iova"; known are op',
  ],
  [
    "no allocation to fail",
    programText('{"op": "failNextAllocation", "nth": 0}'),
    "f.json: operations[1].nth: expected a whole number from 1, found 0",
  ],
  [
    "an empty run",
    programText('{"op": "mapRuns", "iova": "0x0", "runs": [["0x1000", "0x0"]], "prot": ["read"]}'),
    'f.json: operations[1].runs[0][1]: expected a length that ends within 64 bits, found "0x0"',
  ],
  [
    "a run of one number",
    programText('{"op": "mapRuns", "iova": "0x0", "runs": [["0x1000"]], "prot": ["read"]}'),
    'f.json: operations[1].runs[0]: expected a physical address and a length, found ["0x1000"]',
  ],
  [
    "room for no run",
    programText('{"op": "unmapRuns", "iova": "0x0", "length": "0x1000", "capacity": 0}'),
    "f.json: operations[1].capacity: expected a whole number from 1, found 0",
  ],
  [
    "a word for a truth",
    programText('{"op": "readAndClearDirty", "iova": "0x0", "length": "0x1000", "clear": "yes"}'),
    'f.json: operations[1].clear: expected true or false, found "yes"',
  ],
];

for (const [title, text, message] of badPrograms) {
  test(`a program with ${title} is refused, and the message says where`, (t) => {
    const error = t.throws(() => parseProgram(text, "f.json"), { instanceOf: ProgramError });
    t.is(error?.message.slice(0, message.length), message);
  });
}

const described: readonly (readonly [operation: Operation, line: string])[] = [
  [
    { op: "map", iova: 0x20_0000n, pa: 0x8_4020_0000n, length: 0x20_0000n, prot: Prot.read | Prot.write },
    "map 0x0000_0020_0000 → 0x8_4020_0000 2 MiB rw",
  ],
  [
    { op: "map", iova: 0xffff_8000_0000_0000n, pa: 0n, length: 0x20_1000n, prot: 6, pageSizes: 0x1000n },
    "map 0xffff_8000_0000_0000 → 0x0 2052 KiB w+noExec sizes 0x1000",
  ],
  [{ op: "unmap", iova: 0x1_2345_6789_a000n, length: 0x4000_0000n }, "unmap 0x1_2345_6789_a000 1 GiB"],
  [{ op: "unmapGathered", iova: 0n, length: 0x801n }, "unmapGathered 0x0000_0000_0000 2049 B"],
  [
    { op: "readAndClearDirty", iova: 0n, length: 0x1000n, clear: false },
    "readAndClearDirty 0x0000_0000_0000 4 KiB without clearing",
  ],
  [{ op: "cut", iova: 0x3000n }, "cut 0x0000_0000_3000"],
  [
    { op: "resize", iova: 0n, length: 0x1000n, largestLg2: 21 },
    "resize 0x0000_0000_0000 4 KiB to at most 2 MiB",
  ],
  [{ op: "trim", iova: 0n, length: 0x4000_0000n }, "trim 0x0000_0000_0000 1 GiB"],
  [
    {
      op: "mapRuns",
      iova: 0x1000n,
      runs: [
        [0x8_4020_0000n, 0x1000n],
        [0n, 0x20_0000n],
      ],
      prot: 3,
    },
    "mapRuns 0x0000_0000_1000 → 0x8_4020_0000 4 KiB, 0x0 2 MiB rw",
  ],
  [{ op: "mapRuns", iova: 0n, runs: [], prot: 1 }, "mapRuns 0x0000_0000_0000 → nothing r"],
  [
    { op: "unmapRuns", iova: 0n, length: 0x1000n, capacity: 2 },
    "unmapRuns 0x0000_0000_0000 4 KiB into 2 runs",
  ],
  [{ op: "handover" }, "handover"],
  [{ op: "failNextAllocation", nth: 3 }, "failNextAllocation 3"],
];

for (const [operation, line] of described) {
  test(`an operation reads: ${line}`, (t) => {
    t.is(describeOperation(operation), line);
  });
}

test("a length of nothing and of everything has a unit too", (t) => {
  t.deepEqual([0n, 1n << 60n, (1n << 64n) - 0x1000n].map(describeLength), [
    "0 B",
    "1 EiB",
    `${(1n << 54n) - 4n} KiB`,
  ]);
});

test("a configuration is found by its full name, which is its own", (t) => {
  t.is(new Set(configurations.map(configurationName)).size, configurations.length);
  for (const configuration of configurations) {
    t.is(findConfiguration(configurationName(configuration)), configuration);
    t.true(configurationsOf(configuration.format).includes(configuration));
  }
  t.is(findConfiguration("amdv1/top9"), undefined);
});

for (const configuration of configurations) {
  const { tableBase, oaWidthLg2, encryptionBit } = configuration;
  test(`${configurationName(configuration)} keeps its tables where its pointers reach`, (t) => {
    const last = tableBase + (1n << 24n) - 1n;
    t.is(tableBase & 0xfffn, 0n);
    t.true(last < 1n << BigInt(oaWidthLg2));
    const addressesShareBit = (bit: number) => ((tableBase | last) >> BigInt(bit)) & 1n;
    if (encryptionBit !== undefined) t.is(addressesShareBit(encryptionBit), 0n);
  });
}
