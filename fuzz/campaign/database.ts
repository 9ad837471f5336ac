/**
 * SQLite files that survive whatever ends the process. The binding locks a file by a directory beside it, which stays
 * when the process is killed, and takes its own lock for somebody else's when it looks for a journal to roll back: a
 * rollback journal would never be used. So the files are in WAL mode with one owner at a time, a process whose
 * identity stands in a file beside the database; what a dead one left is taken over.
 */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import sqlite, { type Database, type SQLiteValue, type Statement } from "node-sqlite3-wasm";

/** A row of a result; the readers below narrow its columns. */
export type Row = Readonly<Record<string, unknown>>;

type Value = SQLiteValue;

/** Another process, which is alive, has the file open. */
export class DatabaseBusy extends Error {
  override readonly name = "DatabaseBusy";
}

export class Store {
  readonly #file: string;
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  /**
   * Opens the file or makes it, with the tables of `schema` where they are missing.
   * @throws DatabaseBusy
   */
  constructor(file: string, schema: string) {
    this.#file = file;
    mkdirSync(dirname(file), { recursive: true });
    own(file);
    try {
      // The lock of an owner that is dead by now.
      rmSync(`${file}.lock`, { recursive: true, force: true });
      this.#database = new sqlite.Database(file);
      this.#database.exec(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
      );
      this.#database.exec(schema);
    } catch (error) {
      disown(file);
      throw error;
    }
  }

  /** Does everything or, when `work` throws or the process ends, nothing. */
  transaction<Result>(work: () => Result): Result {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  run(sql: string, ...values: Value[]): void {
    this.#statement(sql).run(values);
  }

  rows(sql: string, ...values: Value[]): readonly Row[] {
    return this.#statement(sql).all(values);
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#database.close();
    disown(this.#file);
  }

  #statement(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

const ATTEMPTS = 600;
const BETWEEN_ATTEMPTS_MILLISECONDS = 50;

/** Opens a file that others use for moments: waits for them, half a minute at most. */
export async function openShared<Result>(
  file: string,
  schema: string,
  work: (store: Store) => Result,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      const store = new Store(file, schema);
      try {
        return work(store);
      } finally {
        store.close();
      }
    } catch (error) {
      if (!(error instanceof DatabaseBusy) || attempt === ATTEMPTS) throw error;
      await sleep(BETWEEN_ATTEMPTS_MILLISECONDS);
    }
  }
}

export function textOf(row: Row, column: string): string {
  const value = row[column];
  return value === null || value === undefined ? "" : String(value);
}

export function numberOf(row: Row, column: string): number {
  return Number(row[column] ?? 0);
}

/**
 * The owner's file comes into being whole, by a link: one that is seen empty would be taken for a dead process's.
 * @throws DatabaseBusy when another process owns the file, or too many want to at once
 */
function own(file: string): void {
  for (let attempt = 1; attempt <= 3; attempt++) {
    if (claims(ownerOf(file))) return;
    const identity = takeFromTheDead(ownerOf(file));
    if (identity !== undefined)
      throw new DatabaseBusy(`${file} is in use by process ${identity.split("-")[0]}`);
  }
  throw new DatabaseBusy(`${file} is in use by processes that come and go`);
}

/** Makes the file, with this process's identity in it, unless it is there. */
function claims(file: string): boolean {
  const own = `${file}.${process.pid}.new`;
  writeFileSync(own, identityOf(process.pid));
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/**
 * Removes a claim whose process is dead. Several may want to: who claims the dead one's name does it, and looks again
 * first, since another may have done so before.
 * @returns the identity of whoever is alive and in the way, or undefined
 */
function takeFromTheDead(claim: string): string | undefined {
  const identity = readIfThere(claim);
  if (identity === undefined) return undefined;
  if (isAlive(identity)) return identity;
  const taking = `${claim}.${identity}`;
  if (!claims(taking)) return takeFromTheDead(taking);
  if (readIfThere(claim) === identity) rmSync(claim, { force: true });
  rmSync(taking, { force: true });
  return undefined;
}

function disown(file: string): void {
  rmSync(ownerOf(file), { force: true });
}

function ownerOf(file: string): string {
  return `${file}.owner`;
}

/** The process's number and, where the system tells, when it began: numbers are used again. */
function identityOf(pid: number): string {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const began = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  return `${pid}-${began}`;
}

function isAlive(identity: string): boolean {
  const pid = Number(identity.split("-")[0]);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!isCode(error, "EPERM")) return false;
  }
  return identityOf(pid) === identity;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
