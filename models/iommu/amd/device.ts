/**
 * An AMD IOMMU as its driver and its devices meet it: registers, command ring, event log, and translation through
 * caches that keep everything. Source: AMD I/O Virtualization Technology (IOMMU) Specification 48882, rev 3: §2.2
 * (tables), §2.4 (commands), §2.5 (events), §3.4 (registers).
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
import { amdHostItems, x86Items } from "../item-rules.js";
import { addRange, forEachPage } from "../page-walk.js";
import { type PhysicalMemory, walkerMemoryOf, wordsAt } from "../physical-memory.js";
import { RegisterFile } from "../register-file.js";
import { NO_PASID, TranslationCache } from "../translation-cache.js";
import { CommandRing, commandAddress } from "./command-ring.js";
import { type Command, decodeCommand } from "./commands.js";
import { DeviceCaches } from "./device-caches.js";
import { AmdDisagreements } from "./disagreements.js";
import { EventCode, EventFlag, EventLog } from "./event-log.js";
import {
  Control,
  ENTRY_BYTES,
  REGISTER_BYTES,
  Register,
  RING_POINTER_MASK,
  STATUS_WRITE_1_TO_CLEAR,
  Status,
} from "./registers.js";
import { AmdRequests, type Request, type RequestFault, windowRead } from "./requests.js";

export interface AmdIommuOptions {
  /** The extended feature register. Default: 6 host levels, guest tables of 5, 3 levels of GCR3, INVALIDATE_ALL. */
  readonly extendedFeatures?: bigint | undefined;
  readonly keeps?: Keeps | undefined;
  /** NpCache: entries that are not present are remembered too. Default false. */
  readonly cachesNotPresent?: boolean | undefined;
  /** Commands wait for `process` when the tail is written. Default false: they are consumed at once. */
  readonly waits?: boolean | undefined;
  /**
   * The tail of the event log moves before the entry is in memory, as it does on some units: it arrives with the next
   * `process`, which counts it as consumed, or with the next event. Default false.
   */
  readonly lateEvents?: boolean | undefined;
}

/** GTSup, IASup, HATS = 6 levels, GATS = 5 levels, GLXSup = 3 levels, PASmax = 20 bits. */
const DEFAULT_FEATURES = (1n << 4n) | (1n << 6n) | (2n << 10n) | (1n << 12n) | (2n << 14n) | (19n << 32n);

const CACHED: WalkMode = { cached: true, leavesTraces: true };

export class AmdIommuDevice implements IommuHardware {
  readonly #registers = new RegisterFile(REGISTER_BYTES);
  readonly #memory: PhysicalMemory;
  readonly #waits: boolean;
  readonly #cache = new TranslationCache();
  readonly #deviceTlbs = new DeviceTlbs();
  readonly #caches: DeviceCaches;
  readonly #log: EventLog;
  readonly #ring: CommandRing;
  readonly #requests: AmdRequests;
  readonly #disagreements: AmdDisagreements;
  readonly #features: bigint;
  readonly #faults: Fault[] = [];
  readonly #misuses: string[] = [];
  /** Devices whose entry suppresses further page faults, since it was read. */
  readonly #faulted = new Set<number>();
  readonly #silent = new Set<number>();

  constructor(memory: PhysicalMemory, options: AmdIommuOptions = {}) {
    const keeps = options.keeps !== "nothing";
    this.#memory = memory;
    this.#waits = options.waits ?? false;
    this.#features = options.extendedFeatures ?? DEFAULT_FEATURES;
    this.#registers.set64(Register.extendedFeatures, this.#features);
    this.#caches = new DeviceCaches(this.#registers, memory, keeps);
    this.#log = new EventLog(this.#registers, memory, options.lateEvents ?? false);
    this.#ring = new CommandRing(this.#registers, this.#misuses);
    const misses = options.cachesNotPresent ?? false;
    const walker = new CachingWalker(memory, this.#cache, { everything: keeps, misses });
    const words = walkerMemoryOf(memory);
    this.#requests = new AmdRequests({
      registers: this.#registers,
      caches: this.#caches,
      walker,
      deviceTlbs: this.#deviceTlbs,
      host: amdHostItems(words, {}),
      guest: x86Items(words, {}),
      limits: {
        hostLevels: 4 + this.#feature(10, 2),
        guestTranslation: this.#feature(4, 1) === 1,
        guestTableLevels: this.#feature(14, 2) + 1,
        guestPageLevels: this.#feature(12, 2) + 4,
      },
    });
    this.#disagreements = new AmdDisagreements(
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

