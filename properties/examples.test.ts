/** The examples run as they stand, from the package by its name. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";

const run = promisify(execFile);
const examples = fileURLToPath(new URL("../../examples", import.meta.url));
const files = readdirSync(examples).flatMap((name) =>
  readdirSync(join(examples, name))
    .filter((file) => file.endsWith(".mjs"))
    .map((file) => join(name, file)),
);

test("there are examples", (t) => {
  t.true(files.includes(join("mock-domain", "mock-domain.mjs")));
});

for (const file of files) {
  test(`examples/${file} ends well and says what it did`, async (t) => {
    const { stdout, stderr } = await run(process.execPath, [join(examples, file)]);
    t.is(stderr, "");
    t.true(stdout.trim().split("\n").length >= 1);
    t.notRegex(stdout, /\b(NaN|undefined)\b/);
  });
}
