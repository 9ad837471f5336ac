/** What a unit's driver throws: hardware that does not do what its manual says, never a mere refusal. */
export type UnitErrorCode =
  /** The unit stopped taking commands: it met one that it cannot execute, or cannot read its queue. */
  | "STOPPED"
  /** The unit did not do what it was asked for, and says so. */
  | "REFUSED"
  /** A live entry was not what the driver had written there: somebody else changed it. */
  | "CHANGED"
  /** The unit's registers say that it lacks something that it was asked for. */
  | "UNSUPPORTED";

export class UnitError extends Error {
  override readonly name = "UnitError";
  readonly code: UnitErrorCode;

  constructor(code: UnitErrorCode, detail: string) {
    super(`${code}: ${detail}`);
    this.code = code;
  }
}
