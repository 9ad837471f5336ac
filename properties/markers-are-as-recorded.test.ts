// Contiguity markers: what deployed code wrote, update by update, and what the definition says they must be.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import test from "ava";
import { type MarkedItems, replayXenMarkers } from "../fuzz/conform/xen-markers-replay.js";
import { readXenMarkers, type XenMarkersSequence } from "../fuzz/conform/xen-markers-vector.js";
import { contiguityMarkers, type MarkedKind } from "../models/contiguity-markers.js";

const DIRECTORY = fileURLToPath(new URL("../../corpus/vectors/xen/", import.meta.url));
/** Of long tables the definition is asked now and then only. */
const SHORT_LG2 = 6;
const NOW_AND_THEN = 64;

const read = new Map<string, readonly XenMarkersSequence[]>();

function sequencesOf(name: string): readonly XenMarkersSequence[] {
  const known = read.get(name);
  if (known !== undefined) return known;
  const text = gunzipSync(readFileSync(`${DIRECTORY}${name}`))
    .toString()
    .trim();
  const sequences = text.split("\n").map((line, index) => readXenMarkers(JSON.parse(line), index + 1));
  read.set(name, sequences);
  return sequences;
}

for (const [name, sequences, operations] of [
  ["markers.jsonl.gz", 125, 21_637],
  ["markers-steps.jsonl.gz", 50, 1_178],
] as const) {
  test(`${name}: every update returns and leaves what was recorded`, (t) => {
    const results = sequencesOf(name).map((sequence) => replayXenMarkers(sequence));
    t.deepEqual(
      results.filter(({ failure }) => failure !== undefined),
      [],
    );
    t.is(results.length, sequences);
    t.is(
      results.reduce((sum, result) => sum + result.operations, 0),
      operations,
    );
  });

  test(`${name}: after every update the markers are those of the definition`, (t) => {
    for (const sequence of sequencesOf(name)) {
      const { failure } = replayXenMarkers(sequence, definitionOf(sequence));
      t.is(failure, undefined);
    }
  });
}

test("every update returned whether marker 0 says the whole table", (t) => {
  let rows = 0;
  for (const sequence of sequencesOf("markers.jsonl.gz")) {
    const { failure } = replayXenMarkers(sequence, (table, opIndex) => {
      const isRow = table.markerAt(0) === sequence.tableLg2;
      if (isRow) rows++;
      return isRow === sequence.ops[opIndex].ret ? undefined : `marker 0 is ${table.markerAt(0)}`;
    });
    t.is(failure, undefined);
  }
  t.is(rows, 160);
});

/** Compares a table with the definition, of which only the kinds of the items that were written are known. */
function definitionOf(
  sequence: XenMarkersSequence,
): (table: MarkedItems, opIndex: number) => string | undefined {
  const { full, tableLg2, ops } = sequence;
  const kinds: MarkedKind[] = new Array(2 ** tableLg2).fill(full === undefined ? "absent" : "leaf");
  let level = full?.level ?? ops[0].level;
  return (table, opIndex) => {
    const op = ops[opIndex];
    kinds[op.index] = ({ null: "absent", leaf: "leaf", table: "other" } as const)[op.kind];
    level = op.level;
    const isAsked = tableLg2 <= SHORT_LG2 || opIndex % NOW_AND_THEN === 0 || opIndex === ops.length - 1;
    if (!isAsked) return undefined;
    const itemLg2 = 12 + tableLg2 * (level - 1);
    const expected = contiguityMarkers({ items: table.items, kinds, itemLg2 });
    const wrong = table.markers.findIndex((marker, index) => marker !== expected[index]);
    return wrong < 0 ? undefined : `marker ${wrong} is ${table.markers[wrong]}, not ${expected[wrong]}`;
  };
}
