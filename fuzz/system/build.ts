/** Machines of either vendor: the production drivers on one side, the model of the hardware on the other. */
import { AmdSystem } from "../../impl/iommu/amd/system.js";
import { AmdUnit } from "../../impl/iommu/amd/unit.js";
import type { DeviceSystem, Quarantine, UnitReport } from "../../impl/iommu/device-system.js";
import { CpuFreeQueues } from "../../impl/iommu/free-queues.js";
import { ScalableUnit } from "../../impl/iommu/intel/scalable-unit.js";
import { IntelSystem } from "../../impl/iommu/intel/system.js";
import { IntelUnit } from "../../impl/iommu/intel/unit.js";
import { exchangeWithinThread } from "../../impl/iommu/unit-memory.js";
import type { DomainPaging } from "../../impl/iommu/vendor.js";
import { TableMemory } from "../../impl/memory/table-memory.js";
import { ReplacingTable as AmdTable } from "../../impl/stamps/amdv1-replacing.observed.stamp.js";
import { ReplacingTable as IntelTable } from "../../impl/stamps/vtd-second-stage-replacing.observed.stamp.js";
import {
  AmdIommuDevice,
  type IommuHardware,
  type PhysicalMemory,
  VtdUnitDevice,
} from "../../models/iommu/index.js";
import { DEFAULT_CAPABILITY } from "../../models/iommu/intel/registers.js";
import type { Random } from "../../models/random.js";
import type { SystemName } from "./names.js";

/** What a machine is like, as a seed decides it. */
export interface MachineShape {
  readonly system: SystemName;
  readonly quarantine: Quarantine;
  readonly superpages: boolean;
  /** The hardware remembers where it found nothing. */
  readonly cachesNotPresent: boolean;
  /** VT-d in scalable mode. */
  readonly scalable: boolean;
  /** The hardware takes a command only when the driver looks. */
  readonly waits: boolean;
}

export function drawShape(system: SystemName, random: Random): MachineShape {
  return {
    system,
    quarantine: random.below(3) === 0 ? "scratch-page" : "basic",
    superpages: random.below(6) !== 0,
    cachesNotPresent: random.below(3) === 0,
    scalable: system === "intel" && random.below(2) === 0,
    waits: random.below(2) === 0,
  };
}

export interface MachineParts {
  readonly memory: TableMemory;
  readonly hardware: IommuHardware;
  readonly queues: CpuFreeQueues;
  readonly system: JudgedSystem;
}

/** What both vendors' systems offer. */
export type JudgedSystem = DeviceSystem<DomainPaging> & { readFaults(): readonly UnitReport[] };

const BASE = 0x1_0000_0000n;
/** CM of the VT-d capability register. */
const CACHING_MODE = 1n << 7n;

export function buildMachine(shape: MachineShape): MachineParts {
  const memory = new TableMemory({ base: BASE, capacityBytes: 1 << 22, poison: true });
  const queues = new CpuFreeQueues(memory);
  return shape.system === "amd" ? buildAmd(shape, memory, queues) : buildIntel(shape, memory, queues);
}

function buildAmd(shape: MachineShape, memory: TableMemory, queues: CpuFreeQueues): MachineParts {
  const { cachesNotPresent, waits, quarantine, superpages } = shape;
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
  const system = new AmdSystem({ ...common, units: [unit], cachesNotPresent, Table: AmdTable });
  return { memory, hardware, queues, system };
}

function buildIntel(shape: MachineShape, memory: TableMemory, queues: CpuFreeQueues): MachineParts {
  const { cachesNotPresent, waits, quarantine, superpages } = shape;
  const capability = cachesNotPresent ? DEFAULT_CAPABILITY | CACHING_MODE : DEFAULT_CAPABILITY;
  const hardware = new VtdUnitDevice(physical(memory), { capability, waits });
  const exchange128 = exchangeWithinThread;
  const options = { memory, registers: hardware, relax: relaxed(hardware), exchange128 };
  const unit = shape.scalable ? ScalableUnit.create(options) : IntelUnit.create(options);
  if (unit === undefined) throw new Error("no memory for the unit");
  unit.enable();
  const common = { memory, freeQueue: queues, quarantine, superpages };
  const system = new IntelSystem({ ...common, units: [unit], Table: IntelTable });
  return { memory, hardware, queues, system };
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
