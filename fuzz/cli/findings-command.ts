/** `genpt findings`: what all campaigns have found, as a list, one by one, as files. */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import pc from "picocolors";
import { operationToJson } from "../../models/index.js";
import { type Findings, type KnownFinding, type Status, withFindings } from "../campaign/index.js";
import { saveCorpusFile } from "../lockstep/index.js";
import { isSystemFinding, systemFileName, systemFindingFromText } from "../system/index.js";
import { findingsFile } from "./sightings.js";
import { Exit, UsageError } from "./usage.js";

export interface FindingsOptions {
  /** The directory of the findings. */
  readonly out: string;
  readonly json?: true | undefined;
}

export async function listFindings(
  options: FindingsOptions & { readonly status?: Status | undefined },
): Promise<Exit> {
  const found = await withExisting(options, (findings) => findings.list(options.status), []);
  const text = options.json === true ? JSON.stringify(found.map(withoutReport), null, 2) : listed(found);
  process.stdout.write(`${text}\n`);
  return Exit.clean;
}

export async function showFinding(id: number, options: FindingsOptions): Promise<Exit> {
  const { finding, program } = await withExisting(options, (findings) => {
    const finding = existing(findings, id);
    return { finding, program: findings.programOf(id) };
  });
  if (options.json === true) {
    const operations = program?.operations.map(operationToJson);
    process.stdout.write(`${JSON.stringify({ ...finding, program: operations }, null, 2)}\n`);
    return Exit.clean;
  }
  const { status, subject, firstSeen, firstCommit, lastSeen, lastCommit, times, key, report } = finding;
  const lines = [
    `${pc.bold(`finding ${id}`)}  ${status}${subject === "genpt" ? "" : `  of ${subject}`}  shape ${key}`,
    `  first seen ${firstSeen} ${commitText(firstCommit)}`,
    `  last seen  ${lastSeen} ${commitText(lastCommit)}, ${times} time${times === 1 ? "" : "s"}`,
    "",
  ];
  process.stdout.write(`${lines.join("\n")}\n${report}`);
  return Exit.clean;
}

/**
 * Writes programs as files of the corpus, named for what they are; those of the canary only when they are named. Those
 * of machines have a folder of their own beside it.
 */
export async function exportFindings(
  ids: readonly number[],
  options: FindingsOptions & { readonly to: string },
): Promise<Exit> {
  const programs = await withExisting(options, (findings) => {
    const chosen = ids.length > 0 ? ids.map((id) => existing(findings, id)) : findings.list().filter(isOurs);
    return chosen.map(({ id }) => ({ program: findings.programOf(id), text: findings.textOf(id) ?? "" }));
  });
  const files: string[] = [];
  for (const { program, text } of programs) {
    if (program !== undefined) files.push(await saveCorpusFile(options.to, program));
    else if (isSystemFinding(text)) files.push(await saveSystem(join(dirname(options.to), "systems"), text));
  }
  process.stdout.write(
    options.json === true ? `${JSON.stringify(files)}\n` : files.map((file) => `${file}\n`).join(""),
  );
  return Exit.clean;
}

async function saveSystem(folder: string, text: string): Promise<string> {
  const file = join(folder, systemFileName(systemFindingFromText(text)));
  await mkdir(folder, { recursive: true });
  await writeFile(file, text);
  return file;
}

export async function setStatus(id: number, status: Status, options: FindingsOptions): Promise<Exit> {
  const finding = await withExisting(options, (findings) => {
    existing(findings, id);
    findings.setStatus(id, status);
    return existing(findings, id);
  });
  process.stdout.write(
    options.json === true ? `${JSON.stringify(withoutReport(finding))}\n` : `${line(finding)}\n`,
  );
  return Exit.clean;
}

/** Does something with the findings; where there are none, gives `otherwise` or refuses. */
function withExisting<Result>(
  { out }: FindingsOptions,
  work: (findings: Findings) => Result,
  otherwise?: Result,
): Promise<Result> {
  const file = findingsFile(out);
  if (existsSync(file)) return withFindings(file, work);
  if (otherwise !== undefined) return Promise.resolve(otherwise);
  throw new UsageError(`nothing was ever found in ${out}`);
}

function existing(findings: Findings, id: number): KnownFinding {
  const finding = findings.find(id);
  if (finding === undefined)
    throw new UsageError(`there is no finding ${id}; genpt findings list tells which`);
  return finding;
}

function isOurs({ subject }: KnownFinding): boolean {
  return subject === "genpt";
}

function withoutReport({ report: _, ...finding }: KnownFinding): object {
  return finding;
}

function listed(found: readonly KnownFinding[]): string {
  return found.length === 0 ? "no findings" : found.map(line).join("\n");
}

function line({
  id,
  status,
  invariant,
  configuration,
  operations,
  lastSeen,
  sentence,
  subject,
}: KnownFinding): string {
  const whose = subject === "genpt" ? "" : ` (${subject})`;
  const length = `${operations} operation${operations === 1 ? "" : "s"}`;
  const facts = [status.padEnd(5), invariant.padEnd(3), configuration + whose, length, lastSeen.slice(0, 10)];
  return `${String(id).padStart(4)}  ${facts.join("  ")}\n      ${sentence}`;
}

function commitText(commit: string): string {
  return commit === "" ? "" : `at ${commit.slice(0, 12)}`;
}
