/** What the hardware domain reaches: the same as decided frame by frame, in few requests and large pages. */
import test from "ava";
import {
  type FrameRange,
  type HardwareDomainOptions,
  type MachineLayout,
  type MemoryRegion,
  PageTypes,
  Status,
  setUpHardwareDomain,
  withFirmwareRange,
} from "../impl/iommu/index.js";
import { Random } from "../models/random.js";
import { createScene, PAGES_2M, READ_WRITE, type Scene, VENDORS, withMethods } from "./domain-scene.js";

const SEED = "hardware-domain-1";
const GIB = 1 << 18;
const FOUR_GIB = 4 * GIB;

interface Choice {
  readonly strict: boolean;
  readonly inclusive: boolean;
  readonly reserved: boolean;
  readonly interruptWindow: boolean;
}

/** 0 none, 1 read, 3 read and write: one frame, by the rules in their own words. */
function decide(layout: MachineLayout, choice: Choice, frame: number): number {
  const isIn = (ranges: readonly FrameRange[]) =>
    ranges.some(({ first, last }) => first <= frame && frame <= last);
  const kinds = (kind: MemoryRegion["kind"]) => isIn(layout.memory.filter((region) => region.kind === kind));
  if (isIn(layout.own) || isIn(layout.denied) || kinds("unusable")) return 0;
  if (frame >= 0xfee00 && frame < 0xfef00 && !choice.interruptWindow) return 0;
  if (isIn(layout.readOnly)) return 1;
  if (kinds("ram") && !choice.strict) return READ_WRITE;
  if (kinds("reserved") && (choice.reserved || choice.inclusive)) return READ_WRITE;
  return choice.inclusive && frame < FOUR_GIB ? READ_WRITE : 0;
}

/** A machine of some memory below and above 4 GiB, with unaligned ends, holes and registers. */
function drawLayout(random: Random): MachineLayout {
  const draw = (low: number, span: number, most: number): FrameRange => {
    const first = low + random.below(span);
    return { first, last: first + random.below(most) };
  };
  const kinds = ["ram", "reserved", "unusable"] as const;
  const memory: MemoryRegion[] = [
    { first: 0x100, last: 0x100 + 3 * PAGES_2M + random.below(700), kind: "ram" },
    { first: FOUR_GIB, last: FOUR_GIB + GIB + random.below(900), kind: "ram" },
    { first: 0xfedf0, last: 0xfef10, kind: "reserved" },
  ];
  for (let index = 0; index < 6; index++) {
    const near = random.below(2) === 0 ? 0 : FOUR_GIB;
    memory.push({ ...draw(near, 4 * PAGES_2M, 900), kind: kinds[random.below(8) < 6 ? random.below(2) : 2] });
  }
  return {
    memory,
    own: [draw(0x100, 2000, 40), draw(FOUR_GIB, 2000, 900)],
    denied: [{ first: 0xfee00, last: 0xfee00 }, { first: 0xfed90, last: 0xfed93 }, draw(0x100, 4000, 8)],
    readOnly: [{ first: 0xfec00, last: 0xfec00 }, { first: 0xfedff, last: 0xfedff }, draw(0x100, 4000, 3)],
  };
}

function drawChoice(random: Random): Choice {
  const flag = () => random.below(2) === 0;
  // All below 4 GiB is a million frames to decide one by one.
  return { strict: flag(), inclusive: random.below(6) === 0, reserved: flag(), interruptWindow: flag() };
}

/** Every frame at which the decision may change, and its neighbours. */
function framesOfInterest({ memory, own, denied, readOnly }: MachineLayout): readonly number[] {
  const edges = [...memory, ...own, ...denied, ...readOnly].flatMap(({ first, last }) => [first, last]);
  const all = [...edges, 0, FOUR_GIB, 0xfee00, 0xfef00].flatMap((edge) => [edge - 1, edge, edge + 1]);
  return [...new Set(all)].filter((frame) => frame >= 0).sort((a, b) => a - b);
}

