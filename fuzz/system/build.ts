/** Machines of either vendor: the production drivers on one side, the model of the hardware on the other. */
import { AmdSystem } from "../../impl/iommu/amd/system.js";
import { AmdUnit } from "../../impl/iommu/amd/unit.js";
import type { DeviceSystem, SystemDevice, UnitReport } from "../../impl/iommu/device-system.js";
import { CpuFreeQueues } from "../../impl/iommu/free-queues.js";
import { ScalableUnit } from "../../impl/iommu/intel/scalable-unit.js";
import { IntelSystem } from "../../impl/iommu/intel/system.js";
import { type DeviceUnit, IntelUnit } from "../../impl/iommu/intel/unit.js";
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
import { unitNumber } from "./devices.js";
import { hasPasids, type PasidDriver } from "./pasids.js";
import type { MachineShape } from "./shape.js";
import { JudgedUnits } from "./units.js";

export interface MachineParts {
  readonly memory: TableMemory;
  readonly hardware: JudgedUnits;
  readonly queues: CpuFreeQueues;
  readonly system: JudgedSystem;
  /** Undefined: there are none. */
  readonly pasids: PasidDriver | undefined;
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
  const made = numbersOf(shape).map(() => {
    const hardware = new AmdIommuDevice(physical(memory), { cachesNotPresent, waits });
    const unit = AmdUnit.create({
      memory,
      registers: hardware,
      relax: relaxed(hardware),
      exchange128: exchangeWithinThread,
      lastRequester: 0x3ff,
    });
    if (unit === undefined) throw new Error("no memory for the unit");
    unit.enable();
    return { hardware, unit };
  });
  const common = { memory, freeQueue: queues, quarantine, superpages };
  const system = new AmdSystem({
    ...common,
    units: made.map(({ unit }) => unit),
    unitOf: ({ bus }) => made[unitNumber(shape, bus << 8)].unit,
    cachesNotPresent,
    addressBits,
    Table: AmdTable,
  });
  return { memory, hardware: judged(shape, made), queues, system, pasids: undefined };
}

function buildIntel(shape: MachineShape, memory: TableMemory, queues: CpuFreeQueues): MachineParts {
  const { quarantine, superpages, registersOnly, tablesSeen, waits } = shape;
  // Each unit has a view of its own; what is written back is so for all of them.
  const views =
    tablesSeen === "at-once" ? [] : numbersOf(shape).map(() => new NonCoherentMemory(physical(memory)));
  if (views.length > 0) hearOfStores(memory, views);
  const writeBack = (address: number, bytes: number) => {
    for (const view of views) view.cleaned(address, bytes);
  };
  const isIncoherent = tablesSeen === "written-back";
  const made = numbersOf(shape).map((number) => {
    const hardware = new VtdUnitDevice(physical(memory), {
      capability: capabilityOf(shape),
      extendedCapability: DEFAULT_EXTENDED_CAPABILITY & ~(isIncoherent ? COHERENT : 0n),
      waits,
      lateCommands: waits,
      tables: views.at(number),
    });
    const exchange128 = views.length === 0 ? exchangeWithinThread : exchangeBehind(views);
    const options = {
      ...{ memory, registers: hardware, relax: relaxed(hardware), exchange128 },
      ...(isIncoherent ? { writeBack } : {}),
      withoutQueue: registersOnly,
    };
    const unit = shape.scalable ? ScalableUnit.create(options) : IntelUnit.create(options);
    if (unit === undefined) throw new Error("no memory for the unit");
    unit.enable();
    return { hardware, unit };
  });
  const incoherent = isIncoherent
    ? (address: bigint, bytes: number) => writeBack(Number(address), bytes)
    : undefined;
  const common = { memory, freeQueue: queues, quarantine, superpages, incoherent };
  const system = new IntelSystem({
    ...common,
    units: made.map(({ unit }) => unit),
    unitOf: ({ bus }) => made[unitNumber(shape, bus << 8)].unit,
    Table: IntelTable,
  });
  const pasids = hasPasids(shape)
    ? pasidDriver(system, (device) => made[unitNumber(shape, device)].unit)
    : undefined;
  return { memory, hardware: judged(shape, made), queues, system, pasids };
}

function pasidDriver(system: IntelSystem, unitOf: (device: number) => DeviceUnit): PasidDriver {
  const unitFor = ({ id: { bus, devfn } }: SystemDevice) => {
    const unit = unitOf((bus << 8) | devfn);
    if (unit instanceof ScalableUnit) return unit;
    throw new Error("PASIDs without scalable mode");
  };
  return {
    attach(device, domain, pasid, root) {
      const unit = unitFor(device);
      const domainId = system.idOf(unit, domain) ?? 0;
      return unit.attachPasid(device, pasid, { stage: "first", root, levels: 4, domainId });
    },
    detach: (device, pasid) => unitFor(device).detachPasid(device, pasid),
  };
}

function numbersOf({ units }: MachineShape): readonly number[] {
  return Array.from({ length: units }, (_, number) => number);
}

function judged(shape: MachineShape, made: readonly { readonly hardware: IommuHardware }[]): JudgedUnits {
  return new JudgedUnits(
    made.map(({ hardware }) => hardware),
    (device) => unitNumber(shape, device),
  );
}

function capabilityOf({ cachesNotPresent, addressBits, tablesSeen }: MachineShape): bigint {
  const wide = addressBits === 39 ? (DEFAULT_CAPABILITY & ~WIDTHS) | WIDTHS_39 : DEFAULT_CAPABILITY;
  const misses = cachesNotPresent ? CACHING_MODE : 0n;
  return wide | misses | (tablesSeen === "buffer-flushed" ? WRITE_BUFFER : 0n);
}

/** Tells the units' views what the CPU stores. */
function hearOfStores(memory: TableMemory, views: readonly NonCoherentMemory[]): void {
  const stored = (word: number, old: number) => {
    const address = Number(memory.addressOf(word));
    for (const view of views) view.stored(address, old);
  };
  memory.observer = {
    stored,
    storedPair: (word, oldLow, oldHigh) => {
      stored(word, oldLow);
      stored(word + 1, oldHigh);
    },
    allocated: (word, frameLg2) => {
      for (const view of views) view.zeroed(Number(memory.addressOf(word)), GARBAGE, 2 ** frameLg2);
    },
    quarantined: () => {},
    released: () => {},
    published: () => {},
  };
}

/** An observer hears of the halves one after the other: no unit must see the new second one with the old first. */
function exchangeBehind(views: readonly NonCoherentMemory[]): Exchange128 {
  return (memory, word, expected, wanted) => {
    if (!exchangeWithinThread(memory, word, expected, wanted)) return false;
    for (const view of views) {
      expected.forEach((value, index) => {
        view.stored(Number(memory.addressOf(word + index)), value);
      });
    }
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
