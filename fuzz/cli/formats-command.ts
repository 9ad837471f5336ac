/** `genpt formats`: what there is. */
import pc from "picocolors";
import { shippedVectors } from "./conform-command.js";
import { describeSizes, type FormatFacts, formatFacts } from "./formats-table.js";
import { Exit } from "./usage.js";

export function formatsCommand(options: { readonly json?: true | undefined }): Exit {
  const facts = formatFacts(shippedVectors());
  const text = options.json === true ? JSON.stringify(facts, null, 2) : facts.map(paragraph).join("\n\n");
  process.stdout.write(`${text}\n`);
  return Exit.clean;
}

function paragraph(fact: FormatFacts): string {
  const recorded = fact.vectors === 0 ? "none recorded" : `${fact.vectors} of them recorded`;
  const options = fact.options.length === 0 ? "none of its own" : fact.options.join(", ");
  const lines: readonly (readonly [name: string, text: string])[] = [
    ["addresses", `${fact.vaWidthMaxLg2} bits in, ${fact.oaWidthMaxLg2} bits out, at most`],
    ["top level", fact.topLevels.join(", ")],
    ["page sizes", describeSizes(fact.pageSizesLg2)],
    ["options", options],
    ["walker", fact.walker],
    ["suite", `${fact.configurations.length} configurations, ${recorded}:`],
    ["", fact.configurations.join(", ")],
  ];
  return [pc.bold(fact.format), ...lines.flatMap(([name, text]) => folded(name, text))].join("\n");
}

/** A name and its text, broken at spaces, the text in a column of its own. */
function folded(name: string, text: string): readonly string[] {
  const lines = text.match(/.{1,84}(?:\s|$)/g) ?? [text];
  return lines.map((line, index) => `  ${(index === 0 ? name : "").padEnd(12)}${line.trimEnd()}`);
}
