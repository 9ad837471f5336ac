import type { Configuration } from "../configuration.js";
import { shapeOf } from "../shape.js";
import { createWalker } from "./create-walker.js";
import { walkResultName } from "./walk-result-name.js";
import { type PhysicalMemory, type Walker, WalkResult, type WalkResultCode } from "./walker.js";

/** Where a walk starts: what `Walker.setRoot` takes, with the address as one number. */
export interface Root {
  readonly address: bigint;
  readonly mode: number;
}

/** An item that hardware read on the way. */
export interface WalkStep {
  readonly level: number;
  readonly address: bigint;
  readonly raw: bigint;
}

/** A walk with everything that it read; the walker's fields say where it ended. */
export interface WalkedSteps {
  readonly steps: readonly WalkStep[];
  readonly result: WalkResultCode;
  readonly walker: Walker;
}

/** Walks one address. The items are seen by watching the walker's reads, so that other walks pay nothing. */
export function walkSteps(
  configuration: Configuration,
  memory: PhysicalMemory,
  root: Root,
  va: bigint,
): WalkedSteps {
  const steps: { level: number; address: bigint; raw: bigint }[] = [];
  const watched: PhysicalMemory = {
    contains: (low, high) => memory.contains(low, high),
    readWord(low, high) {
      const word = memory.readWord(low, high);
      const isHighWord = low !== walker.itemLow;
      const last = steps.at(-1);
      if (isHighWord && last !== undefined) last.raw |= joined(0, word);
      else steps.push({ level: walker.level, address: joined(low, high), raw: joined(word, 0) });
      return word;
    },
    writeWord: (low, high, value) => memory.writeWord(low, high, value),
  };
  const walker = createWalker(configuration, watched);
  walker.setRoot(lowWord(root.address), highWord(root.address), root.mode);
  const result = walker.walk(lowWord(va), highWord(va));
  return { steps, result, walker };
}

/**
 * One line for the root, one per item that hardware reads on the way, and one for the outcome: the part of an
 * error report that shows what the tables say.
 */
export function explainWalk(
  configuration: Configuration,
  memory: PhysicalMemory,
  root: Root,
  va: bigint,
): string[] {
  const { steps, result, walker } = walkSteps(configuration, memory, root, va);
  const digits = shapeOf(configuration).itemBytesLg2 === 2 ? 8 : 16;
  const lines = [`walk of ${hex(va)} from root ${hex(root.address)}, mode ${root.mode}`];
  for (const [step, item] of steps.entries()) {
    const meaning = step < steps.length - 1 ? "table" : lastItemMeaning(result);
    lines.push(`  level ${item.level}  item at ${hex(item.address)} = ${hex(item.raw, digits)}  ${meaning}`);
  }
  lines.push(`  ${describeWalk(walker, result)}`);
  return lines;
}

/** What the item at which a walk ended is. */
export function lastItemMeaning(result: WalkResultCode): string {
  switch (result) {
    case WalkResult.Translated:
      return "leaf";
    case WalkResult.NotPresent:
      return "not present";
    case WalkResult.OutsideMemory:
      return "table, outside the memory";
    case WalkResult.IllegalSkip:
      return "table, skipping levels";
    default:
      return `illegal: ${walkResultName(result)}`;
  }
}

/** What a walk gave, as a clause. */
export function describeWalk(walker: Walker, result: WalkResultCode): string {
  if (result !== WalkResult.Translated) return `ends with ${walkResultName(result)}`;
  const rights = [
    walker.read ? "r" : "-",
    walker.write ? "w" : "-",
    walker.execute ? "x" : "-",
    walker.dirty ? " dirty" : "",
  ];
  return `gives ${hex(joined(walker.oaLow, walker.oaHigh))}, ${pageSize(walker.sizeLg2)}, ${rights.join("")}`;
}

function pageSize(sizeLg2: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  return `${2 ** (sizeLg2 % 10)} ${units[Math.floor(sizeLg2 / 10)]}`;
}

function lowWord(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

function highWord(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}

function joined(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** Hexadecimal with an underscore before every four digits: `0x8_4020_0000`. */
function hex(value: bigint, digits = 1): string {
  const plain = BigInt.asUintN(64, value).toString(16).padStart(digits, "0");
  return `0x${plain.replace(/\B(?=(?:[0-9a-f]{4})+$)/g, "_")}`;
}
