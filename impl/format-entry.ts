import { type AdoptOptions, adopted } from "./adopt.js";
import type { CommonOptions } from "./options.js";
import type { PageTable } from "./page-table.js";
import type { ExistingTables } from "./page-table-types.js";

/** What `genpt` offers of a format. Every format has this shape; only the options differ. */
export interface FormatEntry<Options extends CommonOptions> {
  /** The format's name, as the command line and tokens spell it. */
  readonly name: string;
  /**
   * An empty page table.
   * @throws PageTableError INVALID_OPTION, UNSUPPORTED_OPTION or OUT_OF_MEMORY (no frame for the root).
   */
  create(options: Options): PageTable;
  /** A page table over tables that exist already in the memory: nothing is changed by opening it. */
  open(options: Options, existing: ExistingTables): PageTable;
  /**
   * The table that another process handed over, in a memory that `adoptMemory` gave.
   * @throws PageTableError INVALID_ARGUMENT with what is wrong with the record; nothing was changed then.
   */
  adopt(record: string, options: AdoptOptions): PageTable;
}

/** What a stamp of the engine exports, as far as an entry needs it. */
interface Stamp {
  readonly PageTable: new (options: CommonOptions, existing?: ExistingTables) => PageTable;
}

/** @internal The entry of a stamp. */
export function formatEntry<Options extends CommonOptions>(name: string, stamp: Stamp): FormatEntry<Options> {
  return {
    name,
    create: (options) => new stamp.PageTable(options),
    open: (options, existing) => new stamp.PageTable(options, existing),
    adopt: (record, given) => {
      const { options, existing } = adopted(name, record, given);
      return new stamp.PageTable(options, existing);
    },
  };
}
