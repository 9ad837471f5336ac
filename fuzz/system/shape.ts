/** What a machine is like, as a seed decides it. */
import type { Quarantine } from "../../impl/iommu/device-system.js";
import type { Draws } from "../../models/index.js";
import type { SystemName } from "./names.js";

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
  /** Bits of an input address: 39, 48, or 57 with AMD. */
  readonly addressBits: number;
  /** The first device keeps translations itself (ATS). */
  readonly ats: boolean;
  /** The other two devices have a range that firmware wants mapped to itself. */
  readonly unity: boolean;
  /** A bridge puts another requester id in the place of the last device's own. */
  readonly alias: boolean;
  /** Long requests stop wherever they may, and are taken up again. */
  readonly preempts: boolean;
  /** VT-d in legacy mode: made to forget by registers, not by the queue. */
  readonly registersOnly: boolean;
  /** VT-d: the unit sees tables when they were written back, or when the chipset's buffer was flushed. */
  readonly tablesSeen: "at-once" | "written-back" | "buffer-flushed";
  /** How many there are: with two, the devices of one domain may be behind different ones. */
  readonly units: 1 | 2;
}

export function drawShape(system: SystemName, random: Pick<Draws, "below">): MachineShape {
  const oneIn = (count: number) => random.below(count) === 0;
  const isIntel = system === "intel";
  const scalable = isIntel && oneIn(2);
  const quarantine = (["scratch-page", "basic", "basic", "none"] as const)[random.below(4)];
  const bits = random.below(6);
  const seen = random.below(6);
  return {
    system,
    quarantine,
    superpages: !oneIn(6),
    cachesNotPresent: oneIn(3),
    scalable,
    waits: oneIn(2),
    addressBits: bits === 0 ? 39 : bits === 1 && !isIntel ? 57 : 48,
    ats: oneIn(3),
    unity: oneIn(3),
    alias: oneIn(4),
    preempts: oneIn(5),
    registersOnly: oneIn(4) && isIntel && !scalable,
    tablesSeen: !isIntel || seen > 1 ? "at-once" : seen === 0 ? "written-back" : "buffer-flushed",
    units: oneIn(3) ? 2 : 1,
  };
}

/** Pages have numbers below this. */
export function dfnLimit({ addressBits }: MachineShape): number {
  return 2 ** (addressBits - 12);
}

/** Whether the first device may keep what it was told: only the queue makes it forget. */
export function keepsTranslations({ ats, registersOnly }: MachineShape): boolean {
  return ats && !registersOnly;
}
