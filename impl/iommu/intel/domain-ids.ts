/**
 * The ids by which a VT-d unit tells domains apart. Units have 16 to 65536 of them; a unit that caches not-present
 * entries keeps id 0 for those.
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §3.4.3 and §6.1 (caching mode).
 */

const ALL_IDS = 2 ** 16;
const NOBODY = -1;

export class DomainIds {
  readonly #reservesZero: boolean;
  /** Of a unit with few ids: which domain has each. */
  readonly #domains: Int32Array | undefined;
  readonly #isTaken: Uint8Array | undefined;
  /** Devices of each domain behind the unit. */
  readonly #uses = new Map<number, number>();

  constructor(count: number, cachesNotPresent: boolean) {
    this.#reservesZero = cachesNotPresent;
    if (count >= ALL_IDS) return;
    this.#domains = new Int32Array(count).fill(NOBODY);
    this.#isTaken = new Uint8Array(count);
    this.#isTaken[0] = cachesNotPresent ? 1 : 0;
  }

  /** The id of a domain, or undefined where it has no device behind the unit. */
  of(domain: number): number | undefined {
    return this.#uses.has(domain) ? this.#idOf(domain) : undefined;
  }

  /** The id of a domain that gets one device more. Undefined: the unit has no id left. */
  acquire(domain: number): number | undefined {
    const uses = this.#uses.get(domain) ?? 0;
    if (uses === 0 && !this.#take(domain)) return undefined;
    this.#uses.set(domain, uses + 1);
    return this.#idOf(domain);
  }

  /** The domain has one device less. Its id may be another's afterwards, so that everything that bears it is flushed. */
  release(domain: number): void {
    const uses = this.#uses.get(domain) ?? 0;
    if (uses > 1) {
      this.#uses.set(domain, uses - 1);
      return;
    }
    this.#uses.delete(domain);
    if (this.#domains === undefined || this.#isTaken === undefined) return;
    const id = this.#domains.indexOf(domain);
    if (id === NOBODY) return;
    // The name goes before the place is free: whoever takes the place next writes the name anew.
    this.#domains[id] = NOBODY;
    this.#isTaken[id] = 0;
  }

  #take(domain: number): boolean {
    if (this.#domains === undefined || this.#isTaken === undefined) {
      return domain < ALL_IDS - (this.#reservesZero ? 1 : 0);
    }
    const id = this.#isTaken.indexOf(0);
    if (id === NOBODY) return false;
    this.#isTaken[id] = 1;
    this.#domains[id] = domain;
    return true;
  }

  /** Where every domain can have its own number, the complement keeps 0 free for caching mode. */
  #idOf(domain: number): number {
    if (this.#domains !== undefined) return this.#domains.indexOf(domain);
    return this.#reservesZero ? ALL_IDS - 1 - domain : domain;
  }
}
