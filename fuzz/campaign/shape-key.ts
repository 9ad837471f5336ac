/**
 * Whether two findings are one: the invariant and the shape of the shrunk program, its addresses abstracted. Two
 * programs have one shape when the same operations stand in the same order, on addresses in the same relation to each
 * other, with lengths and alignments of the same order of magnitude.
 */
import { createHash } from "node:crypto";
import { type Operation, operationToJson } from "../../models/index.js";
import type { Finding } from "../lockstep/index.js";

/** Twelve hexadecimal digits. The format is not in it: one mistake of the engine shows in many formats. */
export function shapeKeyOf({ invariant, operations, atFinish }: Finding): string {
  const shape = [invariant, atFinish ? "at finish" : "", ...shapeOf(operations)].join("\n");
  return createHash("sha256").update(shape).digest("hex").slice(0, 12);
}

/** One line for each operation. */
function shapeOf(operations: readonly Operation[]): readonly string[] {
  const places = [...new Set(operations.flatMap(placesOf))].sort((one, other) => (one < other ? -1 : 1));
  const rankOf = (address: bigint): number => places.indexOf(address);
  return operations.map((operation) => {
    const facts = Object.entries(operationToJson(operation)).map(([key, value]) => {
      if (key === "iova" && "iova" in operation) return `iova ${rankOf(operation.iova)}`;
      if (key === "pa" && "pa" in operation) return `pa ${alignmentOf(operation.pa)}`;
      if (typeof value === "string" && /^0x/.test(value)) return `${key} ${magnitudeOf(BigInt(value))}`;
      return `${key} ${JSON.stringify(value)}`;
    });
    if ("length" in operation) facts.push(`end ${rankOf(operation.iova + operation.length)}`);
    return facts.join(", ");
  });
}

/** Where an operation begins and ends. */
function placesOf(operation: Operation): readonly bigint[] {
  if (!("iova" in operation)) return [];
  return "length" in operation ? [operation.iova, operation.iova + operation.length] : [operation.iova];
}

/** The largest usual page size to which an output address is aligned. */
function alignmentOf(address: bigint): number {
  return [39n, 30n, 21n, 16n, 12n].findIndex((lg2) => (address & ((1n << lg2) - 1n)) === 0n);
}

/** The highest bit and the lowest one. */
function magnitudeOf(value: bigint): string {
  if (value === 0n) return "0";
  const lowest = (value & -value).toString(2).length - 1;
  return `${value.toString(2).length - 1}/${lowest}`;
}
