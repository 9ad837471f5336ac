/** What follows the compiler: the stamps, then the published layout. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { publish } from "./publish.js";
import { writeStamp } from "./stamp.js";
import { STAMPS } from "./stamps.js";

const dist = dirname(dirname(fileURLToPath(import.meta.url)));

for (const stamp of STAMPS) await writeStamp(dist, stamp);
await publish(dist);
