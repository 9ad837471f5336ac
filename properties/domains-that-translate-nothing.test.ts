/** Domains that die, that have no root yet, and those whose tables are kept elsewhere: nothing is touched. */
import test from "ava";
import { createScene, PAGES_2M, READ_WRITE, VENDORS, withMethods } from "./domain-scene.js";

for (const vendor of VENDORS) {
  test(`${vendor}: a dying domain drops maps without a word, and still unmaps`, (t) => {
    const { domain, told } = createScene({ vendor });
    domain.map(0, 0, 2, READ_WRITE, { flags: 0 });
    domain.die();
    const owed = { flags: 0 };
    t.is(domain.map(8, 8, PAGES_2M, READ_WRITE, owed), PAGES_2M);
    t.is(domain.lookup(8), undefined);
    t.is(owed.flags, 0);
    domain.unmap(0, 1, owed);
    t.deepEqual([domain.lookup(0), domain.lookup(1)?.mfn], [undefined, 1]);
    domain.legacyMap(9, 9, 1, READ_WRITE);
    t.deepEqual([told.length, domain.isCrashed], [0, false]);
  });

  test(`${vendor}: unmapping before anything was mapped makes nothing and owes nothing`, (t) => {
    const { domain, memory } = createScene({ vendor });
    const owed = { flags: 0 };
    t.is(domain.unmap(0, 5 * PAGES_2M, owed), 5 * PAGES_2M);
    t.deepEqual([owed.flags, domain.tableCount, memory.liveFrames], [0, 0, 0]);
  });

  test(`${vendor}: a destroyed domain has freed its tables, and nothing is done for it any more`, (t) => {
    const { domain, memory, queues } = createScene({ vendor });
    domain.map(0, 0, PAGES_2M, READ_WRITE, { flags: 0 });
    domain.unmap(0, PAGES_2M, { flags: 0 });
    domain.map(1, 0, 3, READ_WRITE, { flags: 0 });
    t.true(memory.liveFrames > 0 && queues.waiting(0) === 1);
    domain.destroy();
    domain.destroy();
    t.deepEqual([memory.liveFrames, memory.quarantinedFrames, domain.tableCount], [0, 1, 0]);
    const owed = { flags: 0 };
    domain.map(0, 0, 1, READ_WRITE, owed);
    domain.unmap(0, 1, owed);
    t.deepEqual([domain.lookup(1), owed.flags, memory.liveFrames], [undefined, 0, 0]);
    t.is(queues.runFreeing(0), 1);
    t.is(memory.quarantinedFrames, 0);
  });
}

test("the root is gone before the first table is freed", (t) => {
  const scene = createScene({
    wrap: (paging) =>
      withMethods(paging, {
        destroy: () => {
          t.is(scene.domain.tableCount, 0);
          t.is(scene.domain.lookup(0), undefined);
          t.is(scene.domain.map(1, 1, 1, READ_WRITE, { flags: 0 }), 1);
          paging.destroy();
        },
      }),
  });
  scene.domain.map(0, 0, 1, READ_WRITE, { flags: 0 });
  scene.domain.destroy();
  t.is(scene.memory.liveFrames, 0);
});

for (const [translatedBy, isHardware] of [
  ["shared-tables", false],
  ["nothing", false],
  ["passthrough", true],
] as const) {
  test(`translated by ${translatedBy}: every request is accepted, and nothing is touched`, (t) => {
    const { domain, told, memory } = createScene({ translatedBy, isHardware });
    const owed = { flags: 0 };
    t.is(domain.map(0, 0, PAGES_2M, READ_WRITE, owed), PAGES_2M);
    t.is(domain.unmap(0, PAGES_2M, owed), PAGES_2M);
    domain.legacyMap(0, 0, 1, READ_WRITE);
    domain.flush(0, 1, 7);
    domain.flushAll(7);
    t.deepEqual([owed.flags, told.length, memory.liveFrames, domain.tableCount], [0, 0, 0, 0]);
    t.false(domain.needsSync);
    t.throws(() => domain.lookup(0), { code: "NOT_SUPPORTED" });
  });
}

test("who must follow what becomes of memory: every domain with its own tables, the hardware domain if strict", (t) => {
  t.true(createScene().domain.needsSync);
  const hardware = { isHardware: true } as const;
  const strict = createScene(hardware).domain;
  t.deepEqual([strict.isStrict, strict.needsSync], [true, true]);
  const relaxed = createScene({ ...hardware, strict: false }).domain;
  t.deepEqual([relaxed.isStrict, relaxed.needsSync], [false, false]);
});

test("strict turns passthrough off; options that make no sense are refused", (t) => {
  const passthrough = { isHardware: true, translatedBy: "passthrough" } as const;
  t.false(createScene(passthrough).domain.isStrict);
  t.throws(
    () => void createScene({ ...passthrough, strict: true }),
    { code: "INVALID_OPTION" },
    "tables are needed",
  );
  const refused = { code: "INVALID_OPTION" } as const;
  t.throws(() => void createScene({ translatedBy: "passthrough" }), refused);
  t.throws(() => void createScene({ strict: true }), refused);
  t.throws(() => void createScene({ id: -1 }), refused);
});
