/** A database of findings belongs to one process at a time, whoever comes at the same moment and whoever is killed. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { numberOf, openShared, type Store } from "../fuzz/campaign/database.js";

const temporary = mkdtempSync(join(tmpdir(), "genpt-owner-"));
const file = join(temporary, "counted.sqlite");
const SCHEMA = "CREATE TABLE IF NOT EXISTS seen (number INTEGER)";

test.after.always(() => rmSync(temporary, { recursive: true, force: true }));

function count(store: Store): number {
  return store.rows("SELECT count(*) AS n FROM seen").map((row) => numberOf(row, "n"))[0] ?? 0;
}

const OPENINGS = 12;
/**
 * Counts what is there and adds one, in two steps: two owners at once would write the same number. It asks again at
 * once, without the pause that a command makes, so that many ask in the moment in which one becomes the owner.
 */
const program = `
import { Store } from ${JSON.stringify(new URL("../fuzz/campaign/database.js", import.meta.url).href)};
for (let opening = 0; opening < ${OPENINGS}; opening++) {
  let store;
  while (store === undefined)
    try { store = new Store(${JSON.stringify(file)}, ${JSON.stringify(SCHEMA)}); }
    catch (error) { if (error.name !== "DatabaseBusy") throw error; }
  store.run("INSERT INTO seen VALUES (?)", store.rows("SELECT count(*) AS n FROM seen")[0].n);
  store.close();
}`;

type Ended = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
};

/** @param killedAfterMilliseconds 0 for one that ends by itself */
function opener(killedAfterMilliseconds: number): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", program]);
    let errors = "";
    child.stderr.on("data", (data) => {
      errors += String(data).slice(-300);
    });
    child.on("close", (code, signal) => resolve({ code, signal, errors }));
    if (killedAfterMilliseconds > 0) setTimeout(() => child.kill("SIGKILL"), killedAfterMilliseconds);
  });
}

test("processes that come at the same moment wait for each other, and for nobody who was killed", async (t) => {
  const ended = await Promise.all([0, 0, 0, 0, 250, 400].map(opener));
  for (const { code, signal, errors } of ended) if (signal !== "SIGKILL") t.is(code, 0, errors);
  const [seen, different] = await openShared(file, SCHEMA, (store) => [
    count(store),
    store.rows("SELECT DISTINCT number FROM seen").length,
  ]);
  t.true(seen >= 4 * OPENINGS);
  t.is(different, seen);
  t.false(existsSync(`${file}.owner`));
});
