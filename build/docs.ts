/** `npm run docs`: writes the generated parts of the documents anew. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { GENERATED_DOCUMENTS, withGenerated } from "./generated-docs.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

for (const document of GENERATED_DOCUMENTS) {
  const file = `${root}/${document}`;
  writeFileSync(file, withGenerated(readFileSync(file, "utf8")));
}
