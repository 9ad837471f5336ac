/** Replays recorded `io-pgtable` creations: what is accepted, and every register field that names the tables. */
import { PageTableError, type TableMemory } from "../../impl/common.js";
import type { CreationResult } from "./creates.js";
import { tableBaseOf } from "./io-configuration.js";
import { type CreationVerdict, creationVerdict } from "./io-create-deviations.js";
import { createIoTable, ioInexpressible } from "./io-options.js";
import { ioMemory } from "./io-table-under-test.js";
import type { IoConfig, IoCreation, IoMade } from "./io-vector.js";
import { differingField, hex, type Outcome } from "./outcome.js";

/** Registers that hold a table's address: compared is what stands beside it. */
const BASE_REGISTERS = ["ttbr", "vttbr", "transtab"];
const REFUSED: Outcome = { created: "no" };
const CREATED: Outcome = { created: "yes" };
/** Recorded sizes are of whole pages of this size. */
const PAGE_BYTES = 4096;

export function replayIoCreation(creation: IoCreation): CreationResult {
  const { line, format } = creation;
  const verdict = creationVerdict(creation);
  const failure = firstDifference(creation, verdict);
  return { line, format, deviations: verdict.deviations, failure };
}

function firstDifference(creation: IoCreation, verdict: CreationVerdict): CreationResult["failure"] {
  const asked = verdict.accepted ? CREATED : REFUSED;
  const first = difference(asked, create(creation, creation.config));
  const { made } = creation;
  if (first !== undefined || made === undefined || verdict.config === undefined) return first;
  const expected = { ...recorded(made, creation.topBytes), ...verdict.instead };
  return difference(expected, create(creation, verdict.config));
}

function difference(expected: Outcome, got: Outcome): CreationResult["failure"] {
  const field = differingField(expected, got);
  if (field === undefined) return undefined;
  return { field, expected: expected[field], got: got[field] ?? "nothing" };
}

function recorded(made: IoMade, topBytes: number | undefined): Outcome {
  const fields: Record<string, string> = {
    created: "yes",
    topLevel: String(made.topLevel),
    pageSizes: hex(made.pageSizes),
  };
  if (topBytes !== undefined) fields["topBytes"] = String(topBytes);
  for (const [name, value] of made.registers) fields[name] = hex(value);
  return fields;
}

function create(creation: IoCreation, config: IoConfig): Outcome {
  const reason = ioInexpressible(creation);
  if (reason !== undefined) return { created: reason };
  const memory = memoryOf({ ...creation, config });
  let rootBytes = 0;
  memory.observer = {
    stored: () => {},
    storedPair: () => {},
    allocated: (_word, frameLg2) => {
      rootBytes = 2 ** frameLg2;
    },
    quarantined: () => {},
    released: () => {},
    published: () => {},
  };
  try {
    const table = createIoTable({ ...creation, config }, memory);
    const { root, topLevel, registers } = table.hwInfo();
    const fields: Record<string, string> = {
      created: "yes",
      topLevel: String(topLevel),
      pageSizes: hex(table.pageSizes),
      topBytes: String(Math.ceil(rootBytes / PAGE_BYTES) * PAGE_BYTES),
    };
    for (const [name, value] of Object.entries(registers)) {
      fields[name] = registerText(BASE_REGISTERS.includes(name) ? root : 0n, value);
    }
    table.destroy();
    return fields;
  } catch (error) {
    if (error instanceof PageTableError) return REFUSED;
    throw error;
  }
}

/** Large enough for a root of every size, each aligned to its own. */
const MEMORY_BYTES = 1 << 22;
/** By address, one memory for all creations: each gives back what it took. */
const memories = new Map<bigint, TableMemory>();

function memoryOf(creation: IoCreation): TableMemory {
  const base = tableBaseOf(creation);
  const memory = memories.get(base) ?? ioMemory(creation, MEMORY_BYTES);
  memories.set(base, memory);
  return memory;
}

/** Of several base registers their number is recorded. */
function registerText(base: bigint, value: number | bigint | readonly bigint[]): string {
  if (typeof value === "object") return hex(BigInt(value.length));
  return hex(BigInt(value) - base);
}
