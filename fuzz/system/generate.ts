/** Draws programs for machines with IOMMUs: few domains, few devices, few places, so that operations meet. */
import type { Random } from "../../models/random.js";
import type { SystemOperation } from "./operations.js";

export const DOMAINS = [1, 2, 3] as const;
export const DEVICES = [0x100, 0x108, 0x210] as const;
export const CPUS = [0, 1, 2] as const;

const PAGES_2M = 512;
const PAGES_1G = 512 * 512;
/** Where pages of every size begin, and the last pages of 39 and of 48 bits. */
const PLACES = [
  0,
  PAGES_2M,
  3 * PAGES_2M,
  PAGES_1G,
  2 * PAGES_1G - PAGES_2M,
  2 ** 27 - PAGES_2M,
  2 ** 36 - PAGES_2M,
];

type Op = SystemOperation["op"];

const WEIGHTS: readonly (readonly [Op, number])[] = [
  ["map", 30],
  ["unmap", 20],
  ["flush", 16],
  ["dma", 16],
  ["idle", 6],
  ["assign", 4],
  ["quarantine", 2],
  ["failNextAllocation", 1],
  ["createDomain", 2],
  ["destroyDomain", 1],
  ["runOn", 2],
  ["cpuUp", 1],
  ["cpuDown", 1],
  ["cpuStays", 1],
  ["cpuDead", 1],
  ["readFaults", 1],
];
const TOTAL = WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0);

export function drawOperation(random: Random): SystemOperation {
  const op = drawName(random);
  const domain = pick(random, DOMAINS);
  const device = pick(random, DEVICES);
  switch (op) {
    case "createDomain":
    case "destroyDomain":
      return { op, domain };
    case "assign":
      return { op, device, domain };
    case "quarantine":
      return { op, device };
    case "map":
      return { op, domain, ...drawMapping(random) };
    case "unmap": {
      const { dfn, pages } = drawMapping(random);
      return { op, domain, dfn, pages };
    }
    case "flush":
      return { op, domain, everything: random.below(3) === 0 };
    case "dma":
      return { op, device, dfn: drawMapping(random).dfn, write: random.below(2) === 0 };
    case "failNextAllocation":
      return { op, nth: 1 + random.below(4) };
    case "idle":
      return { op, atMost: 1 + random.below(8) };
    case "readFaults":
      return { op };
    default:
      return { op, cpu: pick(random, CPUS) };
  }
}

function drawName(random: Random): Op {
  let left = random.below(TOTAL);
  for (const [op, weight] of WEIGHTS) {
    if (left < weight) return op;
    left -= weight;
  }
  return "dma";
}

function drawMapping(random: Random) {
  const place = pick(random, PLACES);
  const size = random.below(12);
  const pages =
    size < 5 ? 1 + random.below(3) : size < 8 ? 512 : size < 11 ? 1 + random.below(1100) : PAGES_1G;
  const inside = random.below(3) === 0 ? 0 : random.below(4) === 0 ? PAGES_2M - 1 : random.below(PAGES_2M);
  const dfn =
    pages === PAGES_1G ? Math.floor(place / PAGES_1G) * PAGES_1G : place + (pages === 512 ? 0 : inside);
  // Mostly in phase with the input address, so that pages grow together.
  const mfn = random.below(4) === 0 ? 0x10_0000 + random.below(1 << 20) : (dfn % 2 ** 27) + 0x100_0000;
  const access = random.below(4) === 0 ? 1 + random.below(2) : 3;
  return { dfn, mfn, pages: Math.min(pages, 2 ** 36 - dfn), access };
}

function pick<Value>(random: Random, values: readonly Value[]): Value {
  return values[random.below(values.length)];
}
