/** What hardware logs is read whole and in order, and each refused DMA is shown on its way through the tables as they are. */
import test from "ava";
import { decodeEvent, describeEvent } from "../impl/iommu/amd/event-log.js";
import type { AmdSystem } from "../impl/iommu/amd/system.js";
import type { IntelSystem } from "../impl/iommu/intel/system.js";
import { amdScene, deviceId, intelScene, PAGE, READ_WRITE, scalableScene, seen } from "./iommu-scene.js";

const DEVICE = { id: deviceId(1, 0x0a) };
const REQUESTER = 0x10a;

/** A device of a domain with one 4 KiB page at 0x12345 that may only be read, and a 2 MiB page at 0x40000. */
function amdFaults(options: Parameters<typeof amdScene>[0] = {}) {
  const scene = amdScene(options);
  assignMapped(scene.system);
  return scene;
}

function assignMapped(system: AmdSystem | IntelSystem): void {
  const domain = system.createDomain({ id: 5 });
  domain.legacyMap(0x12345, 0xabcde, 1, 1);
  domain.legacyMap(0x40000, 0x80000, 512, READ_WRITE);
  system.addDevice(DEVICE);
  system.assign(DEVICE.id, domain);
}

/** The lines with every address of a table replaced, for which frames the tables have is not the claim. */
function withoutAddresses(lines: readonly string[]): readonly string[] {
  return lines.map((line) =>
    line.replace(/root 0x[0-9a-f]+/, "root …").replace(/[06]0000001[0-9a-f]{5}([0-9a-f]{3})/, "table..$1"),
  );
}

test("AMD: a write to a page that may be read ends at its leaf", (t) => {
  const { hardware, system } = amdFaults();
  t.is(seen(hardware.dma(REQUESTER, 0x12345n * PAGE + 8n, 4, true)), "fault 2");
  const [report] = system.readFaults();
  t.false(report.overflowed);
  t.deepEqual(withoutAddresses(report.lines), [
    "IO_PAGE_FAULT: 0000:01:01.2 domain 5 address 0x0000000012345008 flags 0x070 PE RW PR",
    "0000:01:01.2 root …, 4 levels, dfn 0x12345",
    "L4[000] = table..601 rw",
    "L3[000] = table..401 rw",
    "L2[091] = table..201 rw",
    "L1[145] = 30000000abcde001 r-",
  ]);
});

test("AMD: the way ends where nothing is, and at a superpage", (t) => {
  const { hardware, system, unit } = amdFaults();
  hardware.dma(REQUESTER, 0x12346n * PAGE, 4, false);
  hardware.dma(REQUESTER, 0x7fff_ffffn * PAGE, 4, false);
  hardware.dma(0x3f8, 0n, 4, false);
  const lines = withoutAddresses(system.readFaults()[0].lines);
  t.deepEqual(lines, [
    "IO_PAGE_FAULT: 0000:01:01.2 domain 5 address 0x0000000012346000 flags 0x000",
    "0000:01:01.2 root …, 4 levels, dfn 0x12346",
    "L4[000] = table..601 rw",
    "L3[000] = table..401 rw",
    "L2[091] = table..201 rw",
    `L1[146] = ${"0".repeat(15)}2 np`,
    "IO_PAGE_FAULT: 0000:01:01.2 domain 5 address 0x000007fffffff000 flags 0x000",
    "0000:01:01.2 root …, 4 levels, dfn 0x7fffffff",
    `L4[00f] = ${"0".repeat(16)} np`,
    "IO_PAGE_FAULT: 0000:03:1f.0 domain 0 address 0x0000000000000000 flags 0x000",
    "0000:03:1f.0 no root",
  ]);
  const event = decodeEvent([REQUESTER, 0x2000_0005, 0x4000_1000, 0]);
  t.regex(unit.describe(event).at(-1) ?? "", /^L2\[000\] = 7000000080000001 rw$/);
});

for (const next of [4, 7]) {
  test(`AMD: a pointer of the highest level to level ${next} is named, and ends the way`, (t) => {
    const { memory, hardware, unit } = amdFaults();
    const word = (unit.entryOf(REQUESTER).root - Number(memory.base)) / 4;
    memory.words[word] = (memory.words[word] & ~(7 << 9)) | (next << 9);
    hardware.dma(REQUESTER, 0n, 4, false);
    const lines = unit.readEvents().events.flatMap((event) => unit.describe(event));
    t.deepEqual(lines.slice(-1), [`L4[000] next level is ${next}`]);
    t.is(lines.length, 4);
  });
}

test("AMD: an item that is not present ends the way, whatever else it says", (t) => {
  const { memory, hardware, unit } = amdFaults();
  const word = (unit.entryOf(REQUESTER).root - Number(memory.base)) / 4;
  memory.words[word] &= ~1;
  hardware.dma(REQUESTER, 0n, 4, false);
  const lines = unit.readEvents().events.flatMap((event) => unit.describe(event));
  t.is(lines.length, 3);
  t.regex(lines[2], /^L4\[000\] = 6.* np$/);
});

