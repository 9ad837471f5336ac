/**
 * RISC-V items of 64 and 32 bits, both stages. Source: RISC-V Privileged Architecture, "Supervisor-Level ISA" (Sv32,
 * Sv39), Svnapot, Svpbmt, "Hypervisor Extension" (G-stage).
 */
import type { Configuration } from "../configuration.js";
import { address, bit, bits, type FieldRow, type FieldTable, named, reserved } from "./field.js";

/** Frame numbers count 4 KiB. */
const FRAME_LG2 = 12;

export function riscvFields({ format }: Configuration): FieldTable {
  const isGuest = format.endsWith("-guest");
  const isWide = format.startsWith("riscv64");
  return (kind, level, raw) => {
    const common = [...lowRows(kind, isGuest), bits(9, 8, "RSW", () => "for software")];
    if (!isWide) return [...common, ...frameRows(kind, level, 10, 31)];
    const isRun = raw >> 63n === 1n && kind === "leaf" && level === 0;
    const frame = isRun
      ? [bits(13, 10, "size code", named(...sizeCodes())), address(53, 14, "page address", 16)]
      : frameRows(kind, level, 9, 53);
    const upper = kind === "table" ? [reserved(62, 61), reserved(63)] : leafRows();
    return [...common, ...frame, reserved(60, 54), ...upper];
  };
}

function lowRows(kind: "table" | "leaf", isGuest: boolean): readonly FieldRow[] {
  const valid = bit(0, "V", "valid", "not valid");
  const rights = [bit(1, "R", "readable"), bit(2, "W", "writable"), bit(3, "X", "executable")];
  if (kind === "table") {
    return [valid, bits(3, 1, "XWR", () => "all clear: a table"), reserved(4), bit(5, "G"), reserved(7, 6)];
  }
  const global = isGuest ? bit(5, "G", "ignored here") : bit(5, "G", "global");
  return [
    valid,
    ...rights,
    bit(4, "U", "user", "supervisor"),
    global,
    bit(6, "A", "accessed"),
    bit(7, "D", "dirty", "clean"),
  ];
}

/** The frame number; those of its bits that a large page decides must be 0. */
function frameRows(
  kind: "table" | "leaf",
  level: number,
  tableBits: number,
  top: number,
): readonly FieldRow[] {
  if (kind === "table") return [address(top, 10, "table address", FRAME_LG2)];
  const below = level * tableBits;
  const page = address(top, 10 + below, "page address", FRAME_LG2 + below);
  return below === 0 ? [page] : [page, reserved(9 + below, 10)];
}

function leafRows(): readonly FieldRow[] {
  const types = named("the address's own type", "NC: not cached", "IO", "reserved");
  return [bits(62, 61, "PBMT", types), bit(63, "N", "one of a run of 16: 64 KiB")];
}

/** Svnapot defines one size: 1000 is 64 KiB. */
function sizeCodes(): readonly string[] {
  return Array.from({ length: 16 }, (_, code) => (code === 8 ? "64 KiB" : "no size has this"));
}
