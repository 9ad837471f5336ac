/** Commands and invalidation descriptors stand in memory bit for bit as the manuals have them. */
import test from "ava";
import {
  completionWait,
  type FlushOrder,
  flushOrder,
  invalidateAll,
  invalidateDeviceTableEntry,
  invalidateDeviceTlb,
  invalidateGuestPages,
  invalidateInterruptTable,
  invalidatePages,
} from "../impl/iommu/amd/commands.js";
import {
  contextCommand,
  contextDescriptor,
  deviceTlbDescriptor,
  interruptDescriptor,
  iotlbAddress,
  iotlbCommand,
  iotlbDescriptor,
  pasidCacheDescriptor,
  pasidDeviceTlbDescriptor,
  pasidIotlbDescriptor,
  flushOrder as vtdFlushOrder,
  waitDescriptor,
} from "../impl/iommu/intel/invalidation.js";

const unsigned = (words: readonly number[]) => words.map((word) => (word >>> 0).toString(16));
/** Low and high quadword of a descriptor. */
const quadwords = ([a, b, c, d]: readonly number[]) => [join(a, b), join(c, d)];
const join = (low: number, high: number) =>
  `0x${((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString(16)}`;

const ADDRESS = 0x123_4567_8000;
const DFN = ADDRESS / 4096;
const NOT_DRAINING = { drainsWrites: false, drainsReads: false };

const amdPages: readonly (readonly [FlushOrder, readonly string[]])[] = [
  [0, ["0", "3000abcd", "45678000", "123"]],
  [9, ["0", "3000abcd", "456ff003", "123"]],
  [18, ["0", "3000abcd", "5ffff003", "123"]],
  ["all", ["0", "3000abcd", "fffff003", "7fffffff"]],
];
for (const [order, words] of amdPages) {
  test(`AMD: pages of order ${order}`, (t) => {
    t.deepEqual(unsigned(invalidatePages(0xabcd, DFN, order)), words);
  });
}

test("AMD: the other commands", (t) => {
  t.deepEqual(unsigned(completionWait(0x8_1234_5678, 1, 0)), ["12345679", "10000008", "1", "0"]);
  t.deepEqual(unsigned(invalidateDeviceTableEntry(0x1234)), ["1234", "20000000", "0", "0"]);
  t.deepEqual(unsigned(invalidateInterruptTable(0x1234)), ["1234", "50000000", "0", "0"]);
  t.deepEqual(unsigned(invalidateAll()), ["0", "80000000", "0", "0"]);
  t.deepEqual(unsigned(invalidateGuestPages(7, 0xabcde, DFN, 0)), ["abcde", "30000007", "45678004", "123"]);
  t.deepEqual(unsigned(invalidateGuestPages(7, 1, 0, "all")), ["1", "30000007", "fffff007", "7fffffff"]);
});

test("AMD: a device's TLB is told the size, which deployed code forgets", (t) => {
  const tlb = { device: 0x1234, queue: 0x1230, maxPending: 0x20 };
  t.deepEqual(unsigned(invalidateDeviceTlb(tlb, DFN, 0)), ["20001234", "40001230", "45678000", "123"]);
  t.deepEqual(unsigned(invalidateDeviceTlb(tlb, DFN, 9)), ["20001234", "40001230", "456ff001", "123"]);
  t.deepEqual(unsigned(invalidateDeviceTlb(tlb, DFN, 9, true)), ["20001234", "40001230", "456ff000", "123"]);
  t.deepEqual(unsigned(invalidateDeviceTlb({ ...tlb, pasid: 0xabcde }, DFN, "all")), [
    "20de1234",
    "4abc1230",
    "fffff005",
    "7fffffff",
  ]);
});

test("AMD: the order of a range is the least of 0, 9, 18 and all that covers it", (t) => {
  t.is(flushOrder(0x1ff, 1), 0);
  t.is(flushOrder(0x200, 0x200), 9);
  t.is(flushOrder(0x1ff, 2), 18);
  t.is(flushOrder(0x3_ffff, 2), "all");
  t.is(flushOrder(2 ** 40 + 0x200, 3), 9);
  t.is(flushOrder(2 ** 52 - 1, 1), 0);
  t.is(flushOrder(2 ** 52 - 1, 2), "all");
  t.is(flushOrder(Number.MAX_SAFE_INTEGER, 2), "all");
  for (let first = 0; first < 2 ** 19; first += 509) {
    for (const pages of [1, 2, 3, 511, 512, 513, 2 ** 18 - 1, 2 ** 18, 2 ** 18 + 1]) {
      const order = flushOrder(first, pages);
      const covers = (bits: number) =>
        Math.floor(first / 2 ** bits) === Math.floor((first + pages - 1) / 2 ** bits);
      const least = ([0, 9, 18] as const).find(covers) ?? "all";
      t.is(order, least);
    }
  }
});

