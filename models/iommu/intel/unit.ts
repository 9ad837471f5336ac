/**
 * A VT-d remapping unit as its driver and its devices meet it: registers, invalidation by registers and through the
 * queue, fault records, and translation through caches that keep everything. Source: Intel Virtualization Technology for
 * Directed I/O, Architecture Specification: §3 (DMA remapping), §6 (caching and invalidation), §7 (faults), §11
 * (registers).
 */
import { CachingWalker, LOOK, type WalkMode } from "../caching-walker.js";
import { DeviceTlbs } from "../device-tlb.js";
import {
  type Disagreement,
  type DmaOptions,
  type DmaOutcome,
  type Fault,
  type IommuHardware,
  isInterrupt,
  type Keeps,
  type OutputRange,
} from "../hardware.js";
import { vtdSecondStageItems, x86Items } from "../item-rules.js";
import type { NonCoherentMemory } from "../non-coherent-memory.js";
import { addRange, forEachPage } from "../page-walk.js";
import { frameIn, type PhysicalMemory, walkerMemoryOf, wordsAt } from "../physical-memory.js";
import { RegisterFile } from "../register-file.js";
import { NO_PASID, TranslationCache } from "../translation-cache.js";
import { decodeDescriptor } from "./descriptors.js";
import { DeviceCaches } from "./device-caches.js";
import { VtdDisagreements } from "./disagreements.js";
import { Legacy } from "./fault-reasons.js";
import { FaultRecords } from "./fault-records.js";
import { Invalidations } from "./invalidations.js";
import { InvalidationQueue } from "./queue.js";
import { RegisterInvalidation } from "./register-invalidation.js";
import {
  type Capabilities,
  DEFAULT_CAPABILITY,
  DEFAULT_EXTENDED_CAPABILITY,
  decodeCapabilities,
  EVENT_MASKED,
  EVENT_PENDING,
  FAULT_STATUS_WRITE_1_TO_CLEAR,
  FaultStatus,
  Global,
  ONE_SHOT,
  REGISTER_BYTES,
  Register,
} from "./registers.js";
import { type Request, type RequestFault, VtdRequests } from "./requests.js";

export interface VtdUnitOptions {
  /** VER: major version 7:4, minor 3:0. Default 1.0. */
  readonly version?: number | undefined;
  /** CAP; its CM bit says whether misses and faults are remembered, RWBF whether the write buffer must be flushed. */
  readonly capability?: bigint | undefined;
  /** ECAP. */
  readonly extendedCapability?: bigint | undefined;
  readonly keeps?: Keeps | undefined;
  /** Descriptors wait for `process` when the tail is written. Default false: they are consumed at once. */
  readonly waits?: boolean | undefined;
  /**
   * Global commands and invalidations by registers are done, and show it, with the next `process`, which counts them as
   * consumed: a driver has to look. Default false: they are done when the write returns.
   */
  readonly lateCommands?: boolean | undefined;
  /**
   * How the unit sees tables, where it does not snoop the CPU's caches (ECAP.C = 0) or where stores wait in a buffer
   * (CAP.RWBF = 1). The queue and what it stores are always coherent.
   */
  readonly tables?: NonCoherentMemory | undefined;
}

const CACHED: WalkMode = { cached: true, leavesTraces: true };

export class VtdUnitDevice implements IommuHardware {
  readonly #registers = new RegisterFile(REGISTER_BYTES);
  readonly #memory: PhysicalMemory;
  readonly #buffer: NonCoherentMemory | undefined;
  readonly #capabilities: Capabilities;
  readonly #waits: boolean;
  readonly #isLate: boolean;
  readonly #cache = new TranslationCache();
  readonly #deviceTlbs = new DeviceTlbs();
  readonly #caches: DeviceCaches;
  readonly #records: FaultRecords;
  readonly #queue: InvalidationQueue;
  readonly #invalidations: Invalidations;
  readonly #byRegister: RegisterInvalidation;
  readonly #requests: VtdRequests;
  readonly #disagreements: VtdDisagreements;
  readonly #faults: Fault[] = [];
  readonly #misuses: string[] = [];
  readonly #silent = new Set<number>();
  /** A command that is not done yet. */
  #pending: (() => void) | undefined;
  /** A device that did not answer since the last wait descriptor. */
  #unanswered: number | undefined;

