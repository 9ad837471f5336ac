/** Machines with IOMMUs for tests: the drivers on one side, the models of the hardware on the other. */
import { TableMemory } from "../impl/common.js";
import { AmdSystem, type AmdSystemOptions } from "../impl/iommu/amd/system.js";
import { AmdUnit, type AmdUnitOptions } from "../impl/iommu/amd/unit.js";
import { CpuFreeQueues } from "../impl/iommu/free-queues.js";
import { ScalableUnit, type ScalableUnitOptions } from "../impl/iommu/intel/scalable-unit.js";
import { IntelSystem, type IntelSystemOptions } from "../impl/iommu/intel/system.js";
import { IntelUnit } from "../impl/iommu/intel/unit.js";
import type { IntelUnitOptions } from "../impl/iommu/intel/unit-core.js";
import { exchangeWithinThread } from "../impl/iommu/unit-memory.js";
import {
  AmdIommuDevice,
  type AmdIommuOptions,
  type DmaOutcome,
  type PhysicalMemory,
  VtdUnitDevice,
  type VtdUnitOptions,
} from "../models/iommu/index.js";

export const PAGE = 4096n;
export const READ_WRITE = 3;

/** A table memory as hardware sees it. */
export function physicalMemory({ base, words }: TableMemory): PhysicalMemory {
  const first = Number(base);
  return {
    contains: (address) => address >= first && address < first + words.length * 4,
    read32: (address) => words[(address - first) / 4],
    write32: (address, value) => {
      words[(address - first) / 4] = value;
    },
  };
}

export function newMemory(): TableMemory {
  return new TableMemory({ base: 0x1_0000_0000n, capacityBytes: 1 << 24 });
}

/** Device and function of a bus, as a device that does DMA. */
export function deviceId(bus: number, devfn: number, segment = 0) {
  return { segment, bus, devfn };
}

/** `rw 0x5000`, `r- …`, or why not: what a device finds at an address. */
export function seen(outcome: DmaOutcome): string {
  if (outcome.kind === "fault") return `fault ${outcome.fault.code}`;
  if (outcome.kind === "interrupt") return "interrupt";
  return outcome.ranges.map(({ address }) => `0x${address.toString(16)}`).join(" ");
}

export interface AmdScene {
  readonly memory: TableMemory;
  readonly hardware: AmdIommuDevice;
  readonly unit: AmdUnit;
  readonly queues: CpuFreeQueues;
  readonly system: AmdSystem;
}

export interface SceneOptions {
  readonly unit?: Partial<AmdUnitOptions>;
  readonly hardware?: AmdIommuOptions;
  readonly system?: Partial<AmdSystemOptions>;
  readonly memory?: TableMemory;
  /** The unit itself, where the test has made it. */
  readonly made?: AmdIommuDevice;
}

/** Waiting lets the hardware take one command; where there is none, nothing would ever happen. */
export function processes(hardware: { process(maximum: number): number }): () => void {
  return () => {
    if (hardware.process(1) === 0) throw new Error("the driver waits, and the hardware has nothing to do");
  };
}

/** One unit, enabled, for the buses 0 to 3. */
export function amdScene(options: SceneOptions = {}): AmdScene {
  const memory = options.memory ?? newMemory();
  const hardware = options.made ?? new AmdIommuDevice(physicalMemory(memory), options.hardware);
  const unit = amdUnit(memory, hardware, options.unit);
  const queues = new CpuFreeQueues(memory);
  const system = new AmdSystem({ memory, freeQueue: queues, units: [unit], ...options.system });
  return { memory, hardware, unit, queues, system };
}

export function amdUnit(
  memory: TableMemory,
  hardware: AmdIommuDevice,
  options: Partial<AmdUnitOptions> = {},
): AmdUnit {
  const unit = AmdUnit.create({
    memory,
    registers: hardware,
    relax: processes(hardware),
    exchange128: exchangeWithinThread,
    lastRequester: 0x3ff,
    ...options,
  });
  if (unit === undefined) throw new Error("no memory for the unit");
  unit.enable();
  return unit;
}

export interface IntelScene<Unit> {
  readonly memory: TableMemory;
  readonly hardware: VtdUnitDevice;
  readonly unit: Unit;
  readonly queues: CpuFreeQueues;
  readonly system: IntelSystem;
}

export interface IntelSceneOptions {
  readonly unit?: Partial<ScalableUnitOptions>;
  readonly hardware?: VtdUnitOptions;
  readonly system?: Partial<IntelSystemOptions>;
  readonly memory?: TableMemory;
  /** The unit itself, where the test has made it. */
  readonly made?: VtdUnitDevice;
}

/** One unit in legacy mode, enabled. */
export function intelScene(options: IntelSceneOptions = {}): IntelScene<IntelUnit> {
  return intelSceneOf(options, (unitOptions) => IntelUnit.create(unitOptions));
}

/** One unit in scalable mode, enabled. */
export function scalableScene(options: IntelSceneOptions = {}): IntelScene<ScalableUnit> {
  return intelSceneOf(options, (unitOptions) => ScalableUnit.create(unitOptions));
}

function intelSceneOf<Unit extends IntelUnit | ScalableUnit>(
  options: IntelSceneOptions,
  create: (options: IntelUnitOptions) => Unit | undefined,
): IntelScene<Unit> {
  const memory = options.memory ?? newMemory();
  const hardware = options.made ?? new VtdUnitDevice(physicalMemory(memory), options.hardware);
  const relax = processes(hardware);
  const unit = create({
    memory,
    registers: hardware,
    relax,
    exchange128: exchangeWithinThread,
    ...options.unit,
  });
  if (unit === undefined) throw new Error("no memory for the unit");
  unit.enable();
  const queues = new CpuFreeQueues(memory);
  const system = new IntelSystem({ memory, freeQueue: queues, units: [unit], ...options.system });
  return { memory, hardware, unit, queues, system };
}

/** Calls after every store that a unit's driver makes, once all of its bits are in memory. */
export function afterEachStore(memory: TableMemory, look: () => void): () => void {
  memory.observer = {
    stored: look,
    storedPair: look,
    allocated: () => {},
    quarantined: () => {},
    released: () => {},
    published: () => {},
  };
  return () => {
    memory.observer = undefined;
  };
}
