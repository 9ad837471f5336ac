/**
 * What a campaign has done, kept in one file so that it goes on after any interruption: units counted in order, what
 * they saw, what they found. A unit that is not in it is run again and gives the same, so nothing is ever lost.
 */
import { type Finding, type Invariant, invariantNames, type OracleName } from "../lockstep/index.js";
import type { CanaryName } from "./canary-names.js";
import { numberOf, Store, textOf } from "./database.js";
import { findingFromJson, findingToJson } from "./finding-json.js";
import type { ShrunkFinding } from "./shrunk-finding.js";

/** What decides which units a campaign has; the same when it goes on. */
export interface CampaignPlan {
  readonly seed: string;
  /** Full names, `format/name`. */
  readonly configurations: readonly string[];
  /** Operations in all. Undefined: until the time is over. */
  readonly operations: number | undefined;
  readonly milliseconds: number;
  readonly operationsPerUnit: number;
  readonly oracles: readonly OracleName[];
  /** What is judged makes this mistake on purpose. */
  readonly canary: CanaryName | undefined;
  /** The commit that the campaign began with; empty where nobody knows. */
  readonly commit: string;
}

/** What the units so far add up to. */
export interface Counts {
  units: number;
  operations: number;
  /** Different states seen: what operation got what answer where, for each configuration. */
  states: number;
  /** Over the units' checksums, in order: equal for equal runs. */
  checksum: number;
  /** Units that failed. */
  failures: number;
}

/** A failing unit that is told: one to shrink, or one whose token is enough. */
export interface KeptFailure {
  /** The unit's number within the campaign. */
  readonly number: number;
  readonly finding: Finding;
  readonly isShrunk: boolean;
  readonly token: string;
}

/** How often one operation of a format was judged by one invariant. */
export interface JudgedCount {
  readonly format: string;
  readonly op: string;
  readonly invariant: Invariant;
  readonly count: number;
}

export interface Sample {
  readonly milliseconds: number;
  readonly operations: number;
  readonly states: number;
  readonly failures: number;
}

/** What is new since the last time. */
export interface Progress {
  readonly counts: Counts;
  readonly milliseconds: number;
  /** The configuration's index in the plan, and a state seen of it. */
  readonly states: readonly (readonly [configuration: number, state: number])[];
  readonly judged: readonly JudgedCount[];
  readonly failures: readonly KeptFailure[];
}

/** Of the samples for the plots at most so many are kept; then every second one goes. */
const SAMPLES_AT_MOST = 1000;

/** Raised whenever the file, the plan or what is kept of findings changes. */
const VERSION = 2;

