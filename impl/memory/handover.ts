/**
 * Handing a table over to another process: a record that says all there is to know beside the memory's contents, and
 * that is refused, with the reason, where anything is wrong with it.
 */
import { PageTableError } from "../errors.js";

/** Counts up with every change of what a record says. */
const VERSION = 1;
const KIND = "genpt handover";

/** What an option can be, for a record. */
export type OptionValue = number | bigint | boolean | string;

/** A frame: its physical address, and log2 of its bytes. */
export type FrameRecord = readonly [address: bigint, frameLg2: number];

/** What a record says. */
export interface Handover {
  readonly format: string;
  /** The options of the table, those left out that are functions. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** The options that are functions, which the adopter has to give again. */
  readonly callbacks: readonly string[];
  readonly root: bigint;
  readonly topLevel: number;
  /** Physical address of the table memory, its bytes, and how many of them were ever used. */
  readonly base: bigint;
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly smallestFrameLg2: number;
  /** Every frame that a table stands in, the root's first. */
  readonly frames: readonly FrameRecord[];
}

/** A record as text: one JSON object, in which bigints are hexadecimal strings. */
export function formatHandover(handover: Handover): string {
  const said = JSON.stringify({ kind: KIND, version: VERSION, ...handover }, (_, value: unknown) =>
    typeof value === "bigint" ? `0x${value.toString(16)}` : value,
  );
  return `${said.slice(0, -1)},"checksum":"${checksumOf(said)}"}`;
}

const CHECKSUM = /^(\{.*),"checksum":"([0-9a-f]{8})"\}$/s;

/** @throws PageTableError INVALID_ARGUMENT with what is wrong with the record. */
export function parseHandover(record: unknown): Handover {
  if (typeof record !== "string") throw refused("a string is needed");
  const [, said, checksum] = CHECKSUM.exec(record) ?? [];
  if (said === undefined) throw refused("it is cut short, or no record at all");
  if (checksumOf(`${said}}`) !== checksum) throw refused("its checksum is not that of what it says");
  const value: unknown = JSON.parse(`${said}}`);
  if (!isObject(value) || value["kind"] !== KIND) throw refused("it is no record of a table");
  if (value["version"] !== VERSION) {
    throw refused(`its version is ${String(value["version"])}; this is for version ${VERSION}`);
  }
  return handoverOf(value);
}

function handoverOf(value: Readonly<Record<string, unknown>>): Handover {
  const options = value["options"];
  if (!isObject(options)) throw refused("its options are missing");
  return {
    format: text(value["format"]),
    options: Object.fromEntries(Object.entries(options).map(([name, option]) => [name, optionOf(option)])),
    callbacks: list(value["callbacks"]).map(text),
    root: address(value["root"]),
    topLevel: count(value["topLevel"]),
    base: address(value["base"]),
    capacityBytes: count(value["capacityBytes"]),
    usedBytes: count(value["usedBytes"]),
    smallestFrameLg2: count(value["smallestFrameLg2"]),
    frames: list(value["frames"]).map(frameOf),
  };
}

function frameOf(value: unknown): FrameRecord {
  if (!Array.isArray(value) || value.length !== 2) throw refused("a frame is an address and a size");
  return [address(value[0]), count(value[1])];
}

function optionOf(value: unknown): OptionValue {
  if (typeof value === "number" || typeof value === "boolean") return value;
  return isString(value) && /^0x[0-9a-f]+$/.test(value) ? BigInt(value) : text(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw refused("a list is missing");
}

function text(value: unknown): string {
  if (isString(value)) return value;
  throw refused("a name is missing");
}

function address(value: unknown): bigint {
  if (isString(value) && /^0x[0-9a-f]{1,16}$/.test(value)) return BigInt(value);
  throw refused("an address is missing");
}

function count(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw refused("a number is missing");
}

/** What is thrown for a record that cannot be adopted. */
export function refused(why: string): PageTableError {
  return new PageTableError("INVALID_ARGUMENT", `the record: ${why}`);
}

/** What eight steps of the division by CRC-32's polynomial (ISO-HDLC, as zlib has it) make of each byte. */
const REST_OF_BYTE = Int32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (0xedb8_8320 & -(rest & 1));
  return rest;
});

/** CRC-32 over the text's UTF-16 code units, low byte first; eight hexadecimal digits. */
function checksumOf(said: string): string {
  let crc = -1;
  for (let at = 0; at < said.length; at++) {
    const unit = said.charCodeAt(at);
    crc = (crc >>> 8) ^ REST_OF_BYTE[(crc ^ unit) & 0xff];
    crc = (crc >>> 8) ^ REST_OF_BYTE[(crc ^ (unit >>> 8)) & 0xff];
  }
  return (~crc >>> 0).toString(16).padStart(8, "0");
}
