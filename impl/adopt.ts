/** Taking over tables from another process, by the record that it wrote. */
import { type FrameRecord, type Handover, parseHandover, refused } from "./memory/handover.js";
import { TableMemory, type TableMemoryOptions } from "./memory/table-memory.js";
import type { Clean, CommonOptions } from "./options.js";

/** What a record cannot carry. */
export interface AdoptOptions extends Pick<CommonOptions, "memory" | "invalidate"> {
  /** Needed where the table was made with one. */
  readonly incoherent?: Clean | undefined;
}

/**
 * The memory that the tables of these records stand in, over the same buffer or a copy of it. What they use is in
 * use, everything else is free. Frames that are released are filled with a pattern where `poison` says so.
 * @throws PageTableError INVALID_ARGUMENT with what is wrong with a record, or where they are of different memories.
 */
export function adoptMemory(
  buffer: ArrayBufferLike,
  records: readonly string[],
  { poison }: Pick<TableMemoryOptions, "poison"> = {},
): TableMemory {
  const read = records.map(parseHandover);
  const [first] = read;
  if (first === undefined) throw refused("one at least is needed");
  const usedBytes = Math.max(...read.map((record) => record.usedBytes));
  const frames: FrameRecord[] = [];
  for (const record of read) {
    const { base, capacityBytes, smallestFrameLg2 } = record;
    const isSame = base === first.base && smallestFrameLg2 === first.smallestFrameLg2;
    if (!isSame || capacityBytes !== buffer.byteLength) throw refused("it is of another table memory");
    frames.push(...record.frames);
  }
  return TableMemory.adopt({
    buffer,
    base: first.base,
    smallestFrameLg2: first.smallestFrameLg2,
    usedBytes,
    frames,
    poison,
  });
}

/** The options and place of the tables of a record, for the format of that name, once all of it is found right. */
export function adopted(name: string, text: string, given: AdoptOptions) {
  const record = parseHandover(text);
  if (record.format !== name) throw refused(`it is of a table of ${record.format}, not ${name}`);
  const { memory } = given;
  if (!(memory instanceof TableMemory) || memory.base !== record.base) {
    throw refused("its tables are not in this memory");
  }
  for (const [address] of record.frames) {
    if (memory.frameState(address) !== "live")
      throw refused(`its frame 0x${address.toString(16)} is not in use here`);
  }
  if (record.frames[0]?.[0] !== record.root) throw refused("its first frame is not the root");
  return { options: optionsOf(record, given), existing: { root: record.root } };
}

function optionsOf({ options, callbacks }: Handover, given: AdoptOptions): CommonOptions {
  const again: Readonly<Record<string, unknown>> = { ...given };
  const missing = callbacks.find((callback) => callback !== "invalidate" && again[callback] === undefined);
  if (missing !== undefined)
    throw refused(`the table was made with \`${missing}\`, which must be given again`);
  return { ...options, ...given };
}