test("VT-d: device TLBs", (t) => {
  const target = { source: 0x1234, maxPending: 31 };
  const low = "0x1234001f0003";
  const at = (range: Parameters<typeof deviceTlbDescriptor>[1]) =>
    quadwords(deviceTlbDescriptor(target, range));
  t.deepEqual(at({ dfn: DFN, order: 0 }), [low, "0x12345678000"]);
  t.deepEqual(at({ dfn: DFN, order: 9 }), [low, "0x123456ff001"]);
  t.deepEqual(at("everything"), [low, "0x7ffffffffffff001"]);
  t.deepEqual(at({ dfn: 2 ** 30, order: 21 }), [low, "0x400fffff001"]);
});

test("VT-d: context cache, IOTLB, interrupts and waits", (t) => {
  t.deepEqual(quadwords(contextDescriptor({ of: "everything" })), ["0x11", "0x0"]);
  t.deepEqual(quadwords(contextDescriptor({ of: "domain", domainId: 0xabcd })), ["0xabcd0021", "0x0"]);
  const device = contextDescriptor({ of: "device", domainId: 0xabcd, source: 0x1234 });
  t.deepEqual(quadwords(device), ["0x1234abcd0031", "0x0"]);
  const draining = { drainsWrites: true, drainsReads: true };
  t.deepEqual(quadwords(iotlbDescriptor({ of: "everything" }, draining)), ["0xd2", "0x0"]);
  const writesOnly = { drainsWrites: true, drainsReads: false };
  t.deepEqual(quadwords(iotlbDescriptor({ of: "domain", domainId: 5 }, writesOnly)), ["0x50062", "0x0"]);
  const pages = iotlbDescriptor({ of: "pages", domainId: 5, dfn: 0x1234_5600, order: 9 }, NOT_DRAINING);
  t.deepEqual(quadwords(pages), ["0x50032", "0x12345600009"]);
  t.deepEqual(quadwords(interruptDescriptor()), ["0x4", "0x0"]);
  t.deepEqual(quadwords(interruptDescriptor({ index: 0x1234, order: 3 })), ["0x123418000014", "0x0"]);
  t.deepEqual(quadwords(waitDescriptor(0x8_1234_5678, 1)), ["0x100000065", "0x812345678"]);
});

test("VT-d: scalable mode", (t) => {
  t.deepEqual(quadwords(pasidCacheDescriptor({ of: "everything" })), ["0x37", "0x0"]);
  t.deepEqual(quadwords(pasidCacheDescriptor({ of: "domain", domainId: 5 })), ["0x50007", "0x0"]);
  const one = pasidCacheDescriptor({ of: "pasid", domainId: 5, pasid: 0xabcde });
  t.deepEqual(quadwords(one), ["0xabcde00050017", "0x0"]);
  const all = pasidIotlbDescriptor({ domainId: 5, pasid: 0xabcde });
  t.deepEqual(quadwords(all), ["0xabcde00050026", "0x0"]);
  const pages = { dfn: 0x1234_5600, order: 9 };
  t.deepEqual(quadwords(pasidIotlbDescriptor({ domainId: 5, pasid: 1, pages })), [
    "0x100050036",
    "0x12345600009",
  ]);
  const target = { source: 0x1234, maxPending: 31 };
  t.deepEqual(quadwords(pasidDeviceTlbDescriptor(target, 0xabcde, { dfn: DFN, order: 9 })), [
    "0xabcde123401f8",
    "0x123456ff800",
  ]);
});

test("VT-d: the registers of older units", (t) => {
  const hex = (value: bigint) => `0x${value.toString(16)}`;
  t.is(hex(contextCommand({ of: "everything" })), "0xa000000000000000");
  t.is(hex(contextCommand({ of: "device", domainId: 0xabcd, source: 0x1234 })), "0xe00000001234abcd");
  const draining = { drainsWrites: true, drainsReads: true };
  t.is(hex(iotlbCommand({ of: "domain", domainId: 5 }, draining)), "0xa003000500000000");
  t.is(hex(iotlbCommand({ of: "pages", domainId: 5, dfn: 0, order: 0 }, NOT_DRAINING)), "0xb000000500000000");
  t.is(hex(iotlbAddress(DFN, 9)), "0x12345678009");
});

test("VT-d: a range has an order where the unit can name it", (t) => {
  t.is(vtdFlushOrder(0x200, 0x200), 9);
  t.is(vtdFlushOrder(7, 1), 0);
  t.is(vtdFlushOrder(0x201, 0x200), "all");
  t.is(vtdFlushOrder(0, 3), "all");
});
