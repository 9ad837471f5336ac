/** Seeds that follow from something: a change is always judged by its own programs, a night by the night's. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { isSeed } from "../lockstep/index.js";
import { UsageError } from "./usage.js";

/**
 * The seed that is meant: `commit` derives it from the commit, `date` from the day in UTC, nothing draws one.
 * @throws UsageError
 */
export function seedFrom(text: string | undefined): string {
  if (text === undefined) return randomBytes(4).toString("hex");
  if (text === "date") return today();
  if (text === "commit") {
    const commit = commitHere();
    if (commit === "") throw new UsageError("there is no commit here: GENPT_COMMIT may name one");
    return `commit-${commit.slice(0, 12)}`;
  }
  if (!isSeed(text)) throw new UsageError(`"${text}" is no seed: up to 64 letters, digits, ".", "_" and "-"`);
  return text;
}

/** The commit that is judged: GENPT_COMMIT, else what git says of the working directory; empty for neither. */
export function commitHere(): string {
  const named = process.env["GENPT_COMMIT"];
  if (named !== undefined && /^[0-9a-f]{7,64}$/.test(named)) return named;
  try {
    const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
    return execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8", stdio }).trim();
  } catch {
    return "";
  }
}

/** `2026-11-21`. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}
