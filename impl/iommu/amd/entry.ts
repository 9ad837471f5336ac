/**
 * Items of AMD's host page tables, as diagnostics and quarantine tables need them.
 * Source: AMD I/O Virtualization Technology (IOMMU) Specification 48882 §2.2.3 (I/O page tables).
 */
import type { EntryCodec, Item } from "../entry-codec.js";
import { addressHigh, addressLow } from "../unit-memory.js";
import { Access } from "../vendor.js";

const PR = 1 << 0;
const NEXT_LEVEL_SHIFT = 9;
const FC_HIGH = 1 << (60 - 32);
const IR_HIGH = 1 << (61 - 32);
const IW_HIGH = 1 << (62 - 32);

/** Levels of the table that an item points to, counted from 1; 0 for a leaf, 7 for a leaf of another size. */
export function nextLevelOf(low: number): number {
  return (low >>> NEXT_LEVEL_SHIFT) & 7;
}

export const amdEntry: EntryCodec = {
  isPresent: (low) => (low & PR) !== 0,
  isLeaf: (low) => nextLevelOf(low) === 0,
  // The level is counted from 0, NextLevel from 1: an item of a level may name that very number.
  pointsBelow: (low, _high, level) => nextLevelOf(low) === level,
  isReadable: (_low, high) => (high & IR_HIGH) !== 0,
  isWritable: (_low, high) => (high & IW_HIGH) !== 0,
  table(address: number, level: number): Item {
    const low = addressLow(address) | (level << NEXT_LEVEL_SHIFT) | PR;
    return [low, addressHigh(address) | IR_HIGH | IW_HIGH];
  },
  page(address: number, access: number): Item {
    const read = (access & Access.read) === 0 ? 0 : IR_HIGH;
    const write = (access & Access.write) === 0 ? 0 : IW_HIGH;
    return [addressLow(address) | PR, addressHigh(address) | FC_HIGH | read | write];
  },
};
