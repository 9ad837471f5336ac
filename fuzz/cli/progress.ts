/** How a campaign goes, in one line. */
import pc from "picocolors";
import type { CampaignTotals } from "./campaign.js";
import { LiveLine } from "./live-line.js";

export class Progress {
  readonly #line = new LiveLine(process.stderr);
  readonly #begin: number;

  /** @param milliseconds how long the campaign has run already */
  constructor(milliseconds: number) {
    this.#begin = Date.now() - milliseconds;
  }

  show(totals: CampaignTotals): void {
    this.#line.show(progressLine(totals, Date.now() - this.#begin));
  }

  write(text: string): void {
    this.#line.write(text);
  }

  finish(totals: CampaignTotals): void {
    this.#line.write(`${progressLine(totals, Date.now() - this.#begin)}\n`);
  }
}

function progressLine(totals: CampaignTotals, milliseconds: number): string {
  const { operations, units, states, failures, findings } = totals;
  const perSecond = Math.round((operations * 1000) / Math.max(milliseconds, 1));
  const found = `${findings.length} finding${findings.length === 1 ? "" : "s"}`;
  const failed = failures === 0 ? "" : ` in ${failures} failing unit${failures === 1 ? "" : "s"}`;
  return [
    `${(milliseconds / 1000).toFixed(1)} s`,
    `${thousands(operations)} operations`,
    `${thousands(perSecond)}/s`,
    `${thousands(units)} units`,
    `${thousands(states)} states`,
    failures === 0 ? found : pc.red(found + failed),
  ].join("  ");
}

function thousands(value: number): string {
  return String(value).replace(/\B(?=(?:[0-9]{3})+$)/g, "_");
}
