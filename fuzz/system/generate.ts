/** Draws operations for machines with IOMMUs: few domains, few devices, few places, so that operations meet. */
import type { Draws } from "../../models/index.js";
import { DEVICES, REQUESTERS } from "./devices.js";
import type { SystemOperation } from "./operations.js";
import { hasPasids, PASIDS } from "./pasids.js";
import { dfnLimit, type MachineShape } from "./shape.js";

/** What draws: `below(n)` is a whole number from 0 to n − 1. */
export type Chance = Pick<Draws, "below">;

export const DOMAINS = [1, 2, 3] as const;
export const CPUS = [0, 1, 2] as const;

export const PAGES_2M = 512;
export const PAGES_1G = 512 * 512;
/** Where pages of every size begin, and the last pages of 39, 48 and 57 bits. */
const PLACES = [
  0,
  PAGES_2M,
  3 * PAGES_2M,
  PAGES_1G,
  2 * PAGES_1G - PAGES_2M,
  2 ** 27 - PAGES_2M,
  2 ** 36 - PAGES_2M,
  2 ** 45 - PAGES_2M,
];

type Op = SystemOperation["op"];

const WEIGHTS: readonly (readonly [Op, number])[] = [
  ["map", 28],
  ["unmap", 18],
  ["legacyMap", 3],
  ["legacyUnmap", 3],
  ["beginBatch", 1],
  ["endBatch", 2],
  ["flush", 16],
  ["dma", 16],
  ["idle", 6],
  ["assign", 6],
  ["quarantine", 2],
  ["attachPasid", 3],
  ["detachPasid", 2],
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

export function drawOperation(random: Chance, shape: MachineShape): SystemOperation {
  const op = drawName(random);
  const domain = pick(random, DOMAINS);
  const device = pick(random, DEVICES);
  switch (op) {
    case "createDomain":
    case "destroyDomain":
    case "beginBatch":
    case "endBatch":
      return { op, domain };
    case "assign":
      return { op, device, domain };
    case "quarantine":
      return { op, device };
    case "attachPasid":
    case "detachPasid":
      return hasPasids(shape) ? { op, device, pasid: pick(random, PASIDS) } : drawDma(random, shape);
    case "map":
    case "legacyMap":
      return { op, domain, ...drawMapping(random, shape, domain) };
    case "unmap":
    case "legacyUnmap": {
      const { dfn, pages } = drawMapping(random, shape, domain);
      return { op, domain, dfn, pages };
    }
    case "flush":
      return { op, domain, everything: random.below(3) === 0 };
    case "dma":
      return drawDma(random, shape);
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

function drawName(random: Chance): Op {
  let left = random.below(TOTAL);
  for (const [op, weight] of WEIGHTS) {
    if (left < weight) return op;
    left -= weight;
  }
  return "dma";
}

function drawDma(random: Chance, shape: MachineShape): SystemOperation {
  const ats = random.below(3) === 0;
  const device = ats ? DEVICES[0] : pick(random, REQUESTERS);
  return { op: "dma", device, dfn: drawMapping(random, shape, 1).dfn, write: random.below(2) === 0, ats };
}

function drawMapping(random: Chance, shape: MachineShape, domain: number) {
  const limit = dfnLimit(shape);
  const place = drawPlace(random, shape);
  const pages = drawPages(random, shape);
  const inside = random.below(3) === 0 ? 0 : random.below(4) === 0 ? PAGES_2M - 1 : random.below(PAGES_2M);
  const dfn =
    pages === PAGES_1G ? Math.floor(place / PAGES_1G) * PAGES_1G : place + (pages === 512 ? 0 : inside);
  // Mostly in phase with the input address, so that pages grow together.
  const isInPhase = pages === PAGES_1G || random.below(4) !== 0;
  const mfn = isInPhase ? frameInPhase(dfn, domain) : 0x20_0000 + random.below(1 << 20);
  const access = random.below(4) === 0 ? 1 + random.below(2) : 3;
  return { dfn, mfn, pages: Math.min(pages, limit - dfn), access };
}

/** The first of 512 pages that a large one may hold. */
export function drawPlace(random: Chance, shape: MachineShape): number {
  const limit = dfnLimit(shape);
  return pick(
    random,
    PLACES.filter((one) => one < limit),
  );
}

/**
 * A frame as far into a page of any size as the input address, another one in each domain, or nobody would see that a
 * device finds what is another's. 39 bits hold it.
 */
export function frameInPhase(dfn: number, domain = 1): number {
  return (dfn % 2 ** 24) + domain * 0x100_0000;
}

/** Few that begin at different places, one large page, some two of them, or very many. */
function drawPages(random: Chance, { superpages, preempts }: MachineShape): number {
  const size = random.below(12);
  if (size < 5) return 1 + random.below(3);
  if (size < 8) return PAGES_2M;
  if (preempts && size === 8) return 4096 + random.below(PAGES_2M);
  // With small pages alone it would be most of what a program does.
  return size < 11 || !superpages ? 1 + random.below(1100) : PAGES_1G;
}

export function pick<Value>(random: Chance, values: readonly Value[]): Value {
  return values[random.below(values.length)];
}
