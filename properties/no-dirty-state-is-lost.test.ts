// I15
import { shapeOf } from "../models/shape.js";
import { everyConfiguration } from "./every-configuration.js";

// What a device wrote is reported by the clear that follows, and by no second one.
everyConfiguration("I15", "what devices wrote since the last clear is reported by the next one", {
  only: (configuration) => shapeOf(configuration).tracksDirty,
  mix: "dirty",
  operations: 120,
  *afterwards({ reference }) {
    const writable = reference.runs.filter(({ prot }) => (prot & 2) !== 0).slice(0, 6);
    for (const { iova } of writable) yield { op: "deviceWrite", iova: iova + 0xffn };
    for (let round = 0; round < 2; round++) {
      for (const { iova } of writable) yield { op: "readAndClearDirty", iova, length: 1n, clear: true };
    }
  },
  claim({ reference }) {
    const dirty = reference.runs
      .slice(0, 6)
      .some(({ iova, prot }) => (prot & 2) !== 0 && reference.isDirty(iova));
    return dirty ? "an entry is dirty after it was cleared" : undefined;
  },
});

// What a device read or wrote is told in the same way, where hardware keeps that.
everyConfiguration("I15", "what devices used since the last clear is reported by the next one", {
  only: (configuration) => shapeOf(configuration).tracksAccessed,
  mix: "dirty",
  operations: 80,
  *afterwards({ reference }) {
    const readable = reference.runs.filter(({ prot }) => (prot & 1) !== 0).slice(0, 6);
    for (const { iova } of readable) yield { op: "deviceRead", iova: iova + 0xffn };
    for (let round = 0; round < 2; round++) {
      for (const { iova } of readable) yield { op: "readAndClearAccessed", iova, length: 1n, clear: true };
    }
  },
  claim({ reference }) {
    const used = reference.runs
      .filter(({ prot }) => (prot & 1) !== 0)
      .slice(0, 6)
      .some(({ iova }) => reference.isAccessed(iova));
    return used ? "an entry counts as used after that was cleared" : undefined;
  },
});
