/** What `--against` adds to the command line: its options. */
import { type Command, Option } from "commander";
import { seconds } from "./usage.js";

/** Adds the options with which a command judges an implementation in a process of its own. */
export function addAgainst(command: Command): Command {
  return command
    .option(
      "--against <command>",
      "judge another implementation: a command that speaks the protocol of docs/against.md",
    )
    .addOption(
      new Option("--limit <seconds>", "with --against: how long an answer may take; default: 5").argParser(
        seconds,
      ),
    )
    .option("--lines", "with --against: table memory goes through the lines, never through a shared file");
}
