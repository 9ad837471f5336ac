/** Which stamps exist: format × variant, and the tiny geometries of the exhaustive runs. */
export interface Stamp {
  /** Names the file: `<name>.<variant>.stamp.js`. */
  readonly name: string;
  /** The module of `impl/formats`. */
  readonly format: string;
  readonly variant: "plain" | "observed" | "shared" | "stepped";
  /** Constants of the format that this stamp replaces. */
  readonly constants: Readonly<Record<string, string | number | boolean>>;
  /** What meets an occupied slot: a map is refused there, or replaces what it finds. */
  readonly policy: "refusing" | "replacing";
  /** Tiny stamps serve the project's own exhaustive runs and are not shipped. */
  readonly shipped: boolean;
}

interface Source {
  readonly name: string;
  readonly format: string;
  readonly constants?: Stamp["constants"];
  /** Absent where the items' fields leave no room for smaller tables. */
  readonly tiny?: Stamp["constants"] | undefined;
}

/** One line per format. */
const SOURCES: readonly Source[] = [
  { name: "amdv1", format: "amdv1", tiny: { tableBitsLg2: 2, topLevelMax: 3, vaWidthMaxLg2: 20 } },
  {
    name: "amdv1-mock",
    format: "amdv1",
    constants: {
      name: "amdv1-mock",
      granuleLg2: 11,
      topLevelMax: 4,
      leafLevelMax: 3,
      vaWidthMaxLg2: 56,
      oaWidthMaxLg2: 51,
      growsTop: false,
    },
    tiny: { tableBitsLg2: 2, topLevelMax: 2, vaWidthMaxLg2: 17 },
  },
  {
    name: "x86-64",
    format: "x86-64",
    tiny: { tableBitsLg2: 2, topLevelMin: 1, topLevelMax: 2, vaWidthMaxLg2: 18 },
  },
  {
    name: "x86-pae",
    format: "x86-64",
    constants: { name: "x86-pae", topLevelMin: 2, topLevelMax: 2, vaWidthMaxLg2: 39 },
    tiny: { tableBitsLg2: 2, vaWidthMaxLg2: 18 },
  },
  {
    name: "x86-pae32",
    format: "x86-pae32",
    tiny: { tableBitsLg2: 2, vaWidthMaxLg2: 18 },
  },
  {
    name: "vtd-second-stage",
    format: "vtd-second-stage",
    tiny: { tableBitsLg2: 2, topLevelMin: 1, topLevelMax: 2, vaWidthMaxLg2: 18 },
  },
  {
    name: "riscv64",
    format: "riscv64",
    tiny: { tableBitsLg2: 2, napotLg2: 1, topLevelMin: 1, topLevelMax: 2, vaWidthMaxLg2: 18 },
  },
  {
    name: "riscv32",
    format: "riscv32",
    // Two top levels to choose from, so that the width is an option.
    tiny: { tableBitsLg2: 2, topLevelMax: 2, leafLevelMax: 2, vaWidthMaxLg2: 18 },
  },
  {
    name: "riscv64-guest",
    format: "riscv64",
    constants: {
      name: "riscv64-guest",
      wideRoot: true,
      rootBitsLg2: 2,
      rootFrameLg2: 14,
      vaWidthMaxLg2: 59,
      vaWidthDefaultLg2: 50,
      signExtended: false,
    },
    tiny: {
      tableBitsLg2: 2,
      napotLg2: 1,
      topLevelMin: 1,
      topLevelMax: 2,
      vaWidthMaxLg2: 20,
      vaWidthDefaultLg2: 20,
    },
  },
  {
    name: "riscv32-guest",
    format: "riscv32",
    constants: {
      name: "riscv32-guest",
      wideRoot: true,
      rootBitsLg2: 2,
      rootFrameLg2: 14,
      vaWidthMaxLg2: 34,
      vaWidthDefaultLg2: 34,
    },
    tiny: {
      tableBitsLg2: 2,
      topLevelMax: 2,
      leafLevelMax: 2,
      vaWidthMaxLg2: 20,
      vaWidthDefaultLg2: 20,
    },
  },
  { name: "arm-short", format: "arm-short" },
  {
    name: "dart1-4k",
    format: "dart1",
    constants: {
      name: "dart1-4k",
      granuleLg2: 12,
      tableBitsLg2: 9,
      frameLg2: 12,
      rootFrameLg2: 12,
      ttbrBitsLg2: 2,
      topLevelMax: 2,
    },
    tiny: { tableBitsLg2: 2, vaWidthMaxLg2: 20, vaWidthDefaultLg2: 18 },
  },
  {
    name: "dart1-16k",
    format: "dart1",
    constants: { name: "dart1-16k" },
    tiny: { tableBitsLg2: 2, topLevelMax: 2, vaWidthMaxLg2: 20, vaWidthDefaultLg2: 18 },
  },
  {
    name: "dart2",
    format: "dart2",
    tiny: { tableBitsLg2: 2, vaWidthMaxLg2: 20, vaWidthDefaultLg2: 18 },
  },
];

