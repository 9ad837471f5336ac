/**
 * The parts of docs/ that are written by the code they describe. Each stands between `<!-- generated: name -->`
 * and `<!-- end -->`; `npm run docs` writes them anew, and a test compares.
 */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { formatFacts, markdownTable } from "../fuzz/cli/formats-table.js";

const dist = fileURLToPath(new URL("..", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

/** The documents that have generated parts. */
export const GENERATED_DOCUMENTS = ["docs/formats.md", "docs/cli.md"] as const;

const COMMANDS = [
  "fuzz",
  "repro",
  "conform",
  "export",
  "exhaustive",
  "formats",
  "dump",
  "walk",
  "check",
  "compare",
  "decode",
  "findings",
  "report",
] as const;

/** The document's text with every generated part as it should be. */
export function withGenerated(text: string): string {
  return text.replace(
    /(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, begin: string, name: string, end: string) => `${begin}\n${generated(name)}\n${end}`,
  );
}

function generated(name: string): string {
  if (name === "formats") return markdownTable(formatFacts(vectorFiles()));
  if (name === "help") return COMMANDS.map(helpOf).join("\n");
  throw new Error(`nothing generates "${name}"`);
}

function vectorFiles(): readonly string[] {
  return readdirSync(`${root}/corpus/vectors`).filter((name) => name.endsWith(".jsonl.gz"));
}

function helpOf(command: string): string {
  const genpt = `${dist}/esm/fuzz/cli/genpt.js`;
  const env = { ...process.env, NO_COLOR: "1" };
  const help = execFileSync(process.execPath, [genpt, command, "--help"], { encoding: "utf8", env });
  return `## genpt ${command}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\`\n`;
}
