/** Where campaigns are kept: one directory each, with the file of what was done and the report. */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { CampaignFile, DatabaseBusy, OtherVersion } from "../campaign/index.js";
import { UsageError } from "./usage.js";

const FILE = "campaign.sqlite";
/** Of the campaigns that were given no directory the newest are kept. */
const KEPT = 20;

/** The report of a campaign. */
export function reportFile(directory: string): string {
  return join(directory, "report.html");
}

/** Whether a campaign is there, ended or not. */
export function isCampaign(directory: string): boolean {
  return existsSync(join(directory, FILE));
}

/**
 * Opens the file of a campaign.
 * @throws UsageError when there is none, or another process runs it
 */
export function openCampaign(directory: string): CampaignFile {
  if (!isCampaign(directory)) throw new UsageError(`there is no campaign in ${directory}`);
  return opened(directory);
}

/**
 * A new campaign in a directory of the caller's choice.
 * @throws UsageError when one is there already
 */
export function createCampaign(directory: string): CampaignFile {
  if (isCampaign(directory)) {
    throw new UsageError(`${directory} has a campaign already: --resume ${directory} goes on with it`);
  }
  return opened(directory);
}

/** A directory of its own for a campaign that was given none, named for its seed; old ones go. */
export function ownDirectory(parent: string, seed: string): string {
  mkdirSync(parent, { recursive: true });
  pruneCampaigns(parent, KEPT);
  for (let count = 1; ; count++) {
    const directory = join(parent, count === 1 ? seed : `${seed}-${count}`);
    try {
      mkdirSync(directory);
      return directory;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
}

function opened(directory: string): CampaignFile {
  try {
    return new CampaignFile(join(directory, FILE));
  } catch (error) {
    if (error instanceof OtherVersion) throw new UsageError(error.message);
    if (error instanceof DatabaseBusy) throw new UsageError(`${error.message}: the campaign is running`);
    throw error;
  }
}

/** Removes all but the newest of a directory's campaigns; one that is running stays. */
export function pruneCampaigns(parent: string, kept: number): void {
  const places = readdirSync(parent).map((name) => join(parent, name));
  const idle = places.filter((place) => isCampaign(place) && !existsSync(join(place, `${FILE}.owner`)));
  const byAge = idle.map((place) => ({ place, at: statSync(join(place, FILE)).mtimeMs }));
  byAge.sort((one, other) => other.at - one.at);
  for (const { place } of byAge.slice(kept)) rmSync(place, { recursive: true, force: true });
}
