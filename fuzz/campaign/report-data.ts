/** What a campaign's report shows, as plain data. */
import { configurationName } from "../../models/index.js";
import { invariants } from "../lockstep/index.js";
import type { CampaignFile, JudgedCount, Sample } from "./campaign-file.js";
import type { CanaryName } from "./canary-names.js";
import type { Picture } from "./picture.js";

/** A point in the growth of what a coverage-guided run has reached. */
export interface CoveragePoint {
  readonly seconds: number;
  readonly branches: number;
  readonly states: number;
}

export interface ReportedFinding {
  readonly invariant: string;
  readonly configuration: string;
  readonly sentence: string;
  readonly key: string;
  /** The command that replays it. */
  readonly replay: string;
  readonly report: string;
  readonly picture: Picture;
}

export interface ReportData {
  readonly seed: string;
  readonly commit: string;
  readonly canary: CanaryName | undefined;
  /** Whether the campaign has come to its end. */
  readonly ended: boolean;
  readonly configurations: number;
  readonly formats: readonly string[];
  readonly oracles: readonly string[];
  readonly milliseconds: number;
  readonly units: number;
  readonly operations: number;
  readonly states: number;
  readonly failures: number;
  readonly samples: readonly Sample[];
  readonly coverage: readonly CoveragePoint[];
  readonly judged: readonly JudgedCount[];
  readonly invariants: readonly { readonly name: string; readonly sentence: string }[];
  readonly findings: readonly ReportedFinding[];
  /** Tokens of what failed and was not shrunk. */
  readonly others: readonly string[];
}

/** Reads the file of a campaign that was begun. */
export function reportData(file: CampaignFile, coverage: readonly CoveragePoint[]): ReportData {
  const { plan, counts, milliseconds, samples, judged, failures, allShrunk, ended } = file;
  if (plan === undefined) throw new Error("a campaign that was never begun has no report");
  const { seed, commit, canary, configurations, oracles } = plan;
  const formats = [...new Set(configurations.map((name) => name.split("/")[0]))];
  const findings = allShrunk.map(({ finding, key, report, picture, replay }) => ({
    invariant: finding.invariant,
    configuration: configurationName(finding.configuration),
    sentence: finding.sentence,
    key,
    ...{ replay, report, picture },
  }));
  const identity = ({ configuration, key }: ReportedFinding) => `${configuration.split("/")[0]} ${key}`;
  const identities = findings.map(identity);
  return {
    ...{ seed, commit, canary, ended, formats, oracles, milliseconds, judged, coverage },
    configurations: configurations.length,
    units: counts.units,
    operations: counts.operations,
    states: counts.states,
    failures: counts.failures,
    samples: [{ milliseconds: 0, operations: 0, states: 0, failures: 0 }, ...samples],
    invariants: Object.entries(invariants).map(([name, sentence]) => ({ name, sentence })),
    findings: findings.filter((finding, index) => identities.indexOf(identity(finding)) === index),
    others: failures.filter(({ isShrunk }) => !isShrunk).map(({ token }) => token),
  };
}
