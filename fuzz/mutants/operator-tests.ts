/** Which tests judge an operator mutant that drawn programs did not find: cheap ones that come to its file. */

/** The engine is asked by all of these; a format too, in what they do to it. */
const OF_ALL = [
  "ways-that-a-drawn-program-seldom-takes",
  "what-was-not-forgotten-is-as-it-was",
  "items-that-somebody-else-left",
  "whole-space",
  "format-shortcuts",
  "behaviour-arithmetic",
];

const OF_ENGINE = ["callbacks-that-throw", "shared-tables", "behaviour-domain"];

const OF_FORMAT = ["format-facts", "format-modules", "behaviour-format", "behaviour-roots-and-reaches"];

const ARM = ["format-arm", "format-arm-behaviour"];

/** Examples and exhaustive programs of single formats. */
const OF_FILE: Readonly<Record<string, readonly string[]>> = {
  "formats/arm-short": ["format-short-dart", "exhaustive-arm-short"],
  "formats/armv8": ARM,
  "formats/dart1": ["format-short-dart", "exhaustive-dart"],
  "formats/dart2": ["format-short-dart", "exhaustive-dart"],
};

/** The names of test files in `properties`, those that end soon first. */
export function operatorTests(file: string): readonly string[] {
  const own = OF_FILE[file] ?? [];
  return [...OF_ALL, ...own, ...(file.startsWith("formats/") ? OF_FORMAT : OF_ENGINE)];
}
