/** The hardware of a machine as its judge asks it: one unit or several, each with devices of its own. */
import type { Disagreement, DmaOptions, DmaOutcome, Fault, IommuHardware } from "../../models/iommu/index.js";

/** What hardware is asked of whichever unit it concerns. */
export class JudgedUnits {
  readonly #units: readonly IommuHardware[];
  readonly #unitOf: (device: number) => number;

  /** @param unitOf which of the units a device is behind, from 0 on */
  constructor(units: readonly IommuHardware[], unitOf: (device: number) => number) {
    this.#units = units;
    this.#unitOf = unitOf;
  }

  dma(device: number, iova: bigint, lengthBytes: number, isWrite: boolean, options?: DmaOptions): DmaOutcome {
    return this.#of(device).dma(device, iova, lengthBytes, isWrite, options);
  }

  translateUncached(device: number, iova: bigint, isWrite?: boolean, options?: DmaOptions): DmaOutcome {
    return this.#of(device).translateUncached(device, iova, isWrite, options);
  }

  evict(device: number): void {
    this.#of(device).evict(device);
  }

  usesFrame(address: number): boolean {
    return this.#units.some((unit) => unit.usesFrame(address));
  }

  cachedDisagreements(): readonly Disagreement[] {
    return this.#units.flatMap((unit) => unit.cachedDisagreements());
  }

  faults(): readonly Fault[] {
    return this.#units.flatMap((unit) => unit.faults());
  }

  misuses(): readonly string[] {
    return this.#units.flatMap((unit) => unit.misuses());
  }

  #of(device: number): IommuHardware {
    return this.#units[this.#unitOf(device)];
  }
}
