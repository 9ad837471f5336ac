/** Findings are kept as programs, in the form of the corpus, each with its report beside it. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FoundFailure } from "./jobs.js";

/** Writes the finding's program and report, and gives the program's file. Equal programs have one file. */
export function saveFinding(directory: string, finding: FoundFailure): string {
  const digest = createHash("sha256").update(finding.program).digest("hex").slice(0, 8);
  const name = `${finding.configuration.replace("/", "-")}-${finding.invariant}-${digest}`;
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${name}.json`);
  writeFileSync(file, finding.program);
  writeFileSync(join(directory, `${name}.txt`), `${finding.report}\n`);
  return file;
}
