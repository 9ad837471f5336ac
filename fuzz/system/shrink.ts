/**
 * Makes a failing program of a machine small: operations go first, then pages, then places. The machine becomes plain,
 * as far as it fails still.
 */
import { frameInPhase } from "./generate.js";
import type { SystemOperation } from "./operations.js";
import type { MachineShape } from "./shape.js";

type Program = readonly SystemOperation[];

/** A program, and the machine that it breaks. */
interface On<Shape> {
  readonly shape: Shape;
  readonly program: Program;
}

export type Failing = On<MachineShape>;

/** Pairs are tried in programs of at most so many operations: they are as many as its square. */
const PAIRS_UP_TO = 12;

/** What a machine is like where nothing asks for more. */
const PLAIN: Omit<MachineShape, "system"> = {
  quarantine: "basic",
  superpages: true,
  cachesNotPresent: false,
  scalable: false,
  waits: false,
  addressBits: 48,
  ats: false,
  unity: false,
  alias: false,
  preempts: false,
  registersOnly: false,
  tablesSeen: "at-once",
  units: 1,
};

/**
 * A program that still fails and from which no operation and no two can be taken, on a machine as plain as it can be,
 * unless `executions` programs were tried before that was known. `fails` runs a program on a fresh machine.
 */
export function shrinkFailure(
  failing: Failing,
  fails: (failing: Failing) => boolean,
  executions: number,
): Failing {
  return shrink(failing, fails, executions, plainer);
}

function shrink<Shape>(
  failing: On<Shape>,
  fails: (failing: On<Shape>) => boolean,
  executions: number,
  plainerThan: (shape: Shape) => readonly Shape[],
): On<Shape> {
  let best = failing;
  let left = executions;
  const tried = new Set<string>();
  const tries = (candidate: Partial<On<Shape>>): boolean => {
    const next = { ...best, ...candidate };
    const name = JSON.stringify(next);
    if (left === 0 || tried.has(name)) return false;
    tried.add(name);
    left--;
    if (!fails(next)) return false;
    best = next;
    return true;
  };
  for (let before: On<Shape> | undefined; before !== best && left > 0; ) {
    before = best;
    const { length } = best.program;
    for (let chunk = Math.ceil(length / 2); chunk >= 1; chunk = chunk === 1 ? 0 : Math.ceil(chunk / 2)) {
      dropChunks(chunk);
    }
    tryAll(() => plainerThan(best.shape).map((shape) => ({ shape })));
    if (best.program.length <= PAIRS_UP_TO) {
      tryAll(() => withoutTwo(best.program).map((program) => ({ program })));
      tryAll(() => renamed(best.program).map((program) => ({ program })));
    }
    // From the last to the first: what one refers to may have to go before it.
    for (let at = best.program.length - 1; at >= 0; at--) {
      for (const simpler of simplerOnes(best.program[at]))
        tries({ program: withAt(best.program, at, simpler) });
    }
  }
  return best;

  function dropChunks(chunk: number): void {
    for (let from = best.program.length - chunk; from >= 0; from -= chunk) {
      tries({ program: [...best.program.slice(0, from), ...best.program.slice(from + chunk)] });
    }
  }

  /** Each that still fails leads to others. */
  function tryAll(candidates: () => readonly Partial<On<Shape>>[]): void {
    while (candidates().some(tries));
  }
}

/** The machine with one fact as it is in a plain one. */
function plainer(shape: MachineShape): readonly MachineShape[] {
  return Object.entries(PLAIN)
    .map(([name, value]) => ({ ...shape, [name]: value }))
    .filter((plain) => JSON.stringify(plain) !== JSON.stringify(shape));
}

/** Any two operations less; or a flush less whose change flushes for itself. */
function withoutTwo(program: Program): readonly Program[] {
  const found: Program[] = [];
  for (let second = program.length - 1; second > 0; second--) {
    for (let first = second - 1; first >= 0; first--) {
      found.push(program.filter((_, at) => at !== first && at !== second));
      const flushing = asLegacy(program[first], program[second]);
      if (flushing !== undefined)
        found.push(withAt(program, first, flushing).filter((_, at) => at !== second));
    }
  }
  return found;
}

function withAt(program: Program, at: number, operation: SystemOperation): Program {
  return [...program.slice(0, at), operation, ...program.slice(at + 1)];
}

function asLegacy(change: SystemOperation, flush: SystemOperation): SystemOperation | undefined {
  if (flush.op !== "flush") return undefined;
  if (change.op === "map") return { ...change, op: "legacyMap" };
  return change.op === "unmap" ? { ...change, op: "legacyUnmap" } : undefined;
}

/** One domain, device or CPU in the place of another everywhere, the lower in the place of the higher. */
function renamed(program: Program): readonly Program[] {
  const found: Program[] = [];
  for (const name of ["domain", "device", "cpu"] as const) {
    const values = new Set(program.flatMap((one) => (name in one ? [Number(Reflect.get(one, name))] : [])));
    for (const from of values) {
      for (const to of [...values].filter((value) => value < from)) {
        found.push(program.map((one) => (Reflect.get(one, name) === from ? { ...one, [name]: to } : one)));
      }
    }
  }
  return found;
}

function simplerOnes(operation: SystemOperation): readonly SystemOperation[] {
  switch (operation.op) {
    case "map":
    case "legacyMap": {
      const { domain, dfn, pages } = operation;
      return [
        { ...operation, pages: 1 },
        { ...operation, pages: 512 },
        { ...operation, pages: Math.ceil(pages / 2) },
        { ...operation, dfn: 0 },
        { ...operation, dfn: dfn % 512 },
        { ...operation, dfn: 0, pages: pages + (dfn % 512) },
        { ...operation, access: 3 },
        { ...operation, mfn: frameInPhase(dfn, domain) },
      ].filter((simpler) => isSimpler(simpler, operation));
    }
    case "unmap":
    case "legacyUnmap": {
      const { dfn, pages } = operation;
      return [
        { ...operation, pages: 1 },
        { ...operation, pages: Math.ceil(pages / 2) },
        { ...operation, dfn: 0 },
        { ...operation, dfn: dfn % 512 },
      ].filter((simpler) => isSimpler(simpler, operation));
    }
    case "assign":
      return operation.domain > 1 ? [{ ...operation, domain: 1 }] : [];
    case "dma":
      return operation.ats ? [{ ...operation, ats: false }] : [];
    default:
      return [];
  }
}

/** No candidate is tried twice in turn: each has less than what it came from. */
function isSimpler<Operation extends SystemOperation>(simpler: Operation, than: Operation): boolean {
  return JSON.stringify(simpler) !== JSON.stringify(than) && weight(simpler) < weight(than);
}

function weight(operation: SystemOperation): number {
  if (!("pages" in operation)) return 0;
  const place = operation.dfn + operation.pages * 4;
  if (!("mfn" in operation)) return place;
  const phase = operation.mfn === frameInPhase(operation.dfn, operation.domain) ? 0 : 0.5;
  return place + phase + (operation.access === 3 ? 0 : 0.25);
}
