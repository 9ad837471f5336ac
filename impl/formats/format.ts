/**
 * What a page-table format is: constants, and pure functions on an item's two words that each return one number.
 *
 * The engine is compiled once per format (see docs/concepts.md, "Stamps"), so that every one of these calls is to
 * a constant and is inlined. Words are signed 32-bit, in the order (low, high); high is 0 where items have one
 * word. Levels count from 0 at the leaves.
 */
export const EntryKind = { Empty: 0, Table: 1, Leaf: 2 } as const;

export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

/** Bits of a request. The numbers are the public ones. */
export const Prot = { read: 1, write: 2, noExec: 4, privileged: 8, cacheable: 16, mmio: 32 } as const;

export const PROT_MASK = 63;

export interface Format {
  readonly name: string;
  /** log2 of the smallest page. */
  readonly granuleLg2: number;
  /** 32-bit words of an item: 1 or 2. */
  readonly itemWords: number;
  /** Input address bits that one level decodes. */
  readonly tableBitsLg2: number;
  /** log2 of the bytes of a table's frame; the root's may be another (`wideRoot`). */
  readonly frameLg2: number;
  /** log2 of the bytes of the smallest frame that a root may have. */
  readonly rootFrameLg2: number;
  /**
   * The root decodes every input bit that the levels below it leave, be they more than a table's (concatenated
   * tables, G-stage roots, tables named by several registers side by side) or fewer.
   */
  readonly wideRoot: boolean;
  /**
   * The hardware reads the root's items only when it is told of the root. Of one that a map linked it must be told as
   * of one that an unmap took away.
   */
  readonly rootIsLoaded: boolean;
  /** Offered: tables of the upper half, where address bits from the input width up are all ones. */
  readonly upperHalf: boolean;
  readonly topLevelMin: number;
  readonly topLevelMax: number;
  /** The highest level that can hold leaves. */
  readonly leafLevelMax: number;
  readonly vaWidthMaxLg2: number;
  readonly oaWidthMaxLg2: number;
  /** Items of one contiguous entry: there are none, they hold one word, or each holds its own address. */
  readonly contiguous: "none" | "identical" | "stepped";
  /** Bits of the high word that are set in contiguous entries only; 0: the high word need not be loaded. */
  readonly contiguousHigh: number;
  /** By how many bits the item's address field lies above the address that it stands for; may be negative. */
  readonly addressShift: number;
  /**
   * Adding to an item's address field carries as adding to the address does within blocks of `2^addressLinearLg2`
   * bytes; runs of leaves are cut there. 64: everywhere.
   */
  readonly addressLinearLg2: number;
  /** Output addresses from `2^pageReachLg2` on are for pages of `2^farPageLg2(flags)` bytes and more; 64: none are. */
  readonly pageReachLg2: number;
  /** The hardware may not see a live item change its size or kind: it must be invalid, and forgotten, between. */
  readonly breakBeforeMake: boolean;
  readonly tracksDirty: boolean;
  /** The bit of a domain's `flags` without which nothing is tracked; 0: it always is. */
  readonly dirtyFlag: number;
  /** Hardware sets `accessedLow` in the leaves that it uses. */
  readonly tracksAccessed: boolean;
  /** The bits of a domain's `flags` of which one at least says that this hardware does; 0: all hardware does. */
  readonly accessedFlags: number;
  /** `topLevel` may be less than the input width needs, and grows while in use. */
  readonly growsTop: boolean;
  /** The option of a walker that does not snoop is offered. */
  readonly incoherent: boolean;
  /** Options this format takes beside the common ones. */
  readonly features: FormatFeatures;

  /** What an item is. */
  kindOf(low: number, level: number): EntryKind;
  /** Whether `kindOf` says Table, at a level above 0. */
  isTable(low: number, level: number): boolean;
  /** Whether `kindOf` says Empty, at any level. */
  isEmpty(low: number): boolean;
  /** The bits of a low word of which none is set in an empty item, and one at least in any other. */
  readonly presentBits: number;
  /**
   * An item of this level whose low word, masked, is `plainLeafBits`, and which has no bit of `contiguousHigh`, is a
   * leaf and a whole entry by itself. One that does not show it so takes the slower way.
   */
  plainLeafMask(level: number): number;
  plainLeafBits(level: number): number;
  /** log2 of how many items the leaf entry has to which this item belongs; 0 for a plain leaf. */
  contiguousLg2Of(low: number, high: number, level: number): number;
  /**
   * The output address of a leaf; bits below the entry's size are unspecified. Here and below, the level and the
   * domain's `flags` are for formats in which the words alone do not tell what stands where.
   */
  oaLow(low: number, high: number, level: number, flags: number): number;
  oaHigh(low: number, high: number, level: number, flags: number): number;
  /** Low word of the physical address of the table that an item points to. */
  tableLow(low: number): number;
  readable(low: number, high: number, level: number, flags: number): boolean;
  writable(low: number, high: number, level: number, flags: number): boolean;
  executable(low: number, high: number, level: number, flags: number): boolean;