  constructor(memory: PhysicalMemory, options: VtdUnitOptions = {}) {
    const registers = this.#registers;
    const capability = options.capability ?? DEFAULT_CAPABILITY;
    const extended = options.extendedCapability ?? DEFAULT_EXTENDED_CAPABILITY;
    registers.set32(Register.version, options.version ?? 0x10);
    registers.set64(Register.capability, capability);
    registers.set64(Register.extendedCapability, extended);
    registers.set32(Register.completionEventControl, EVENT_MASKED);
    const capabilities = decodeCapabilities(capability, extended);
    this.#capabilities = capabilities;
    this.#memory = memory;
    this.#buffer = options.tables;
    this.#waits = options.waits ?? false;
    this.#isLate = options.lateCommands ?? false;
    const tables = options.tables ?? memory;
    const keeps = options.keeps !== "nothing";
    this.#caches = new DeviceCaches(tables, capabilities, keeps);
    this.#records = new FaultRecords(registers, capabilities);
    this.#queue = new InvalidationQueue(registers);
    this.#invalidations = new Invalidations(this.#cache, this.#caches, this.#deviceTlbs);
    this.#byRegister = new RegisterInvalidation(registers, capabilities, this.#invalidations);
    const misses = capabilities.cachingMode;
    const walker = new CachingWalker(tables, this.#cache, { everything: keeps, misses });
    const words = walkerMemoryOf(tables);
    const { pageSizes, snoopControl } = capabilities;
    this.#requests = new VtdRequests({
      caches: this.#caches,
      walker,
      deviceTlbs: this.#deviceTlbs,
      first: x86Items(words, {}),
      firstExtended: x86Items(words, { extendedAccessed: true }),
      second: vtdSecondStageItems(words, { pageSizes, snoopControl }),
      capabilities,
    });
    this.#disagreements = new VtdDisagreements(
      this.#cache,
      this.#caches,
      this.#deviceTlbs,
      this.#requests,
      walker,
    );
  }

  read32(offset: number): number {
    return this.#registers.get32(offset);
  }

  read64(offset: number): bigint {
    return this.#registers.get64(offset);
  }

  /** The low word first: what a write starts stands in the high one. */
  write64(offset: number, value: bigint): void {
    this.write32(offset, Number(BigInt.asUintN(32, value)));
    this.write32(offset + 4, Number(BigInt.asUintN(32, value >> 32n)));
  }

  write32(offset: number, value: number): void {
    const registers = this.#registers;
    switch (offset) {
      case Register.globalCommand:
        this.#command(value);
        return;
      case Register.faultStatus:
        registers.set32(offset, registers.get32(offset) & ~(value & FAULT_STATUS_WRITE_1_TO_CLEAR));
        this.#records.statusCleared();
        this.#run();
        return;
      case Register.faultEventControl:
      case Register.completionEventControl:
        this.#writeEventControl(offset, value);
        return;
      case Register.completionStatus:
        registers.set32(offset, registers.get32(offset) & ~(value & 1));
        return;
      case Register.queueTail:
        if (!this.#queue.writeTail(value)) this.#records.raise(FaultStatus.queueError);
        this.#run();
        return;
      case Register.queueAddress:
      case Register.queueAddress + 4:
        if (this.#queue.isOn()) this.#misuses.push("the queue's address was written while the queue is on");
        registers.set32(offset, value);
        return;
      default:
        if (this.#records.isRecordWord(offset)) this.#records.write(offset, value);
        else if (this.#byRegister.isCommand(offset)) this.#invalidateByRegister(offset, value);
        else if (!isReadOnly(offset)) registers.set32(offset, value);
    }
  }

  process(maximum: number): number {
    const isCommand = this.#pending !== undefined;
    this.#finish();
    return (isCommand ? 1 : 0) + this.#consume(isCommand ? maximum - 1 : maximum);
  }

  #consume(maximum: number): number {
    let consumed = 0;
    while (consumed < maximum && this.#queue.isReady() && this.#step()) consumed++;
    return consumed;
  }

  dma(
    device: number,
    iova: bigint,
    lengthBytes: number,
    isWrite: boolean,
    options: DmaOptions = {},
  ): DmaOutcome {
    return this.#request(device, iova, lengthBytes, isWrite, options, CACHED);
  }

  translateUncached(device: number, iova: bigint, isWrite = false, options: DmaOptions = {}): DmaOutcome {
    return this.#request(device, iova, 1, isWrite, options, LOOK);
  }

  evict(device: number): void {
    this.#caches.forgetDevice(device);
  }

  faults(): readonly Fault[] {
    return this.#faults;
  }

  misuses(): readonly string[] {
    return this.#misuses;
  }

  cachedDisagreements(): readonly Disagreement[] {
    return this.#disagreements.list();
  }

  usesFrame(address: number): boolean {
    return this.#disagreements.usesFrame(Math.floor(address / 4096));
  }

  /** The device answers no invalidation of its TLB from now on: each one times out. */
  silence(device: number): void {
    this.#silent.add(device);
  }

  /** A device answers an invalidation that nobody sent: ICE. */
  answerUnasked(device: number): void {
    this.#registers.set32(
      Register.queueError + 4,
      (device << 16) | (this.#registers.get32(Register.queueError + 4) & 0xffff),
    );
    this.#records.raise(FaultStatus.completionError);
  }

  /** §11.4.4: one-shot commands are done and show in the status; the others are on or off. */
  #command(value: number): void {
    const registers = this.#registers;
    const shots = value & ONE_SHOT;
    const isChange = ((value ^ registers.get32(Register.globalStatus)) & ~ONE_SHOT) !== 0;
    if (shots === 0 && !isChange && this.#pending === undefined) return;
    if (this.#pending !== undefined) this.#misuses.push("a command was given before the last one was done");
    this.#finish();
    const changed = (value ^ registers.get32(Register.globalStatus)) & ~ONE_SHOT;
    if (bitCount(changed | shots) > 1) this.#misuses.push("several global commands were given at once");
    // In progress: the write buffer's bit is set, the others' are clear.
    registers.setBits(Register.globalStatus, shots, false);
    registers.setBits(Register.globalStatus, shots & Global.writeBufferFlush, true);
    this.#later(() => this.#execute(value, changed));
  }

  #execute(value: number, changed: number): void {
    const registers = this.#registers;
    const shots = value & ONE_SHOT;
    const kept = registers.get32(Register.globalStatus) & ONE_SHOT;
    registers.set32(Register.globalStatus, ((kept | shots) & ~Global.writeBufferFlush) | (value & ~ONE_SHOT));
    if ((shots & Global.setRoot) !== 0) this.#setRoot();
    if ((shots & Global.writeBufferFlush) !== 0) this.#flushBuffer();
    if ((changed & Global.queuedInvalidation) !== 0 && !this.#queue.isOn()) this.#queue.reset();
    this.#run();
  }

  #later(action: () => void): void {
    if (this.#isLate) this.#pending = action;
    else action();
  }

  #finish(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.();
  }

  #setRoot(): void {
    const low = this.#registers.get32(Register.rootTable);
    const high = this.#registers.get32(Register.rootTable + 4);
    this.#caches.root = { table: frameIn(low, high), mode: (low >>> 10) & 3 };
  }

  /** A unit with a write buffer sees what is in it only now; every invalidation empties it first (§6.8). */
  #flushBuffer(): void {
    if (this.#capabilities.writeBufferFlush) this.#buffer?.cleanAll();
  }

  #invalidateByRegister(offset: number, value: number): void {
    if (this.#queue.isOn()) {
      this.#misuses.push("an invalidation register was written while the queue is on");
      return;
    }
    if (this.#pending !== undefined) this.#misuses.push("a command was given before the last one was done");
    this.#finish();
    this.#registers.set32(offset, value);
    this.#later(() => {
      this.#flushBuffer();
      this.#byRegister.execute(offset, value);
    });
  }

  #run(): void {
    if (!this.#waits) this.#consume(Number.POSITIVE_INFINITY);
  }

  /** Consumes one descriptor; false where it stays and the queue stops. */
  #step(): boolean {
    const words = wordsAt(this.#memory, this.#queue.address, this.#queue.descriptorBytes / 4);
    const hasRest = words?.subarray(4).some((word) => word !== 0);
    const descriptor =
      words === undefined || hasRest ? undefined : decodeDescriptor(words, this.#capabilities);
    if (descriptor === undefined) {
      this.#records.raise(FaultStatus.queueError);
      return false;
    }
    switch (descriptor.kind) {
      case "wait":
        return this.#wait(descriptor);
      case "context":
        this.#flushBuffer();
        this.#invalidations.contexts(descriptor);
        break;
      case "iotlb":
        this.#flushBuffer();
        this.#invalidations.iotlb(descriptor);
        break;
      case "pasid-iotlb":
        this.#invalidations.pasidIotlb(descriptor);
        break;
      case "pasid-cache":
        this.#invalidations.pasids(descriptor);
        break;
      case "device-tlb":
      case "pasid-device-tlb":
        if (this.#silent.has(descriptor.device)) this.#unanswered = descriptor.device;
        else this.#invalidations.deviceTlb(descriptor);
        break;
      default:
        // Interrupt entries hold no translation.
        break;
    }
    this.#queue.advance();
    return true;
  }

  /** A wait behind a device that does not answer is aborted: it stores nothing, and the queue stops behind it. */
  #wait(wait: {
    readonly stores: boolean;
    readonly interrupts: boolean;
    readonly data: number;
    readonly address: number;
  }): boolean {
    this.#queue.advance();
    if (this.#unanswered !== undefined) {
      const other = this.#registers.get32(Register.queueError + 4) & 0xffff_0000;
      this.#registers.set32(Register.queueError + 4, other | this.#unanswered);
      this.#unanswered = undefined;
      this.#records.raise(FaultStatus.timeoutError);
      return true;
    }
    if (wait.stores && this.#memory.contains(wait.address)) this.#memory.write32(wait.address, wait.data);
    if (wait.interrupts) {
      this.#registers.setBits(Register.completionStatus, 1, true);
      if ((this.#registers.get32(Register.completionEventControl) & EVENT_MASKED) !== 0)
        this.#registers.setBits(Register.completionEventControl, EVENT_PENDING, true);
    }
    return true;
  }

  #request(
    device: number,
    iova: bigint,
    lengthBytes: number,
    isWrite: boolean,
    { pasid = NO_PASID, translated = false, ats = false }: DmaOptions,
    mode: WalkMode,
  ): DmaOutcome {
    const ranges: OutputRange[] = [];
    if ((this.#registers.get32(Register.globalStatus) & Global.translation) === 0)
      return { kind: "done", ranges: [{ address: Number(iova), lengthBytes }] };
    const request: Request = { device, isWrite, pasid, translated, ats };
    let outcome: DmaOutcome = { kind: "done", ranges };
    forEachPage(iova, lengthBytes, (page, offset, bytes) => {
      const address = (BigInt(page) << 12n) | BigInt(offset);
      if (isInterrupt(address) && isWrite) {
        outcome = { kind: "interrupt" };
        return false;
      }
      const answer: ReturnType<VtdRequests["translate"]> = isInterrupt(address)
        ? { kind: "fault", reason: Legacy.interruptWindow, silent: true }
        : this.#requests.translate(request, page, mode);
      if (answer.kind === "page") {
        addRange(ranges, answer.page * 4096 + offset, bytes);
        return true;
      }
      outcome = { kind: "fault", ranges, fault: this.#report(request, answer, address, mode) };
      return false;
    });
    return outcome;
  }

  #report(request: Request, { reason, silent }: RequestFault, address: bigint, mode: WalkMode): Fault {
    const { device, isWrite, pasid } = request;
    const { code, words } = reason;
    const isLogged =
      mode.leavesTraces && !silent && this.#records.record({ device, address, code, isWrite, pasid });
    const fault = { reason: words, code, device, address, isWrite, pasid, isLogged };
    if (mode.leavesTraces) this.#faults.push(fault);
    return fault;
  }

  /** Only the mask is software's. */
  #writeEventControl(offset: number, value: number): void {
    const isMasked = (value & EVENT_MASKED) !== 0;
    this.#registers.setBits(offset, EVENT_MASKED, isMasked);
    // The interrupt that waited is sent.
    if (!isMasked) this.#registers.setBits(offset, EVENT_PENDING, false);
  }
}

function isReadOnly(offset: number): boolean {
  return (
    offset <= Register.extendedCapability + 4 ||
    offset === Register.globalStatus ||
    (offset >= Register.queueHead && offset < Register.queueTail) ||
    offset === Register.queueError ||
    offset === Register.queueError + 4
  );
}

function bitCount(word: number): number {
  let count = 0;
  for (let left = word; left !== 0; left &= left - 1) count++;
  return count;
}
