/**
 * Draws a program: single operations, most of which meet what earlier ones did, and now and then some that belong
 * together, which chance alone would hardly ever bring into one row.
 */
import {
  type Chance,
  DOMAINS,
  drawOperation,
  drawPlace,
  frameInPhase,
  PAGES_1G,
  PAGES_2M,
  pick,
} from "./generate.js";
import type { SystemOperation } from "./operations.js";
import type { MachineShape } from "./shape.js";

interface Mapped {
  readonly domain: number;
  readonly dfn: number;
  readonly pages: number;
}

/** How many of the ranges that were mapped last may come again. */
const REMEMBERED = 8;
/** Where single pages are mapped, each in a table of its own: nothing else is. */
const LONELY = 5 * PAGES_1G;
const LONELY_TABLES = 32;

export class SystemProgram {
  readonly #random: Chance;
  readonly #shape: MachineShape;
  #planned: SystemOperation[] = [];
  readonly #mapped: Mapped[] = [];

  constructor(random: Chance, shape: MachineShape) {
    this.#random = random;
    this.#shape = shape;
  }

  next(): SystemOperation {
    const random = this.#random;
    if (this.#planned.length === 0 && random.below(16) === 0) {
      this.#planned = random.below(2) === 0 ? this.#halves() : this.#inBatch();
    }
    const operation = this.#planned.shift() ?? this.#again(drawOperation(random, this.#shape));
    if (operation.op === "map" || operation.op === "legacyMap") {
      this.#mapped.push(operation);
      if (this.#mapped.length > REMEMBERED) this.#mapped.shift();
    }
    return operation;
  }

  /** Half of what could concern a range that was mapped does. */
  #again(operation: SystemOperation): SystemOperation {
    const random = this.#random;
    if (this.#mapped.length === 0 || random.below(2) === 0) return operation;
    const { domain, dfn, pages } = pick(random, this.#mapped);
    switch (operation.op) {
      case "unmap":
      case "legacyUnmap":
        return { op: operation.op, domain, dfn, pages };
      case "flush":
        return { ...operation, domain };
      case "dma":
        return { ...operation, dfn };
      default:
        return operation;
    }
  }

  /**
   * The two halves of a page of the next size, each where the other belongs: every item's address differs from its
   * neighbours' as in a row, and the whole is none.
   */
  #halves(): SystemOperation[] {
    const random = this.#random;
    const domain = pick(random, DOMAINS);
    const place = drawPlace(random, this.#shape);
    const isLarge = this.#shape.superpages && random.below(3) === 0;
    const whole = isLarge ? PAGES_1G : PAGES_2M;
    const first = Math.floor(place / whole) * whole;
    const pages = whole / 2;
    const at = (dfn: number, from: number) =>
      ({ op: "map", domain, dfn, mfn: frameInPhase(from, domain), pages, access: 3 }) as const;
    return [at(first, first + pages), at(first + pages, first)];
  }

  /** Some calls whose flush comes at the end of the batch; in half of them the only page of a table goes. */
  #inBatch(): SystemOperation[] {
    const random = this.#random;
    const [before, calls]: [SystemOperation[], SystemOperation[]] = [[], []];
    const last = this.#mapped.at(-1);
    const domain = last?.domain ?? pick(random, DOMAINS);
    if (random.below(2) === 0) {
      const dfn = LONELY + random.below(LONELY_TABLES) * PAGES_2M + random.below(PAGES_2M);
      before.push({ op: "legacyMap", domain, dfn, mfn: frameInPhase(dfn, domain), pages: 1, access: 3 });
      calls.push({ op: "legacyUnmap", domain, dfn, pages: 1 });
    } else if (last !== undefined) {
      const { dfn, pages } = last;
      calls.push({ op: "legacyUnmap", domain, dfn, pages });
      if (random.below(2) === 0)
        calls.push({ op: "legacyMap", domain, dfn, mfn: frameInPhase(dfn, domain), pages, access: 3 });
    }
    return [...before, { op: "beginBatch", domain }, ...calls, { op: "endBatch", domain }];
  }
}
