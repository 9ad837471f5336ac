/**
 * The measured loops. Each subject imports this module anew (with a query of its own), as a program that uses one
 * format has call sites of its own: one that met every format would measure itself.
 *
 * Every loop takes a workload, makes `count` calls or pairs, and throws if one of them did not do its work.
 */
import type { Domain } from "../impl/engine/index.js";
import { type PageTable, Prot } from "../impl/index.js";
import type { Gather } from "../impl/memory/gather.js";
import type { Reference } from "../reference/index.js";
import type { Engine, Workload } from "./cases.js";

const PROT = Prot.read | Prot.write;
/** What a lookup adds to a page's first address. */
const OFFSET = 0x123;

const low = (value: bigint) => Number(BigInt.asIntN(32, value));
const high = (value: bigint) => Number(BigInt.asIntN(32, value >> 32n));

/** The addresses that a workload goes through, from one. */
function positionsFrom(start: bigint, workload: Workload): bigint[] {
  return Array.from(
    { length: workload.positions },
    (_, i) => start + (BigInt(i) << BigInt(workload.strideLg2)),
  );
}

/** The low words of all addresses of a workload; none of them reaches the next high word. */
export function engineLoop(
  engine: Engine,
  domain: Domain,
  gather: Gather,
  workload: Workload,
): (count: number) => void {
  if (workload.step === "lookup") return engineLookups(engine, domain, gather, workload);
  const { map, unmap } = engine;
  const { strideLg2 } = workload;
  const mask = workload.positions - 1;
  const [iovaLow, iovaHigh] = [low(workload.iova), high(workload.iova)];
  const [paLow, paHigh] = [low(workload.pa), high(workload.pa)];
  const [lengthLow, lengthHigh] = [low(workload.lengthBytes), high(workload.lengthBytes)];
  return (count) => {
    let wrong = 0;
    for (let i = 0; i < count; i++) {
      const offset = (i & mask) << strideLg2;
      const first = (iovaLow + offset) | 0;
      const last = (first + lengthLow - 1) | 0;
      wrong |= map(
        domain,
        first,
        iovaHigh,
        (paLow + offset) | 0,
        paHigh,
        lengthLow,
        lengthHigh,
        PROT,
        gather,
      );
      unmap(domain, first, iovaHigh, last, iovaHigh, gather);
      wrong |= (domain.resultLow - 1) ^ last;
      gather.sync();
    }
    if (wrong !== 0) throw new Error(`${workload.step}: a pair did not map and unmap its range`);
  };
}

function engineLookups(engine: Engine, domain: Domain, gather: Gather, workload: Workload) {
  const { lookup } = engine;
  const { strideLg2 } = workload;
  const mask = workload.positions - 1;
  const [iovaLow, iovaHigh] = [low(workload.iova) + OFFSET, high(workload.iova)];
  const [paLow, paHigh] = [low(workload.pa), high(workload.pa)];
  const [lengthLow, lengthHigh] = [low(workload.lengthBytes), high(workload.lengthBytes)];
  const first = low(workload.iova);
  const args = [first, iovaHigh, paLow, paHigh, lengthLow, lengthHigh, PROT] as const;
  if (engine.map(domain, ...args, gather) !== 0) throw new Error("lookup: nothing to look up");
  return (count: number) => {
    let wrong = 0;
    for (let i = 0; i < count; i++) {
      const offset = ((i & mask) << strideLg2) | 0;
      if (!lookup(domain, (iovaLow + offset) | 0, iovaHigh)) wrong = 1;
      wrong |= domain.resultLow ^ (paLow + OFFSET + offset);
    }
    if (wrong !== 0) throw new Error("lookup: a wrong address");
  };
}

export function tableLoop(table: PageTable, workload: Workload): (count: number) => void {
  const mask = workload.positions - 1;
  const { lengthBytes } = workload;
  const iovas = positionsFrom(workload.iova, workload);
  const pas = positionsFrom(workload.pa, workload);
  if (workload.step === "lookup") {
    table.map(workload.iova, workload.pa, lengthBytes, PROT);
    const addresses = iovas.map((iova) => iova + BigInt(OFFSET));
    const answers = pas.map((pa) => pa + BigInt(OFFSET));
    return (count) => {
      let wrong = 0;
      for (let i = 0; i < count; i++) {
        if (table.lookup(addresses[i & mask]) !== answers[i & mask]) wrong++;
      }
      if (wrong !== 0) throw new Error("lookup: a wrong address");
    };
  }
  return (count) => {
    let wrong = 0;
    for (let i = 0; i < count; i++) {
      const iova = iovas[i & mask];
      table.map(iova, pas[i & mask], lengthBytes, PROT);
      if (table.unmap(iova, lengthBytes) !== lengthBytes) wrong++;
    }
    if (wrong !== 0) throw new Error(`${workload.step}: a pair did not unmap its range`);
  };
}

export function referenceLoop(reference: Reference, workload: Workload): (count: number) => void {
  const mask = workload.positions - 1;
  const length = workload.lengthBytes;
  const iovas = positionsFrom(workload.iova, workload);
  const pas = positionsFrom(workload.pa, workload);
  if (workload.step === "lookup") {
    reference.apply({ op: "map", iova: workload.iova, pa: workload.pa, length, prot: PROT });
    return (count) => {
      for (let i = 0; i < count; i++) reference.apply({ op: "lookup", iova: iovas[i & mask] });
    };
  }
  return (count) => {
    for (let i = 0; i < count; i++) {
      const iova = iovas[i & mask];
      reference.apply({ op: "map", iova, pa: pas[i & mask], length, prot: PROT });
      reference.apply({ op: "unmap", iova, length });
    }
  };
}
