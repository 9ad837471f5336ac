/** Reading conformance vectors: one JSON object a line, plain or gzip, checked as it is read. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { IoCase, IoCreation } from "./io-vector.js";
import { readIoCase, readIoCreation } from "./io-vector-json.js";
import type { Creation, VectorCase } from "./vector.js";
import { VectorFormatError } from "./vector-format-error.js";
import { readCase, readCreation } from "./vector-json.js";
import { readXenMaps, type XenMapsSequence } from "./xen-maps-vector.js";
import { readXenMarkers, type XenMarkersSequence } from "./xen-markers-vector.js";

/** The file cannot be read, is cut off, is not JSON, or is not a vector: not a verdict on anybody's tables. */
export class VectorFileError extends Error {
  override readonly name = "VectorFileError";
  readonly file: string;
  /** Counts from 1; 0 where the file as a whole is meant. */
  readonly line: number;
  readonly reason: string;

  constructor(file: string, line: number, reason: string) {
    super(line === 0 ? `${file}: ${reason}` : `${file}:${line}: ${reason}`);
    this.file = file;
    this.line = line;
    this.reason = reason;
  }
}

/**
 * A vector file says what creation gave, then one case a line; a file of creations says only that, line by line. A file
 * of an IOMMU layer has one sequence a line, which says all that it needs.
 */
export type VectorFile =
  | { readonly kind: "cases"; readonly header: Creation; readonly cases: AsyncGenerator<VectorCase> }
  | { readonly kind: "creations"; readonly creations: AsyncGenerator<Creation> }
  | { readonly kind: "io-cases"; readonly header: IoCreation; readonly cases: AsyncGenerator<IoCase> }
  | { readonly kind: "io-creations"; readonly creations: AsyncGenerator<IoCreation> }
  | { readonly kind: "xen-maps"; readonly sequences: AsyncGenerator<XenMapsSequence> }
  | { readonly kind: "xen-markers"; readonly sequences: AsyncGenerator<XenMarkersSequence> };

/**
 * Opens a vector file and reads its first line; the rest is read case by case as it is asked for.
 * @throws VectorFileError, here and while reading on.
 */
export async function openVectorFile(file: string): Promise<VectorFile> {
  const lines = jsonLines(file, await openLines(file));
  const first = await lines.next();
  if (first.done === true) throw new VectorFileError(file, 1, "the file is empty");
  const { line, value } = first.value;
  if (Object.hasOwn(value, "cfg_out")) return openIoFile(file, lines, first.value);
  if (Object.hasOwn(value, "vendor")) return openXenFile(file, lines, first.value);
  const creation = checked(file, line, () => readCreation(value, line));
  // Only creations alone say at once how many tables live.
  if (Object.hasOwn(value, "live"))
    return { kind: "creations", creations: listOf(file, lines, creation, readCreation) };
  if (creation.ret !== 0) throw new VectorFileError(file, line, "ret: the cases of a failed creation");
  return { kind: "cases", header: creation, cases: casesOf(file, lines, readCase) };
}

function openIoFile(file: string, lines: AsyncGenerator<Line>, { line, value }: Line): VectorFile {
  const header = checked(file, line, () => readIoCreation(value, line));
  const { made } = header;
  // Only creations alone say how large the root is, or that there is none.
  if (header.topBytes !== undefined || made === undefined) {
    return { kind: "io-creations", creations: listOf(file, lines, header, readIoCreation) };
  }
  const read = (value: object, line: number): IoCase => readIoCase(value, line, made);
  return { kind: "io-cases", header, cases: casesOf(file, lines, read) };
}

function openXenFile(file: string, lines: AsyncGenerator<Line>, { line, value }: Line): VectorFile {
  if (Object.hasOwn(value, "page_sizes")) {
    const sequence = checked(file, line, () => readXenMaps(value, line));
    return { kind: "xen-maps", sequences: listOf(file, lines, sequence, readXenMaps) };
  }
  const sequence = checked(file, line, () => readXenMarkers(value, line));
  return { kind: "xen-markers", sequences: listOf(file, lines, sequence, readXenMarkers) };
}

interface Line {
  readonly line: number;
  readonly value: object;
}

type Read<T> = (value: object, line: number) => T;

async function* casesOf<T>(file: string, lines: AsyncGenerator<Line>, read: Read<T>): AsyncGenerator<T> {
  let any = false;
  for await (const { line, value } of lines) {
    any = true;
    yield checked(file, line, () => read(value, line));
  }
  if (!any) throw new VectorFileError(file, 2, "no case follows the header: the file is cut off");
}

async function* listOf<T>(
  file: string,
  lines: AsyncGenerator<Line>,
  first: T,
  read: Read<T>,
): AsyncGenerator<T> {
  yield first;
  for await (const { line, value } of lines) yield checked(file, line, () => read(value, line));
}

function checked<T>(file: string, line: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof VectorFormatError) throw new VectorFileError(file, line, error.message);
    throw error;
  }
}

/** The file's bytes, unpacked where they begin as gzip does, whatever the file is called. */
async function openLines(file: string): Promise<Readable> {
  try {
    const handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    await handle.close();
    const bytes = createReadStream(file);
    if (bytesRead < 2 || buffer[0] !== 0x1f || buffer[1] !== 0x8b) return bytes.setEncoding("utf8");
    const unpacked = createGunzip();
    bytes.on("error", (error) => unpacked.destroy(error));
    return bytes.pipe(unpacked).setEncoding("utf8");
  } catch (error) {
    throw new VectorFileError(file, 0, reasonOf(error));
  }
}

async function* jsonLines(file: string, chunks: Readable): AsyncGenerator<Line> {
  let rest = "";
  let line = 0;
  try {
    for await (const chunk of chunks) {
      const parts = `${rest}${String(chunk)}`.split("\n");
      rest = parts.pop() ?? "";
      for (const text of parts) yield parseLine(file, ++line, text);
    }
  } catch (error) {
    if (error instanceof VectorFileError) throw error;
    throw new VectorFileError(file, line + 1, `cannot be read: ${reasonOf(error)}`);
  } finally {
    chunks.destroy();
  }
  if (rest !== "") yield parseLine(file, line + 1, rest);
}

function parseLine(file: string, line: number, text: string): Line {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new VectorFileError(file, line, `not JSON, or cut off: ${reasonOf(error)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new VectorFileError(file, line, "not a JSON object");
  }
  return { line, value };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
