/**
 * The findings of all campaigns, each once: what it is, since when, whether it still is. One file beside the campaigns,
 * opened for moments only, so that several campaigns and people may use it.
 */
import { configurationName } from "../../models/index.js";
import { type Finding, tokenOf } from "../lockstep/index.js";
import { numberOf, openShared, type Row, type Store, textOf } from "./database.js";
import { findingFromJson, findingToJson } from "./finding-json.js";
import type { ShrunkFinding } from "./shrunk-finding.js";
import { type Status, statuses } from "./statuses.js";

/** What was judged: `genpt`, `canary`, or the command of another implementation. */
export type SubjectName = string;

export interface KnownFinding {
  readonly id: number;
  readonly subject: SubjectName;
  readonly status: Status;
  readonly configuration: string;
  readonly invariant: string;
  /** The same for findings of one shape, whatever their format (see `shapeKeyOf`). */
  readonly key: string;
  readonly sentence: string;
  /** What replays the unit; empty where the finding came from no unit. */
  readonly token: string;
  readonly seed: string;
  /** How many operations the shrunk program has. */
  readonly operations: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** The commit at which it was first seen, and last. */
  readonly firstCommit: string;
  readonly lastCommit: string;
  /** How many campaigns and replays met it. */
  readonly times: number;
  readonly report: string;
}

/** A finding as it is kept, with its program as text of whatever language. */
interface PlainFinding
  extends Pick<
    KnownFinding,
    "configuration" | "invariant" | "key" | "sentence" | "token" | "seed" | "operations" | "report"
  > {
  readonly format: string;
  readonly text: string;
}

/** When and with which code something was seen. */
export interface Sighting {
  readonly subject: SubjectName;
  /** Date and time, ISO 8601. */
  readonly at: string;
  readonly commit: string;
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS findings (
  id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, format TEXT NOT NULL, key TEXT NOT NULL,
  status TEXT NOT NULL, configuration TEXT, invariant TEXT, sentence TEXT, token TEXT, seed TEXT,
  operations INTEGER, first_seen TEXT, last_seen TEXT, first_commit TEXT, last_commit TEXT, times INTEGER,
  finding TEXT, report TEXT, UNIQUE (subject, format, key)
);
`;

/** Of fixed findings those last seen longest ago go when there are more. */
const FIXED_AT_MOST = 500;

/** The findings while their file is open. */
export class Findings {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** In the order in which they were first seen. */
  list(status?: Status): readonly KnownFinding[] {
    const rows = this.#store.rows("SELECT * FROM findings ORDER BY id");
    return rows.map(knownFinding).filter((one) => status === undefined || one.status === status);
  }

  find(id: number): KnownFinding | undefined {
    return this.#store.rows("SELECT * FROM findings WHERE id = ?", id).map(knownFinding)[0];
  }

  /**
   * The shrunk program of a finding; undefined where it is none of this version's language any more.
   */
  programOf(id: number): Finding | undefined {
    const [row] = this.#store.rows("SELECT finding FROM findings WHERE id = ?", id);
    try {
      return row === undefined ? undefined : findingFromJson(textOf(row, "finding"));
    } catch {
      return undefined;
    }
  }

  /** What was recorded as the finding, whatever its language; undefined where there is none. */
  textOf(id: number): string | undefined {
    const [row] = this.#store.rows("SELECT finding FROM findings WHERE id = ?", id);
    return row === undefined ? undefined : textOf(row, "finding");
  }

  /** Notes that a campaign met it; what was fixed is open again. Gives its status from now on. */
  record({ finding, key, report }: ShrunkFinding, sighting: Sighting): Status {
    const { configuration, invariant, sentence, operations, unit } = finding;
    const plain = {
      format: configuration.format,
      configuration: configurationName(configuration),
      token: tokenOf(finding) ?? "",
      seed: unit?.seed ?? "",
      operations: operations.length,
      text: findingToJson(finding),
    };
    return this.recordPlain({ ...plain, invariant, sentence, key, report }, sighting);
  }

  /** The same for a finding of another language than that of tables. */
  recordPlain(finding: PlainFinding, { subject, at, commit }: Sighting): Status {
    const { format, key, configuration, invariant, sentence, token, seed } = finding;
    this.#store.run(
      `INSERT INTO findings (subject, format, key, status, configuration, invariant, sentence, token, seed,
         operations, first_seen, last_seen, first_commit, last_commit, times, finding, report)
       VALUES (?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
       ON CONFLICT DO UPDATE SET last_seen = excluded.last_seen, last_commit = excluded.last_commit,
         times = times + 1, status = CASE status WHEN 'fixed' THEN 'open' ELSE status END`,
      ...[subject, format, key, configuration, invariant, sentence, token, seed],
      ...[finding.operations, at, at, commit, commit, finding.text, finding.report],
    );
    this.#prune();
    return this.statusOf(subject, format, key) ?? "open";
  }

  statusOf(subject: SubjectName, format: string, key: string): Status | undefined {
    const where = "WHERE subject = ? AND format = ? AND key = ?";
    return this.#store.rows(`SELECT * FROM findings ${where}`, subject, format, key).map(knownFinding)[0]
      ?.status;
  }

  /** Notes that a replay failed again, or passed. Gives its status from now on. */
  replayed(id: number, fails: boolean, { at, commit }: Sighting): Status | undefined {
    if (fails) {
      this.#store.run(
        `UPDATE findings SET last_seen = ?, last_commit = ?, times = times + 1,
           status = CASE status WHEN 'fixed' THEN 'open' ELSE status END WHERE id = ?`,
        ...[at, commit, id],
      );
    } else this.setStatus(id, "fixed");
    return this.find(id)?.status;
  }

  setStatus(id: number, status: Status): void {
    this.#store.run("UPDATE findings SET status = ? WHERE id = ?", status, id);
  }

  #prune(): void {
    this.#store.run(
      `DELETE FROM findings WHERE status = 'fixed' AND id NOT IN
         (SELECT id FROM findings WHERE status = 'fixed' ORDER BY last_seen DESC LIMIT ${FIXED_AT_MOST})`,
    );
  }
}

/** Does something with the findings of a file, in one transaction; waits where others use it. */
export function withFindings<Result>(file: string, work: (findings: Findings) => Result): Promise<Result> {
  return openShared(file, SCHEMA, (store) => store.transaction(() => work(new Findings(store))));
}

function knownFinding(row: Row): KnownFinding {
  const status = statuses.find((one) => one === textOf(row, "status")) ?? "open";
  return {
    id: numberOf(row, "id"),
    subject: textOf(row, "subject"),
    status,
    configuration: textOf(row, "configuration"),
    invariant: textOf(row, "invariant"),
    key: textOf(row, "key"),
    sentence: textOf(row, "sentence"),
    token: textOf(row, "token"),
    seed: textOf(row, "seed"),
    operations: numberOf(row, "operations"),
    firstSeen: textOf(row, "first_seen"),
    lastSeen: textOf(row, "last_seen"),
    firstCommit: textOf(row, "first_commit"),
    lastCommit: textOf(row, "last_commit"),
    times: numberOf(row, "times"),
    report: textOf(row, "report"),
  };
}
