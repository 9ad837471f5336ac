/** The program of an `io-pgtable` case in the operation language, and its tables as memory. */
import type { Operation, SparseMemory } from "../../models/index.js";
import { tableBaseOf } from "./io-configuration.js";
import { bytesOfOneCall, ioFactsOf } from "./io-facts.js";
import { pointerShapeOf } from "./io-tree.js";
import type { IoCase, IoCreation, IoMade, IoOp } from "./io-vector.js";
import type { VectorTable } from "./vector.js";

/** The operations of a case, each as far as one call of deployed code goes. */
export function programOf(creation: IoCreation, made: IoMade, { ops }: IoCase): readonly Operation[] {
  const facts = ioFactsOf(creation, made);
  return ops.flatMap((op) =>
    operationsOf(op, (call) => bytesOfOneCall(facts, call.iova, call.pageSize, call.pages)),
  );
}

type PagesOp = Extract<IoOp, { readonly pages: bigint }>;

function operationsOf(op: IoOp, bytesOf: (op: PagesOp) => bigint): readonly Operation[] {
  const { iova } = op;
  switch (op.op) {
    case "map_pages": {
      const map: Operation = {
        op: "map",
        iova,
        pa: op.pa,
        length: bytesOf(op),
        prot: op.prot,
        pageSizes: op.pageSize,
      };
      return op.failAlloc === 0 ? [map] : [{ op: "failNextAllocation", nth: op.failAlloc }, map];
    }
    case "map_split":
      return [{ op: "map", iova, pa: op.pa, length: op.len, prot: op.prot }];
    case "unmap_pages": {
      const length = op.pageSize * op.pages;
      return op.queued
        ? [{ op: "unmapGathered", iova, length }, { op: "sync" }]
        : [{ op: "unmap", iova, length }];
    }
    case "unmap_split":
      return [{ op: "unmap", iova, length: op.len }];
    case "iova_to_phys":
      return [{ op: "lookup", iova }];
    case "hardware_dirty":
      return [{ op: "deviceWrite", iova }];
    case "dirty_pages":
      return [{ op: "readAndClearDirty", iova, length: op.len, clear: !op.noClear }];
  }
}

/** Writes recorded tables to memory, each in frames of its own, and returns where the root is. */
export function placeTree(
  creation: IoCreation,
  made: IoMade,
  tree: VectorTable,
  memory: SparseMemory,
): bigint {
  const { itemBytes, rootItems, tableBitsLg2 } = ioFactsOf(creation, made);
  const { addressShift } = pointerShapeOf(creation.format);
  let next = tableBaseOf(creation);
  const place = ({ items }: VectorTable, count: number): bigint => {
    const bytes = BigInt(Math.max(count * itemBytes, 4096));
    // Aligned to its own size, whatever came before.
    const address = (next + bytes - 1n) & -bytes;
    next = address + bytes;
    for (let frame = address; frame < next; frame += 4096n) memory.addFrame(frame);
    for (const { index, raw, table } of items) {
      const below = table === undefined ? 0n : place(table, 2 ** tableBitsLg2) >> addressShift;
      const at = address + BigInt(index * itemBytes);
      if (itemBytes === 8) memory.write64(at, raw | below);
      else memory.writeWord(Number(BigInt.asIntN(32, at)), 0, Number(BigInt.asIntN(32, raw | below)));
    }
    return address;
  };
  return place(tree, rootItems);
}
