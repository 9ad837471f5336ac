/**
 * Ranges that devices reach at their own addresses whatever else is mapped: unity maps (AMD), reserved memory regions
 * (VT-d). Several devices of a domain may need the same range; it is mapped once and stays until the last is gone.
 *
 * A range stays on record while a page of it may be mapped: it is recorded before the first page is mapped.
 */
import { PageTableError, Status, statusCode } from "../errors.js";
import type { IommuDomain } from "./domain.js";
import type { PendingFlush } from "./flush.js";
import type { FrameRange } from "./range-set.js";

interface IdentityMap extends FrameRange {
  readonly access: number;
  uses: number;
}

export class IdentityMaps {
  readonly #domain: IommuDomain;
  #maps: IdentityMap[] = [];

  constructor(domain: IommuDomain) {
    this.#domain = domain;
  }

  /** The ranges on record, in the order in which they came, and how many use each. */
  get maps(): readonly Readonly<IdentityMap>[] {
    return this.#maps;
  }

  /**
   * Maps the frames from the first to the last to themselves, or counts one use more of the very same range.
   * @throws PageTableError ADDRESS_IN_USE for a range that overlaps another or has it with other access; else what
   *   `IommuDomain.map` throws, and nothing of the range is mapped then, or it stays on record until `remove`.
   */
  add(first: number, last: number, access: number, flush: PendingFlush): void {
    checkRange(first, last);
    const known = this.#maps.find((map) => map.first <= last && map.last >= first);
    if (known !== undefined) {
      if (known.first !== first || known.last !== last || known.access !== access) {
        throw new PageTableError(
          "ADDRESS_IN_USE",
          `an identity map from frame 0x${known.first.toString(16)}`,
        );
      }
      known.uses++;
      return;
    }
    const map = { first, last, access, uses: 1 };
    this.#maps.push(map);
    const status = this.#domain.tryMap(first, first, last - first + 1, access, flush);
    if (status === Status.OK) return;
    // The call took back what it had mapped, but taking back may have failed; asking again tells.
    if (this.#unmap(map, flush) === Status.OK) this.#forget(map);
    const code = statusCode(status);
    throw new PageTableError(code === "OK" ? "INVALID_ARGUMENT" : code, `domain ${this.#domain.id}`);
  }

  /**
   * One use less; at the last the range is unmapped. The hardware domain keeps its ranges.
   * @throws PageTableError NOT_MAPPED for a range that is not on record exactly so; PAGES_LEFT_BEHIND where pages
   *   could not be unmapped: it stays on record, and can be removed again.
   */
  remove(first: number, last: number, flush: PendingFlush): void {
    checkRange(first, last);
    const map = this.#maps.find((known) => known.first === first && known.last === last);
    if (map === undefined) throw new PageTableError("NOT_MAPPED", "no such identity map");
    if (this.#domain.isHardware) return;
    if (map.uses > 1) {
      map.uses--;
      return;
    }
    if (this.#unmap(map, flush) !== Status.OK) {
      throw new PageTableError("PAGES_LEFT_BEHIND", `domain ${this.#domain.id}`);
    }
    this.#forget(map);
  }

  #unmap({ first, last }: IdentityMap, flush: PendingFlush): Status {
    return this.#domain.tryUnmap(first, last - first + 1, flush);
  }

  #forget(map: IdentityMap): void {
    this.#maps = this.#maps.filter((known) => known !== map);
  }
}

function checkRange(first: number, last: number): void {
  if (Number.isSafeInteger(first) && Number.isSafeInteger(last) && first >= 0 && last >= first) return;
  throw new PageTableError("INVALID_ARGUMENT", "a range from its first frame to its last");
}
