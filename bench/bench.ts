/** `npm run bench [-- --json] [--quick] [--format F]`: how fast the engine is, and whether it is fast enough. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Results, Row, Unit } from "./bars.js";
import { measureBatches } from "./batches.js";
import { type Step, SUBJECTS, type Subject, type Workload } from "./cases.js";
import { measureIommu } from "./iommu.js";
import { measureLayout } from "./layout.js";
import { measureLockstep } from "./lockstep.js";
import {
  aloneEffort,
  type Effort,
  type Figures,
  FULL,
  figuresOf,
  measureAll,
  Probe,
  QUICK,
} from "./measure.js";
import { NativeWalk } from "./native.js";
import { jsonReport, textReport } from "./report.js";

const FORMATS: readonly string[] = [...new Set(SUBJECTS.map(({ format }) => format))];

const HELP = `Usage: npm run bench [-- options]

Measures map, unmap and lookup of every format, beside a C loop and the naive reference, in one run of about a minute.
Bars that are not met are printed; the exit status is 0 all the same.

  --json      one JSON object instead of tables
  --quick     less exact, in about 15 s
  --format F  only this format: ${FORMATS.join(", ")}
  --help      this text
`;

/** One step of one subject, with the probes of its columns. */
interface Measured {
  readonly subject: Subject;
  readonly workload: Workload;
  readonly engine: Probe;
  readonly bigint: Probe;
  readonly reference: Probe;
}

/** What a process of its own found for its one subject, batch by batch. */
type AloneSamples = Partial<Record<Step, readonly number[]>>;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean" },
      quick: { type: "boolean" },
      format: { type: "string" },
      help: { type: "boolean" },
      // What a fresh process measures for the comparison with "alone".
      alone: { type: "string" },
    },
  });
  const effort = values.quick === true ? QUICK : FULL;
  if (values.help === true) {
    process.stdout.write(HELP);
  } else if (values.alone !== undefined) {
    process.stdout.write(JSON.stringify(await measureAlone(values.alone, effort)));
  } else if (values.format !== undefined && !FORMATS.includes(values.format)) {
    process.stderr.write(`bench: no format "${values.format}"; there are ${FORMATS.join(", ")}\n`);
    process.exitCode = 2;
  } else {
    const subjects = SUBJECTS.filter(({ format }) => values.format === undefined || values.format === format);
    const results = await measureSubjects(subjects, effort);
    process.stdout.write(`${values.json === true ? jsonReport(results) : textReport(results)}\n`);
  }
}

async function measureSubjects(subjects: readonly Subject[], effort: Effort): Promise<Results> {
  const native = new NativeWalk();
  try {
    const measured = (await Promise.all(subjects.map(prepare))).flat();
    const engines = measured.map(({ engine }) => engine);
    const others = measured.flatMap(({ bigint, reference }) => [bigint, reference]);
    // With some formats left out, this process is not one in which all were used.
    const compared = subjects.length === SUBJECTS.length ? subjects : [];
    const before = compared.map((subject) => aloneInChild(subject, effort));
    measureAll([...engines, ...others], effort, () => native.measure(effort));
    const after = compared.map((subject) => aloneInChild(subject, effort));
    const aloneOf = ({ subject, workload: { step } }: Measured) => {
      const at = compared.indexOf(subject);
      const samples = [before[at], after[at]].flatMap((child) => child?.[step] ?? []);
      return samples.length === 0 ? undefined : figuresOf(samples);
    };
    return {
      rows: measured.map((one) => rowOf(one, native, aloneOf(one))),
      unit: unitOf(native),
      nativeMissing: native.missing,
      lockstepPerSecond: measureLockstep(3000),
      iommu: subjects.length === SUBJECTS.length ? measureIommu(effort) : undefined,
      layout: subjects.length === SUBJECTS.length ? measureLayout(effort) : undefined,
      batches: subjects.length === SUBJECTS.length ? measureBatches(effort) : undefined,
    };
  } finally {
    native.close();
  }
}

/** Loads the loops anew for each subject: see `loops.ts`. */
async function loopsOf(subject: Subject): Promise<typeof import("./loops.js")> {
  return await import(`./loops.js?${encodeURIComponent(subject.name)}`);
}

async function prepare(subject: Subject): Promise<Measured[]> {
  const { engineLoop, tableLoop, referenceLoop } = await loopsOf(subject);
  const { domain, gather } = subject.domain();
  const table = subject.table();
  const reference = subject.reference();
  return subject.workloads.map((workload) => ({
    subject,
    workload,
    engine: new Probe(engineLoop(subject.engine, domain, gather, workload)),
    bigint: new Probe(tableLoop(table, workload)),
    reference: new Probe(referenceLoop(reference, workload)),
  }));
}

async function measureAlone(name: string, effort: Effort): Promise<AloneSamples> {
  const subject = SUBJECTS.find((one) => one.name === name);
  if (subject === undefined) throw new Error(`no subject "${name}"`);
  const { engineLoop } = await loopsOf(subject);
  const { domain, gather } = subject.domain();
  const probes = subject.workloads.map((workload) => {
    const probe = new Probe(engineLoop(subject.engine, domain, gather, workload));
    return { step: workload.step, probe };
  });
  measureAll(
    probes.map(({ probe }) => probe),
    aloneEffort(effort),
  );
  return Object.fromEntries(probes.map(({ step, probe }) => [step, probe.samples]));
}

function aloneInChild({ name }: Subject, effort: Effort): AloneSamples {
  const script = fileURLToPath(import.meta.url);
  const flags = ["--alone", name, ...(effort === QUICK ? ["--quick"] : [])];
  return JSON.parse(execFileSync(process.execPath, [script, ...flags], { encoding: "utf8" }));
}

function rowOf(measured: Measured, native: NativeWalk, alone: Figures | undefined): Row {
  const { subject, workload, engine, bigint, reference } = measured;
  // A run of large pages walks one level less; C has only one page size.
  const levels = workload.step === "large" ? subject.levels - 1 : subject.levels;
  const nativeStep = workload.step === "large" ? "pages" : workload.step;
  return {
    subject: subject.name,
    step: workload.step,
    label: labelOf(workload),
    levels,
    engine: engine.figures(),
    bigint: bigint.figures(),
    reference: reference.figures(),
    native: native.figures(levels, nativeStep),
    alone,
  };
}

function labelOf({ step, strideLg2 }: Workload): string {
  if (step === "lookup") return "lookup";
  const size = strideLg2 >= 20 ? `${2 ** (strideLg2 - 20)} MiB` : `${2 ** (strideLg2 - 10)} KiB`;
  if (step === "page") return `1 × ${size}`;
  return step === "contiguous" ? `1 × ${size}, contiguous` : `256 × ${size}`;
}

function unitOf(native: NativeWalk): Unit | undefined {
  const page = native.figures(6, "page");
  const pages = native.figures(6, "pages");
  return page === undefined || pages === undefined ? undefined : { page, pages };
}

await main();
