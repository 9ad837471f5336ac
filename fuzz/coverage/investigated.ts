/** What comes out of a failing program that was looked into, of tables or of a machine. */
import { join } from "node:path";
import { configurationName } from "../../models/index.js";
import { shapeKeyOf } from "../campaign/shape-key.js";
import { reportOf } from "../cli/system-repro.js";
import { corpusFileName, type Finding, formatCorpusFile } from "../lockstep/index.js";
import { type SystemFinding, systemFileName, systemFindingToText, systemKeyOf } from "../system/index.js";

export interface Investigated {
  readonly file: string;
  /** As findings are kept, shrunk. */
  readonly program: string;
  /** The same for findings that are one. */
  readonly key: string;
  /** The full name, or the machine's. */
  readonly configuration: string;
  readonly invariant: string;
  readonly sentence: string;
  readonly shrunkFrom: number | undefined;
  readonly operations: number;
  readonly report: string;
}

/** @param out where it will be saved */
export function tableInvestigated(finding: Finding, out: string, report: string): Investigated {
  const { invariant, sentence, shrunkFrom, operations, configuration } = finding;
  return {
    file: join(out, corpusFileName(finding)),
    program: formatCorpusFile(finding),
    key: shapeKeyOf(finding),
    configuration: configurationName(configuration),
    invariant,
    sentence,
    shrunkFrom,
    operations: operations.length,
    report,
  };
}

/** @param out where it will be saved */
export function systemInvestigated(finding: SystemFinding, out: string): Investigated {
  const { invariant, sentence, shrunkFrom, program, shape } = finding;
  const file = join(out, systemFileName(finding));
  return {
    file,
    program: systemFindingToText(finding),
    key: systemKeyOf(finding),
    configuration: `system-${shape.system}`,
    invariant,
    sentence,
    shrunkFrom,
    operations: program.length,
    report: reportOf(finding, file),
  };
}
