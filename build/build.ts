/** What follows the compiler: the stamps. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { writeStamp } from "./stamp.js";
import { STAMPS } from "./stamps.js";

const dist = dirname(dirname(fileURLToPath(import.meta.url)));

for (const stamp of STAMPS) await writeStamp(dist, stamp);
