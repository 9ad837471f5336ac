/** Runs one vector file, of cases or of creations, and sums up. */
import { type CreationDeviation, type CreationResult, replayCreation } from "./creates.js";
import type { DeviationName } from "./deviations.js";
import type { IoCreationDeviation } from "./io-create-deviations.js";
import { replayIoCreation } from "./io-creates.js";
import type { IoDeviationName } from "./io-deviations.js";
import { ioInexpressible } from "./io-options.js";
import { IoReplay } from "./io-replay.js";
import { type CaseResult, Replay, unreplayable } from "./replay.js";
import { openVectorFile, VectorFileError } from "./vector-file.js";
import { vendorTables } from "./xen-maps-machine.js";
import { replayAsDeployed, replayAsRight } from "./xen-maps-replay.js";
import { replayXenMarkers } from "./xen-markers-replay.js";
import { type XenPass, type XenResult, type XenSequenceResult, xenPass } from "./xen-result.js";

export interface DeviationCount {
  readonly cases: number;
  readonly operations: number;
}

/** What became of one file of cases. */
export interface CasesResult {
  readonly kind: "cases";
  readonly file: string;
  readonly format: string;
  readonly configuration: string;
  /** Whether the table of the header is made as recorded. */
  readonly creation: CreationResult;
  readonly cases: number;
  /** Cases that met no deviation and agree in full. */
  readonly matched: number;
  /** Cases that agree but for deviations. */
  readonly deviated: number;
  readonly failed: number;
  /** Programs of errors that were run without a failure; what was recorded of them is no measure. */
  readonly inputs: number;
  readonly deviations: ReadonlyMap<DeviationName | IoDeviationName, DeviationCount>;
  readonly firstFailure: CaseResult | undefined;
}

/** What became of one file of creations. */
export interface CreationsResult {
  readonly kind: "creations";
  readonly file: string;
  readonly creations: number;
  readonly matched: number;
  readonly failed: number;
  readonly deviations: ReadonlyMap<CreationDeviation | IoCreationDeviation, number>;
  readonly failures: readonly CreationResult[];
}

export type FileResult = CasesResult | CreationsResult | XenResult;

/** Whether nothing differs but by known deviations. */
export function agrees(result: FileResult): boolean {
  return result.failed === 0 && (result.kind !== "cases" || result.creation.failure === undefined);
}

/** The ways in which sequences of maps and unmaps are replayed, by what the report calls them. */
const MAPS_PASSES = { "as deployed": replayAsDeployed, "as is right": replayAsRight } as const;

/**
 * Replays a vector file on the implementation.
 * @throws VectorFileError where the file is no vector, is cut off, or describes a table that cannot be made here.
 */
export async function conformFile(file: string): Promise<FileResult> {
  const vectors = await openVectorFile(file);
  switch (vectors.kind) {
    case "creations":
      return replayCreations(file, vectors.creations, replayCreation);
    case "io-creations":
      return replayCreations(file, vectors.creations, replayIoCreation);
    case "cases": {
      const { header } = vectors;
      const reason = unreplayable(header);
      if (reason !== undefined) throw new VectorFileError(file, header.line, reason);
      const replay = new Replay(header);
      const creation = replayCreation(header);
      return replayCases(file, header, creation, vectors.cases, (vector) => replay.run(vector));
    }
    case "io-cases": {
      const { header } = vectors;
      const reason = ioInexpressible(header);
      if (reason !== undefined) throw new VectorFileError(file, header.line, reason);
      const replay = new IoReplay(header);
      const creation = replayIoCreation(header);
      return replayCases(file, header, creation, vectors.cases, (vector) => replay.run(vector));
    }
    case "xen-maps": {
      const results = await replaySequences(vectors.sequences, (sequence) =>
        Object.values(MAPS_PASSES).map((replay) => replay(sequence, vendorTables)),
      );
      const names = Object.keys(MAPS_PASSES);
      return xenResult(
        file,
        names.map((name, way) =>
          xenPass(
            `iommu maps, ${name}`,
            results.map((ways) => ways[way]),
          ),
        ),
      );
    }
    case "xen-markers": {
      const results = await replaySequences(vectors.sequences, (sequence) => [replayXenMarkers(sequence)]);
      return xenResult(file, [xenPass("iommu markers", results.flat())]);
    }
  }
}

async function replaySequences<Sequence>(
  sequences: AsyncIterable<Sequence>,
  replay: (sequence: Sequence) => readonly XenSequenceResult[],
): Promise<readonly (readonly XenSequenceResult[])[]> {
  const results: (readonly XenSequenceResult[])[] = [];
  for await (const sequence of sequences) results.push(replay(sequence));
  return results;
}

function xenResult(file: string, passes: readonly XenPass[]): XenResult {
  return { kind: "xen", file, passes, failed: passes.reduce((sum, { failed }) => sum + failed, 0) };
}

async function replayCases<Case>(
  file: string,
  header: { readonly format: string; readonly config: { readonly name: string } },
  creation: CreationResult,
  cases: AsyncIterable<Case>,
  run: (vector: Case) => CaseResult,
): Promise<CasesResult> {
  const deviations = new Map<DeviationName | IoDeviationName, DeviationCount>();
  let matched = 0;
  let deviated = 0;
  let failed = 0;
  let inputs = 0;
  let firstFailure: CaseResult | undefined;
  for await (const vector of cases) {
    const result = run(vector);
    if (result.failure !== undefined) {
      failed++;
      firstFailure ??= result;
    } else if (result.isInput) inputs++;
    else if (result.deviations.size > 0) deviated++;
    else matched++;
    for (const [name, operations] of result.deviations) {
      const sum = deviations.get(name) ?? { cases: 0, operations: 0 };
      deviations.set(name, { cases: sum.cases + 1, operations: sum.operations + operations });
    }
  }
  return {
    kind: "cases",
    file,
    format: header.format,
    configuration: header.config.name,
    creation,
    cases: matched + deviated + failed + inputs,
    matched,
    deviated,
    failed,
    inputs,
    deviations,
    firstFailure,
  };
}

async function replayCreations<Recorded>(
  file: string,
  creations: AsyncIterable<Recorded>,
  replay: (creation: Recorded) => CreationResult,
): Promise<CreationsResult> {
  const deviations = new Map<CreationDeviation | IoCreationDeviation, number>();
  const failures: CreationResult[] = [];
  let matched = 0;
  let count = 0;
  for await (const creation of creations) {
    count++;
    const result = replay(creation);
    if (result.failure !== undefined) failures.push(result);
    else if (result.deviations.length === 0) matched++;
    for (const name of result.deviations) deviations.set(name, (deviations.get(name) ?? 0) + 1);
  }
  return {
    kind: "creations",
    file,
    creations: count,
    matched,
    failed: failures.length,
    deviations,
    failures,
  };
}
