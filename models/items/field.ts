/** One item taken apart: the named bits of a word, as the manual's table of that kind of item has them. */

/** What stands in some bits of an item. */
export interface Field {
  readonly name: string;
  /** The field is bits `high` to `low`. */
  readonly high: number;
  readonly low: number;
  readonly value: bigint;
  /** The value in words, where it says something that the name does not. */
  readonly meaning: string;
}

/** A row of the manual's table. */
export interface FieldRow {
  readonly name: string;
  readonly high: number;
  readonly low: number;
  readonly means?: ((value: bigint) => string) | undefined;
}

/** A row for one bit; `set` and `clear` are what its values mean. */
export function bit(at: number, name: string, set = "", clear = ""): FieldRow {
  return { name, high: at, low: at, means: (value) => (value === 1n ? set : clear) };
}

export function bits(
  high: number,
  low: number,
  name: string,
  means?: ((value: bigint) => string) | undefined,
): FieldRow {
  return { name, high, low, means };
}

/** A row of bits of which the hardware makes nothing. */
export function ignored(high: number, low = high): FieldRow {
  return { name: "ignored", high, low };
}

/** A row of bits that must be 0. */
export function reserved(high: number, low = high): FieldRow {
  return { name: "reserved", high, low, means: (value) => (value === 0n ? "" : "must be 0") };
}

/** An address whose bits from `low` on stand in the field. */
export function address(high: number, low: number, name: string, lowestBit = low): FieldRow {
  return { name, high, low, means: (value) => `0x${(value << BigInt(lowestBit)).toString(16)}` };
}

/** The names of a field's values, by their number. */
export function named(...names: readonly string[]): (value: bigint) => string {
  return (value) => names[Number(value)] ?? "";
}

/** The fields of a word, from the highest bit down. */
export function takeApart(rows: readonly FieldRow[], raw: bigint): readonly Field[] {
  const fields = rows.map(({ name, high, low, means }) => {
    const value = BigInt.asUintN(high - low + 1, raw >> BigInt(low));
    return { name, high, low, value, meaning: means?.(value) ?? "" };
  });
  return fields.sort((one, other) => other.high - one.high);
}

/** What kind of item the rows are wanted for. */
export type ItemKind = "table" | "leaf";

/** A family's tables: the rows for an item of this kind and level. They cover every bit of the item once. */
export type FieldTable = (kind: ItemKind, level: number, raw: bigint) => readonly FieldRow[];
