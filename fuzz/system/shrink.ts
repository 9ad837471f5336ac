/** Makes a failing program of a machine small: operations go first, then pages, then places. */
import { frameInPhase } from "./generate.js";
import type { SystemOperation } from "./operations.js";

type Program = readonly SystemOperation[];

/**
 * A program that still fails and from which no single operation can be taken, unless `executions` programs were tried
 * before that was known. `fails` runs a program on a fresh machine.
 */
export function shrinkProgram(
  program: Program,
  fails: (program: Program) => boolean,
  executions: number,
): Program {
  let best = program;
  let left = executions;
  const tries = (candidate: Program): boolean => {
    if (left === 0) return false;
    left--;
    if (!fails(candidate)) return false;
    best = candidate;
    return true;
  };
  for (let before: Program = []; before !== best && left > 0; ) {
    before = best;
    for (let chunk = Math.ceil(best.length / 2); chunk >= 1; chunk = chunk === 1 ? 0 : Math.ceil(chunk / 2)) {
      dropChunks(chunk);
    }
    // From the last to the first: what one refers to may have to go before it.
    for (let at = best.length - 1; at >= 0; at--) {
      for (const simpler of simplerOnes(best[at]))
        tries([...best.slice(0, at), simpler, ...best.slice(at + 1)]);
    }
  }
  return best;

  function dropChunks(chunk: number): void {
    for (let from = best.length - chunk; from >= 0; from -= chunk) {
      tries([...best.slice(0, from), ...best.slice(from + chunk)]);
    }
  }
}

function simplerOnes(operation: SystemOperation): readonly SystemOperation[] {
  switch (operation.op) {
    case "map":
    case "legacyMap": {
      const { dfn, pages } = operation;
      return [
        { ...operation, pages: 1 },
        { ...operation, pages: 512 },
        { ...operation, pages: Math.ceil(pages / 2) },
        { ...operation, dfn: 0 },
        { ...operation, dfn: dfn % 512 },
        { ...operation, dfn: 0, pages: pages + (dfn % 512) },
        { ...operation, access: 3 },
        { ...operation, mfn: frameInPhase(dfn) },
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
  const phase = operation.mfn === frameInPhase(operation.dfn) ? 0 : 0.5;
  return place + phase + (operation.access === 3 ? 0 : 0.25);
}
