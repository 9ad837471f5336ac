/** `genpt fuzz --system` and `genpt repro system-…`: whole machines with IOMMUs under random programs. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import pc from "picocolors";
import {
  describeSystemOperation,
  runSystemUnit,
  type SystemFinding,
  type SystemName,
  type SystemUnit,
  type SystemUnitResult,
  systemNames,
  systemUnitOperations,
} from "../system/index.js";
import { LiveLine } from "./live-line.js";
import { seedFrom } from "./seeds.js";
import { Exit, UsageError } from "./usage.js";
import { WatchedPool } from "./watched-pool.js";

export interface SystemOptions {
  readonly system: readonly SystemName[];
  readonly seed?: string | undefined;
  readonly seconds?: number | undefined;
  readonly hours?: number | undefined;
  readonly ops?: number | undefined;
  readonly workers?: number | "all" | undefined;
  readonly patience?: number | undefined;
  readonly out: string;
  readonly json?: true | undefined;
}

const SECONDS = 60;
const PATIENCE_SECONDS = 60;

interface Totals {
  operations: number;
  units: number;
  failures: number;
  /** Of each system and property the failure of the first unit. */
  readonly findings: Map<string, SystemFinding>;
}

export async function systemCommand(options: SystemOptions): Promise<Exit> {
  const seed = seedFrom(options.seed);
  const workers = typeof options.workers === "number" ? options.workers : availableParallelism();
  const line = new LiveLine(process.stderr);
  const write = (text: string) => options.json !== true && line.write(text);
  write(`seed ${seed}, systems ${options.system.join(" and ")}, ${workers} threads\n`);
  const totals: Totals = { operations: 0, units: 0, failures: 0, findings: new Map() };
  const pool = new WatchedPool(workers);
  const began = Date.now();
  let stopped = false;
  const stop = () => {
    stopped = true;
  };
  process.once("SIGINT", stop);
  const units = unitsOf(options, seed, () => stopped || isOver(options, began));
  const feed = async () => {
    for (const unit of units) {
      const patience = (options.patience ?? PATIENCE_SECONDS) * 1000;
      count(totals, await pool.run<SystemUnit, SystemUnitResult>("runSystemUnitJob", unit, patience));
      if (options.json !== true) line.show(summaryLine(totals, Date.now() - began));
    }
  };
  try {
    await Promise.all(Array.from({ length: workers }, feed));
  } finally {
    process.removeListener("SIGINT", stop);
    await pool.end();
  }
  for (const finding of totals.findings.values())
    write(`\n${reportOf(finding)}saved:  ${save(options.out, finding)}\n`);
  write(`${summaryLine(totals, Date.now() - began)}\n`);
  if (options.json === true) process.stdout.write(`${JSON.stringify(asJson(seed, totals), null, 2)}\n`);
  return totals.failures === 0 ? Exit.clean : Exit.finding;
}

/** The systems take turns. Several take from the same list: each unit is handed out once. */
function* unitsOf(
  { system, ops }: SystemOptions,
  seed: string,
  isOver: () => boolean,
): Generator<SystemUnit, void, undefined> {
  let left = ops ?? Number.POSITIVE_INFINITY;
  for (let number = 0; left > 0 && !isOver(); number++) {
    const operations = Math.min(systemUnitOperations, left);
    left -= operations;
    yield {
      system: system[number % system.length],
      seed,
      unit: Math.floor(number / system.length),
      operations,
    };
  }
}

function isOver({ ops, seconds, hours }: SystemOptions, began: number): boolean {
  if (ops !== undefined) return false;
  const wanted = hours === undefined ? (seconds ?? SECONDS) : hours * 3600;
  return Date.now() - began >= wanted * 1000;
}

function count(totals: Totals, { operations, finding }: SystemUnitResult): void {
  totals.operations += operations;
  totals.units++;
  if (finding === undefined) return;
  totals.failures++;
  const kind = `${finding.unit.system} ${finding.invariant}`;
  const before = totals.findings.get(kind);
  if (before === undefined || before.unit.unit > finding.unit.unit) totals.findings.set(kind, finding);
}

function summaryLine({ operations, units, failures }: Totals, milliseconds: number): string {
  const perSecond = Math.round((operations * 1000) / Math.max(1, milliseconds));
  const findings = `${failures} failing unit${failures === 1 ? "" : "s"}`;
  const seconds = (milliseconds / 1000).toFixed(1);
  return `${seconds} s  ${operations} operations  ${perSecond}/s  ${units} units  ${findings}`;
}

const TOKEN = /^system-([a-z]+):([\w.-]+):(\d+):(\d+)$/;

function tokenOf({ system, seed, unit, operations }: SystemUnit): string {
  return `system-${system}:${seed}:${unit}:${operations}`;
}

/** Runs the unit of a token again. */
export function systemRepro(token: string): Exit {
  const [, name, seed = "", unit, operations] = TOKEN.exec(token) ?? [];
  if (name === undefined) throw new UsageError(`"${token}" is no token: system-NAME:SEED:UNIT:OPERATIONS`);
  const system = systemNames.find((one) => one === name);
  if (system === undefined)
    throw new UsageError(`there is no system "${name}"; there are ${systemNames.join(", ")}`);
  const { finding } = runSystemUnit({ system, seed, unit: Number(unit), operations: Number(operations) });
  if (finding === undefined) {
    process.stdout.write(`${pc.green("passes:")} ${token}\n`);
    return Exit.clean;
  }
  process.stdout.write(reportOf(finding));
  return Exit.finding;
}

function reportOf(finding: SystemFinding): string {
  const { shape, invariant, sentence, program, shrunkFrom, unit } = finding;
  const facts = Object.entries(shape).map(([name, value]) => `${name} ${value}`);
  const steps = program.map((operation, index) => `  ${index + 1}  ${describeSystemOperation(operation)}`);
  return [
    pc.red(`property ${invariant} violated: ${sentence}`),
    `  ${facts.join(", ")}`,
    `  op ${program.length} of ${program.length} (shrunk from ${shrunkFrom})`,
    "",
    ...steps,
    "",
    `  replay:  npx genpt repro ${tokenOf(unit)}`,
    "",
  ].join("\n");
}

function save(directory: string, finding: SystemFinding): string {
  const text = `${JSON.stringify(finding, null, 2)}\n`;
  const hash = createHash("sha256").update(JSON.stringify(finding.program)).digest("hex").slice(0, 8);
  const file = join(directory, `${finding.invariant}-system-${finding.unit.system}-${hash}.json`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, text);
  return file;
}

function asJson(seed: string, { operations, units, failures, findings }: Totals): object {
  const told = [...findings.values()].map((finding) => ({ ...finding, token: tokenOf(finding.unit) }));
  return { seed, operations, units, failures, findings: told };
}
