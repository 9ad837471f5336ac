/** Bugs of the formats: what an item says. */
import type { Mutant } from "../mutant.js";

const amdv1 = ["amdv1/top2-va64", "amdv1/top3-va64"];
const x86 = ["x86-64/vtdfs-4l", "x86-64/amdv2-4l"];

export const itemMutants: readonly Mutant[] = [
  {
    id: "M17",
    title: "a page of the level's own size is encoded as one of any size",
    source: "AMDv1: default page sizes written with NextLevel 7",
    configurations: amdv1,
    invariants: ["I14"],
    patches: [
      {
        file: "formats/amdv1",
        find: "if (contiguousLg2 === 0) return low; const zeroBit",
        replace: "if (contiguousLg2 === 0 && level === 0) return low; const zeroBit",
      },
      {
        file: "formats/amdv1",
        find: "if (contiguousLg2 === 0) return high; const zeroBit",
        replace: "if (contiguousLg2 === 0 && level === 0) return high; const zeroBit",
      },
    ],
  },
  {
    id: "M24a",
    title: "a table's address stands in its item as it is, and not in the item's units",
    source: "ARM LPAE and DART: a table address without the format's own shift",
    configurations: ["amdv1-mock/top2-va56", "amdv1-mock/top3-va56"],
    invariants: ["I14", "I1", "I5", "I6", "I3"],
    patches: [
      {
        file: "formats/amdv1",
        find: "return (addressLow << addressShift) | (level << NEXT_LEVEL_SHIFT) | attributes;",
        replace: "return addressLow | (level << NEXT_LEVEL_SHIFT) | attributes;",
      },
    ],
    note: "Hardware then walks another frame, which is in use by nobody (I5). Software that follows it may fail at once (I3).",
  },
  {
    id: "M24b",
    title: "a table's address loses the bits that cross the item's words",
    source: "ARM LPAE: table addresses beyond 48 bits",
    configurations: ["riscv64/sv39", "riscv64/sv48"],
    invariants: ["I14", "I1", "I5", "I6"],
    patches: [
      {
        file: "formats/riscv64",
        find: "return (addressLow >>> 2) | (addressHigh << 30) | attributes;",
        replace: "return (addressLow >>> 2) | attributes;",
      },
    ],
    note: "Hardware then walks another frame, which is in use by nobody (I5).",
  },
  {
    id: "M47",
    title: "the hardware is told of one level less than the tables have",
    source: "Xen: XSA-445, a table of four levels for hardware that was set to three",
    configurations: amdv1,
    invariants: ["I14", "I1", "I5", "I6"],
    patches: [{ file: "formats/amdv1", find: "return topLevel + 1;", replace: "return topLevel;" }],
  },
  {
    id: "M52",
    title: "a page that can only be written counts as unused",
    source: "arceos: present and unused were confused",
    configurations: ["vtd-second-stage/4l", "vtd-second-stage/3l"],
    invariants: ["I1", "I2", "I3"],
    patches: [
      {
        file: "formats/vtd-second-stage",
        find: "export function isEmpty(low) { return (low & (R | W)) === 0;",
        replace: "export function isEmpty(low) { return (low & R) === 0;",
      },
    ],
  },
  {
    id: "M55",
    title: "the bit that makes a block of a directory's entry is set in pages too",
    source: "aarch64-paging: a caller's flag that decides what an item is",
    configurations: x86,
    invariants: ["I14"],
    patches: [
      {
        file: "formats/x86-64",
        find: "return paLow | attributes | (level === 0 ? 0 : PS);",
        replace: "return paLow | attributes | PS;",
      },
    ],
  },
  {
    id: "F23",
    title: "a run of RISC-V items does not say so in its highest bit",
    source: "oracle fault: the Svnapot bit",
    configurations: ["riscv64/sv39", "riscv64/sv48"],
    invariants: ["I8", "I14", "I7"],
    patches: [
      {
        file: "formats/riscv64",
        find: "return contiguousLg2 === 0 ? high : high | N_HIGH;",
        replace: "return high;",
      },
    ],
  },
  {
    id: "F24",
    title: "read-only pages are writable",
    source: "oracle fault",
    configurations: x86,
    invariants: ["I1", "I14"],
    patches: [
      {
        file: "formats/x86-64",
        find: "return (prot & Prot.write) !== 0 ? P | RW | US | A | D : P | US | A;",
        replace: "return P | RW | US | A | D;",
      },
    ],
  },
  {
    id: "F25",
    title: "memory of devices is mapped as encrypted",
    source: "oracle fault: the encryption bit",
    configurations: ["amdv1/top2-va64-enc47", "amdv1/top2-va64-enc51"],
    invariants: ["I14", "I1"],
    patches: [
      {
        file: "formats/amdv1",
        find: "let high = (prot & Prot.mmio) === 0 ? encryptionHigh : 0;",
        replace: "let high = encryptionHigh;",
      },
    ],
  },
  {
    id: "F26",
    title: "a size that an erratum forbids is used",
    source: "AMDv1: pages of 512 GiB",
    configurations: ["amdv1/top4-va64", "amdv1/top3-va64", "amdv1/top5-va64"],
    invariants: ["I20", "I7", "I3"],
    patches: [{ file: "formats/amdv1", find: "&& sizeLg2 !== 39;", replace: ";" }],
  },
  {
    id: "F27",
    title: "the size code of a page that ends at the item's second word has a wrong bit",
    source: "oracle fault: size codes beyond 32 bits",
    configurations: ["amdv1/top3-va64", "amdv1/top4-va64", "amdv1/top5-va64"],
    invariants: ["I14", "I8", "I1", "I7"],
    patches: [
      {
        file: "formats/amdv1",
        find: "const code = zeroBit < 32 ? ((1 << zeroBit) - 1) & ADDRESS_LOW : ADDRESS_LOW;",
        replace: "const code = zeroBit < 31 ? ((1 << zeroBit) - 1) & ADDRESS_LOW : ADDRESS_LOW;",
      },
    ],
  },
  {
    id: "F28",
    title: "a table of 32-bit items is linked without the address bits of its upper end",
    source: "oracle fault: PPN of Sv32",
    configurations: ["riscv32/sv32", "riscv32/sv32-queued"],
    invariants: ["I1", "I5", "I6"],
    patches: [
      {
        file: "formats/riscv32",
        find: "export function tableItemLow(addressLow, addressHigh, _level, attributes) { return (addressLow >>> 2) | (addressHigh << 30) | attributes;",
        replace:
          "export function tableItemLow(addressLow, addressHigh, _level, attributes) { return (addressLow >>> 2) | attributes;",
      },
    ],
  },
];
