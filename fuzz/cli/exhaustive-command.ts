/** `genpt exhaustive`: every program of a small alphabet on tables so small that all states can be visited. */
import pc from "picocolors";
import { configurationName, type FormatName } from "../../models/index.js";
import { runExhaustive } from "../exhaustive/index.js";
import { canCreate } from "../lockstep/index.js";
import { LiveLine } from "./live-line.js";
import { Exit, selectConfigurations, UsageError } from "./usage.js";

export interface ExhaustiveOptions {
  readonly format?: readonly FormatName[] | undefined;
  readonly config?: string | undefined;
  readonly depth: number;
}

export function exhaustiveCommand({ format, config, depth }: ExhaustiveOptions): Exit {
  const chosen = selectConfigurations(format, config).filter(({ tiny }) => tiny !== undefined);
  if (chosen.length === 0) throw new UsageError(`"${config}" is not tiny: its states cannot all be visited`);
  const line = new LiveLine(process.stderr);
  let exit: Exit = Exit.clean;
  for (const configuration of chosen.filter(canCreate)) {
    const name = configurationName(configuration).padEnd(36);
    const { states, transitions, finding } = runExhaustive({
      configuration,
      depth,
      onProgress: (progress) =>
        line.show(`${name} length ${progress.depth}: ${progress.expanded} of ${progress.toExpand} states`),
    });
    line.write("");
    process.stdout.write(`${name} ${states} states, ${transitions} operations, depth ${depth}\n`);
    if (finding === undefined) continue;
    exit = Exit.finding;
    process.stdout.write(`${pc.red("finding")}\n${finding.report}\n`);
  }
  return exit;
}