test("AMD: printing changes nothing", (t) => {
  const { memory, hardware, unit } = amdFaults();
  hardware.dma(REQUESTER, 0x12346n * PAGE, 4, false);
  const { events } = unit.readEvents();
  const before = memory.words.slice();
  t.true(events.flatMap((event) => unit.describe(event)).length > 3);
  t.is(Buffer.compare(Buffer.from(before.buffer), Buffer.from(memory.words.buffer)), 0);
});

test("AMD: a full log loses what comes after, says so, and runs again", (t) => {
  const { hardware, system } = amdFaults();
  const faults = (from: number, count: number) => {
    for (let page = from; page < from + count; page++) hardware.dma(REQUESTER, BigInt(page) * PAGE, 4, false);
  };
  faults(0, 300);
  const [full] = system.readFaults();
  t.true(full.overflowed);
  const first = full.lines.filter((line) => line.startsWith("IO_PAGE_FAULT"));
  t.is(first.length, 255);
  t.regex(first[254], /address 0x00000000000fe000/);
  // Two laps and a half, read in between.
  for (let lap = 0; lap < 6; lap++) {
    faults(0x1000 + 100 * lap, 100);
    const [report] = system.readFaults();
    t.false(report.overflowed);
    const lines = report.lines.filter((line) => line.startsWith("IO_PAGE_FAULT"));
    t.is(lines.length, 100);
    const address = (0x1000 + 100 * lap) * 4096;
    t.regex(lines[0], new RegExp(`address 0x${address.toString(16).padStart(16, "0")}`));
  }
});

test("AMD: an entry that comes after the tail is waited for, also on later laps over old entries", (t) => {
  const { hardware, system } = amdFaults({ hardware: { lateEvents: true } });
  for (let page = 0; page < 600; page++) {
    hardware.dma(REQUESTER, BigInt(page) * PAGE, 4, false);
    const [{ lines }] = system.readFaults();
    t.is(lines.filter((line) => line.startsWith("IO_PAGE_FAULT")).length, 1);
    t.regex(lines[0], new RegExp(`domain 5 address 0x${(page * 4096).toString(16).padStart(16, "0")} `));
  }
});

test("AMD: events of every kind have their names", (t) => {
  const lineOf = (code: number) => describeEvent(decodeEvent([0x100, code << 28, 0x1000, 0]), 0);
  t.is(lineOf(1), "ILLEGAL_DEV_TABLE_ENTRY 00000100 10000000 00001000 00000000");
  const names = [3, 4, 5, 6, 7, 8].map((code) => lineOf(code).split(" ")[0]);
  t.deepEqual(names, [
    "DEV_TAB_HARDWARE_ERROR",
    "PAGE_TAB_HARDWARE_ERROR",
    "ILLEGAL_COMMAND_ERROR",
    "COMMAND_HARDWARE_ERROR",
    "IOTLB_INV_TIMEOUT",
    "INVALID_DEVICE_REQUEST",
  ]);
  t.is(lineOf(11).split(" 0")[0], "event 11");
  const flags = describeEvent(decodeEvent([0x100, 0x2fff_0001, 0, 0]), 1);
  t.is(
    flags,
    "IO_PAGE_FAULT: 0001:01:00.0 domain 1 address 0x0000000000000000 flags 0xfff ?? ?? ?? TR RZ PE RW PR I US NX GN",
  );
});

/** The same machine with a VT-d unit, of number 3. */
function intelFaults(options: Parameters<typeof intelScene>[0] = {}) {
  const scene = intelScene({ ...options, unit: { number: 3, ...options.unit } });
  assignMapped(scene.system);
  return scene;
}

test("VT-d: a write to a page that may be read ends at its leaf", (t) => {
  const { hardware, system } = intelFaults();
  t.is(seen(hardware.dma(REQUESTER, 0x12345n * PAGE + 8n, 4, true)), "fault 5");
  const [report] = system.readFaults();
  t.false(report.overflowed);
  t.deepEqual(withoutAddresses(report.lines), [
    "DMA write 0000:01:01.2 address 0x12345000",
    "reason 05: a write without permission (unit 3)",
    "unit 3 device 0000:01:01.2 dfn 0x12345",
    "root[01] = 0000000000000000_table..001",
    "context[0a] = 0000000000000502_table..001",
    "l4[000] = table..003 rw",
    "l3[000] = table..003 rw",
    "l2[091] = table..003 rw",
    "l1[145] = 00000000abcde801 r-",
  ]);
});

