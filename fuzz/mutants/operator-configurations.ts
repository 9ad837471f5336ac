/** On which configurations an operator mutant is run: those that are made of the module that it changes. */
import { configurationName, configurationsOf, formatNames } from "../../models/index.js";
import { stampOf } from "./subject.js";

/** What the engine can do that one format alone asks of it: each of these makes it do something of its own. */
const OF_ENGINE = [
  "amdv1/top2-va64",
  "vtd-second-stage/4l-nogaps-incoherent",
  "riscv64/sv39",
  "armv8-stage1/4k-all",
  "x86-64/vtdfs-4l-incoherent",
  "amdv1/top1-va31-queued",
  "armv8-stage1/4k-ttbr1-hd-queued",
  "x86-pae32/oa36",
  "arm-short/oas40",
  "arm-short/all",
  "armv8-stage2/16k_ias40_oas40",
  "armv8-stage1/4k-lpa2-hd-noncoh",
  "riscv32/sv32",
  "amdv1-mock/top2-va56",
  "riscv64-guest/sv39x4",
  "amdv1/top2-va64-cutting-emptying",
  "armv8-stage1/4k-cutting-noncoh",
  "amdv1/top2-va64-refusing",
  "armv8-stage1/4k-caching",
  "vtd-second-stage/3l-caching-nogaps-incoherent",
  "armv8-stage1/4k-all-size-tolerant-hd",
  "riscv64/sv39-accessed",
  // Signs above the input width are in both words here, and in the higher one where tables have their own size.
  "x86-64/tiny-3-levels-signed-emptying",
  // A miss is remembered at two levels, of which a mask that is too short leaves none.
  "armv8-stage1/tiny-2-levels-cutting-emptying-caching",
];

const CUTTING = ["amdv1/top2-va64-cutting-emptying", "armv8-stage1/4k-cutting-noncoh"];

/** Files of the engine that only some formats, or some options, come to. */
const OF_FILE: Readonly<Record<string, readonly string[]>> = {
  "engine/grow": ["amdv1/top2-va64", "amdv1/top3-va64", "amdv1/tiny-growing-twice", "amdv1/top1-va31-queued"],
  "engine/free-emptied": CUTTING,
  "engine/partial-unmap": [...CUTTING, "amdv1/top2-va64-refusing"],
  "engine/dirty": [
    "amdv1/top2-va64",
    "amdv1/top2-va64-nogaps",
    "armv8-stage1/4k-hd-nogaps",
    "armv8-stage2/4k-hd",
    "armv8-stage1/4k-lpa2-hd-noncoh",
    "x86-64/vtdfs-4l",
    "riscv64/sv39-accessed",
  ],
};

/** `stamps`: the names of those that are made of the file's format, where it is one. */
export function operatorConfigurations(file: string, stamps: readonly string[]): readonly string[] {
  if (!file.startsWith("formats/")) return OF_FILE[file] ?? OF_ENGINE;
  const all = formatNames.flatMap(configurationsOf);
  return all.filter((one) => stamps.includes(stampOf(one)) && one.tiny === undefined).map(configurationName);
}
