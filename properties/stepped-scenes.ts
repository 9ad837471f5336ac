/** Small scenes for threads that take turns: what each does, and why the two might disturb each other. */
import type { Scene } from "../fuzz/concurrency/index.js";
import { stampName } from "../fuzz/lockstep/stamp-name.js";
import { type Configuration, configurationsOf, findConfiguration, shapeOf } from "../models/index.js";
import type { Operation } from "../models/operations.js";

/** The stamp of a configuration, tiny ones included. */
export function steppedStampOf(configuration: Configuration): string {
  return `${stampName(configuration)}${configuration.tiny === undefined ? "" : "-tiny"}`;
}

export function configurationOf(name: string): Configuration {
  const configuration = findConfiguration(name);
  if (configuration === undefined) throw new RangeError(`no configuration ${name}`);
  return configuration;
}

/**
 * The first configuration of a format with tables of four items, in three levels and the lower half, with the
 * policies that threads may have.
 */
export function tinyOf(format: Parameters<typeof configurationsOf>[0]): Configuration {
  const found = configurationsOf(format).find(
    ({ tiny, topLevel, upperHalf, growingTop, partialUnmap, freeing }) =>
      tiny !== undefined &&
      topLevel >= 2 &&
      upperHalf !== true &&
      !growingTop &&
      partialUnmap === undefined &&
      freeing === undefined,
  );
  if (found === undefined) throw new RangeError(`${format} has no tiny configuration of three levels`);
  return found;
}

const READ_WRITE = 3;

export interface NamedScene extends Scene {
  readonly name: string;
}

/** Two threads each, beside each other in the same tables, at the second item of the root. */
export function scenesOf(configuration: Configuration): readonly NamedScene[] {
  const { granuleLg2, tableBitsLg2 } = shapeOf(configuration);
  const page = 1n << BigInt(granuleLg2);
  const table = page << BigInt(tableBitsLg2);
  const at = page << BigInt(tableBitsLg2 * configuration.topLevel);
  const beside = at + table;
  // A high bit that tells words apart, and an output address at which only smallest pages fit.
  const pa = 1n << BigInt(Math.min(configuration.oaWidthLg2, 40) - 1);
  const map = (iova: bigint, length: bigint, output = pa + page): Operation => ({
    op: "map",
    iova,
    pa: output,
    length,
    prot: READ_WRITE,
  });
  const unmap = (iova: bigint, length: bigint): Operation => ({ op: "unmap", iova, length });
  const lookup = (iova: bigint): Operation => ({ op: "lookup", iova });
  const scene = (
    name: string,
    before: readonly Operation[],
    ...threads: readonly (readonly Operation[])[]
  ): NamedScene => ({ name, configuration, before, threads });
  return [
    scene("two maps make the same tables", [], [map(at, page)], [map(at + page, page)]),
    scene("two maps make tables side by side", [], [map(at, page)], [map(beside, page)]),
    scene("an unmap frees a table beside a map", [map(at, table)], [unmap(at, table)], [map(beside, page)]),
    scene(
      "a large page takes the place of an empty table beside a map",
      [map(at, page), unmap(at, page)],
      [map(at, table, pa)],
      [map(beside, page)],
    ),
    scene(
      "two unmaps clear one table",
      [map(at, table)],
      [unmap(at, table / 2n)],
      [unmap(at + table / 2n, table / 2n)],
    ),
    scene(
      "a lookup beside an unmap that frees a table",
      [map(at, page), map(beside, table)],
      [lookup(at), lookup(at + page)],
      [unmap(beside, table)],
    ),
    scene(
      "a table is freed and made again beside a map",
      [map(at, table)],
      [unmap(at, table), map(at, page)],
      [map(beside, page)],
    ),
  ];
}

/** Those scenes that have few steps however large the tables are. */
export function mapScenesOf(configuration: Configuration): readonly NamedScene[] {
  return scenesOf(configuration).filter(({ before }) => before.length === 0);
}

/** Two maps raise the top, one of them higher than the other. */
export function twiceGrowingScene(configuration: Configuration): NamedScene {
  const { granuleLg2, tableBitsLg2 } = shapeOf(configuration);
  const page = 1n << BigInt(granuleLg2);
  const reach = page << BigInt(tableBitsLg2 * (configuration.topLevel + 1));
  const beyond = reach << BigInt(tableBitsLg2);
  const threads: readonly Operation[][] = [reach, beyond].map((iova) => [
    { op: "map", iova, pa: iova << 18n, length: page, prot: READ_WRITE },
  ]);
  return { name: "two maps raise the top, to two levels", configuration, before: [], threads };
}

/** The top grows, twice at once, and under whoever maps, unmaps or looks up below it. */
export function growingScenes(configuration: Configuration): readonly NamedScene[] {
  const { granuleLg2, tableBitsLg2 } = shapeOf(configuration);
  const page = 1n << BigInt(granuleLg2);
  const reach = page << BigInt(tableBitsLg2 * (configuration.topLevel + 1));
  const map = (iova: bigint, pa: bigint): Operation => ({
    op: "map",
    iova,
    pa,
    length: page,
    prot: READ_WRITE,
  });
  const first = map(0n, 1n << 32n);
  const scene = (
    name: string,
    before: readonly Operation[],
    ...threads: readonly (readonly Operation[])[]
  ): NamedScene => ({ name, configuration, before, threads });
  return [
    scene("two maps raise the top to one level", [], [map(reach, 1n << 33n)], [map(reach + page, 1n << 34n)]),
    scene("the top grows beside a map below it", [], [map(reach, 1n << 33n)], [map(page, 1n << 34n)]),
    scene(
      "the top grows beside an unmap below it",
      [first],
      [map(reach, 1n << 33n)],
      [{ op: "unmap", iova: 0n, length: page }],
    ),
    scene(
      "the top grows beside a lookup",
      [first],
      [map(reach, 1n << 33n)],
      [
        { op: "lookup", iova: 5n },
        { op: "lookup", iova: page },
      ],
    ),
  ];
}
