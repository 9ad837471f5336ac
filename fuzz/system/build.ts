/** Machines of either vendor: the production drivers on one side, the model of the hardware on the other. */
import { AmdSystem } from "../../impl/iommu/amd/system.js";
import { AmdUnit } from "../../impl/iommu/amd/unit.js";
import type { DeviceSystem, UnitReport } from "../../impl/iommu/device-system.js";
import { CpuFreeQueues } from "../../impl/iommu/free-queues.js";
import { ScalableUnit } from "../../impl/iommu/intel/scalable-unit.js";
import { IntelSystem } from "../../impl/iommu/intel/system.js";
import { IntelUnit } from "../../impl/iommu/intel/unit.js";
import { type Exchange128, exchangeWithinThread } from "../../impl/iommu/unit-memory.js";
import type { DomainPaging } from "../../impl/iommu/vendor.js";
import { TableMemory } from "../../impl/memory/table-memory.js";
import { ReplacingTable as AmdTable } from "../../impl/stamps/amdv1-replacing.observed.stamp.js";
import { ReplacingTable as IntelTable } from "../../impl/stamps/vtd-second-stage-replacing.observed.stamp.js";
import {
  AmdIommuDevice,
  type IommuHardware,
  NonCoherentMemory,
  type PhysicalMemory,
  VtdUnitDevice,
} from "../../models/iommu/index.js";
import { DEFAULT_CAPABILITY, DEFAULT_EXTENDED_CAPABILITY } from "../../models/iommu/intel/registers.js";
import type { MachineShape } from "./shape.js";

export interface MachineParts {
  readonly memory: TableMemory;
  readonly hardware: IommuHardware;
  readonly queues: CpuFreeQueues;
  readonly system: JudgedSystem;
}

/** What both vendors' systems offer. */
export type JudgedSystem = DeviceSystem<DomainPaging> & { readFaults(): readonly UnitReport[] };

const BASE = 0x1_0000_0000n;
/** Bits of the VT-d capability registers: CM, RWBF, and C of the extended one. */
const CACHING_MODE = 1n << 7n;
const WRITE_BUFFER = 1n << 4n;
const COHERENT = 1n << 0n;
/** SAGAW and MGAW for tables of 3 levels and addresses of 39 bits. */
const WIDTHS = (31n << 8n) | (63n << 16n);
const WIDTHS_39 = (2n << 8n) | (38n << 16n);
/** What a unit finds in a frame that was handed out and not written back yet. */
const GARBAGE = -1;

export function buildMachine(shape: MachineShape): MachineParts {
  const memory = new TableMemory({ base: BASE, capacityBytes: 1 << 22, poison: true });
  const queues = new CpuFreeQueues(memory);
  return shape.system === "amd" ? buildAmd(shape, memory, queues) : buildIntel(shape, memory, queues);
}

function buildAmd(shape: MachineShape, memory: TableMemory, queues: CpuFreeQueues): MachineParts {
  const { cachesNotPresent, waits, quarantine, superpages, addressBits } = shape;
  const hardware = new AmdIommuDevice(physical(memory), { cachesNotPresent, waits });
  const exchange128 = exchangeWithinThread;
  const unit = AmdUnit.create({
    memory,
    registers: hardware,
    relax: relaxed(hardware),
    exchange128,
    lastRequester: 0x3ff,
  });
  if (unit === undefined) throw new Error("no memory for the unit");
  unit.enable();
  const common = { memory, freeQueue: queues, quarantine, superpages };
  const system = new AmdSystem({ ...common, units: [unit], cachesNotPresent, addressBits, Table: AmdTable });
  return { memory, hardware, queues, system };
}

function buildIntel(shape: MachineShape, memory: TableMemory, queues: CpuFreeQueues): MachineParts {
  const { quarantine, superpages, registersOnly, tablesSeen, waits } = shape;
  const tables = tablesSeen === "at-once" ? undefined : new NonCoherentMemory(physical(memory));
  if (tables !== undefined) hearOfStores(memory, tables);
  const hardware = new VtdUnitDevice(physical(memory), {
    capability: capabilityOf(shape),
    extendedCapability: DEFAULT_EXTENDED_CAPABILITY & ~(tablesSeen === "written-back" ? COHERENT : 0n),
    waits,
    lateCommands: waits,
    tables,
  });
  const writeBack = (address: number, bytes: number) => tables?.cleaned(address, bytes);
  const exchange128 = tables === undefined ? exchangeWithinThread : exchangeBehind(tables);
  const options = {
    ...{ memory, registers: hardware, relax: relaxed(hardware), exchange128 },
    ...(tablesSeen === "written-back" ? { writeBack } : {}),
    withoutQueue: registersOnly,
  };
  const unit = shape.scalable ? ScalableUnit.create(options) : IntelUnit.create(options);
  if (unit === undefined) throw new Error("no memory for the unit");
  unit.enable();
  const incoherent =
    tablesSeen === "written-back"
      ? (address: bigint, bytes: number) => writeBack(Number(address), bytes)
      : undefined;
  const common = { memory, freeQueue: queues, quarantine, superpages, incoherent };
  const system = new IntelSystem({ ...common, units: [unit], Table: IntelTable });
  return { memory, hardware, queues, system };
}

function capabilityOf({ cachesNotPresent, addressBits, tablesSeen }: MachineShape): bigint {
  const wide = addressBits === 39 ? (DEFAULT_CAPABILITY & ~WIDTHS) | WIDTHS_39 : DEFAULT_CAPABILITY;
  const misses = cachesNotPresent ? CACHING_MODE : 0n;
  return wide | misses | (tablesSeen === "buffer-flushed" ? WRITE_BUFFER : 0n);
}

/** Tells the memory that the unit sees what the CPU stores. */
function hearOfStores(memory: TableMemory, tables: NonCoherentMemory): void {
  const addressOf = (word: number) => Number(memory.addressOf(word));
  memory.observer = {
    stored: (word, old) => tables.stored(addressOf(word), old),
    storedPair: (word, oldLow, oldHigh) => {
      tables.stored(addressOf(word), oldLow);
      tables.stored(addressOf(word) + 4, oldHigh);
    },
    allocated: (word, frameLg2) => tables.zeroed(addressOf(word), GARBAGE, 2 ** frameLg2),
    quarantined: () => {},
    released: () => {},
    published: () => {},
  };
}

/** An observer hears of the halves one after the other: the unit must not see the new second one with the old first. */
function exchangeBehind(tables: NonCoherentMemory): Exchange128 {
  return (memory, word, expected, wanted) => {
    if (!exchangeWithinThread(memory, word, expected, wanted)) return false;
    expected.forEach((value, index) => {
      tables.stored(Number(memory.addressOf(word + index)), value);
    });
    return true;
  };
}

/** Waiting lets the hardware take one command. */
function relaxed(hardware: IommuHardware): () => void {
  return () => {
    if (hardware.process(1) === 0) throw new Error("the driver waits, and the hardware has nothing to do");
  };
}

function physical({ base, words }: TableMemory): PhysicalMemory {
  const first = Number(base);
  return {
    contains: (address) => address >= first && address < first + words.length * 4,
    read32: (address) => words[(address - first) / 4],
    write32: (address, value) => {
      words[(address - first) / 4] = value;
    },
  };
}
