/**
 * The command line: its commands, options and help. What a command does is in a module of its own, loaded when it is
 * asked for, so that help and refusals come at once.
 */
import { existsSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import pc from "picocolors";
import { canaryNames } from "../campaign/canary-names.js";
import { systemNames } from "../system/names.js";
import type { AgainstArguments } from "./against-command.js";
import { addAgainst, addExport } from "./against-program.js";
import type { ExhaustiveOptions } from "./exhaustive-command.js";
import type { FuzzOptions } from "./fuzz-command.js";
import { addImages } from "./image-program.js";
import { addNightCommands } from "./night-program.js";
import type { ReproOptions } from "./repro-command.js";
import type { SystemOptions } from "./system-command.js";
import { Exit, formats, hours, oracles, seconds, UsageError, wholeNumber, workers } from "./usage.js";

/** Runs one command line and gives its exit status. Everything that is wrong with the arguments is said here. */
export async function runGenpt(args: readonly string[]): Promise<number> {
  let exit: Exit = Exit.clean;
  const program = createProgram((status) => {
    exit = status;
  });
  try {
    await program.parseAsync([...args], { from: "user" });
    return exit;
  } catch (error) {
    // Commander has told already what is wrong; help that was asked for is not wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.clean : Exit.usage;
    if (error instanceof UsageError) {
      process.stderr.write(`${pc.red("genpt:")} ${error.message}\n`);
      return Exit.usage;
    }
    const stack = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${pc.red("genpt:")} a mistake of genpt's own, please report it: ${stack}\n`);
    return Exit.internal;
  }
}

const EXIT_HELP = `
Exit status: 0 when nothing was found, 1 when something was, 2 when the request cannot be met,
3 when genpt itself fails.`;

function createProgram(end: (status: Exit) => void): Command {
  const program = new Command("genpt")
    .description("Generic page tables: fuzz them, replay failures, check recorded tables.")
    .addHelpText("after", `${EXIT_HELP}\n\nMore on a command: genpt COMMAND --help`)
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ helpWidth: 100 });
  const add = (name: string, description: string, examples: readonly string[]): Command => {
    const lines = examples.map((example) => `\n  $ genpt ${example}`).join("");
    return program
      .command(name)
      .description(description)
      .addHelpText("after", `\nExamples:${lines}\n${EXIT_HELP}`);
  };
  addFuzz(add, end);
  addRepro(add, end);
  addConform(add, end);
  addExport(add, end);
  addExhaustive(add, end);
  addFormats(add, end);
  addNightCommands(add, end);
  addImages(add, end);
  return program;
}

type Add = (name: string, description: string, examples: readonly string[]) => Command;
type End = (status: Exit) => void;

const canaryOption = () =>
  new Option("--canary [mistake]", "judge an implementation that is wrong on purpose; default: hole")
    .choices(canaryNames)
    .preset("hole");

const formatOption = () =>
  new Option("--format <formats...>", "which formats; default: all").argParser(formats);

