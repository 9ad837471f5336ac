/**
 * The lockstep must bite in every format: stamps with one fault each (a wrong bit, a page size too many, a table in
 * another place, an invalidation that is missing, dirty state that stays), and the invariants under which they are
 * reported.
 */
import { readFile } from "node:fs/promises";
import test from "ava";
import { implementation } from "../fuzz/lockstep/create-table.js";
import { type Invariant, PageTableSubject, report, runUnit, stampName } from "../fuzz/lockstep/index.js";
import type { CommonOptions, FormatEntry } from "../impl/common.js";
import { formatEntry } from "../impl/format-entry.js";
import { findConfiguration } from "../models/index.js";
import { shapeOf } from "../models/shape.js";

/** A stamp's text changed in one place. */
interface Fault {
  readonly says: string;
  readonly from: string;
  readonly to: string;
  readonly invariants: readonly Invariant[];
}

/** Another result for a function of the format, as an expression of the right one and of what was given. */
function other(name: string, expression: string): Pick<Fault, "from" | "to"> {
  const wrapper = `const ${name} = function(...given) { const right = right_${name}(...given); return ${expression}; };`;
  return { from: `const ${name} = function(`, to: `${wrapper}\nconst right_${name} = function(` };
}

const faults = (granuleLg2: number): readonly Fault[] => [
  {
    says: "a leaf has a bit too many or too few",
    ...other("leafAttributesLow", "right ^ 4"),
    invariants: ["I1", "I14"],
  },
  {
    says: "a page of twice the granule is offered",
    ...other("offersSize", `right || given[0] === ${granuleLg2 + 1}`),
    invariants: ["I1", "I3", "I7", "I8", "I14", "I20"],
  },
  {
    says: "output addresses lose a bit",
    ...other("leafLow", "right & ~(1 << 24)"),
    invariants: ["I1", "I14"],
  },
  {
    says: "an unmap tells of nothing",
    from: "gather.add(firstLow, firstHigh, endLow, endHigh, leafLevels, tableLevels), ",
    to: "",
    invariants: ["I9", "I10", "I11"],
  },
  {
    says: "tables that give way to a leaf are not told of",
    from: "return gather.add(firstLow, firstHigh, lastLow, lastHigh, 0, tableLevels), domain",
    to: "return domain",
    invariants: ["I9", "I10", "I11", "I5"],
  },
];

const leavesAtOneLevel = ["dart1", "dart2"];

/** Of each format one configuration with all its page sizes. */
const names = [
  "x86-pae/va39",
  "x86-pae32/oa36",
  "riscv64-guest/sv48x4",
  "riscv32-guest/sv32x4",
  "armv8-stage1/4k-ttbr1-hd-queued",
  "armv8-stage1/64k-ttbr1-oas52",
  "armv8-stage1/16k-lpa2-hd",
  "armv8-stage2/4k-lpa2-eager-hd",
  "armv8-stage2/16k-all-noncoh",
  "arm-lpae-stage1/ias32-all-nogaps",
  "arm-lpae-stage2/ias34-eager",
  "mali/ias41-nogaps",
  "arm-short/all",
  "dart1/16k_ias36_oas36",
  "dart2/16k_ias42_oas42",
] as const;

const stamps = new URL("../impl/stamps/", import.meta.url);

/** The stamp's entry with the fault in it. */
async function broken(stamp: string, { from, to }: Fault): Promise<FormatEntry<CommonOptions>> {
  const source = await readFile(new URL(`${stamp}.observed.stamp.js`, stamps), "utf8");
  if (source.split(from).length !== 2) throw new Error(`the stamp ${stamp} has not one ${from}`);
  const changed = source
    .replace(from, () => to)
    .replace(/^\/\/# sourceMappingURL.*$/m, "")
    .replace(/(?<=(?: from |^import )")\.\.\/[^"]+(?=")/gm, (path) => new URL(path, stamps).href);
  const module: typeof import("../impl/stamps/amdv1.observed.stamp.js") = await import(
    `data:text/javascript,${encodeURIComponent(changed)}`
  );
  return formatEntry(stamp, module);
}

for (const name of names) {
  const configuration = findConfiguration(name);
  if (configuration === undefined) throw new RangeError(`no configuration ${name}`);
  const { granuleLg2, mapsDirty } = shapeOf(configuration);
  const cleaning: Fault = {
    says: "what is reported dirty stays dirty",
    ...other("cleaned", "given[0]"),
    invariants: ["I15"],
  };
  const concerned = faults(granuleLg2).filter(
    ({ from }) => !from.startsWith("return") || !leavesAtOneLevel.includes(configuration.format),
  );
  for (const fault of mapsDirty ? [...concerned, cleaning] : concerned) {
    test(`${name}: ${fault.says}`, async (t) => {
      const entry = await broken(stampName(configuration), fault);
      const made = { ...implementation, entryOf: () => entry };
      for (let unit = 0; unit < 8; unit++) {
        const subjectOf = () => new PageTableSubject(configuration, undefined, made);
        const { finding } = runUnit({ configuration, seed: "broken", unit, operations: 1000, subjectOf });
        if (finding === undefined) continue;
        t.true(fault.invariants.includes(finding.invariant), report(finding, { subjectOf }));
        return;
      }
      t.fail("unnoticed for 8000 operations");
    });
  }
}