/** The formats that the layer above uses with the replacing policy, for the vendors' IOMMUs. */
const REPLACING: readonly Source[] = SOURCES.filter(
  ({ name }) => name === "amdv1" || name === "vtd-second-stage",
).map((source) => ({ ...source, name: `${source.name}-replacing` }));

/** What the long descriptor's granules differ in, and their tiny forms: tables of four items, runs of two. */
const ARM_GRANULES: Readonly<Record<string, Pick<Source, "constants" | "tiny">>> = {
  "4k": {
    constants: {},
    tiny: { tableBitsLg2: 2, pageRunLg2: 1, blockRunLg2: 1, vaWidthMaxLg2: 20 },
  },
  "16k": {
    constants: {
      granuleLg2: 14,
      tableBitsLg2: 11,
      frameLg2: 14,
      leafLevelMax: 1,
      pageRunLg2: 7,
      blockRunLg2: 5,
    },
    tiny: { tableBitsLg2: 2, pageRunLg2: 1, blockRunLg2: 1, vaWidthMaxLg2: 22 },
  },
  "64k": {
    constants: {
      granuleLg2: 16,
      tableBitsLg2: 13,
      frameLg2: 16,
      topLevelMax: 2,
      vaWidthMaxLg2: 52,
      oaWidthMaxLg2: 52,
      pageRunLg2: 5,
      blockRunLg2: 5,
      contiguousLevelMax: 1,
      addressLinearLg2: 48,
    },
    tiny: { tableBitsLg2: 2, pageRunLg2: 1, blockRunLg2: 1, vaWidthMaxLg2: 22 },
  },
  "4k-lpa2": {
    constants: {
      lpa2: true,
      topLevelMax: 4,
      leafLevelMax: 3,
      vaWidthMaxLg2: 52,
      vaWidthDefaultLg2: 52,
      oaWidthMaxLg2: 52,
      addressLinearLg2: 50,
    },
    tiny: { tableBitsLg2: 2, pageRunLg2: 1, blockRunLg2: 1, vaWidthMaxLg2: 22 },
  },
  "16k-lpa2": {
    constants: {
      granuleLg2: 14,
      lpa2: true,
      tableBitsLg2: 11,
      frameLg2: 14,
      vaWidthMaxLg2: 52,
      vaWidthDefaultLg2: 52,
      oaWidthMaxLg2: 52,
      pageRunLg2: 7,
      blockRunLg2: 5,
      contiguousLevelMax: 1,
      addressLinearLg2: 50,
    },
    tiny: { tableBitsLg2: 2, pageRunLg2: 1, blockRunLg2: 1, vaWidthMaxLg2: 22 },
  },
};

/** Both stages of every granule, the 32-bit tables with the same descriptors, and Mali's. */
const ARM_LONG_DESCRIPTOR: readonly Source[] = [
  ...Object.entries(ARM_GRANULES).flatMap(([granule, { constants, tiny }]) =>
    [1, 2].map((stage) => {
      const name = `armv8-stage${stage}-${granule}`;
      return {
        name,
        format: "armv8",
        constants: { ...constants, name, stage, upperHalf: stage === 1 },
        tiny,
      };
    }),
  ),
  ...[1, 2].map((stage) => {
    const name = `arm-lpae-stage${stage}`;
    const vaWidthMaxLg2 = stage === 1 ? 32 : 40;
    return {
      name,
      format: "armv8",
      constants: {
        name,
        stage,
        upperHalf: stage === 1,
        vaWidthMaxLg2,
        vaWidthDefaultLg2: vaWidthMaxLg2,
        oaWidthMaxLg2: 40,
        topLevelMax: 2,
        tracksDirty: false,
        tracksAccessed: false,
        accessedLow: 0,
      },
      tiny: { tableBitsLg2: 2, pageRunLg2: 1, blockRunLg2: 1, vaWidthMaxLg2: stage === 1 ? 18 : 20 },
    };
  }),
  { name: "mali", format: "mali", tiny: { tableBitsLg2: 2, vaWidthMaxLg2: 20 } },
];

export const STAMPS: readonly Stamp[] = [
  ...[...SOURCES, ...ARM_LONG_DESCRIPTOR].flatMap((source) => [
    ...shipped(source, ["plain", "observed", "shared"]),
    ...tinyOnes(source),
  ]),
  ...REPLACING.flatMap((source) =>
    [...shipped(source, ["plain", "observed"]), ...tinyOnes(source)].map(
      (stamp): Stamp => ({ ...stamp, policy: "replacing" }),
    ),
  ),
];

function shipped(
  { name, format, constants = {} }: Source,
  variants: readonly Stamp["variant"][],
): readonly Stamp[] {
  return variants.map((variant) => ({ name, format, variant, policy: "refusing", constants, shipped: true }));
}

function tinyOnes({ name, format, constants, tiny }: Source): readonly Stamp[] {
  if (tiny === undefined) return [];
  const both = { ...constants, ...tiny };
  return [
    {
      name: `${name}-tiny`,
      format,
      variant: "observed",
      policy: "refusing",
      constants: both,
      shipped: false,
    },
  ];
}
