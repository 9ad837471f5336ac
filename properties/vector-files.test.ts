/** A file that is no vector, or half of one, is refused with its line and the reason; it is never a verdict. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import test, { type ExecutionContext } from "ava";
import { agrees, conformFile, formatReport, VectorFileError } from "../fuzz/conform/index.js";

const DIRECTORY = fileURLToPath(new URL("../../corpus/vectors/", import.meta.url));
const PACKED = readFileSync(`${DIRECTORY}vtdss-4l.jsonl.gz`);
const TEXT = gunzipSync(PACKED).toString();
const LINES = TEXT.split("\n");
const scratch = mkdtempSync(join(tmpdir(), "genpt-vectors-"));

async function refusal(
  t: ExecutionContext,
  name: string,
  content: string | Uint8Array,
): Promise<VectorFileError> {
  const file = join(scratch, name);
  writeFileSync(file, content);
  const error = await t.throwsAsync(conformFile(file), { instanceOf: VectorFileError });
  t.true(error.message.startsWith(file), error.message);
  return error;
}

test("plain and packed vectors give the same result", async (t) => {
  const file = join(scratch, "plain.jsonl");
  writeFileSync(file, TEXT);
  const plain = await conformFile(file);
  const packed = await conformFile(`${DIRECTORY}vtdss-4l.jsonl.gz`);
  t.true(agrees(plain));
  t.is(formatReport([plain]), formatReport([packed]));
});

test("a file that is not there", async (t) => {
  const error = await t.throwsAsync(conformFile(join(scratch, "absent.jsonl")), {
    instanceOf: VectorFileError,
  });
  t.is(error.line, 0);
});

test("a file cut off inside a line, inside the packed bytes, or after the header", async (t) => {
  const cut = await refusal(t, "cut.jsonl", `${LINES[0]}\n${LINES[1].slice(0, 500)}`);
  t.is(cut.line, 2);
  t.regex(cut.reason, /cut off/);
  const packed = await refusal(t, "cut.jsonl.gz", PACKED.subarray(0, PACKED.length - 100));
  t.true(packed.line > 1);
  t.regex(packed.reason, /unexpected end of file/);
  t.is((await refusal(t, "header.jsonl", `${LINES[0]}\n`)).line, 2);
  t.is((await refusal(t, "empty.jsonl", "")).line, 1);
});

const WRONG: readonly (readonly [what: string, line: number, from: RegExp, to: string, reason: RegExp])[] = [
  ["a header without a format", 1, /"format":"vtdss",/, "", /^format: missing$/],
  ["an unknown format", 1, /"format":"vtdss"/, '"format":"arm"', /no format is called "arm"/],
  ["an unknown feature", 1, /"flush_range"/g, '"flush_twice"', /vtdss with flush_twice/],
  ["a failed creation with cases", 1, /"ret":0/, '"ret":-22', /failed creation/],
  [
    "a number where an address belongs",
    2,
    /"iova":"0x[0-9a-f]+"/,
    '"iova":4096',
    /^ops\[0\]\.iova: not a hex string/,
  ],
  ["an address of 65 bits", 2, /"pa":"0x/, '"pa":"0x11111111', /^ops\[0\]\.pa: not a hex string/],
  ["an unknown operation", 2, /"op":"map"/, '"op":"remap"', /^ops\[0\]\.op: no operation is called "remap"$/],
  [
    "an unknown permission",
    2,
    /\["read","write"\]/,
    '["rw"]',
    /^ops\[0\]\.prot\[0\]: no permission is called "rw"$/,
  ],
  [
    "items out of order",
    2,
    /"level":3,"entries":\[\[0,/,
    '"level":3,"entries":[[600,',
    /^tables\.entries\[0\]\[0\]/,
  ],
  ["a level that is left out", 2, /"level":2,/, '"level":1,', /entries\[0\]\[2\]\.level: 0 stands below 1$/],
  ["no tables", 2, /"tables":/, '"tablets":', /^tables: missing$/],
];

for (const [what, line, from, to, reason] of WRONG) {
  test(`${what} is refused where it stands`, async (t) => {
    const lines = [...LINES];
    t.regex(lines[line - 1], from);
    lines[line - 1] = lines[line - 1].replace(from, to);
    const error = await refusal(t, `${what.replaceAll(" ", "-")}.jsonl`, lines.join("\n"));
    t.is(error.line, line);
    t.regex(error.reason, reason);
  });
}

const IO_LINES = gunzipSync(readFileSync(`${DIRECTORY}arm_64_lpae_s1-4k_ias48_oas48_hd.jsonl.gz`))
  .toString()
  .split("\n");

const IO_WRONG: typeof WRONG = [
  ["an unknown io-pgtable format", 1, /"format":"arm_64_lpae_s1"/, '"format":"arm_65"', /called "arm_65"/],
  ["an unknown quirk", 1, /"arm_hd"/, '"arm_half"', /a quirk called arm_half/],
  [
    "a register field that is no number",
    1,
    /"tsz":16/,
    '"tsz":"16"',
    /^cfg_out\.tcr\.tsz: not a whole number/,
  ],
  ["neither a measure nor an input", 2, /"kind":"normal"/, '"kind":"odd"', /^kind: "normal" or "error"$/],
  [
    "an unknown io-pgtable operation",
    2,
    /"op":"map"/,
    '"op":"remap"',
    /^ops\[0\]\.op: no operation is called/,
  ],
  ["a size that is a number", 2, /"pgsize":"0x200000"/, '"pgsize":2097152', /^ops\[0\]\.pgsize: not a hex/],
  ["a call cut short", 2, /,0,"0x600000"\]\]/, ",0]]", /calls\[0\]: not a call of six values$/],
  ["a root of another level", 2, /"tables":\{"level":3/, '"tables":{"level":4', /stands below 4$/],
];

for (const [what, line, from, to, reason] of IO_WRONG) {
  test(`${what} is refused where it stands`, async (t) => {
    const lines = [...IO_LINES];
    t.regex(lines[line - 1], from);
    lines[line - 1] = lines[line - 1].replace(from, to);
    const error = await refusal(t, `${what.replaceAll(" ", "-")}.jsonl`, lines.join("\n"));
    t.is(error.line, line);
    t.regex(error.reason, reason);
  });
}
