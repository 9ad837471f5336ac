/** `genpt formats`: what there is. */
import pc from "picocolors";
import { describeLength } from "../../models/index.js";
import { shippedVectors } from "./conform-command.js";
import { type FormatFacts, formatFacts } from "./formats-table.js";
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
  const lines = [
    ["addresses", `${fact.vaWidthMaxLg2} bits in, ${fact.oaWidthMaxLg2} bits out, at most`],
    ["top level", fact.topLevels.join(", ")],
    ["page sizes", fact.pageSizesLg2.map((lg2) => describeLength(1n << BigInt(lg2))).join(", ")],
    ["options", options],
    ["walker", fact.walker],
    ["suite", `${fact.configurations} configurations, ${recorded}`],
  ];
  return [pc.bold(fact.format), ...lines.map(([name, text]) => `  ${name.padEnd(12)}${text}`)].join("\n");
}
