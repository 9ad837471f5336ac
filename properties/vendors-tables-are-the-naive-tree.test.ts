/**
 * Both vendors' tables against the naive tree, request by request: status, flags, counters, tables, leaves; as is right
 * and with the mistakes of deployed code; with failing allocations.
 */
import test from "ava";
import {
  modelTables,
  vendorTables,
  XenMapsMachine,
  type XenShape,
} from "../fuzz/conform/xen-maps-machine.js";
import type { XenMapsOp } from "../fuzz/conform/xen-maps-vector.js";
import { ALL_SIZES, LEVELS, PAGES_1G, PAGES_2M, Requests, VENDORS } from "./domain-scene.js";

const SEED = "naive-tree-1";
const PROGRAMS = 1;
const REQUESTS = 60;

const SHAPES: readonly (readonly [name: string, shape: Omit<XenShape, "vendor">])[] = [
  ["all sizes", { levels: LEVELS, fewestLevels: LEVELS, pageSizes: ALL_SIZES }],
  ["2 MiB at most", { levels: LEVELS, fewestLevels: LEVELS, pageSizes: 0x20_1000n }],
  ["4 KiB only", { levels: LEVELS, fewestLevels: LEVELS, pageSizes: 0x1000n }],
  ["three levels", { levels: 3, fewestLevels: 3, pageSizes: ALL_SIZES }],
  ["a unit of three levels", { levels: LEVELS, fewestLevels: 3, pageSizes: ALL_SIZES }],
];

/** The next request as a recording would have it; one allocation of some fails. */
function nextOp(requests: Requests): Omit<XenMapsOp, "recorded"> {
  const failAllocAfter = requests.below(4) === 0 ? requests.below(4) : undefined;
  return { ...requests.next(), failAllocAfter };
}

for (const vendor of VENDORS) {
  for (const [name, common] of SHAPES) {
    for (const deployed of [false, true]) {
      const way = deployed ? "as deployed" : "as is right";
      test(`${vendor}, ${name}, ${way}: every figure is the naive tree's (seed ${SEED})`, (t) => {
        const shape: XenShape = { vendor, ...common };
        const largest = (shape.pageSizes & 0x4000_0000n) === 0n ? PAGES_2M : PAGES_1G;
        for (let program = 0; program < PROGRAMS; program++) {
          const machine = new XenMapsMachine(shape, deployed, vendorTables);
          const naive = new XenMapsMachine(shape, deployed, modelTables);
          const requests = new Requests(`${SEED}-${name}-${program}`, largest);
          for (let index = 0; index < REQUESTS; index++) {
            const op = nextOp(requests);
            t.deepEqual(machine.run(op), naive.run(op), JSON.stringify({ program, index, op }));
          }
          t.deepEqual(machine.tables.leaves(), naive.tables.leaves());
        }
      });
    }
  }
}
