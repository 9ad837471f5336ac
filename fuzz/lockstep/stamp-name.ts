import type { Configuration } from "../../models/configuration.js";

/** The stamp, and the entry of the package, that a configuration is made with. */
export function stampName({ format, granuleLg2 = 12, lpa2 }: Configuration): string {
  switch (format) {
    case "armv8-stage1":
    case "armv8-stage2":
      return `${format}-${2 ** (granuleLg2 - 10)}k${lpa2 === true ? "-lpa2" : ""}`;
    case "dart1":
      return `${format}-${2 ** (granuleLg2 - 10)}k`;
    default:
      return format;
  }
}