  write64(offset: number, value: bigint): void {
    this.write32(offset, Number(BigInt.asUintN(32, value)));
    this.write32(offset + 4, Number(BigInt.asUintN(32, value >> 32n)));
  }

  write32(offset: number, value: number): void {
    const registers = this.#registers;
    switch (offset) {
      case Register.extendedFeatures:
      case Register.extendedFeatures + 4:
        return;
      case Register.control:
        this.#writeControl(value >>> 0);
        return;
      case Register.status:
        registers.set32(offset, registers.get32(offset) & ~(value & STATUS_WRITE_1_TO_CLEAR));
        return;
      case Register.commandTail:
        this.#ring.writeTail(value);
        if (!this.#waits) this.process(Number.POSITIVE_INFINITY);
        return;
      case Register.commandHead:
        this.#ring.writeHead(value);
        return;
      case Register.commandBase:
      case Register.commandBase + 4:
        this.#ring.writeBase(offset, value);
        return;
      case Register.eventHead:
        registers.set32(offset, value & RING_POINTER_MASK);
        return;
      case Register.eventTail:
        if (!this.#isLogging()) registers.set32(offset, value & RING_POINTER_MASK);
        else this.#misuses.push("the event tail was written while the log runs");
        return;
      case Register.eventBase:
      case Register.eventBase + 4:
        if (this.#isLogging()) this.#misuses.push("the event log base was written while the log runs");
        registers.set32(offset, value);
        registers.set32(Register.eventHead, 0);
        registers.set32(Register.eventTail, 0);
        return;
      default:
        registers.set32(offset, value);
    }
  }

  process(maximum: number): number {
    let consumed = this.#log.settle() ? 1 : 0;
    while (consumed < maximum && this.#ring.isReady()) {
      const address = commandAddress(this.#registers);
      const words = wordsAt(this.#memory, address, ENTRY_BYTES / 4);
      if (words === undefined) {
        this.#stop(EventCode.commandHardwareError, "the command buffer is not backed by memory", address);
        break;
      }
      const command = decodeCommand(words, {
        prefetch: this.#feature(0, 1) === 1,
        pageRequests: this.#feature(1, 1) === 1,
        invalidateAll: this.#feature(6, 1) === 1,
        guestTranslation: this.#feature(4, 1) === 1,
      });
      if (command === undefined) {
        this.#stop(EventCode.illegalCommand, "the command is illegal", address);
        break;
      }
      if (!this.#execute(command)) {
        this.#stop(EventCode.commandHardwareError, "the store address is not backed by memory", address);
        break;
      }
      this.#ring.advance();
      consumed++;
    }
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

  #request(
    device: number,
    iova: bigint,
    lengthBytes: number,
    isWrite: boolean,
    { pasid = NO_PASID, translated = false, ats = false }: DmaOptions,
    mode: WalkMode,
  ): DmaOutcome {
    const ranges: OutputRange[] = [];
    if (!this.#isEnabled()) return passed(iova, lengthBytes);
    const request: Request = { device, isWrite, pasid, translated, ats };
    let outcome: DmaOutcome = { kind: "done", ranges };
    forEachPage(iova, lengthBytes, (page, offset, bytes) => {
      const address = (BigInt(page) << 12n) | BigInt(offset);
      if (isInterrupt(address) && isWrite) {
        outcome = { kind: "interrupt" };
        return false;
      }
      const answer = isInterrupt(address) ? windowRead() : this.#requests.translate(request, page, mode);
      if (answer.kind === "page") {
        addRange(ranges, answer.page * 4096 + offset, bytes);
        return true;
      }
      outcome = { kind: "fault", ranges, fault: this.#report(request, answer, address, mode) };
      return false;
    });
    return outcome;
  }

  #report(request: Request, answer: RequestFault, address: bigint, mode: WalkMode): Fault {
    const { device, isWrite, pasid } = request;
    const { code, reason, domain, flags, suppression } = answer;
    const isRepeat = suppression === "repeats" && this.#faulted.has(device);
    const isSilent = !mode.leavesTraces || suppression === "all" || isRepeat;
    if (mode.leavesTraces) this.#faulted.add(device);
    const isGuest = (flags & EventFlag.guest) !== 0;
    const tag = isGuest && pasid !== NO_PASID ? pasid & 0xffff : domain;
    const isLogged = !isSilent && this.#log.write({ code, device, domain: tag, flags, address });
    const fault = { reason, code, device, address, isWrite, pasid, isLogged };
    if (mode.leavesTraces) this.#faults.push(fault);
    return fault;
  }

  /** The ring stops at the command; the event tells where. */
  #stop(code: number, reason: string, at: number): void {
    this.#registers.setBits(Register.status, Status.commandBufferRun, false);
    this.#reportOwn(code, reason, 0, BigInt(at));
  }

  #reportOwn(code: number, reason: string, device: number, address: bigint): void {
    const isLogged = this.#log.write({ code, device, domain: 0, flags: 0, address });
    this.#faults.push({ reason, code, device, address, isWrite: false, pasid: NO_PASID, isLogged });
  }

  /** Returns false where the result cannot be stored. */
  #execute(command: Command): boolean {
    switch (command.kind) {
      case "completion-wait":
        return this.#complete(command);
      case "invalidate-device-entry":
        this.#caches.forgetDevice(command.device);
        this.#faulted.delete(command.device);
        return true;
      case "invalidate-pages":
        this.#invalidatePages(command);
        return true;
      case "invalidate-device-tlb":
        if (this.#silent.has(command.device))
          this.#reportOwn(EventCode.deviceTlbTimeout, "the device does not answer", command.device, 0n);
        else this.#deviceTlbs.invalidate(command.device, command.pasid, command.block);
        return true;
      case "invalidate-all":
        this.#caches.forgetAll();
        this.#faulted.clear();
        this.#cache.clear();
        return true;
      default:
        // Interrupt tables, prefetches and page requests hold no translation.
        return true;
    }
  }

  #complete(command: Command & { readonly kind: "completion-wait" }): boolean {
    const { stores, interrupts, address, dataLow, dataHigh } = command;
    if (stores) {
      if (!this.#memory.contains(address)) return false;
      this.#memory.write32(address, dataLow);
      this.#memory.write32(address + 4, dataHigh);
    }
    const control = this.#registers.get32(Register.control);
    if (interrupts && (control & Control.completionInterruptEnable) !== 0)
      this.#registers.setBits(Register.status, Status.completionInterrupt, true);
    return true;
  }

  /** A host invalidation also takes the nested translations of the domain, whose addresses are the guest's. */
  #invalidatePages(command: Command & { readonly kind: "invalidate-pages" }): void {
    const { domain, pasid, block, directories } = command;
    this.#cache.invalidate((tag) => tag.domain === domain && tag.pasid === pasid, block, directories);
    if (pasid === NO_PASID) this.#cache.invalidateNested(domain);
    else if (directories && block.pagesLg2 >= 51) this.#caches.forgetGuest(domain, pasid);
  }

  #writeControl(value: number): void {
    const before = this.#registers.get32(Register.control);
    this.#registers.set32(Register.control, value);
    this.#log.controlWritten(before, value);
    this.#ring.controlWritten(before, value);
    if (!this.#waits) this.process(Number.POSITIVE_INFINITY);
  }

  #isEnabled(): boolean {
    return (this.#registers.get32(Register.control) & Control.iommuEnable) !== 0;
  }

  #isLogging(): boolean {
    return (this.#registers.get32(Register.status) & Status.eventLogRun) !== 0;
  }

  #feature(shift: number, bits: number): number {
    return Number((this.#features >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n));
  }
}

/** A unit that is off lets everything through as it is. */
function passed(iova: bigint, lengthBytes: number): DmaOutcome {
  return { kind: "done", ranges: [{ address: Number(iova), lengthBytes }] };
}
