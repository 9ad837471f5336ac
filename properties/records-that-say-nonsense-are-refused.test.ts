/** A record with the checksum of what it says, of which one field says nonsense, is refused with the reason. */
import { crc32 } from "node:zlib";
import test from "ava";
import { adoptMemory, amdv1, PageTableError, TableMemory, vtdSecondStage } from "../impl/index.js";

const CHECKSUM = /,"checksum":"[0-9a-f]{8}"\}$/;

function handedOver() {
  const memory = new TableMemory({ capacityBytes: 1 << 20, base: 0x10_0000n });
  const table = amdv1.create({ memory, topLevel: 2 });
  table.map(0x20_0000n, 0x40_0000n, 0x20_3000n, 3);
  return { buffer: memory.words.buffer, record: table.handOver() };
}

/** The same record with some fields changed, under the checksum that belongs to it (CRC-32 over UTF-16). */
function changed(record: string, fields: Readonly<Record<string, unknown>>): string {
  const value: object = JSON.parse(record.replace(CHECKSUM, "}"));
  const said = JSON.stringify({ ...value, ...fields });
  const checksum = crc32(Buffer.from(said, "utf16le")).toString(16).padStart(8, "0");
  return `${said.slice(0, -1)},"checksum":"${checksum}"}`;
}

function refusalOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (error instanceof PageTableError && error.code === "INVALID_ARGUMENT") return error.message;
    throw error;
  }
  return "it was not refused";
}

test("what is changed to what it was is adopted", (t) => {
  const { buffer, record } = handedOver();
  t.is(changed(record, {}), record);
  const table = amdv1.adopt(record, { memory: adoptMemory(buffer, [record]) });
  t.is(table.lookup(0x20_1000n), 0x40_1000n);
});

const nonsense: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
  [{ kind: "letter" }, /no record of a table/],
  [{ version: 99 }, /version is 99/],
  [{ format: 7 }, /a name is missing/],
  [{ root: 12 }, /an address is missing/],
  [{ base: "10" }, /an address is missing/],
  [{ usedBytes: -1 }, /a number is missing/],
  [{ topLevel: "2" }, /a number is missing/],
  [{ frames: [["0x100000"]] }, /a frame is an address and a size/],
  [{ frames: ["0x100000"] }, /a frame is an address and a size/],
  [{ options: { oaWidthLg2: null } }, /a name is missing/],
  [{ options: 7 }, /its options are missing/],
  [{ callbacks: "invalidate" }, /a list is missing/],
  [{ callbacks: [7] }, /a name is missing/],
  [{ frames: "none" }, /a list is missing/],
  [
    {
      frames: [
        ["0x100000", 12],
        ["0x100000", 12],
      ],
    },
    /frames overlap/,
  ],
  [{ frames: [["0x100800", 12]] }, /frames overlap, are not aligned/],
  [{ frames: [["0x100000", 99]] }, /lie outside the memory/],
  [{ frames: [["0x0", 12]] }, /lie outside the memory/],
  [{ usedBytes: 0x1001 }, /lie outside the memory/],
  [{ frames: [], usedBytes: 1 << 21 }, /whole frames inside the memory/],
  [{ capacityBytes: 1 << 16 }, /another table memory/],
];

for (const [fields, reason] of nonsense) {
  test(`a record of ${JSON.stringify(fields)}`, (t) => {
    const { buffer, record } = handedOver();
    t.regex(
      refusalOf(() => adoptMemory(buffer, [changed(record, fields)])),
      reason,
    );
  });
}

test("records that are none, or not there", (t) => {
  const { buffer, record } = handedOver();
  t.regex(
    refusalOf(() => adoptMemory(buffer, [])),
    /one at least/,
  );
  t.regex(
    refusalOf(() => Reflect.apply(adoptMemory, undefined, [buffer, [12]])),
    /a string is needed/,
  );
  const memory = adoptMemory(buffer, [record]);
  const bare = changed(record, { frames: [] });
  t.regex(
    refusalOf(() => amdv1.adopt(bare, { memory })),
    /its first frame is not the root/,
  );
});

test("a record of a table with a callback that is not given again", (t) => {
  const made = new TableMemory({ capacityBytes: 1 << 20, base: 0x10_0000n });
  const incoherent = () => {};
  const record = vtdSecondStage.create({ memory: made, incoherent }).handOver();
  const memory = adoptMemory(made.words.buffer, [record]);
  t.regex(
    refusalOf(() => vtdSecondStage.adopt(record, { memory })),
    /made with `incoherent`, which must be given again/,
  );
  t.is(vtdSecondStage.adopt(record, { memory, incoherent }).lookup(0n), undefined);
});
