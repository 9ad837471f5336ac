/** Freezing a table for another process, and going on there. */
import type { Domain } from "./engine/domain.js";
import { visitFrames } from "./engine/frames.js";
import { PageTableError } from "./errors.js";
import { type FrameRecord, formatHandover, type OptionValue } from "./memory/handover.js";
import type { CommonOptions } from "./options.js";
import { growsTop, name } from "./stamp/format.js";
import { threads, withdrawTop } from "./stamp/variant.js";

/** The record of a table, which nobody can use here any more. */
export function handOver(domain: Domain, options: CommonOptions): string {
  const { memory } = domain;
  if (threads) throw new PageTableError("INVALID_ARGUMENT", "handOver: threads share tables; use `share`");
  if (memory.quarantinedFrames > 0) {
    throw new PageTableError(
      "INVALID_ARGUMENT",
      "handOver: frames wait for an invalidation; sync every gather",
    );
  }
  const frames: FrameRecord[] = [];
  visitFrames(domain, { frame: (word, frameLg2) => frames.push([memory.addressOf(word), frameLg2]) });
  const { topLevel } = domain;
  const given = Object.entries(options).filter(([option]) => option !== "memory");
  const record = formatHandover({
    format: name,
    options: { ...Object.fromEntries(given.filter(isPlain)), ...(growsTop ? { topLevel } : {}) },
    callbacks: given.filter(([, value]) => typeof value === "function").map(([option]) => option),
    root: memory.addressOf(domain.rootWord),
    topLevel,
    base: memory.base,
    capacityBytes: memory.capacityBytes,
    usedBytes: memory.usedBytes,
    smallestFrameLg2: memory.smallestFrameLg2,
    frames,
  });
  withdrawTop(domain);
  return record;
}

function isPlain(option: [string, unknown]): option is [string, OptionValue] {
  return /^(number|bigint|boolean|string)$/.test(typeof option[1]);
}
