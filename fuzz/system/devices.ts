/** The devices of every machine. */
import type { SystemDevice } from "../../impl/iommu/device-system.js";
import type { MachineShape } from "./shape.js";

export const DEVICES = [0x100, 0x108, 0x210] as const;
/** The device that may keep translations. */
const [CACHING] = DEVICES;
/** A bridge may send this id in the place of the last device's. */
const ALIAS = 0x218;
/** Ids that DMA comes with. */
export const REQUESTERS = [...DEVICES, ALIAS] as const;

/** Where no program maps anything: a large page and some small ones. */
const UNITY = { firstDfn: 3 * 2 ** 18, lastDfn: 3 * 2 ** 18 + 0x203, access: 3 } as const;

/** Its ends, and the pages beside them. */
export const UNITY_EDGES = [UNITY.firstDfn - 1, UNITY.firstDfn, UNITY.lastDfn, UNITY.lastDfn + 1] as const;

export interface Unity {
  readonly firstDfn: number;
  readonly lastDfn: number;
  readonly access: number;
}

/** What firmware wants mapped to itself for a device. */
export function unityOf({ unity }: MachineShape, device: number): Unity | undefined {
  return unity && device !== CACHING ? UNITY : undefined;
}

/** Which unit a device is behind: each bus has one, as far as there are so many. */
export function unitNumber({ units }: MachineShape, device: number): number {
  return ((device >> 8) - 1) % units;
}

/** As the drivers are told of it. */
export function systemDevice(shape: MachineShape, device: number): SystemDevice {
  const unity = unityOf(shape, device);
  return {
    id: idOf(device),
    atsQueueDepth: shape.ats && device === CACHING ? 4 : undefined,
    ...(unity === undefined ? {} : { unity: [unity] }),
    ...(shape.alias && device === DEVICES[2] ? { aliases: [ALIAS] } : {}),
  };
}

/** Whose DMA comes with an id; undefined: nobody's. */
export function deviceBehind({ alias }: MachineShape, requester: number): number | undefined {
  if (requester !== ALIAS) return requester;
  return alias ? DEVICES[2] : undefined;
}

export function isCaching(device: number): boolean {
  return device === CACHING;
}

export function idOf(device: number) {
  return { segment: 0, bus: device >> 8, devfn: device & 0xff };
}
