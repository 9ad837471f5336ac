/** From a configuration to the options of the implementation's entry, and to the entry. */
import {
  adoptMemory,
  type CommonOptions,
  type FormatEntry,
  type PageTable,
  PhysicalRuns,
  TableMemory,
  type TableMemoryOptions,
} from "../../impl/common.js";
import { observed } from "../../impl/observed.js";
import type { Configuration, FormatName } from "../../models/configuration.js";
import type { Journal } from "./journal.js";
import { stampName } from "./stamp-name.js";
import { tinyObserved } from "./tiny-stamps.js";

/** What a subject is made of: the memory, and the entry that makes a configuration's table. */
export interface Implementation {
  createMemory(options: TableMemoryOptions): TableMemory;
  entryOf(configuration: Configuration): FormatEntry<CommonOptions>;
  createRuns(capacity: number): PhysicalRuns;
  readonly adoptMemory: typeof adoptMemory;
}

/** This project's observed stamps. */
export const implementation: Implementation = {
  createMemory: (options) => new TableMemory(options),
  entryOf,
  createRuns: (capacity) => new PhysicalRuns(capacity),
  adoptMemory,
};

const arm = ["vaWidthLg2", "incoherent", "toleratesSizeChange"] as const;
const armStage1 = [...arm, "upperHalf", "nonSecure", "outerWriteBack"] as const;
const armStage2 = [...arm, "eagerConcatenation", "forcedWriteBack"] as const;
const guest = ["vaWidthLg2", "svnapot", "svpbmt", "accessedTracking"] as const;

/** The fields of a configuration that are options of the format's entry; it refuses those that it does not know. */
const OPTIONS: Readonly<Record<FormatName, readonly (keyof Configuration)[]>> = {
  amdv1: ["vaWidthLg2", "topLevel", "forceCoherence", "encryptionBit"],
  "amdv1-mock": ["vaWidthLg2", "topLevel", "forceCoherence"],
  "x86-64": ["vaWidthLg2", "topLevel", "signExtended", "encryptionBit", "incoherent"],
  "x86-pae": ["vaWidthLg2", "signExtended", "encryptionBit", "incoherent"],
  "x86-pae32": [],
  "vtd-second-stage": ["vaWidthLg2", "topLevel", "forceCoherence", "forceWriteable", "incoherent"],
  riscv64: ["vaWidthLg2", "signExtended", "svnapot", "svpbmt", "accessedTracking"],
  riscv32: ["accessedTracking"],
  "riscv64-guest": guest,
  "riscv32-guest": ["accessedTracking"],
  "armv8-stage1": [...armStage1, "dirtyTracking", "accessedTracking"],
  "armv8-stage2": [...armStage2, "dirtyTracking", "accessedTracking"],
  "arm-lpae-stage1": armStage1,
  "arm-lpae-stage2": armStage2,
  mali: arm,
  "arm-short": [...arm, "nonSecure", "noPermissions", "mediatek", "mediatekTables"],
  dart1: ["vaWidthLg2"],
  dart2: ["vaWidthLg2"],
};

const entries: Readonly<Record<string, FormatEntry<CommonOptions>>> = observed;

/** An empty table in the memory, whose invalidations and cleanings go to the journal. */
export function createTable(
  configuration: Configuration,
  memory: TableMemory,
  journal: Journal,
  made: Implementation = implementation,
): PageTable {
  return made.entryOf(configuration).create(optionsOf(configuration, memory, journal));
}

/** The table of a record, in the memory that was taken over. */
export function adoptTable(
  configuration: Configuration,
  record: string,
  memory: TableMemory,
  journal: Journal,
  made: Implementation,
): PageTable {
  const { invalidate } = optionsOf(configuration, memory, journal);
  const incoherent = configuration.incoherent ? { incoherent: cleanOf(memory, journal) } : {};
  return made.entryOf(configuration).adopt(record, { memory, invalidate, ...incoherent });
}

/** The options of the entry that is the configuration's. */
export function optionsOf(
  configuration: Configuration,
  memory: TableMemory,
  journal: Pick<Journal, "invalidated" | "cleaned">,
): CommonOptions {
  const { oaWidthLg2, pageSizes, gather, cachesNotPresent, partialUnmap, freeing } = configuration;
  const common: CommonOptions = {
    memory,
    oaWidthLg2,
    pageSizes,
    gather,
    cachesNotPresent,
    partialUnmap,
    freeing,
    invalidate: (range) => journal.invalidated(range),
  };
  return { ...common, ...ownOptions(configuration, cleanOf(memory, journal)) };
}

function cleanOf(memory: TableMemory, journal: Pick<Journal, "cleaned">) {
  return (address: bigint, lengthBytes: number) =>
    journal.cleaned(Number(address - memory.base) >> 2, lengthBytes);
}

function ownOptions(
  configuration: Configuration,
  clean: (address: bigint, lengthBytes: number) => void,
): object {
  const { format, tiny, incoherent } = configuration;
  const options: Record<string, unknown> = {};
  for (const option of OPTIONS[format]) options[option] = configuration[option];
  // Where the architecture has one width, a tiny geometry has several.
  if (tiny !== undefined) options["vaWidthLg2"] = configuration.vaWidthLg2;
  if (incoherent) options["incoherent"] = clean;
  else delete options["incoherent"];
  return options;
}

function entryOf(configuration: Configuration): FormatEntry<CommonOptions> {
  const stamp = stampName(configuration);
  const entry = configuration.tiny === undefined ? entries[stamp] : tinyObserved[stamp];
  if (entry === undefined) throw new RangeError(`there is no stamp ${stamp}`);
  return entry;
}
