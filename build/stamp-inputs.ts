/** What a stamp is made of, as one hash: a stamp whose inputs are as they were need not be written again. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Stamp } from "./stamps.js";

/** Compiled modules that no stamp bundles. */
const NOT_STAMPED = /^(stamps|entries|iommu|formats)\//;

/** The hash of everything that all stamps have in common: the engine, what is around it, and the stamper. */
export async function hashOfEngine(dist: string): Promise<string> {
  const hash = createHash("sha256");
  const impl = join(dist, "impl");
  const files = (await readdir(impl, { recursive: true })).map((name) => name.replaceAll("\\", "/"));
  for (const file of files.filter((name) => name.endsWith(".js") && !NOT_STAMPED.test(name)).sort()) {
    hash.update(file).update(await readFile(join(impl, file)));
  }
  const own = join(impl, "formats/format.js");
  const stamper = fileURLToPath(new URL("./stamp.js", import.meta.url));
  return hash
    .update(await readFile(own))
    .update(await readFile(stamper))
    .digest("hex");
}

/** The hash of what one stamp is made of. */
export async function hashOfStamp(dist: string, stamp: Stamp, engine: string): Promise<string> {
  const format = await readFile(join(dist, "impl/formats", `${stamp.format}.js`));
  return createHash("sha256").update(engine).update(format).update(JSON.stringify(stamp)).digest("hex");
}
