/** The commands on campaigns that were run, and on what they found: their options and help. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Status, statuses } from "../campaign/statuses.js";
import type { ReportOptions } from "./report-command.js";
import { type Exit, wholeNumber } from "./usage.js";

type Add = (name: string, description: string, examples: readonly string[]) => Command;
type End = (status: Exit) => void;
interface Common {
  readonly out: string;
  readonly json?: true | undefined;
}

export function addNightCommands(add: Add, end: End): void {
  addReport(add, end);
  addFindings(add, end);
}

function addReport(add: Add, end: End): void {
  add(
    "report",
    "Write the report of a campaign: one HTML file with its speed and growth, what it exercised, and what it found. " +
      "A campaign writes it by itself when it ends.",
    ["report findings/campaigns/nightly-17", "report findings/campaigns/nightly-17 --to report.html"],
  )
    .argument("<directory>", "the campaign's")
    .option("--to <file>", "where to; default: report.html in the directory")
    .option(
      "--coverage <file>",
      "what a coverage-guided run has left; default: coverage.jsonl in the directory",
    )
    .action(async (directory: string, options: ReportOptions) => {
      const { reportCommand } = await import("./report-command.js");
      end(reportCommand(directory, options));
    });
}

function addFindings(add: Add, end: End): void {
  const findings = add("findings", "What all campaigns have found: each finding once, with its status.", [
    "findings list --status open",
    "findings show 1",
    "findings export 1",
    "findings status 1 known",
  ]);
  const subcommand = (name: string, description: string): Command =>
    findings
      .command(name)
      .description(description)
      .option("--out <directory>", "where campaigns save what they find", "findings")
      .option("--json", "as JSON");
  const commands = () => import("./findings-command.js");
  subcommand("list", "one after the other, in the order in which they were found")
    .addOption(new Option("--status <status>", `only these: ${statuses.join(", ")}`).argParser(statusFrom))
    .action(async (options: Common & { readonly status?: Status }) => {
      end(await (await commands()).listFindings(options));
    });
  subcommand("show", "its report, when it was seen, and at which commits")
    .argument("<finding>", "its number", number)
    .action(async (id: number, options: Common) => {
      end(await (await commands()).showFinding(id, options));
    });
  subcommand("export", "as files of the corpus, which every test and campaign runs first")
    .argument(
      "[findings...]",
      "their numbers; default: all",
      (text: string, others: readonly number[] = []) => [...others, number(text)],
    )
    .option("--to <directory>", "the corpus", "corpus/regressions")
    .action(async (ids: readonly number[] | undefined, options: Common & { readonly to: string }) => {
      end(await (await commands()).exportFindings(ids ?? [], options));
    });
  subcommand("status", "say what is so: a known finding fails no schedule, an open one does")
    .argument("<finding>", "its number", number)
    .argument("<status>", statuses.join(", "), statusFrom)
    .action(async (id: number, status: Status, options: Common) => {
      end(await (await commands()).setStatus(id, status, options));
    });
}

const number = wholeNumber(1);

function statusFrom(text: string): Status {
  const status = statuses.find((one) => one === text);
  if (status !== undefined) return status;
  throw new InvalidArgumentError(`There are ${statuses.join(", ")}.`);
}
