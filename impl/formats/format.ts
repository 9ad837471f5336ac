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
  /** log2 of the bytes of a table's frame. */
  readonly frameLg2: number;
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
  readonly tracksDirty: boolean;
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
  /**
   * An item of this level whose low word, masked, is `plainLeafBits`, and which has no bit of `contiguousHigh`, is a
   * leaf and a whole entry by itself. One that does not show it so takes the slower way.
   */
  plainLeafMask(level: number): number;
  plainLeafBits(level: number): number;
  /** log2 of how many items the leaf entry has to which this item belongs; 0 for a plain leaf. */
  contiguousLg2Of(low: number, high: number, level: number): number;
  /** The output address of a leaf; bits below the entry's size are unspecified. */
  oaLow(low: number, high: number): number;
  oaHigh(low: number, high: number): number;
  /** Low word of the physical address of the table that an item points to. */
  tableLow(low: number): number;
  readable(low: number, high: number): boolean;
  writable(low: number, high: number): boolean;
  executable(low: number, high: number): boolean;

  /** Whether leaves of this size exist, given the domain's `flags`; the domain cuts the list at both widths. */
  offersSize(sizeLg2: number, flags: number): boolean;
  /** What `prot` contributes to a leaf's words; computed once per call. `encryptionHigh` is the C-bit or 0. */
  leafAttributesLow(prot: number, flags: number): number;
  leafAttributesHigh(prot: number, flags: number, encryptionHigh: number): number;
  /** The words of a leaf's (first) item. */
  leafLow(paLow: number, paHigh: number, level: number, contiguousLg2: number, attributes: number): number;
  leafHigh(paLow: number, paHigh: number, level: number, contiguousLg2: number, attributes: number): number;
  /** The words of an item of this level that points to a table at an address. */
  tableItemLow(addressLow: number, addressHigh: number, level: number): number;
  tableItemHigh(addressLow: number, addressHigh: number, encryptionHigh: number): number;

  isDirty(low: number): boolean;
  dirtied(low: number): number;
  cleaned(low: number): number;

  /** Incoherent tables: whether a table item says that it was cleaned to memory, and the item that says so. */
  isMarkedClean(low: number): boolean;
  markedClean(low: number): number;

  /** The mode field of the register or device-table entry that names a table with this top level. */
  modeOf(topLevel: number): number;
}

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
