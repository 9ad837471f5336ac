/** One input of the fuzzer: its bytes as a program, in lockstep with all oracles, and what it saw. */
import type { Configuration } from "../../models/configuration.js";
import type { Operation } from "../../models/operations.js";
import { Inconclusive } from "../lockstep/failure.js";
import { Features } from "../lockstep/features.js";
import { type Finding, Lockstep, type SubjectFactory } from "../lockstep/index.js";
import { ByteProgram } from "./decode.js";
import { JudgeFeatures } from "./judge-features.js";

export interface ExecuteOptions {
  readonly subjectOf?: SubjectFactory | undefined;
  /** Told of each operation before it is done. */
  readonly before?: ((operation: Operation, configuration: Configuration) => void) | undefined;
}

export interface Execution {
  readonly configuration: Configuration;
  readonly operations: readonly Operation[];
  /** What was seen, as numbers: of operations and tables, and of what the judges watch. */
  readonly features: readonly ReadonlySet<number>[];
  readonly finding: Finding | undefined;
}

/** Runs an input. Whatever the bytes are, it ends with a result. */
export function execute(
  bytes: Uint8Array,
  configurations: readonly Configuration[],
  options: ExecuteOptions = {},
): Execution {
  const { subjectOf } = options;
  const lockstepFor = (configuration: Configuration) =>
    new Lockstep(configuration, { subject: subjectOf?.(configuration), seed: "coverage" });
  const run = runOf(bytes, configurations, lockstepFor);
  const { lockstep, program } = run;
  const { configuration } = program;
  const seen = new Features();
  const judged = new JudgeFeatures();
  const operations: Operation[] = [];
  const features = [seen.seen, judged.seen];
  try {
    for (let operation = program.next(); operation !== undefined; operation = program.next()) {
      options.before?.(operation, configuration);
      operations.push(operation);
      const difference = lockstep.step(operation);
      seen.add(operation, lockstep);
      judged.add(operation, lockstep);
      if (difference === undefined) continue;
      return {
        configuration,
        operations,
        features,
        finding: { ...difference, configuration, operations, atFinish: false },
      };
    }
    const difference = lockstep.finish();
    const finding = difference && { ...difference, configuration, operations, atFinish: true };
    return { configuration, operations, features, finding };
  } catch (error) {
    // A program that outgrows the memory, for one, shows nothing.
    if (error instanceof Inconclusive) return { configuration, operations, features, finding: undefined };
    throw error;
  }
}

function runOf(
  bytes: Uint8Array,
  configurations: readonly Configuration[],
  lockstepFor: (configuration: Configuration) => Lockstep,
): { lockstep: Lockstep; program: ByteProgram } {
  let lockstep: Lockstep | undefined;
  const program = new ByteProgram(bytes, configurations, (configuration) => {
    lockstep = lockstepFor(configuration);
    return lockstep.reference;
  });
  if (lockstep === undefined) throw new RangeError("there is no configuration to run");
  return { lockstep, program };
}
