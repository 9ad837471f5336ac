/** The options by which people say which tables they mean: the image, the format, where the root stands. */
import { PageTableError } from "../../impl/common.js";
import { type Configuration, configurationsOf, type FormatName, formatNames } from "../../models/index.js";
import { Image, type Tables } from "../images/index.js";
import { createSubject } from "../lockstep/index.js";
import { UsageError } from "./usage.js";

export interface ImageOptions {
  readonly format: FormatName;
  readonly config?: string | undefined;
  readonly set?: readonly string[] | undefined;
  readonly levels?: number | undefined;
  readonly mode?: number | undefined;
  readonly root: bigint;
  readonly base: bigint;
}

/** Opens the image and finds out about its tables. The image must be closed. */
export function openTables(path: string, options: ImageOptions): Tables & { readonly memory: Image } {
  const configuration = configurationOf(options);
  const mode = options.mode ?? modeOf(configuration);
  return { configuration, memory: openImage(path, options.base), root: { address: options.root, mode } };
}

function openImage(path: string, base: bigint): Image {
  try {
    return new Image(path, base);
  } catch (error) {
    if (error instanceof Error && "code" in error) throw new UsageError(`${path}: ${error.message}`);
    throw error;
  }
}

/** One of the formats, as an argument. */
export function formatName(text: string): FormatName {
  const found = formatNames.find((name) => name === text);
  if (found !== undefined) return found;
  throw new UsageError(`there is no format "${text}"; there are ${formatNames.join(", ")}`);
}

/** The named configuration, or the format's usual one, with what was set put in. */
export function configurationOf(
  options: Pick<ImageOptions, "format" | "config" | "set" | "levels">,
): Configuration {
  const { format, config, set = [], levels } = options;
  const named = config === undefined ? usual(format) : find(format, config);
  const levelled = levels === undefined ? named : withLevels(named, levels);
  return set.reduce(withSetting, levelled);
}

function find(format: FormatName, name: string): Configuration {
  const offered = configurationsOf(format);
  const found = offered.find((one) => one.name === name || `${one.format}/${one.name}` === name);
  if (found !== undefined) return found;
  const names = offered.map((one) => one.name).join(", ");
  throw new UsageError(`${format} has no configuration "${name}"; there are ${names}`);
}

/** What is met most, where a format has several forms; else the format's first configuration. */
const USUAL: Readonly<Partial<Record<FormatName, string>>> = {
  amdv1: "top3-va64",
  "amdv1-mock": "top3-va56",
  "vtd-second-stage": "4l",
  "armv8-stage1": "4k_ias48_oas48",
  "armv8-stage2": "4k_ias48_oas48",
  mali: "ias48_oas40",
};

function usual(format: FormatName): Configuration {
  const [first, ...others] = configurationsOf(format);
  const found = others.find(({ name }) => name === USUAL[format]);
  // The CPU's own four levels, of which the IOMMU's without sign extension are the lower half.
  if (format === "x86-64") return { ...first, vaWidthLg2: 48, signExtended: true };
  return found ?? first;
}

/** Bits of input that the root adds, where a number of levels does not name the width alone. */
const LEVELLED: Readonly<Partial<Record<FormatName, number>>> = {
  "x86-64": 0,
  "vtd-second-stage": 0,
  riscv64: 0,
  "riscv64-guest": 2,
};

function withLevels(configuration: Configuration, levels: number): Configuration {
  const { format } = configuration;
  const topLevel = levels - 1;
  if (format === "amdv1" || format === "amdv1-mock") return { ...configuration, topLevel };
  const extra = LEVELLED[format];
  if (extra === undefined) {
    throw new UsageError(`${format}: the input width names the levels; say --set vaWidthLg2=…`);
  }
  return { ...configuration, topLevel, vaWidthLg2: 12 + 9 * levels + extra };
}

const NUMBERS = ["vaWidthLg2", "oaWidthLg2", "topLevel", "granuleLg2", "encryptionBit"] as const;
const SWITCHES = [
  "signExtended",
  "upperHalf",
  "lpa2",
  "svnapot",
  "svpbmt",
  "dirtyTracking",
  "accessedTracking",
  "eagerConcatenation",
  "forcedWriteBack",
  "nonSecure",
  "noPermissions",
  "mediatek",
  "mediatekTables",
] as const;

/** What `--set` can set. */
export const settingNames: readonly string[] = [...NUMBERS, ...SWITCHES];

/** @throws UsageError for a name that there is not, or a value that it cannot have. */
function withSetting(configuration: Configuration, setting: string): Configuration {
  const [name = "", value = "true"] = setting.split("=");
  if (NUMBERS.some((one) => one === name)) {
    if (!/^\d{1,2}$/.test(value)) throw new UsageError(`--set ${name}: a number of bits is needed`);
    return { ...configuration, [name]: Number(value) };
  }
  if (SWITCHES.some((one) => one === name)) {
    if (value !== "true" && value !== "false") throw new UsageError(`--set ${name}: true or false is needed`);
    return { ...configuration, [name]: value === "true" };
  }
  throw new UsageError(`--set ${name}: there are ${settingNames.join(", ")}`);
}

/** The mode field that the architecture's register would have, asked of an empty table. */
function modeOf(configuration: Configuration): number {
  try {
    return createSubject(configuration).hardwareRoot().mode;
  } catch (error) {
    if (error instanceof PageTableError) throw new UsageError(`no such tables: ${error.message}`);
    throw error;
  }
}
