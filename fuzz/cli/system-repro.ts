/** `genpt repro system-…`, and a saved finding of a machine: the failure once more. */
import { readFileSync } from "node:fs";
import pc from "picocolors";
import {
  describeSystemOperation,
  failureOfFinding,
  runSystemUnit,
  type SystemFinding,
  type SystemUnit,
  systemFindingFromText,
  systemNames,
} from "../system/index.js";
import { Exit, UsageError } from "./usage.js";

const TOKEN = /^system-([a-z]+):([\w.-]+):(\d+):(\d+)$/;

export function tokenOf({ system, seed, unit, operations }: SystemUnit): string {
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

/** @param replay what `genpt repro` is to be given: the token of the unit, or the file where the program is kept */
export function reportOf(finding: SystemFinding, replay = tokenOf(finding.unit)): string {
  const { shape, invariant, sentence, program, shrunkFrom } = finding;
  const facts = Object.entries(shape).map(([name, value]) => `${name} ${value}`);
  const steps = program.map((operation, index) => `  ${index + 1}  ${describeSystemOperation(operation)}`);
  return [
    pc.red(`property ${invariant} violated: ${sentence}`),
    `  ${facts.join(", ")}`,
    `  op ${program.length} of ${program.length} (shrunk from ${shrunkFrom})`,
    "",
    ...steps,
    "",
    `  replay:  npx genpt repro ${replay}`,
    "",
  ].join("\n");
}

/** Runs the program of a saved finding again. */
export function systemReproFile(file: string): Exit {
  const finding = savedFinding(file);
  const failure = failureOfFinding(finding);
  if (failure === undefined) {
    process.stdout.write(`${pc.green("passes:")} ${file}\n`);
    return Exit.clean;
  }
  process.stdout.write(reportOf({ ...finding, ...failure }, file));
  return Exit.finding;
}

function savedFinding(file: string): SystemFinding {
  try {
    return systemFindingFromText(readFileSync(file, "utf8"));
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`${file}: ${error.message}`) : error;
  }
}
