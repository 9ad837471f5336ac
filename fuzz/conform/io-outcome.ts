/** What an operation of an `io-pgtable` recording gave back, field by field, as text. */
import type { Entry } from "../../impl/common.js";
import { errnoText } from "./errno.js";
import type { IoOp, MapPiece } from "./io-vector.js";
import { dirtyText, hex, lookupText, type Outcome } from "./outcome.js";

/** What a recording says of an operation. Invalidations and live tables follow other rules there: not compared. */
export function ioRecordedOutcome(op: IoOp): Outcome {
  switch (op.op) {
    case "map_pages":
      return { ret: errnoText(op.ret), mapped: hex(op.mapped) };
    case "map_split":
      return { ret: errnoText(op.ret), pages: piecesText(op.pieces) };
    case "unmap_pages":
    case "unmap_split":
      return { unmapped: hex(op.unmapped) };
    case "iova_to_phys":
      return { pa: lookupText(op.pa) };
    case "hardware_dirty":
      return { changed: String(op.done) };
    case "dirty_pages":
      return { ret: errnoText(op.ret), dirty: dirtyText(op.dirty) };
  }
}

/** The pages that calls mapped, neighbours of one size joined: calls end where tables do, pages do not show it. */
function piecesText(pieces: readonly MapPiece[]): string {
  const runs = new Runs();
  for (const { iova, pageSize, mapped } of pieces) runs.add(iova, pageSize, mapped);
  return runs.text();
}

/** The same of the pages that are in the tables. */
export function entriesText(entries: Iterable<Entry>): string {
  const runs = new Runs();
  for (const { iova, sizeLg2 } of entries) {
    const pageSize = 1n << BigInt(sizeLg2);
    runs.add(iova, pageSize, pageSize);
  }
  return runs.text();
}

class Runs {
  readonly #texts: string[] = [];
  #first = 0n;
  #end = 0n;
  #pageSize = 0n;

  add(iova: bigint, pageSize: bigint, bytes: bigint): void {
    if (iova !== this.#end || pageSize !== this.#pageSize) {
      this.#finish();
      this.#first = iova;
      this.#pageSize = pageSize;
    }
    this.#end = iova + bytes;
  }

  text(): string {
    this.#finish();
    return this.#texts.join(" ");
  }

  #finish(): void {
    if (this.#pageSize === 0n) return;
    this.#texts.push(`${hex(this.#first)}+${hex(this.#end - this.#first)} of ${hex(this.#pageSize)}`);
  }
}
