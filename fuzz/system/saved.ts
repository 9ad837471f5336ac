/** Findings of machines as they are kept: JSON of the finding, and what tells one from another. */
import { createHash } from "node:crypto";
import { systemNames } from "./names.js";
import { dfnLimit, drawShape, type MachineShape } from "./shape.js";
import { failureOf, type RunOptions, type SystemFailure, type SystemFinding, seedOf } from "./unit.js";

export function systemFindingToText(finding: SystemFinding): string {
  return `${JSON.stringify(finding, null, 2)}\n`;
}

/** Whether a text is a finding of a machine, and not one of tables. */
export function isSystemFinding(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "shape" in value && "program" in value;
  } catch {
    return false;
  }
}

/** @throws RangeError where the text is none, or one of a machine that this version does not have */
export function systemFindingFromText(text: string): SystemFinding {
  const saved: SystemFinding = JSON.parse(text);
  // Findings from before a machine could have two units do not say how many it has.
  const finding = { ...saved, shape: { ...saved.shape, units: saved.shape?.units ?? 1 } };
  const { shape, program, unit } = finding;
  const system = systemNames.find((name) => name === shape?.system);
  const isWhole = system !== undefined && Array.isArray(program) && typeof unit?.seed === "string";
  if (!isWhole || !hasEveryFact(shape)) throw new RangeError("it is no finding of a machine of this version");
  return finding;
}

function hasEveryFact(shape: MachineShape): boolean {
  const names = Object.keys(drawShape(shape.system, { below: () => 0 }));
  return names.every((name) => name in shape) && Number.isSafeInteger(dfnLimit(shape));
}

/** How the shrunk program of a finding fails; undefined: it passes. */
export function failureOfFinding(
  { shape, unit, program }: SystemFinding,
  options?: RunOptions,
): SystemFailure | undefined {
  return failureOf(shape, seedOf(unit), program, options);
}

/**
 * Twelve hexadecimal digits, the same for findings that are one: the property, and the operations with their numbers
 * by rank and their lengths by magnitude.
 */
export function systemKeyOf({ unit, invariant, program }: SystemFinding): string {
  const places = [...new Set(program.flatMap((one) => ("dfn" in one ? [one.dfn] : [])))].sort(
    (a, b) => a - b,
  );
  const lines = program.map((operation) => {
    const facts = Object.entries(operation).map(([name, value]) => {
      if (name === "dfn") return `dfn ${places.indexOf(Number(value))}`;
      if (name === "mfn") return "mfn";
      return name === "pages" ? `pages ${Math.floor(Math.log2(Number(value)))}` : `${name} ${String(value)}`;
    });
    return facts.join(", ");
  });
  const shape = [unit.system, invariant, ...lines].join("\n");
  return createHash("sha256").update(shape).digest("hex").slice(0, 12);
}

/** Named for what it is, as in the corpus. */
export function systemFileName(finding: SystemFinding): string {
  return `${finding.invariant}-system-${finding.unit.system}-${systemKeyOf(finding).slice(0, 8)}.json`;
}
