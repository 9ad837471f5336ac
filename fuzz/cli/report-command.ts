/** `genpt report`: what a campaign did and found, as one HTML file. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CampaignFile, type CoveragePoint, reportData, reportPage } from "../campaign/index.js";
import { openCampaign, reportFile } from "./campaign-directory.js";
import { Exit, UsageError } from "./usage.js";

export interface ReportOptions {
  readonly to?: string | undefined;
  /** What a coverage-guided run has left. */
  readonly coverage?: string | undefined;
}

export function reportCommand(directory: string, options: ReportOptions): Exit {
  const file = openCampaign(directory);
  try {
    if (file.plan === undefined) throw new UsageError(`the campaign in ${directory} was never begun`);
    process.stdout.write(`${writeReport(directory, file, options)}\n`);
  } finally {
    file.close();
  }
  return Exit.clean;
}

/** Writes the report of a campaign whose file is open, into its directory if nothing else is said; gives its path. */
export function writeReport(directory: string, file: CampaignFile, options: ReportOptions = {}): string {
  const { to = reportFile(directory), coverage = join(directory, "coverage.jsonl") } = options;
  writeFileSync(to, reportPage(reportData(file, coverageOf(coverage))));
  return to;
}

/** The growth of what a coverage-guided run has reached; a line that is cut off at the end is left out. */
function coverageOf(path: string): readonly CoveragePoint[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.flatMap((line) => {
    try {
      const { seconds, branches, states }: CoveragePoint = JSON.parse(line);
      const isPoint = [seconds, branches, states].every(Number.isFinite);
      return isPoint ? [{ seconds, branches, states }] : [];
    } catch {
      return [];
    }
  });
}