for (const vendor of VENDORS) {
  test(`${vendor}: every frame is reached as decided for it alone (seed ${SEED})`, (t) => {
    const random = Random.fromSeed(SEED);
    for (let index = 0; index < 12; index++) {
      const layout = drawLayout(random);
      const { strict, ...options } = drawChoice(random);
      const choice = { strict, ...options };
      const scene = createScene({ vendor, isHardware: true, strict });
      const { warnings, pages } = setUpHardwareDomain(scene.domain, layout, options);
      t.deepEqual(warnings, []);
      for (const frame of framesOfInterest(layout)) {
        const access = decide(layout, choice, frame);
        const expected = access === 0 ? undefined : { mfn: frame, read: true, write: access === READ_WRITE };
        t.deepEqual(scene.domain.lookup(frame), expected, `frame 0x${frame.toString(16)} of ${index}`);
      }
      t.is(pages, pagesOf(scene));
      t.true(scene.told.length === 1 || pages === 0);
    }
  });
}

function pagesOf({ tables }: Scene): number {
  const [small, middle, large] = tables.figures().leafCounts;
  return small + middle * PAGES_2M + large * GIB;
}

test("the same tables as frame by frame, in far fewer requests", (t) => {
  const layout: MachineLayout = {
    memory: [
      { first: 1, last: 0x9e, kind: "ram" },
      { first: 0x100, last: 12 * PAGES_2M + 77, kind: "ram" },
      { first: 0xfec00, last: 0xfec0f, kind: "reserved" },
    ],
    own: [{ first: 0x400, last: 0x4c3 }],
    denied: [],
    readOnly: [{ first: 0xfec00, last: 0xfec00 }],
  };
  const batches = createScene({ isHardware: true, strict: false });
  const { calls, pages } = setUpHardwareDomain(batches.domain, layout);
  const single = createScene({ isHardware: true, strict: false });
  let singles = 0;
  for (let frame = 0; frame <= 0x10_0000; frame++) {
    const access = decide(
      layout,
      { strict: false, inclusive: false, reserved: true, interruptWindow: false },
      frame,
    );
    if (access === 0) continue;
    single.domain.map(frame, frame, 1, access, { flags: 0 });
    singles++;
  }
  t.deepEqual(batches.tables.leaves(), single.tables.leaves());
  t.deepEqual([singles, calls], [pages, 5]);
});

test("preemption does not change the outcome, and pauses between the parts", (t) => {
  const layout = drawLayout(Random.fromSeed(SEED));
  const options: HardwareDomainOptions = { reserved: true };
  const whole = createScene({ isHardware: true, strict: false, pageSizes: 0x1000n });
  const all = setUpHardwareDomain(whole.domain, layout, options);
  for (let pattern = 1; pattern < 8; pattern++) {
    let asked = 0;
    let pauses = 0;
    const shouldPreempt = () => ((pattern >> (asked++ % 3)) & 1) !== 0;
    const parts = createScene({ isHardware: true, strict: false, pageSizes: 0x1000n, shouldPreempt });
    const report = setUpHardwareDomain(parts.domain, layout, { ...options, pause: () => pauses++ });
    t.is(report.calls, all.calls + pauses);
    t.true(pauses > 0);
    t.is(report.pages, all.pages);
    t.deepEqual(parts.tables.figures(), whole.tables.figures());
  }
});

test("what cannot be mapped is a warning, and the rest is mapped", (t) => {
  const scene = createScene({
    isHardware: true,
    strict: false,
    wrap: (paging) =>
      withMethods(paging, {
        mapPage: (dfn, ...args) => (dfn === 0x300 ? Status.OUT_OF_MEMORY : paging.mapPage(dfn, ...args)),
      }),
  });
  const ranges = [0x100, 0x300, 0x500].map((first) => ({ first, last: first + 9, kind: "ram" as const }));
  const report = setUpHardwareDomain(scene.domain, { memory: ranges, own: [], denied: [], readOnly: [] });
  t.deepEqual(report.warnings, [{ first: 0x300, last: 0x309, status: Status.OUT_OF_MEMORY }]);
  t.deepEqual([report.pages, scene.domain.isCrashed], [20, false]);
});

