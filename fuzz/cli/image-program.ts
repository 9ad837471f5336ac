/** The commands on memory images and single items: their options and help. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { layoutNames } from "../images/index.js";
import type { CompareOptions } from "./compare-command.js";
import type { DecodeOptions } from "./image-commands.js";
import { formatName, type ImageOptions, settingNames } from "./image-options.js";
import { type Exit, wholeNumber } from "./usage.js";

type Add = (name: string, description: string, examples: readonly string[]) => Command;
type End = (status: Exit) => void;
type WithJson = { readonly json?: true | undefined };

/** An address or an item: decimal or hexadecimal, underscores allowed. */
function number64(text: string): bigint {
  const plain = text.replaceAll("_", "");
  const value = /^(0x[0-9a-f]{1,16}|[0-9]{1,20})$/i.test(plain) ? BigInt(plain) : -1n;
  if (value >= 0n && value < 1n << 64n) return value;
  throw new InvalidArgumentError("A number of at most 64 bits is needed, such as 0x8_4020_0000.");
}

const setting = (text: string, others: readonly string[] = []) => [...others, text];

function withTables(command: Command): Command {
  return command
    .addOption(
      new Option("--config <name>", "one of the format's configurations, as genpt formats lists them"),
    )
    .addOption(
      new Option("--set <name=value...>", `what the tables have: ${settingNames.join(", ")}`).argParser(
        setting,
      ),
    )
    .addOption(
      new Option("--levels <levels>", "how many, where the width does not say").argParser(wholeNumber(1)),
    );
}

function withImage(command: Command): Command {
  return withTables(
    command
      .argument("<image>", "a file of raw memory")
      .addOption(
        new Option("--format <format>", "of which format the tables are")
          .argParser(formatName)
          .makeOptionMandatory(),
      )
      .addOption(
        new Option("--root <address>", "physical address of the root")
          .argParser(number64)
          .makeOptionMandatory(),
      )
      .addOption(
        new Option("--base <address>", "physical address of the file's first byte")
          .argParser(number64)
          .default(0n, "0"),
      ),
  ).addOption(
    new Option(
      "--mode <value>",
      "the mode field as the register has it; default: what the widths give",
    ).argParser(wholeNumber(0)),
  );
}

export function addImages(add: Add, end: End): void {
  addDump(add, end);
  addWalk(add, end);
  addCheck(add, end);
  addCompare(add, end);
  addDecode(add, end);
}

function addDump(add: Add, end: End): void {
  withImage(
    add(
      "dump",
      "Print the tables in a memory image: grouped runs, the tree, or columns as debugfs has them.",
      [
        "dump memory.bin --format amdv1 --levels 4 --root 0x100000",
        "dump memory.bin --format x86-64 --root 0x3a000 --layout tree",
        "dump memory.bin --format vtd-second-stage --root 0x3a000 --base 0x1_0000_0000 --json",
      ],
    ),
  )
    .addOption(new Option("--layout <layout>", "how it looks").choices(layoutNames).default("runs"))
    .option("--json", "one JSON object")
    .action(
      async (image: string, options: ImageOptions & WithJson & { layout: (typeof layoutNames)[number] }) => {
        const { dumpCommand } = await import("./image-commands.js");
        end(dumpCommand(image, options));
      },
    );
}

function addWalk(add: Add, end: End): void {
  withImage(
    add(
      "walk",
      "Walk one address through the tables in a memory image, every item taken apart bit by bit; ends with 1 when " +
        "it does not translate.",
      ["walk memory.bin --format amdv1 --levels 4 --root 0x100000 --iova 0x20_0000"],
    ),
  )
    .addOption(new Option("--iova <address>", "the address").argParser(number64).makeOptionMandatory())
    .option("--json", "one JSON object")
    .action(async (image: string, options: ImageOptions & WithJson & { iova: bigint }) => {
      const { walkCommand } = await import("./image-commands.js");
      end(walkCommand(image, options));
    });
}

function addCheck(add: Add, end: End): void {
  withImage(
    add(
      "check",
      "List everything in an image that its tables may not be: tables reached twice (I5), contiguous entries in " +
        "part (I8), illegal items (I14).",
      ["check memory.bin --format riscv64 --levels 3 --root 0x8020_0000 --base 0x8000_0000"],
    ),
  )
    .option("--json", "one JSON object")
    .action(async (image: string, options: ImageOptions & WithJson) => {
      const { checkCommand } = await import("./image-commands.js");
      end(checkCommand(image, options));
    });
}

function addCompare(add: Add, end: End): void {
  withImage(
    add(
      "compare",
      "Tell where the tables in two images translate differently, whatever their formats, or with --items which " +
        "items differ; what is not said of the other image is as in the first.",
      [
        "compare before.bin after.bin --format amdv1 --levels 4 --root 0x100000",
        "compare amd.bin intel.bin --format amdv1 --levels 4 --root 0x100000 --other-format vtd-second-stage",
      ],
    ),
  )
    .argument("<other>", "the other image")
    .addOption(new Option("--other-format <format>", "of the other image").argParser(formatName))
    .addOption(new Option("--other-levels <levels>", "of the other image").argParser(wholeNumber(1)))
    .addOption(new Option("--other-root <address>", "of the other image").argParser(number64))
    .addOption(new Option("--other-base <address>", "of the other image").argParser(number64))
    .option("--sizes", "pages of other sizes that lead to the same place are a difference")
    .option("--dirty", "dirty state is compared too")
    .option("--items", "compare item by item; where tables stand does not matter")
    .addOption(new Option("--ignore <bits>", "with --items, bits that may differ").argParser(number64))
    .option("--json", "one JSON object")
    .action(async (image: string, other: string, options: CompareOptions) => {
      const { compareCommand } = await import("./compare-command.js");
      end(compareCommand(image, other, options));
    });
}

function addDecode(add: Add, end: End): void {
  withTables(
    add("decode", "Take one item apart: every field by name, and what hardware makes of it.", [
      "decode amdv1 0x6000000840200e01 --level 1",
      "decode armv8-stage1 0x60000040000f47 --level 0 --set granuleLg2=12",
    ])
      .argument("<format>", "one of the formats", formatName)
      .argument("<raw>", "the item", number64),
  )
    .addOption(
      new Option("--level <level>", "of the table it stands in; 0 at the leaves")
        .argParser(wholeNumber(0))
        .makeOptionMandatory(),
    )
    .option("--json", "one JSON object")
    .action(async (format: Parameters<typeof formatName>[0], raw: bigint, options: DecodeOptions) => {
      const { decodeCommand } = await import("./image-commands.js");
      end(decodeCommand(formatName(format), raw, options));
    });
}
