/** `genpt fuzz --system`: whole machines with IOMMUs under random programs. */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import {
  type SystemFinding,
  type SystemName,
  type SystemUnit,
  type SystemUnitResult,
  systemFileName,
  systemFindingToText,
  systemUnitOperations,
} from "../system/index.js";
import { LiveLine } from "./live-line.js";
import { commitHere, seedFrom } from "./seeds.js";
import { reportOf, tokenOf } from "./system-repro.js";
import { replaySystems, SystemSightings } from "./system-sightings.js";
import { Exit } from "./usage.js";
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
  const sightings = new SystemSightings(options.out, commitHere());
  const began = Date.now();
  let stopped = false;
  const stop = () => {
    stopped = true;
  };
  process.once("SIGINT", stop);
  const units = unitsOf(options, seed, () => stopped || isOver(options, began));
  const patience = (options.patience ?? PATIENCE_SECONDS) * 1000;
  const feed = async () => {
    for (const unit of units) {
      count(totals, await pool.run<SystemUnit, SystemUnitResult>("runSystemUnitJob", unit, patience));
      if (options.json !== true) line.show(summaryLine(totals, Date.now() - began));
    }
  };
  let failing: readonly string[] = [];
  try {
    const replayed = await replaySystems(pool, sightings, options.system, patience);
    failing = replayed.failing;
    if (replayed.tried > 0) write(`replayed ${replayed.tried}, ${failing.length} fail\n`);
    for (const one of failing) write(`  ${one}\n`);
    await Promise.all(Array.from({ length: workers }, feed));
  } finally {
    process.removeListener("SIGINT", stop);
    await pool.end();
  }
  let isOpen = failing.length > 0;
  for (const finding of totals.findings.values()) {
    const report = reportOf(finding);
    write(`\n${report}saved:  ${save(options.out, finding)}\n`);
    const status = await sightings.record(finding, tokenOf(finding.unit), report);
    isOpen ||= status !== "known";
  }
  write(`${summaryLine(totals, Date.now() - began)}\n`);
  if (options.json === true) process.stdout.write(`${JSON.stringify(asJson(seed, totals), null, 2)}\n`);
  return isOpen ? Exit.finding : Exit.clean;
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

function save(directory: string, finding: SystemFinding): string {
  const file = join(directory, systemFileName(finding));
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, systemFindingToText(finding));
  return file;
}

function asJson(seed: string, { operations, units, failures, findings }: Totals): object {
  const told = [...findings.values()].map((finding) => ({ ...finding, token: tokenOf(finding.unit) }));
  return { seed, operations, units, failures, findings: told };
}
