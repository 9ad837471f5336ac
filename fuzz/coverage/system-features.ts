/**
 * What a machine's run has seen, as a set of small numbers: what answer which operation got after which other, in which
 * mode of the unit, what was flushed and how, what the caches still held, and what waited meanwhile.
 */
import type { IommuDomain } from "../../impl/iommu/domain.js";
import type { Accounts, DomainAccount } from "../system/account.js";
import type { MachineParts } from "../system/build.js";
import type { SystemOperation } from "../system/operations.js";
import type { MachineShape } from "../system/shape.js";

export class SystemFeatures {
  readonly seen = new Set<number>();
  readonly #parts: MachineParts;
  readonly #mode: string;
  /** What the drivers answered since the last operation. */
  #answers = new Set<string>();
  #before = "";
  #faults = 0;
  #tables = 0;

  /** Listens to the drivers of a machine before its program begins. */
  constructor(parts: MachineParts, { system, scalable, registersOnly, tablesSeen, waits }: MachineShape) {
    this.#parts = parts;
    this.#mode = [system, scalable, registersOnly, tablesSeen, waits].join(" ");
    const made = parts.system;
    const createDomain = made.createDomain.bind(made);
    made.createDomain = (options) => this.#heard(createDomain(options));
    const assign = made.assign.bind(made);
    made.assign = (...asked) => this.#answered("assign", assign(...asked));
    const quarantine = made.quarantine.bind(made);
    made.quarantine = (...asked) => this.#answered("quarantine", quarantine(...asked));
  }

  #heard(domain: IommuDomain): IommuDomain {
    const tryMap = domain.tryMap.bind(domain);
    domain.tryMap = (...asked) => this.#answered("map", tryMap(...asked));
    const tryUnmap = domain.tryUnmap.bind(domain);
    domain.tryUnmap = (...asked) => this.#answered("unmap", tryUnmap(...asked));
    const flush = domain.flush.bind(domain);
    domain.flush = (dfn, pages, flags) =>
      this.#answered(`flush ${flags} ${bucket(pages)}`, flush(dfn, pages, flags));
    const flushAll = domain.flushAll.bind(domain);
    domain.flushAll = (flags) => this.#answered(`flush all ${flags}`, flushAll(flags));
    return domain;
  }

  #answered<Answer>(call: string, answer: Answer): Answer {
    this.#answers.add(`${call}: ${String(answer)}`);
    return answer;
  }

  /** Notes what an operation was, and what it left behind. */
  add(operation: SystemOperation, accounts: Accounts): void {
    const { hardware, memory, queues } = this.#parts;
    const answer = [operation.op, ...[...this.#answers].sort()].join(" ");
    this.#answers = new Set();
    this.#see(`${this.#before} > ${answer}`);
    this.#before = answer;
    this.#see(`${this.#mode} ${answer}`);
    const domains = [...accounts.domains.values()];
    const tables = domains.reduce((sum, { domain }) => sum + domain.tableCount, 0);
    const made = tables - this.#tables;
    this.#tables = tables;
    this.#see(`${operation.op} makes ${Math.sign(made)} ${bucket(Math.abs(made))}`);
    for (const { domain } of domains)
      this.#see(`split ${bucket(domain.shatters)} merged ${bucket(domain.coalesces)}`);
    const waiting = [queues.waiting(queues.currentCpu), memory.quarantinedFrames].map(bucket).join(" ");
    this.#see(`${operation.op} waits ${waiting}`);
    for (const account of domains) this.#see(`${operation.op} owes ${owedBy(account)}`);
    const faults = hardware.faults();
    for (const { code, isLogged } of faults.slice(this.#faults)) this.#see(`fault ${code} ${isLogged}`);
    this.#faults = faults.length;
    // Where nothing is owed, the judge has seen that nothing is stale.
    const stale = accounts.owesNothing ? [] : hardware.cachedDisagreements().map(({ cache }) => cache);
    this.#see(`${this.#mode} keeps ${[...new Set(stale)].sort().join(" ")} after ${operation.op}`);
  }

  /** FNV-1a (Fowler, Noll, Vo) of what was seen. */
  #see(what: string): void {
    let hash = 0x811c_9dc5;
    for (let at = 0; at < what.length; at++) hash = Math.imul(hash ^ what.charCodeAt(at), 0x0100_0193);
    this.seen.add(hash >>> 0);
  }
}

function owedBy({ owed, batch, frames }: DomainAccount): string {
  const debts = [owed, batch].map((debt) =>
    debt === undefined ? "-" : `${debt.flags} ${bucket(debt.ranges.length)} ${debt.cpus.size}`,
  );
  return `${debts.join(" ")} ${bucket(frames.edges().length)}`;
}

/** 0, 1, 2–3, 4–7, … as 0, 1, 2, 3, … */
function bucket(count: number): number {
  return 32 - Math.clz32(count);
}
