/**
 * Items of VT-d's second-stage tables, as diagnostics and quarantine tables need them.
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §9.8.
 */
import type { EntryCodec, Item } from "../entry-codec.js";
import { addressHigh, addressLow } from "../unit-memory.js";
import { Access } from "../vendor.js";

const R = 1 << 0;
const W = 1 << 1;
const PS = 1 << 7;

export const intelEntry: EntryCodec = {
  isPresent: (low) => (low & (R | W)) !== 0,
  isLeaf: (low, _high, level) => level === 0 || (low & PS) !== 0,
  pointsBelow: () => true,
  isReadable: (low) => (low & R) !== 0,
  isWritable: (low) => (low & W) !== 0,
  table(address: number): Item {
    return [addressLow(address) | R | W, addressHigh(address)];
  },
  page(address: number, access: number): Item {
    const read = (access & Access.read) === 0 ? 0 : R;
    const write = (access & Access.write) === 0 ? 0 : W;
    return [addressLow(address) | read | write, addressHigh(address)];
  },
};
