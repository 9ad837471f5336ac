import { WalkResult, type WalkResultCode } from "./walker.js";

const names = new Map<WalkResultCode, string>(Object.entries(WalkResult).map(([name, code]) => [code, name]));

/** The name of a result, for reports: `"MisalignedLeaf"`. */
export function walkResultName(code: WalkResultCode): string {
  return names.get(code) ?? `WalkResult ${code}`;
}
