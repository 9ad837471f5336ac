/**
 * Source maps, read as a list of segments (source map format, revision 3): where a piece of generated text begins,
 * and where in the source it comes from.
 */
export interface Segment {
  /** Counts characters of the generated text from 0. */
  readonly offset: number;
  /** The source, as the map names it. */
  readonly source: string;
  /** Lines count from 1, columns from 0. */
  readonly line: number;
  readonly column: number;
}

export interface SourceMapFile {
  readonly sources: readonly string[];
  readonly mappings: string;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const valueOfDigit = new Map([...DIGITS].map((digit, value) => [digit, value]));

/**
 * Every segment that has a source, in the order of the generated text. A segment that begins in front of spaces
 * begins behind them; one that only repeats its neighbour, as bundlers add at the begin of a line, is left out.
 */
export function segmentsOf(map: SourceMapFile, generated: string): readonly Segment[] {
  const lineStarts = startsOfLines(generated);
  const segments: Segment[] = [];
  let [source, line, column] = [0, 0, 0];
  for (const [generatedLine, text] of map.mappings.split(";").entries()) {
    let generatedColumn = 0;
    for (const field of text.split(",")) {
      if (field === "") continue;
      const deltas = decode(field);
      generatedColumn += deltas[0];
      if (deltas.length < 4) continue;
      source += deltas[1];
      line += deltas[2];
      column += deltas[3];
      const offset = behindSpaces(generated, lineStarts[generatedLine] + generatedColumn);
      segments.push({ offset, source: map.sources[source], line: line + 1, column });
    }
  }
  segments.sort((a, b) => a.offset - b.offset);
  return segments.filter((segment, index) => index === 0 || !isSamePlace(segment, segments[index - 1]));
}

function behindSpaces(text: string, offset: number): number {
  let at = offset;
  while (text[at] === " ") at++;
  return at;
}

function isSamePlace(a: Segment, b: Segment): boolean {
  return a.source === b.source && a.line === b.line && a.column === b.column;
}

function startsOfLines(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** The numbers of one field: groups of five bits, the lowest first, each but the last with bit 5; bit 0 is the sign. */
function decode(field: string): readonly number[] {
  const numbers: number[] = [];
  let [value, shift] = [0, 0];
  for (const digit of field) {
    const bits = valueOfDigit.get(digit);
    if (bits === undefined) throw new RangeError(`a source map has the digit ${JSON.stringify(digit)}`);
    value |= (bits & 31) << shift;
    shift += 5;
    if ((bits & 32) !== 0) continue;
    numbers.push((value & 1) === 0 ? value >>> 1 : -(value >>> 1));
    [value, shift] = [0, 0];
  }
  return numbers;
}
