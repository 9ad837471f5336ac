/**
 * PASIDs of VT-d's scalable mode: each leads to first-stage tables, which it has for as long as its device stays where it
 * is. Translations bear domain and PASID alone, so that no two devices have PASIDs in common; a PASID has two sets of
 * tables, which take turns.
 */
import { x86_64 } from "../../impl/entries/x86-64.js";
import type { Status } from "../../impl/errors.js";
import type { SystemDevice } from "../../impl/iommu/device-system.js";
import type { TableMemory } from "../../impl/memory/table-memory.js";
import { DEVICES } from "./devices.js";
import { frameName } from "./difference.js";
import type { MachineShape } from "./shape.js";

/** What a machine's driver does with PASIDs. */
export interface PasidDriver {
  /** Makes a PASID of a device in a domain lead to first-stage tables of 4 levels. */
  attach(device: SystemDevice, domain: number, pasid: number, root: number): Status;
  detach(device: SystemDevice, pasid: number): void;
}

/** Of the first device; those of the others follow. They are in different PASID tables. */
export const PASIDS = [1, 64] as const;
/** The page that is mapped, where no domain maps anything. */
export const PASID_DFN = 7 * 2 ** 18;
const TURNS = [0, 1];

/** Tables are written back nowhere, so that the units have to see them at once. */
export function hasPasids({ scalable, tablesSeen }: MachineShape): boolean {
  return scalable && tablesSeen === "at-once";
}

/** The PASID of a device that stands for one of the first's. */
export function pasidOf(device: number, pasid: number): number {
  const devices: readonly number[] = DEVICES;
  return pasid + devices.indexOf(device);
}

export class PasidRoots {
  readonly #roots = new Map<number, number>();
  readonly #turns = new Map<number, number>();

  constructor(memory: TableMemory) {
    for (const device of DEVICES) for (const pasid of PASIDS) this.#make(memory, pasidOf(device, pasid));
  }

  /** The tables whose turn it is: where their root is, and where the page leads. */
  next(pasid: number): { readonly root: number; readonly frame: string } {
    const turn = 1 - (this.#turns.get(pasid) ?? 1);
    this.#turns.set(pasid, turn);
    const mfn = frameOf(pasid, turn);
    return { root: this.#roots.get(mfn) ?? 0, frame: frameName(mfn) };
  }

  #make(memory: TableMemory, pasid: number): void {
    for (const turn of TURNS) {
      const table = x86_64.create({ memory });
      table.map(BigInt(PASID_DFN) << 12n, BigInt(frameOf(pasid, turn)) << 12n, 4096n, 3);
      this.#roots.set(frameOf(pasid, turn), Number(table.hwInfo().root));
    }
  }
}

function frameOf(pasid: number, turn: number): number {
  return 0x500_0000 + pasid * TURNS.length + turn;
}