test("VT-d: the way ends where nothing is, and at a superpage", (t) => {
  const { hardware, system } = intelFaults();
  hardware.dma(REQUESTER, 0x7fff_ffffn * PAGE, 4, false);
  hardware.dma(0x10b, 0n, 4, false);
  hardware.dma(0x3f8, 0n, 4, false);
  const [report] = system.readFaults();
  t.deepEqual(withoutAddresses(report.lines), [
    "DMA read 0000:01:01.2 address 0x7fffffff000",
    "reason 06: a read without permission (unit 3)",
    "unit 3 device 0000:01:01.2 dfn 0x7fffffff",
    "root[01] = 0000000000000000_table..001",
    "context[0a] = 0000000000000502_table..001",
    "l4[00f] = 0000000000000000 --",
    "DMA read 0000:01:01.3 address 0x0000",
    "reason 02: the context entry is not present (unit 3)",
    "unit 3 device 0000:01:01.3 dfn 0x0",
    "root[01] = 0000000000000000_table..001",
    `context[0b] = ${"0".repeat(16)}_${"0".repeat(16)} not present`,
    "DMA read 0000:03:1f.0 address 0x0000",
    "reason 01: the root entry is not present (unit 3)",
    "unit 3 device 0000:03:1f.0 dfn 0x0",
    `root[03] = ${"0".repeat(16)}_${"0".repeat(16)} not present`,
  ]);
});

test("VT-d: a superpage ends the way", (t) => {
  const { unit } = intelFaults();
  const lines = unit.describe({
    reason: 5,
    source: REQUESTER,
    isRead: false,
    pasid: undefined,
    dfn: 0x40123,
  });
  t.deepEqual(
    lines.slice(-2).map((line) => line.split(" = ")[0]),
    ["l3[001]", "l2[000]"],
  );
  t.regex(lines.at(-1) ?? "", /= 0000000080000883 rw$/);
});

test("VT-d: in scalable mode the PASID's entry is on the way", (t) => {
  const { hardware, system } = scalableScene({ unit: { number: 3 } });
  assignMapped(system);
  hardware.dma(REQUESTER, 0x12346n * PAGE, 4, false);
  hardware.dma(REQUESTER, 0n, 4, false, { pasid: 5 });
  const [report] = system.readFaults();
  t.deepEqual(withoutAddresses(report.lines), [
    "DMA read 0000:01:01.2 address 0x12346000",
    "reason 79: a second-stage entry without the permission (unit 3)",
    "unit 3 device 0000:01:01.2 dfn 0x12346",
    "root[01] = 0000000000000000_table..001",
    "context[0a] = 0000000000000000_table..009",
    "pasid = table..089",
    "l4[000] = table..003 rw",
    "l3[000] = table..003 rw",
    "l2[091] = table..003 rw",
    "l1[146] = 0010000000000000 --",
    "DMA read 0000:01:01.2 PASID 0x5 address 0x0000",
    "reason 59: the PASID entry is not present (unit 3)",
    "unit 3 device 0000:01:01.2 dfn 0x0",
    "root[01] = 0000000000000000_table..001",
    "context[0a] = 0000000000000000_table..009",
    `pasid = ${"0".repeat(16)} not present`,
  ]);
});

test("VT-d: full records lose what comes after, say so, and are filled again, round and round", (t) => {
  const { hardware, system } = intelFaults();
  const addresses = (from: number, count: number) => {
    for (let page = from; page < from + count; page++) hardware.dma(REQUESTER, BigInt(page) * PAGE, 4, false);
    const [{ lines, overflowed }] = system.readFaults();
    const told = lines
      .filter((line) => line.startsWith("DMA"))
      .map((line) => Number(line.split("address ")[1]));
    return { pages: told.map((address) => address / 4096), overflowed };
  };
  for (let lap = 0; lap < 9; lap++) {
    t.deepEqual(addresses(10 * lap, 3), {
      pages: [0, 1, 2].map((page) => 10 * lap + page),
      overflowed: false,
    });
  }
  t.deepEqual(addresses(0x1000, 20), {
    pages: Array.from({ length: 8 }, (_, index) => 0x1000 + index),
    overflowed: true,
  });
  t.deepEqual(addresses(0x2000, 2), { pages: [0x2000, 0x2001], overflowed: false });
});

test("VT-d, as deployed: the index passes the last record, and what went round is never read", (t) => {
  const told = (compat: boolean) => {
    const { hardware, unit } = intelFaults({ unit: { compat } });
    return [6, 5, 0].map((count) => {
      for (let page = 0; page < count; page++) hardware.dma(REQUESTER, BigInt(page) * PAGE, 4, false);
      return unit.readFaults().faults.length;
    });
  };
  t.deepEqual(told(false), [6, 5, 0]);
  t.deepEqual(told(true), [6, 2, 0]);
});

test("VT-d: interrupt requests have an index, and no way", (t) => {
  const { unit } = intelFaults();
  const fault = { reason: 0x22, source: REQUESTER, isRead: true, pasid: undefined, dfn: 0x123 * 2 ** 36 };
  t.deepEqual(unit.describe(fault), [
    "interrupt request 0000:01:01.2 index 0x123",
    "reason 22: the interrupt entry is not present (unit 3)",
  ]);
});
