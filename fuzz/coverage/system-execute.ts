/** One input of the fuzzer for a machine: its bytes as a program, with every judge of machines, and what it saw. */
import type { MachineParts } from "../system/build.js";
import { Machine } from "../system/machine.js";
import type { SystemName } from "../system/names.js";
import type { SystemOperation } from "../system/operations.js";
import type { MachineShape } from "../system/shape.js";
import { failureOf, type SystemFinding, seedOf } from "../system/unit.js";
import { SystemFeatures } from "./system-features.js";
import { SystemByteProgram } from "./system-program.js";

export interface SystemExecuteOptions {
  /** Changes a machine before its program begins: so that tests see mistakes being found. */
  readonly spoil?: ((parts: MachineParts) => void) | undefined;
  /** Told of each operation before it is done. */
  readonly before?: ((operation: SystemOperation, shape: MachineShape) => void) | undefined;
}

export interface SystemExecution {
  readonly operations: readonly SystemOperation[];
  readonly features: readonly ReadonlySet<number>[];
  readonly finding: SystemFinding | undefined;
}

const FIRST: readonly SystemOperation[] = [
  { op: "createDomain", domain: 1 },
  { op: "createDomain", domain: 2 },
];
/** Frames that an operation may need: a machine without them refuses what it should do, and shows nothing. */
const SPARE_FRAMES = 64;

/** The unit that a program of bytes counts as: of it come the probes' choices. */
export function guidedUnit(system: SystemName, operations: number) {
  return { system, seed: "guided", unit: 0, operations };
}

/** Runs an input. Whatever the bytes are, it ends with a result. */
export function executeSystem(
  bytes: Uint8Array,
  system: SystemName,
  { spoil, before }: SystemExecuteOptions = {},
): SystemExecution {
  const program = new SystemByteProgram(bytes, system);
  const { shape } = program;
  const seed = seedOf(guidedUnit(system, 0));
  const operations: SystemOperation[] = [];
  const listened: { features: SystemFeatures; parts: MachineParts }[] = [];
  try {
    const machine = new Machine(shape, seed, (parts) => {
      spoil?.(parts);
      listened.push({ parts, features: new SystemFeatures(parts, shape) });
    });
    const [{ features, parts }] = listened;
    const next = () => FIRST[operations.length] ?? program.next(machine.accounts);
    for (let operation = next(); operation !== undefined && hasFrames(parts); operation = next()) {
      before?.(operation, shape);
      operations.push(operation);
      machine.apply(operation);
      features.add(operation, machine.accounts);
    }
    machine.end();
    return { operations, features: [features.seen], finding: undefined };
  } catch (error) {
    const failure = failureOf(shape, seed, operations, { spoil });
    if (failure === undefined) throw error;
    const { invariant, sentence } = failure;
    const unit = guidedUnit(system, operations.length);
    const finding = { unit, shape, invariant, sentence, program: operations, shrunkFrom: operations.length };
    return { operations, features: listened.map(({ features }) => features.seen), finding };
  }
}

function hasFrames({ memory }: MachineParts): boolean {
  const used = memory.liveFrames + memory.quarantinedFrames;
  return used + SPARE_FRAMES < memory.capacityBytes / 4096;
}
