/** Which stamps exist: format × variant, and the tiny geometries of the exhaustive runs. */
export interface Stamp {
  /** Names the file: `<name>.<variant>.stamp.js`. */
  readonly name: string;
  /** The module of `impl/formats`. */
  readonly format: string;
  readonly variant: "plain" | "observed";
  /** Constants of the format that this stamp replaces. */
  readonly constants: Readonly<Record<string, string | number | boolean>>;
  /** Tiny stamps serve the project's own exhaustive runs and are not shipped. */
  readonly shipped: boolean;
}

interface Source {
  readonly name: string;
  readonly format: string;
  readonly constants?: Stamp["constants"];
  readonly tiny: Stamp["constants"];
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
];

export const STAMPS: readonly Stamp[] = SOURCES.flatMap(({ name, format, constants = {}, tiny }) => [
  { name, format, variant: "plain", constants, shipped: true },
  { name, format, variant: "observed", constants, shipped: true },
  { name: `${name}-tiny`, format, variant: "observed", constants: { ...constants, ...tiny }, shipped: false },
]);
