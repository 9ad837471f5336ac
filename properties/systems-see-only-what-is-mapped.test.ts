/** Whole machines with IOMMUs: no random program makes a device see what it may not, and mistakes are found. */
import test from "ava";
import { type MachineParts, runSystemUnit, type SystemFinding, systemNames } from "../fuzz/system/index.js";
import { Status } from "../impl/common.js";

const seed = "systems";

for (const system of systemNames) {
  test(`${system}: devices see what is mapped, or was since the last flush, and nothing else`, (t) => {
    for (let unit = 0; unit < 3; unit++) {
      const { operations, finding } = runSystemUnit({ system, seed, unit, operations: 200 });
      t.is(finding?.sentence, undefined);
      t.is(operations, 200);
    }
  });

  test(`${system}: a unit is what its seed and number say`, (t) => {
    const one = { system, seed, unit: 7, operations: 50 };
    t.deepEqual(runSystemUnit(one), runSystemUnit(one));
  });

  /** The first finding in a few units with this mistake. */
  const found = (spoil: (parts: MachineParts) => void): SystemFinding | undefined => {
    for (let unit = 0; unit < 12; unit++) {
      const { finding } = runSystemUnit({ system, seed, unit, operations: 200 }, { spoil });
      if (finding !== undefined) return finding;
    }
    return undefined;
  };

  test(`${system}: flushes that reach no hardware are found`, (t) => {
    const finding = found(({ system: made }) => {
      const createDomain = made.createDomain.bind(made);
      made.createDomain = (options) => {
        const domain = createDomain(options);
        domain.flush = () => Status.OK;
        domain.flushAll = () => Status.OK;
        return domain;
      };
    });
    // Where stores wait in a buffer, the tables themselves are behind.
    t.true(["18", "39"].includes(finding?.invariant ?? ""), finding?.sentence);
    t.true((finding?.program.length ?? 99) <= 6, JSON.stringify(finding?.program));
  });

  test(`${system}: tables that are freed before the flush are found`, (t) => {
    const finding = found(({ queues, memory }) => {
      queues.add = (head) => memory.releaseList(head);
    });
    t.is(finding?.invariant, "37");
    t.true((finding?.program.length ?? 99) <= 6, JSON.stringify(finding?.program));
  });

  test(`${system}: a page that is not unmapped is found`, (t) => {
    const finding = found(({ system: made }) => {
      const createDomain = made.createDomain.bind(made);
      made.createDomain = (options) => {
        const domain = createDomain(options);
        const tryUnmap = domain.tryUnmap.bind(domain);
        domain.tryUnmap = (dfn, pages, flush) => {
          const status = tryUnmap(dfn, Math.max(0, pages - 1), flush);
          domain.donePages = pages;
          return status;
        };
        return domain;
      };
    });
    t.is(finding?.invariant, "18");
    t.true((finding?.program.length ?? 99) <= 6, JSON.stringify(finding?.program));
  });

  // VT-d's invalidations of pages take the walk caches along, so that a lost `all` is seen by nobody.
  if (system !== "amd") continue;
  test(`${system}: a batch that forgets that a table left the tree is found`, (t) => {
    const finding = found(({ system: made }) => {
      const createDomain = made.createDomain.bind(made);
      made.createDomain = (options) => {
        const domain = createDomain(options);
        const endBatch = domain.endBatch.bind(domain);
        domain.endBatch = (ranges) => {
          const { flushAll } = domain;
          domain.flushAll = (flags) => {
            for (const { first, last } of ranges) domain.flush(first, last - first + 1, flags & 3);
            return Status.OK;
          };
          const status = endBatch(ranges);
          domain.flushAll = flushAll;
          return status;
        };
        return domain;
      };
    });
    t.true(["37", "39"].includes(finding?.invariant ?? ""), finding?.sentence);
    t.true((finding?.program.length ?? 99) <= 6, JSON.stringify(finding?.program));
  });
}
