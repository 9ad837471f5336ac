/**
 * The strict hardware domain's own memory: a device reaches a page exactly while the domain may write it, and never a
 * page that holds the page tables of its CPUs.
 */
import { Status } from "../errors.js";
import type { IommuDomain } from "./domain.js";
import { RangeSet } from "./range-set.js";
import { Access } from "./vendor.js";

const READ_WRITE = Access.read | Access.write;

/** Which pages are of the writable type, kept in step with what devices reach. */
export class PageTypes {
  readonly #domain: IommuDomain;
  readonly #writable = new RangeSet();

  constructor(domain: IommuDomain) {
    this.#domain = domain;
  }

  isWritable(frame: number): boolean {
    return this.#writable.has(frame);
  }

  /**
   * Memory that is given to the domain while it is built: mapped in one request, then of the writable type. What
   * fails is left as it was, and mapped when its type says so.
   * @returns how many pages are of the writable type now, from the first on.
   */
  setUp(first: number, pages: number, flush: { flags: number }): number {
    if (!this.#domain.needsSync) return 0;
    let done = 0;
    while (done < pages) {
      const next = first + done;
      if (this.#domain.tryMap(next, next, pages - done, READ_WRITE, flush, true) !== Status.OK) break;
      // A part of a request that was preempted is typed at once.
      const part = this.#domain.donePages;
      this.#writable.add(next, next + part - 1);
      done += part;
    }
    return done;
  }

  /** A page becomes writable for the domain. */
  becomeWritable(frame: number): void {
    if (this.#writable.has(frame)) return;
    if (this.#domain.needsSync) this.#domain.legacyMap(frame, frame, 1, READ_WRITE);
    this.#writable.add(frame, frame);
  }

  /** A page is writable no longer: it is freed, or becomes a page table. Devices lose it before this returns. */
  leaveWritable(frame: number): void {
    if (!this.#writable.has(frame)) return;
    if (this.#domain.needsSync) this.#domain.legacyUnmap(frame, 1);
    this.#writable.remove(frame, frame);
  }
}