  /** Whether leaves of this size exist, given the domain's `flags`; the domain cuts the list at both widths. */
  offersSize(sizeLg2: number, flags: number, oaWidthLg2: number): boolean;
  /** What `prot` contributes to a leaf's words; computed once per call. `encryptionHigh` is the C-bit or 0. */
  leafAttributesLow(prot: number, flags: number): number;
  leafAttributesHigh(prot: number, flags: number, encryptionHigh: number): number;
  /** The words of a leaf's (first) item. */
  leafLow(paLow: number, paHigh: number, level: number, contiguousLg2: number, attributes: number): number;
  leafHigh(paLow: number, paHigh: number, level: number, contiguousLg2: number, attributes: number): number;
  /**
   * What a leaf's words say beside address, size and level: given to `leafLow` and `leafHigh`, they make a leaf of
   * another size that is the same in everything else, accessed and dirty state included.
   */
  attributesLowOf(low: number, level: number, flags: number): number;
  attributesHighOf(high: number, encryptionHigh: number): number;
  /** What a domain's options contribute to every table item; computed once per domain. */
  tableAttributesLow(flags: number): number;
  tableAttributesHigh(flags: number, encryptionHigh: number): number;
  /** The words of an item of this level that points to a table at an address. */
  tableItemLow(addressLow: number, addressHigh: number, level: number, attributes: number): number;
  tableItemHigh(addressLow: number, addressHigh: number, attributes: number): number;

  /**
   * The bits of `attributesLowOf` in which hardware notes that a leaf was used, and nothing else; 0 where there are
   * none, or where their absence is a fault.
   */
  readonly accessedLow: number;
  /** Dirty state stands in the low word; whether hardware keeps it may be said in the high one. */
  isDirty(low: number, high: number): boolean;
  /** The low word as a device's write leaves it. */
  dirtied(low: number, high: number): number;
  cleaned(low: number): number;

  /** Incoherent tables: the word of a table item that says "cleaned to memory"; 0 for low, 1 for high. */
  readonly cleanMarkWord: 0 | 1;
  isMarkedClean(word: number): boolean;
  markedClean(word: number): number;

  /** The level of the root that these widths and options need, or −1 where there is no such table. */
  rootLevelFor(vaWidthLg2: number, oaWidthLg2: number, flags: number): number;
  /** What forbids these widths and options together, in words for people; empty: nothing. */
  conflictOf(vaWidthLg2: number, oaWidthLg2: number, flags: number, snoops: boolean): string;
  /** See `pageReachLg2`. */
  farPageLg2(flags: number): number;
  /** Tables can be pointed to below `2^tableReachLg2(flags)`. */
  tableReachLg2(flags: number): number;

  /** The mode field of the register or device-table entry that names such tables. */
  modeOf(topLevel: number, vaWidthLg2: number): number;
  /** The fields of the registers that name the tables, as the manual calls them. Not for hot paths. */
  registersOf(tables: NamedTables): Registers;
}

/** Tables as the registers that name them must describe them. */
export interface NamedTables {
  /** Physical address of the root. */
  readonly root: bigint;
  readonly topLevel: number;
  readonly vaWidthLg2: number;
  readonly oaWidthLg2: number;
  readonly flags: number;
  readonly upperHalf: boolean;
  /** The walker sees what stands in the caches. */
  readonly snoops: boolean;
}

/** Field name to value. */
export type Registers = Readonly<Record<string, number | bigint | readonly bigint[]>>;

export interface FormatFeatures {
  /** The top level where the options name none. */
  readonly topLevelDefault: number;
  /** The input width decides the top level: there is no `topLevel` option, and no width in between. */
  readonly widthNamesTop: boolean;
  /** The input width where the options name none, for such a format. */
  readonly vaWidthDefaultLg2: number;
  /** A top level that no table has is an illegal value; for other formats, one that is not offered. */
  readonly topLevelIsValue?: true;
  /** Input addresses may be sign-extended. */
  readonly signExtended: boolean;
  readonly encryption: boolean;
  /** What the bits of a domain's `flags` are called as options, bit 0 first. */
  readonly flags: readonly string[];
}
