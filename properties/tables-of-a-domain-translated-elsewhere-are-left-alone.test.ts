/** A domain that is translated by other tables never asks those that it is given for anything, nor its hardware. */
import test from "ava";
import { type DomainPaging, IommuDomain, Status } from "../impl/iommu/index.js";
import { ALL_SIZES, PAGES_2M, READ_WRITE } from "./domain-scene.js";

function untouchable(): never {
  throw new Error("touched");
}

const PAGING: DomainPaging = {
  dfnWidthLg2: 36,
  mapPage: untouchable,
  unmapPage: untouchable,
  lookupPage: untouchable,
  get tableCount() {
    return untouchable();
  },
  get shatters() {
    return untouchable();
  },
  get coalesces() {
    return untouchable();
  },
  destroy: untouchable,
};

for (const [translatedBy, isHardware] of [
  ["shared-tables", false],
  ["passthrough", true],
  ["nothing", false],
] as const) {
  test(`${translatedBy}: neither its tables nor its hardware hear of anything`, (t) => {
    const flush = { flush: untouchable };
    const options = { id: 1, pageSizes: ALL_SIZES, translatedBy, isHardware, paging: PAGING, flush };
    const domain = new IommuDomain(options);
    const owed = { flags: 0 };
    t.is(domain.tryMap(0, 0, PAGES_2M + 1, READ_WRITE, owed), Status.OK);
    t.is(domain.donePages, PAGES_2M + 1);
    t.is(domain.tryUnmap(0, PAGES_2M, owed), Status.OK);
    domain.legacyMap(5, 5, 1, READ_WRITE);
    domain.legacyUnmap(5, 1);
    t.is(domain.flush(5, 1, 7), Status.OK);
    t.is(domain.flushAll(7), Status.OK);
    domain.beginBatch();
    domain.legacyMap(5, 5, 1, READ_WRITE);
    t.is(domain.endBatch([{ first: 5, last: 5 }]), Status.OK);
    t.deepEqual([owed.flags, domain.tableCount, domain.shatters, domain.coalesces], [0, 0, 0, 0]);
    domain.destroy();
    t.false(domain.isCrashed);
  });
}
