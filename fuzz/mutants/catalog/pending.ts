/** Known bugs, or halves of them, in code that this project does not have yet. Each becomes a mutant with its code. */
import type { Pending } from "../mutant.js";

export const pending: readonly Pending[] = [
  {
    id: "M05",
    title: "two maps raise the top at the same time",
    waitsFor: "the shared variant of the engine",
  },
  {
    id: "M09",
    title: "the accounting of what a failed map took back",
    waitsFor: "the layer of domains above the engine",
  },
  {
    id: "M14",
    title: "one item of a run is cleared when a page replaces the run",
    waitsFor: "the policy that replaces what is mapped",
  },
  { id: "M18", title: "the size field of AMD's invalidation command", waitsFor: "AMD's command queue" },
  {
    id: "M20",
    title: "the order of an IOTLB and a paging-structure invalidation",
    waitsFor: "Intel's invalidation queue",
  },
  {
    id: "M34",
    title: "the page size of a dirty bitmap is multiplied past 64 bits",
    waitsFor: "dirty bitmaps of the layer above the engine",
  },
  { id: "M38", title: "a device table entry is cleared by bytes", waitsFor: "device tables" },
  {
    id: "M42",
    title: "the count of equal items that decides on merging",
    waitsFor: "contiguity markers and coalescing",
  },
  { id: "M45", title: "marker bits in the items that hardware ignores", waitsFor: "contiguity markers" },
  { id: "M47", title: "a table of the quarantine domain with a level too many", waitsFor: "device tables" },
  { id: "M54", title: "the operand of an invalidation command", waitsFor: "command queues" },
];
