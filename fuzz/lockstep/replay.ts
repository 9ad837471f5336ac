/** A token back into what it stands for: the unit runs again, finds again, shrinks again. */
import { type Finding, type ShrinkOptions, shrink } from "./finding.js";
import { parseToken, type Token, versionWarning } from "./token.js";
import { runUnit } from "./unit.js";

export interface Replay {
  readonly token: Token;
  /** Shrunk; undefined when the unit runs without a finding. */
  readonly finding: Finding | undefined;
  /** Operations that the unit did. */
  readonly operations: number;
  /** What makes the replay another run than the recorded one, as sentences. */
  readonly warnings: readonly string[];
}

/** @throws TokenError */
export function replay(text: string, options: ShrinkOptions = {}): Replay {
  const token = parseToken(text);
  const { finding, checksum, operations } = runUnit({ ...token, subjectOf: options.subjectOf });
  const warnings: string[] = [];
  const version = versionWarning(token);
  if (version !== undefined) warnings.push(version);
  else if (checksum !== token.checksum) {
    const [now, then] = [checksum, token.checksum].map((value) => value.toString(16).padStart(8, "0"));
    warnings.push(
      `the unit's outcomes have the checksum ${now}, the token says ${then}: the code has changed`,
    );
  }
  return { token, finding: finding && shrink(finding, options), operations, warnings };
}
