/**
 * A domain whose end a unit holds up: every device that can be taken is, the tables stay as long as the unit may use
 * them, and the end comes when the unit works again.
 */
import test from "ava";
import { Status } from "../impl/index.js";
import { AmdSystem } from "../impl/iommu/amd/system.js";
import { CpuFreeQueues } from "../impl/iommu/free-queues.js";
import { IntelSystem } from "../impl/iommu/intel/system.js";
import { UnfinishedError } from "../impl/iommu/unfinished-error.js";
import { AmdIommuDevice, VtdUnitDevice } from "../models/iommu/index.js";
import {
  amdScene,
  deviceId,
  intelScene,
  newMemory,
  PAGE,
  physicalMemory,
  processes,
  READ_WRITE,
  scalableScene,
  seen,
} from "./iommu-scene.js";

const FIRST = { id: deviceId(1, 0) };
const SECOND = { id: deviceId(1, 8) };
const OTHER = { id: deviceId(2, 0) };

/** Two units, the one of bus 1 may get stuck. */
function twoUnits(kind: "amd" | "legacy" | "scalable") {
  const memory = newMemory();
  const queues = new CpuFreeQueues(memory);
  const state = { isStuck: false };
  const relaxOf = (hardware: { process(maximum: number): number }) => () => {
    if (state.isStuck) throw new Error("stuck");
    processes(hardware)();
  };
  if (kind === "amd") {
    const made = [0, 1].map((number) => {
      const hardware = new AmdIommuDevice(physicalMemory(memory), { waits: true });
      const relax = number === 0 ? relaxOf(hardware) : processes(hardware);
      return amdScene({ memory, made: hardware, unit: { relax } });
    });
    const units = made.map(({ unit }) => unit);
    const unitOf = ({ bus }: { readonly bus: number }) => units[bus - 1];
    const system = new AmdSystem({ memory, freeQueue: queues, units, unitOf });
    return { memory, queues, state, system, hardware: made.map(({ hardware }) => hardware) };
  }
  const made = [0, 1].map((number) => {
    const hardware = new VtdUnitDevice(physicalMemory(memory), { waits: true });
    const relax = number === 0 ? relaxOf(hardware) : processes(hardware);
    const options = { memory, made: hardware, unit: { relax } };
    return kind === "legacy" ? intelScene(options) : scalableScene(options);
  });
  const units = made.map(({ unit }) => unit);
  const unitOf = ({ bus }: { readonly bus: number }) => units[bus - 1];
  const system = new IntelSystem({ memory, freeQueue: queues, units, unitOf });
  return { memory, queues, state, system, hardware: made.map(({ hardware }) => hardware) };
}

for (const kind of ["amd", "legacy", "scalable"] as const) {
  test(`${kind}: what can be taken is, and the tables stay until the unit answers again`, (t) => {
    const { memory, state, system, hardware } = twoUnits(kind);
    const at = (requester: number) =>
      seen(hardware[(requester >> 8) - 1].dma(requester, 0x10n * PAGE, 4, false));
    const devices = [FIRST, OTHER, SECOND];
    for (const device of devices) t.is(system.addDevice(device), Status.OK);
    const before = memory.liveFrames;
    const domain = system.createDomain({ id: 1 });
    domain.legacyMap(0x10, 0x1000, 1, READ_WRITE);
    const tables = domain.tableCount;
    for (const { id } of devices) t.is(system.assign(id, domain), Status.OK);
    t.deepEqual([0x100, 0x108, 0x200].map(at), Array<string>(3).fill("0x1000000"));

    state.isStuck = true;
    const error = t.throws(() => system.destroyDomain(domain), { instanceOf: UnfinishedError });
    t.deepEqual([error.taken, error.left], [[OTHER.id], [FIRST.id, SECOND.id]]);
    t.is(error.causes.length, 2);
    t.regex(at(0x200), /^fault/);
    t.deepEqual([domain.tableCount, domain.isDying], [tables, true]);
    // Its number is not to be had, and it takes no device.
    t.throws(() => system.createDomain({ id: 1 }), { code: "INVALID_ARGUMENT" });
    t.throws(() => system.assign(OTHER.id, domain), { code: "INVALID_ARGUMENT" });
    t.throws(() => system.destroyDomain(domain), { instanceOf: UnfinishedError, message: /^2 of 2 devices/ });

    state.isStuck = false;
    system.destroyDomain(domain);
    t.is(domain.tableCount, 0);
    t.deepEqual(
      devices.map(({ id }) => system.ownerOf(id)),
      [undefined, undefined, undefined],
    );
    for (const requester of [0x100, 0x108, 0x200]) t.regex(at(requester), /^fault/);
    for (const unit of hardware) {
      t.deepEqual(unit.cachedDisagreements(), []);
      t.false(unit.usesFrame(0x100_0000));
    }
    // Context tables of two buses may stay.
    t.true(memory.liveFrames <= before + 4, `${memory.liveFrames - before} frames`);
    t.is(system.createDomain({ id: 1 }).id, 1);
  });
}