test("a hardware domain in passthrough is left alone", (t) => {
  const { domain, told, memory } = createScene({ isHardware: true, translatedBy: "passthrough" });
  const memoryMap = [{ first: 0, last: 99, kind: "ram" as const }];
  setUpHardwareDomain(domain, { memory: memoryMap, own: [], denied: [], readOnly: [] });
  t.deepEqual([told.length, memory.liveFrames], [0, 0]);
});

test("a range that firmware wants reached lies in reserved memory, or becomes it; memory in use is refused", (t) => {
  const memory: readonly MemoryRegion[] = [
    { first: 0, last: 9, kind: "ram" },
    { first: 12, last: 13, kind: "reserved" },
  ];
  t.deepEqual(withFirmwareRange(memory, { first: 12, last: 13 }), memory);
  t.deepEqual(withFirmwareRange(memory, { first: 11, last: 15 }), [
    ...memory,
    { first: 11, last: 11, kind: "reserved" },
    { first: 14, last: 15, kind: "reserved" },
  ]);
  t.throws(() => withFirmwareRange(memory, { first: 9, last: 10 }), { code: "INVALID_ARGUMENT" });
});

for (const vendor of VENDORS) {
  test(`${vendor}: a strict hardware domain's devices reach a page exactly while it is writable (seed ${SEED})`, (t) => {
    const random = Random.fromSeed(SEED);
    const { domain, told } = createScene({ vendor, isHardware: true });
    const types = new PageTypes(domain);
    const owed = { flags: 0 };
    t.is(types.setUp(PAGES_2M, 2 * PAGES_2M, owed), 2 * PAGES_2M);
    t.is(told.length, 0, "its builder flushes once at the end");
    const writable = new Set(Array.from({ length: 2 * PAGES_2M }, (_, index) => PAGES_2M + index));
    for (let step = 0; step < 300; step++) {
      const frame = PAGES_2M - 4 + random.below(24) + (random.below(3) === 0 ? 2 * PAGES_2M - 8 : 0);
      if (random.below(2) === 0) {
        types.becomeWritable(frame);
        writable.add(frame);
      } else {
        types.leaveWritable(frame);
        writable.delete(frame);
      }
      const expected = writable.has(frame) ? { mfn: frame, read: true, write: true } : undefined;
      t.deepEqual(domain.lookup(frame), expected);
    }
    for (let frame = 0; frame < 4 * PAGES_2M; frame++) {
      t.is(types.isWritable(frame), writable.has(frame));
      t.is(domain.lookup(frame) !== undefined, writable.has(frame));
    }
  });
}

test("what cannot be mapped while the domain is built keeps its type; parts of a preempted request have theirs", (t) => {
  const isRefused = { now: true };
  const scene = createScene({
    isHardware: true,
    pageSizes: 0x1000n,
    shouldPreempt: () => true,
    wrap: (paging) =>
      withMethods(paging, {
        mapPage: (dfn, ...args) =>
          isRefused.now && dfn >= 6000 ? Status.OUT_OF_MEMORY : paging.mapPage(dfn, ...args),
      }),
  });
  const types = new PageTypes(scene.domain);
  const done = types.setUp(0, 8000, { flags: 0 });
  t.deepEqual(
    [done > 0 && done < 6000, types.isWritable(done - 1), types.isWritable(done)],
    [true, true, false],
  );
  t.is(scene.domain.lookup(done), undefined);
  isRefused.now = false;
  t.is(types.setUp(done, 8000 - done, { flags: 0 }), 8000 - done);
  t.is(scene.domain.lookup(7999)?.mfn, 7999);
});

test("where tables need not follow, types change and tables do not", (t) => {
  const { domain, memory } = createScene({ isHardware: true, strict: false });
  const types = new PageTypes(domain);
  t.is(types.setUp(0, 10, { flags: 0 }), 0);
  types.becomeWritable(3);
  t.true(types.isWritable(3));
  types.leaveWritable(3);
  t.is(memory.liveFrames, 0);
});
