/** Branches of `impl` that no property takes, each with its reason. `npm run coverage` refuses one that is taken. */
export interface CoverageException {
  /** Relative to `impl`: `engine/map.ts`. */
  readonly file: string;
  /** How the line of the source begins, without the white space before it. */
  readonly line: string;
  /** Which way of it. */
  readonly kind: "function" | "then" | "else" | "right" | "case" | "body" | "default value";
  readonly reason: string;
}

const MISTAKE = "asserts on the engine itself: only a mistake in it gets here, and mutants do";

const NARROWS = "narrows a type: what stands before it has ruled this out";

export const exceptions: readonly CoverageException[] = [
  {
    file: "engine/batch.ts",
    line: "if (table === NO_FRAME) return first;",
    kind: "then",
    reason: "the page before stands in the same table",
  },
  {
    file: "engine/fragment.ts",
    line: "return this.#ends.find((end) => end > offset) ?? 0;",
    kind: "right",
    reason: NARROWS,
  },
  {
    file: "engine/variants/stepped.ts",
    line: "export function flipBits(domain: Domain, words: Int32Array, word: number, bits: number): void {",
    kind: "function",
    reason: "the explorer of interleavings, for which this variant is, has no scene that clears state",
  },
  {
    file: "engine/variants/stepped.ts",
    line: "export function withdrawTop(domain: Domain): void {",
    kind: "function",
    reason: "only a handover withdraws a top, and what threads share is not handed over",
  },
  {
    file: "engine/variants/observed.ts",
    line: "if (!Number.isInteger(word) || word < 0 || word >= words.length || (value | 0) !== value) {",
    kind: "then",
    reason: MISTAKE,
  },
  {
    file: "engine/variants/observed.ts",
    line: "if (!Number.isInteger(table) || table >= domain.words.length) {",
    kind: "then",
    reason: MISTAKE,
  },
  {
    file: "engine/variants/observed.ts",
    line: "if (domain.memory.isQuarantined(table)) {",
    kind: "then",
    reason: MISTAKE,
  },
  {
    file: "iommu/amd/unit.ts",
    line: "const maxPending = device.atsQueueDepth ?? 1;",
    kind: "right",
    reason: NARROWS,
  },
  {
    file: "iommu/device-system.ts",
    line: "if (error instanceof PageTableError) return Status[error.code];",
    kind: "else",
    reason: "hands on what is no refusal, which only a mistake below throws",
  },
  {
    file: "iommu/device-system.ts",
    line: "if (quarantineNumber > LAST_QUARANTINE_NUMBER) return Status.NO_DOMAIN_ID;",
    kind: "then",
    reason: "takes 32,767 devices at once",
  },
  {
    file: "iommu/identity-maps.ts",
    line: 'throw new PageTableError(code === "OK" ?',
    kind: "then",
    reason: NARROWS,
  },
  {
    file: "iommu/intel/queue.ts",
    line: "while (Number(registers.read64(QUEUE_HEAD)) === next) this.#wait();",
    kind: "body",
    reason: "every descriptor is waited for before the next: the queue is never full",
  },
  {
    file: "iommu/intel/root-table.ts",
    line: 'if (word === NO_FRAME) throw new UnitError("UNSUPPORTED", "a context entry that was not reserved");',
    kind: "then",
    reason: "asserts on the driver itself: it reserves before it installs",
  },
  {
    file: "iommu/intel/system.ts",
    line: "if (root === undefined) return status === Status.OK ?",
    kind: "then",
    reason: NARROWS,
  },
  {
    file: "iommu/intel/system.ts",
    line: "if (flags === 0 || (pages === 0 && !isAll)) return;",
    kind: "then",
    reason: "the domain above asks for no flush of nothing",
  },
  {
    file: "iommu/intel/unit.ts",
    line: "const old = this.#roots.read(requester) ?? [0, 0, 0, 0];",
    kind: "right",
    reason: NARROWS,
  },
  {
    file: "memory/frame-books.ts",
    line: "if (acquireWithin(counters, TRIES) || (!rest(counters) && acquireWithin(counters, RESTLESS_TRIES)))",
    kind: "right",
    reason: "only a browser's main thread may not sleep",
  },
  {
    file: "page-table-set-up.ts",
    line: 'return new PageTableError(code === "OK" ?',
    kind: "then",
    reason: NARROWS,
  },
];