/** The file is of another version. */
export class OtherVersion extends Error {
  override readonly name = "OtherVersion";
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS plan (one INTEGER PRIMARY KEY CHECK (one = 1), json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counts (
  one INTEGER PRIMARY KEY CHECK (one = 1), units INTEGER, operations INTEGER, states INTEGER, checksum INTEGER,
  failures INTEGER, milliseconds REAL, ended INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS states (
  configuration INTEGER, state INTEGER, PRIMARY KEY (configuration, state)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS judged (
  format TEXT, op TEXT, invariant TEXT, count INTEGER NOT NULL, PRIMARY KEY (format, op, invariant)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samples (
  id INTEGER PRIMARY KEY, milliseconds REAL, operations INTEGER, states INTEGER, failures INTEGER
);
CREATE TABLE IF NOT EXISTS failures (
  number INTEGER PRIMARY KEY, is_shrunk INTEGER, token TEXT, finding TEXT, shrunk TEXT
);
`;

export class CampaignFile {
  readonly #store: Store;

  /**
   * @throws DatabaseBusy while another process runs the campaign
   * @throws OtherVersion for a campaign of an older or newer genpt
   */
  constructor(file: string) {
    this.#store = new Store(file, SCHEMA);
    const [row] = this.#store.rows("SELECT json_extract(json, '$.version') AS version FROM plan");
    if (row === undefined || numberOf(row, "version") === VERSION) return;
    this.#store.close();
    throw new OtherVersion(`${file} was written by another version of genpt`);
  }

  /** The plan with which the campaign began; undefined for a new one. */
  get plan(): CampaignPlan | undefined {
    const [row] = this.#store.rows("SELECT json FROM plan");
    if (row === undefined) return undefined;
    const { version: _, ...plan }: CampaignPlan & { version: number } = JSON.parse(textOf(row, "json"));
    return plan;
  }

  /** The plan of a new campaign, or more time for an old one. */
  begin(plan: CampaignPlan): void {
    this.#store.transaction(() => {
      this.#store.run(
        "INSERT OR REPLACE INTO plan VALUES (1, ?)",
        JSON.stringify({ version: VERSION, ...plan }),
      );
      this.#store.run("INSERT OR IGNORE INTO counts VALUES (1, 0, 0, 0, 0, 0, 0, 0)");
      this.#store.run("UPDATE counts SET ended = 0");
    });
  }

  /** Nothing is left to do. */
  end(): void {
    this.#store.run("UPDATE counts SET ended = 1");
  }

  get ended(): boolean {
    const [row] = this.#store.rows("SELECT ended FROM counts");
    return row !== undefined && numberOf(row, "ended") === 1;
  }

  get counts(): Counts {
    const [row] = this.#store.rows("SELECT * FROM counts");
    const of = (column: string): number => (row === undefined ? 0 : numberOf(row, column));
    return {
      units: of("units"),
      operations: of("operations"),
      states: of("states"),
      checksum: of("checksum"),
      failures: of("failures"),
    };
  }

  /** How long the campaign has run, interruptions left out. */
  get milliseconds(): number {
    const [row] = this.#store.rows("SELECT milliseconds FROM counts");
    return row === undefined ? 0 : numberOf(row, "milliseconds");
  }

  /** The states seen, for each of so many configurations. */
  statesOf(configurations: number): readonly Set<number>[] {
    const seen = Array.from({ length: configurations }, () => new Set<number>());
    for (const row of this.#store.rows("SELECT configuration, state FROM states")) {
      seen[numberOf(row, "configuration")]?.add(numberOf(row, "state"));
    }
    return seen;
  }

  get judged(): readonly JudgedCount[] {
    const rows = this.#store.rows("SELECT format, op, invariant, count FROM judged");
    return rows.flatMap((row) => {
      const invariant = invariantNames.find((name) => name === textOf(row, "invariant"));
      const [format, op, count] = [textOf(row, "format"), textOf(row, "op"), numberOf(row, "count")];
      return invariant === undefined ? [] : [{ format, op, invariant, count }];
    });
  }

  get samples(): readonly Sample[] {
    const rows = this.#store.rows(
      "SELECT milliseconds, operations, states, failures FROM samples ORDER BY id",
    );
    return rows.map((row) => ({
      milliseconds: numberOf(row, "milliseconds"),
      operations: numberOf(row, "operations"),
      states: numberOf(row, "states"),
      failures: numberOf(row, "failures"),
    }));
  }

  /** In the order of their units. */
  get failures(): readonly KeptFailure[] {
    const rows = this.#store.rows("SELECT number, is_shrunk, token, finding FROM failures ORDER BY number");
    return rows.map((row) => ({
      number: numberOf(row, "number"),
      finding: findingFromJson(textOf(row, "finding")),
      isShrunk: numberOf(row, "is_shrunk") === 1,
      token: textOf(row, "token"),
    }));
  }

  /** What a failing unit was shrunk to; undefined when that was not finished. */
  shrunk(number: number): ShrunkFinding | undefined {
    const [row] = this.#store.rows("SELECT shrunk FROM failures WHERE number = ?", number);
    const text = row === undefined ? "" : textOf(row, "shrunk");
    if (text === "") return undefined;
    const { finding, ...others }: Omit<ShrunkFinding, "finding"> & { finding: string } = JSON.parse(text);
    return { ...others, finding: findingFromJson(finding) };
  }

  get allShrunk(): readonly ShrunkFinding[] {
    const rows = this.#store.rows("SELECT number FROM failures WHERE shrunk IS NOT NULL ORDER BY number");
    return rows.flatMap((row) => this.shrunk(numberOf(row, "number")) ?? []);
  }

  /** In one transaction: when it returns, everything up to here survives the process. */
  save(progress: Progress): void {
    this.#store.transaction(() => {
      this.#saveCounts(progress);
      for (const [configuration, state] of progress.states) {
        this.#store.run("INSERT OR IGNORE INTO states VALUES (?, ?)", configuration, state);
      }
      for (const { format, op, invariant, count } of progress.judged) {
        const add = "ON CONFLICT DO UPDATE SET count = count + excluded.count";
        this.#store.run(`INSERT INTO judged VALUES (?, ?, ?, ?) ${add}`, format, op, invariant, count);
      }
      for (const failure of progress.failures) this.#saveFailure(failure);
      this.#saveSample(progress);
    });
  }

  /** The raw program goes: from here on the token is enough. */
  saveShrunk(number: number, shrunk: ShrunkFinding): void {
    const finding = findingToJson(shrunk.finding);
    const text = JSON.stringify({ ...shrunk, finding });
    this.#store.run("UPDATE failures SET shrunk = ?, finding = ? WHERE number = ?", text, finding, number);
  }

  close(): void {
    this.#store.close();
  }

  #saveCounts({ counts, milliseconds }: Progress): void {
    const { units, operations, states, checksum, failures } = counts;
    this.#store.run(
      "UPDATE counts SET units = ?, operations = ?, states = ?, checksum = ?, failures = ?, milliseconds = ?",
      ...[units, operations, states, checksum, failures, milliseconds],
    );
  }

  #saveFailure({ number, finding, isShrunk, token }: KeptFailure): void {
    // Of a failure that is not shrunk the program is not kept: its token gives it again.
    const kept = isShrunk ? finding : { ...finding, operations: [] };
    this.#store.run(
      "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, NULL)",
      ...[number, isShrunk ? 1 : 0, token, findingToJson(kept)],
    );
  }

  #saveSample({ milliseconds, counts: { operations, states, failures } }: Progress): void {
    const [summary] = this.#store.rows("SELECT count(*) AS count, max(milliseconds) AS last FROM samples");
    const count = numberOf(summary, "count");
    // As far apart as those that were kept.
    if (count > 1 && milliseconds - numberOf(summary, "last") < milliseconds / SAMPLES_AT_MOST) return;
    const values = [milliseconds, operations, states, failures];
    this.#store.run(
      "INSERT INTO samples (milliseconds, operations, states, failures) VALUES (?, ?, ?, ?)",
      ...values,
    );
    if (count >= SAMPLES_AT_MOST) this.#store.run("DELETE FROM samples WHERE id % 2 = 0 AND id > 1");
  }
}
