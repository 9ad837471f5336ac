/** What the lockstep holds the implementation to. The numbers are those of the documentation. */
export const invariants = {
  I1: "a hardware walk of memory equals the reference",
  I2: "lookup equals the walk, and a miss is explicit",
  I3: "what an operation returns is what really changed",
  I4: "a failed operation changed nothing, or exactly the prefix that it reports",
  I5: "every table frame is reachable once or quarantined once, and all are free at the end",
  I6: "no table survives an unmap that removed every address of its span",
  I7: "a superpage stands exactly where alignment and the allowed sizes permit",
  I8: "a contiguous entry is all or nothing, and its items are as its format says",
  I9: "after an invalidation completes, no cached leaf or walk step disagrees with memory",
  I10: "no frame is reused before the invalidation that covers it has completed",
  I11: "the gathered range covers every changed address, is aligned, and is empty exactly when nothing changed",
  I12: "after every store a walk gives the old translation or the new one, never a third, never a hole elsewhere",
  I13: "a walker that sees only what was written back sees every item of a finished operation",
  I14: "every item is legal for its format: reserved, software, level and size bits",
  I15: "what devices wrote, or used, since the last clear is reported by the next clear that touches it",
  I16: "old translations hold while the top grows, and root and level are read as one",
  I17: "every operation ends within a bound that its arguments give",
  I18: "addresses beyond the input or output width are refused, at both ends",
  I19: "permissions never widen, not even between two stores",
  I20: "page sizes used are a subset of those that the domain allows",
  CRASH: "an implementation in a process of its own goes on running",
  HANG: "an implementation in a process of its own answers in time",
  PROTOCOL: "an implementation in a process of its own answers in the lines that were agreed on",
} as const;

export type Invariant = keyof typeof invariants;

/** In the order of their numbers. */
export const invariantNames: readonly Invariant[] = Object.keys(invariants).filter((key): key is Invariant =>
  Object.hasOwn(invariants, key),
);

/** One way in which implementation, reference and hardware disagree. */
export interface Difference {
  readonly invariant: Invariant;
  /** What else the same step broke. */
  readonly also?: readonly Invariant[] | undefined;
  /** What differs, as a sentence. */
  readonly sentence: string;
  /** The input address around which to look. */
  readonly iova: bigint | undefined;
}
