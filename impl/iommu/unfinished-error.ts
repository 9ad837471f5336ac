/** What is left to do where hardware did not do as it was told. */
import type { DeviceId } from "./vendor.js";

/** A domain is not destroyed yet: its tables are there, for whatever knows them still. */
export class UnfinishedError extends Error {
  override readonly name = "UnfinishedError";
  /** Devices that are the domain's no more, and whose units have forgotten it. */
  readonly taken: readonly DeviceId[];
  /** Devices whose units may still lead them to the domain's tables. */
  readonly left: readonly DeviceId[];
  /** What was thrown for those that are left, in their order. */
  readonly causes: readonly unknown[];

  constructor(taken: readonly DeviceId[], left: readonly DeviceId[], causes: readonly unknown[]) {
    super(`${left.length} of ${taken.length + left.length} devices could not be taken: ${causes.join("; ")}`);
    this.taken = taken;
    this.left = left;
    this.causes = causes;
  }
}
