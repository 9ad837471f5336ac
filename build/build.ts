/** What follows the compiler: the stamps, then the published layout. */
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { publish } from "./publish.js";
import { stampFile, writeStamp } from "./stamp.js";
import { hashOfEngine, hashOfStamp } from "./stamp-inputs.js";
import { STAMPS } from "./stamps.js";

const dist = dirname(dirname(fileURLToPath(import.meta.url)));
/** What the stamps that are there were made of. */
const record = join(dist, "impl/stamps/inputs.json");

const before: Readonly<Record<string, unknown>> = existsSync(record)
  ? JSON.parse(await readFile(record, "utf8"))
  : {};
const engine = await hashOfEngine(dist);
const inputs: Record<string, string> = {};
for (const stamp of STAMPS) {
  const file = stampFile(dist, stamp);
  const hash = await hashOfStamp(dist, stamp, engine);
  if (before[file] !== hash || !existsSync(file)) await writeStamp(dist, stamp);
  inputs[file] = hash;
}
await mkdir(dirname(record), { recursive: true });
await writeFile(record, JSON.stringify(inputs));
await publish(dist);
