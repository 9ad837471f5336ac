/** Which ids a device puts on the bus: its own, those of its phantom functions, those it is aliased to. */
import type { DeviceId } from "./vendor.js";

/** A device as a system knows it. */
export interface PciDevice {
  readonly id: DeviceId;
  /**
   * A device that also uses functions it does not have: the step from its own function to the next, 1, 2 or 4.
   * Default: it does not.
   */
  readonly phantomStride?: 1 | 2 | 4;
  /** Requester ids (bus << 8 | devfn) that bridges put in the place of its own. Default none. */
  readonly aliases?: readonly number[];
  /** It caches translations itself (ATS): how many invalidations it takes at once, 1 to 32. Default: it does not. */
  readonly atsQueueDepth?: number | undefined;
}

/** Bus, device and function in 16 bits. */
export function requesterId({ bus, devfn }: DeviceId): number {
  return (bus << 8) | devfn;
}

/** The ids that a device and its phantom functions use: those that have a device TLB. */
export function functionIds({ id, phantomStride }: PciDevice): readonly number[] {
  const own = requesterId(id);
  if (phantomStride === undefined) return [own];
  const ids: number[] = [];
  // Phantom functions stay inside the device: devfn 2:0 is the function.
  for (let at = own; at >>> 3 === own >>> 3; at += phantomStride) ids.push(at);
  return ids;
}

/** Every id whose entry decides about the device's DMA. */
export function requesterIds(device: PciDevice): readonly number[] {
  return [...new Set([...functionIds(device), ...(device.aliases ?? [])])];
}

/** `0000:01:00.0`. */
export function deviceName({ segment, bus, devfn }: DeviceId): string {
  const place = `${hex(segment, 4)}:${hex(bus, 2)}:${hex(devfn >>> 3, 2)}`;
  return `${place}.${devfn & 7}`;
}

/** Hexadecimal, at least so many digits. */
export function hex(value: number | bigint, digits = 1): string {
  return value.toString(16).padStart(digits, "0");
}

/** A 64-bit number of two words, as sixteen hexadecimal digits. */
export function hex64(low: number, high: number): string {
  return hex(high >>> 0, 8) + hex(low >>> 0, 8);
}
