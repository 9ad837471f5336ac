/** The two ways in which VT-d units are made to forget: a queue in memory, and registers in the older ones. */
import type { RegisterAccess } from "../hardware.js";
import { UnitError } from "../unit-error.js";
import type { Words128 } from "../unit-memory.js";
import {
  type ContextScope,
  contextCommand,
  contextDescriptor,
  type IotlbScope,
  iotlbAddress,
  iotlbCommand,
  iotlbDescriptor,
  iotlbOutcome,
  REGISTER_BUSY,
} from "./invalidation.js";
import type { InvalidationQueue } from "./queue.js";
import { CONTEXT_COMMAND, type IntelCapabilities } from "./registers.js";

/** Every call returns when what it asked for is done. */
export interface Invalidator {
  context(scope: ContextScope): void;
  iotlb(scope: IotlbScope): void;
  /** Any other descriptor: only the queue takes it. */
  other(descriptor: Words128): void;
}

export class QueuedInvalidator implements Invalidator {
  readonly #queue: InvalidationQueue;
  readonly #capabilities: IntelCapabilities;

  constructor(queue: InvalidationQueue, capabilities: IntelCapabilities) {
    this.#queue = queue;
    this.#capabilities = capabilities;
  }

  context(scope: ContextScope): void {
    this.other(contextDescriptor(scope));
  }

  iotlb(scope: IotlbScope): void {
    this.other(iotlbDescriptor(scope, this.#capabilities));
  }

  other(descriptor: Words128): void {
    this.#queue.send(descriptor);
    this.#queue.complete();
  }
}

/** For units without a queue. */
export class RegisterInvalidator implements Invalidator {
  readonly #registers: RegisterAccess;
  readonly #capabilities: IntelCapabilities;
  readonly #relax: () => void;

  constructor(registers: RegisterAccess, capabilities: IntelCapabilities, relax: () => void) {
    this.#registers = registers;
    this.#capabilities = capabilities;
    this.#relax = relax;
  }

  context(scope: ContextScope): void {
    this.#registers.write64(CONTEXT_COMMAND, contextCommand(scope));
    while ((this.#registers.read64(CONTEXT_COMMAND) & REGISTER_BUSY) !== 0n) this.#relax();
  }

  iotlb(scope: IotlbScope): void {
    const address = this.#capabilities.iotlb;
    const invalidate = address + 8;
    if (scope.of === "pages") this.#registers.write64(address, iotlbAddress(scope.dfn, scope.order));
    this.#registers.write64(invalidate, iotlbCommand(scope, this.#capabilities));
    while ((this.#registers.read64(invalidate) & REGISTER_BUSY) !== 0n) this.#relax();
    if (iotlbOutcome(this.#registers.read64(invalidate)) !== 0) return;
    throw new UnitError("REFUSED", `an IOTLB invalidation of ${scope.of}`);
  }

  other(): void {
    throw new UnitError("UNSUPPORTED", "this unit has no queue for that invalidation");
  }
}
