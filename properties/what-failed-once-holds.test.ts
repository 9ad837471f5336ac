/** Every program of the corpus broke an invariant once. None does now. */
import { readdirSync } from "node:fs";
import test from "ava";
import {
  corpusFileName,
  formatCorpusFile,
  loadCorpusFile,
  parseCorpusFile,
  report,
  runProgram,
} from "../fuzz/lockstep/index.js";

const directory = "corpus/regressions";

for (const name of readdirSync(directory).filter((file) => file.endsWith(".json"))) {
  test(`${name} holds`, async (t) => {
    const file = `${directory}/${name}`;
    const kept = await loadCorpusFile(file);
    t.is(corpusFileName(kept), name, "the name does not say what the file holds");
    const { finding } = runProgram(kept.configuration, kept.operations);
    t.is(finding, undefined, finding && report(finding, { replay: `npx genpt repro ${file}` }));
  });
}

test("a corpus file reads back as it was written, and says what is wrong with a bad one", (t) => {
  const [name] = readdirSync(directory).filter((file) => file.endsWith(".json"));
  t.truthy(name);
  const text = `{
  "invariant": "I1",
  "version": 1,
  "format": "amdv1",
  "configuration": "top2-va64",
  "operations": [
    {"op":"sync"}
  ]
}
`;
  t.is(formatCorpusFile(parseCorpusFile(text, "x.json")), text);
  t.throws(() => parseCorpusFile(text.replace("I1", "I99"), "x.json"), {
    message: /x\.json: .*I99|one of I1/,
  });
  t.throws(() => parseCorpusFile(text.replace("sync", "sink"), "x.json"), {
    message: /x\.json: operations\[0\]/,
  });
});
