/** The commands for other implementations: the options of `--against`, and `genpt export`. */
import { type Command, Option } from "commander";
import type { ExportOptions } from "./export-command.js";
import { type Exit, seconds, wholeNumber } from "./usage.js";

/** Adds the options with which a command judges an implementation in a process of its own. */
export function addAgainst(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--against <command>",
        "judge another implementation: a command that speaks the protocol of docs/against.md",
        // It runs in one process of its own, and is no campaign that is kept.
      ).conflicts(["workers", "oracles", "campaign", "resume", "canary", "system"]),
    )
    .addOption(
      new Option("--limit <seconds>", "with --against: how long an answer may take; default: 5").argParser(
        seconds,
      ),
    )
    .option("--lines", "with --against: table memory goes through the lines, never through a shared file");
}

type Add = (name: string, description: string, examples: readonly string[]) => Command;

/** `genpt export`. */
export function addExport(add: Add, end: (status: Exit) => void): void {
  add(
    "export",
    "Write programs as vectors: operations, what each gives, and the tables in the end. genpt conform reads " +
      "them, and so can the unit tests of other implementations (docs/vectors.md).",
    [
      "export --config amdv1/top2-va64 --seed s --count 3 --ops 40 --out vectors.jsonl",
      "export docs/example-finding.json",
    ],
  )
    .argument("[token-or-file...]", "units or programs, of one configuration; default: units of a seed")
    .option("--config <name>", "of which configuration units are generated")
    .option("--seed <seed>", "from which seed; default: drawn")
    .addOption(new Option("--count <cases>", "how many units").argParser(wholeNumber(1)).default(10))
    .addOption(new Option("--ops <operations>", "of a unit").argParser(wholeNumber(1)).default(50))
    .option("--out <file>", "where they are written; default: standard output")
    .action(async (whats: string[], options: ExportOptions) => {
      const { exportCommand } = await import("./export-command.js");
      end(exportCommand(whats, options));
    });
}
