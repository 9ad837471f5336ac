/** What a campaign tells the findings of all campaigns, and asks of them. */
import { join } from "node:path";
import {
  type CampaignPlan,
  type Findings,
  type ShrunkFinding,
  type Sighting,
  withFindings,
} from "../campaign/index.js";
import { parseToken } from "../lockstep/index.js";
import type { CampaignTotals } from "./campaign.js";

/** The file of the findings in a directory of findings. */
export function findingsFile(directory: string): string {
  return join(directory, "findings.sqlite");
}

export class Sightings {
  /** What is judged. */
  readonly subject: string;
  readonly #directory: string;
  readonly #commit: string;

  constructor(directory: string, { canary, commit }: Pick<CampaignPlan, "canary" | "commit">) {
    this.subject = canary === undefined ? "genpt" : `canary ${canary}`;
    this.#directory = directory;
    this.#commit = commit;
  }

  with<Result>(work: (findings: Findings) => Result): Promise<Result> {
    return withFindings(findingsFile(this.#directory), work);
  }

  now(): Sighting {
    return { subject: this.subject, at: new Date().toISOString(), commit: this.#commit };
  }

  async record(shrunk: ShrunkFinding): Promise<void> {
    await this.with((findings) => findings.record(shrunk, this.now()));
  }

  /** Whether somebody has said of everything that a campaign found that it is known. */
  async areKnown({ findings: found, others, failures }: CampaignTotals): Promise<boolean> {
    if (failures === 0) return true;
    const statuses = await this.with((findings) =>
      found.map(({ finding, key }) => ({
        format: finding.configuration.format,
        status: findings.statusOf(this.subject, finding.configuration.format, key),
      })),
    );
    const open = statuses.filter(({ status }) => status !== "known").map(({ format }) => format);
    // What was not shrunk is of a format and invariant of which several were.
    const formats = others.map((token) => parseToken(token).configuration.format);
    return open.length === 0 && formats.every((format) => statuses.some((one) => one.format === format));
  }
}
