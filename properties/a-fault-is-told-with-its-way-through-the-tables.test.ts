/** What hardware logs is read whole and in order, and each refused DMA is shown on its way through the tables as they are. */
import test from "ava";
import { decodeEvent, describeEvent } from "../impl/iommu/amd/event-log.js";
import { amdScene, deviceId, PAGE, physicalMemory, READ_WRITE, seen } from "./iommu-scene.js";

const DEVICE = { id: deviceId(1, 0x0a) };
const REQUESTER = 0x10a;
const EVENT_BASE = 0x0010;
const EVENT_HEAD = 0x2010;

/** A device of a domain with one 4 KiB page at 0x12345 that may only be read, and a 2 MiB page at 0x40000. */
function amdFaults(options: Parameters<typeof amdScene>[0] = {}) {
  const scene = amdScene(options);
  const domain = scene.system.createDomain({ id: 5 });
  domain.legacyMap(0x12345, 0xabcde, 1, 1);
  domain.legacyMap(0x40000, 0x80000, 512, READ_WRITE);
  scene.system.addDevice(DEVICE);
  scene.system.assign(DEVICE.id, domain);
  return scene;
}

/** The lines with every address of a table replaced, for which frames the tables have is not the claim. */
function withoutAddresses(lines: readonly string[]): readonly string[] {
  return lines.map((line) =>
    line.replace(/root 0x[0-9a-f]+/, "root …").replace(/60000001000[0-9a-f]{2}/, "table.."),
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

test("AMD: a pointer that does not lead down is named, and ends the way", (t) => {
  const { memory, hardware, unit } = amdFaults();
  const root = unit.entryOf(REQUESTER).root;
  const word = (root - Number(memory.base)) / 4;
  memory.words[word] |= 7 << 9;
  hardware.dma(REQUESTER, 0n, 4, false);
  const lines = unit.readEvents().events.flatMap((event) => unit.describe(event));
  t.deepEqual(lines.slice(-1), ["L4[000] next level is 7"]);
  t.is(lines.length, 4);
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

test("AMD: an entry that comes after the tail is waited for", (t) => {
  let arrives: (() => void) | undefined;
  const { memory, hardware, system } = amdFaults({
    unit: {
      relax: () => {
        arrives?.();
        arrives = undefined;
      },
    },
  });
  const physical = physicalMemory(memory);
  const base = Number(hardware.read64(EVENT_BASE) & 0xf_ffff_ffff_f000n);
  hardware.dma(REQUESTER, 0n, 4, false);
  const code = base + Number(hardware.read64(EVENT_HEAD)) + 4;
  physical.write32(code, 0);
  arrives = () => physical.write32(code, 0x2070_0005);
  const [report] = system.readFaults();
  t.regex(report.lines[0], /^IO_PAGE_FAULT: 0000:01:01.2 domain 5 .* flags 0x070 PE RW PR$/);
  t.is(physical.read32(code), 0);
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