function addFuzz(add: Add, end: End): void {
  const command = add(
    "fuzz",
    "Run random programs on the implementation, the reference and the hardware walkers together, and compare " +
      "after every operation. A failure is shrunk, printed with the command that replays it, and saved.",
    [
      "fuzz --seconds 60",
      "fuzz --hours 8 --workers all --seed date --campaign findings/tonight",
      "fuzz --resume findings/tonight",
      "fuzz --format amdv1 --seed nightly-17 --ops 1000000 --workers 4",
      "fuzz --format riscv64 riscv32 --ops 100000 --json",
      "fuzz --config x86-64/vtdfs-4l --seconds 10",
      "fuzz --format armv8-stage1 --oracles caches stores --seconds 10",
      "fuzz --against ./adapter --config x86-64/vtdfs-4l --seconds 10",
      "fuzz --system amd intel --seconds 60",
    ],
  )
    .addOption(formatOption())
    .option("--config <name>", "one configuration; genpt formats and docs/formats.md tell which there are")
    .option(
      "--seed <seed>",
      "letters, digits, dots, dashes and underscores; commit or date: from the commit or the day; default: drawn. " +
        "It is printed",
    )
    .addOption(
      new Option("--seconds <seconds>", "how long, about; default: 60")
        .argParser(seconds)
        .conflicts(["ops", "hours"]),
    )
    .addOption(new Option("--hours <hours>", "the same in hours").argParser(hours).conflicts("ops"))
    .addOption(
      new Option(
        "--ops <operations>",
        "how many operations: the same seed then gives the same run",
      ).argParser(wholeNumber(1)),
    )
    .addOption(
      new Option("--workers <threads>", "how many threads, or all: one per core; default: all").argParser(
        workers,
      ),
    )
    .addOption(
      new Option(
        "--oracles <oracles...>",
        "what judges every store and invalidation: caches, stores, coherency, all or none; default: all",
      ).argParser(oracles),
    )
    .addOption(
      new Option(
        "--campaign <directory>",
        "where the campaign is kept; default: one of its own in findings/campaigns",
      ),
    )
    .addOption(
      new Option(
        "--resume <directory>",
        "go on with a campaign that was interrupted, or for so much longer",
      ).conflicts(["campaign", "seed", "format", "config", "oracles", "canary"]),
    )
    .addOption(
      new Option("--system <systems...>", "instead of tables, whole machines with IOMMUs: amd, intel")
        .choices(systemNames)
        .conflicts(["format", "config", "oracles", "canary", "campaign", "resume", "against"]),
    )
    .addOption(canaryOption())
    .addOption(
      new Option("--patience <seconds>", "how long one operation may take; default: 60").argParser(seconds),
    )
    .option("--out <directory>", "where failures are saved", "findings")
    .option("--json", "one JSON object on stdout at the end, and no progress");
  addAgainst(command).action(async (options: FuzzOptions & AgainstArguments & Partial<SystemOptions>) => {
    const { system } = options;
    if (system !== undefined) {
      const { systemCommand } = await import("./system-command.js");
      return end(await systemCommand({ ...options, system }));
    }
    if (options.against !== undefined) {
      const { againstCommand } = await import("./against-command.js");
      return end(await againstCommand(options.against, options));
    }
    const { fuzzCommand } = await import("./fuzz-command.js");
    end(await fuzzCommand(options));
  });
}

function addRepro(add: Add, end: End): void {
  const command = add("repro", "Replay one failure, from its token or from a saved program.", [
    "repro vtd-second-stage/3l:2:readme:0:2000:694910be",
    "repro findings/i1-vtd-second-stage-49953ded.json --trace",
  ])
    .argument("<token-or-file>", "what a failure's replay line says, or a program's file")
    .option("--trace", "print every operation and what it gave")
    .addOption(canaryOption());
  addAgainst(command).action(async (what: string, options: ReproOptions) => {
    if (what.startsWith("system-") && !existsSync(what)) {
      const { systemRepro } = await import("./system-repro.js");
      return end(systemRepro(what));
    }
    const { reproCommand } = await import("./repro-command.js");
    end(reproCommand(what, options));
  });
}

function addConform(add: Add, end: End): void {
  add(
    "conform",
    "Replay files of recorded tables (JSON lines, plain or gzip) on the implementation, and print what matches, " +
      "what deviates by name, and the first case that differs, as a table diff.",
    ["conform", "conform corpus/vectors/amdv1-top2-va64.jsonl.gz"],
  )
    .argument("[files...]", "default: the recordings that come with genpt")
    .action(async (files: string[]) => {
      const { conformCommand } = await import("./conform-command.js");
      end(await conformCommand(files));
    });
}

function addExhaustive(add: Add, end: End): void {
  add(
    "exhaustive",
    "Visit every state that a tiny table reaches in a number of operations, and check each step as fuzz does.",
    ["exhaustive --format amdv1 --depth 3", "exhaustive --depth 6"],
  )
    .addOption(formatOption())
    .option("--config <name>", "one of the tiny configurations")
    .addOption(new Option("--depth <operations>", "how many").argParser(wholeNumber(1)).default(4))
    .action(async (options: ExhaustiveOptions) => {
      const { exhaustiveCommand } = await import("./exhaustive-command.js");
      end(exhaustiveCommand(options));
    });
}

function addFormats(add: Add, end: End): void {
  add("formats", "List the formats and what each offers.", ["formats", "formats --json"])
    .option("--json", "as JSON")
    .action(async (options: { readonly json?: true | undefined }) => {
      const { formatsCommand } = await import("./formats-command.js");
      end(formatsCommand(options));
    });
}
