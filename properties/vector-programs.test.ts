/**
 * The programs of the `io-pgtable` recordings, those with errors above all, hold every invariant in the lockstep:
 * overlaps, partial unmaps, holes and exhaustion as others thought of them.
 */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "ava";
import { ioConfiguration, openVectorFile, programOf } from "../fuzz/conform/index.js";
import { report, runProgram } from "../fuzz/lockstep/index.js";

const DIRECTORY = fileURLToPath(new URL("../../corpus/vectors/", import.meta.url));

for (const name of readdirSync(DIRECTORY).filter((file) => /^(arm|apple)_.*\.jsonl\.gz$/.test(file))) {
  test(`${name}: the programs of errors hold every invariant`, async (t) => {
    const file = await openVectorFile(DIRECTORY + name);
    if (file.kind !== "io-cases" || file.header.made === undefined) return t.fail();
    const { header } = file;
    const configuration = ioConfiguration(header, file.header.made);
    let programs = 0;
    for await (const vector of file.cases) {
      if (!vector.isInput) continue;
      programs++;
      const { finding } = runProgram(configuration, programOf(header, file.header.made, vector));
      t.is(finding && report(finding), undefined, `seed ${vector.seed}`);
    }
    t.is(programs, 7);
  });
}
