/** One process, kept from table to table: what it is asked, what memory it shares, and how it is begun anew. */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Configuration } from "../../models/configuration.js";
import { configurationName } from "../../models/index.js";
import { Inconclusive, SubjectFailure } from "../lockstep/failure.js";
import { defaultCapacity } from "../lockstep/subject.js";
import { Abilities } from "./abilities.js";
import { type Answer, readAnswer } from "./answer.js";
import type { MemorySource } from "./followed-memory.js";
import { AgainstError, ExternalProcess } from "./process.js";
import { configurationLines, hex, ProtocolError, protocolVersion } from "./protocol.js";

export interface AgainstOptions {
  /** A command line for the shell. */
  readonly command: string;
  /** Milliseconds that an answer may take; default 5000. */
  readonly limit?: number | undefined;
  /** Table memory goes through lines even where the implementation could share it. */
  readonly linesOnly?: boolean | undefined;
}

/** A table of the implementation's, just made. */
export interface Opened {
  readonly abilities: Abilities;
  readonly answer: Answer;
  readonly memory: MemorySource;
  readonly memoryBytes: number;
}

const LIMIT = 5000;
/** What fills memory that nobody has written yet: no architecture reads a table out of it. */
const POISON = 0xdb;

/** The implementation refuses a configuration. */
export class Refused extends Error {
  override readonly name = "Refused";
}

/** Whether the implementation makes no such tables, does not know an operation, or cannot be run: nothing was judged. */
export function isRefusal(error: unknown): error is Error {
  const kinds = [AgainstError, Refused, Inconclusive, SubjectFailure];
  return kinds.some((kind) => error instanceof kind);
}

export class Session {
  /** How often the process was begun. */
  starts = 0;
  readonly #process: ExternalProcess;
  readonly #linesOnly: boolean;
  /** The file of the shared memory, and how much of it was ever in use. */
  #file: number | undefined;
  #used = 0;
  #canReset = false;

  constructor(options: AgainstOptions) {
    this.#process = new ExternalProcess(options.command, options.limit ?? LIMIT);
    this.#linesOnly = options.linesOnly ?? false;
  }

  /** The next table is made by a process begun anew. */
  restart(): void {
    this.#process.stop();
  }

  /**
   * An empty table, whatever was before.
   * @throws Refused, SubjectFailure, AgainstError
   */
  open(configuration: Configuration): Opened {
    if (!this.#process.isRunning || !this.#canReset) {
      this.#process.start();
      this.starts++;
    }
    const memoryBytes = defaultCapacity(configuration);
    const path = this.#linesOnly ? undefined : this.#freshFile(memoryBytes);
    this.#process.send(configurationLines(configuration, memoryBytes, path).join("\n"));
    const answer = this.ask("open");
    if (!answer.isOk) throw new Refused(configurationName(configuration));
    return this.#understood("open", () => {
      const version = answer.result.number();
      if (version !== BigInt(protocolVersion)) {
        throw new ProtocolError(`version ${version} of the protocol; this is version ${protocolVersion}`);
      }
      const abilities = new Abilities(answer, configuration);
      this.#canReset = abilities.can.has("reset");
      const isShared = abilities.can.has("shared");
      if (isShared && path === undefined) throw new ProtocolError("memory is shared that nobody offered");
      const base = configuration.tableBase;
      return { abilities, answer, memory: isShared ? this.#shared() : this.#throughLines(base), memoryBytes };
    });
  }

  /** @throws SubjectFailure */
  ask(request: string): Answer {
    const lines = this.#process.ask(request);
    return this.#understood(request, () => readAnswer(lines), lines);
  }

  /** What is wrong with an answer that could be read, but not be meant. */
  breach(request: string, reason: string): SubjectFailure {
    return this.#process.fail("PROTOCOL", `the answer to "${request}": ${reason}`);
  }

  /** Ends the process for good. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#process.close();
  }

  #understood<T>(request: string, read: () => T, lines: readonly string[] = []): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const shown = lines.slice(0, 4).map((line) => `"${line.slice(0, 80)}"`);
      const given = shown.length === 0 ? "" : `, in ${shown.join(", ")}`;
      throw this.breach(request, `${error.message}${given}`);
    }
  }

  /** The shared file, poisoned as far as it was in use. */
  #freshFile(bytes: number): string {
    const path = join(this.#process.directory, "memory");
    if (this.#file === undefined) this.#file = openSync(path, "w+");
    ftruncateSync(this.#file, bytes);
    if (this.#used > 0) writeSync(this.#file, Buffer.alloc(this.#used, POISON), 0, this.#used, 0);
    // The first tables of a run find poison as well.
    else writeSync(this.#file, Buffer.alloc(1 << 16, POISON), 0, Math.min(1 << 16, bytes), 0);
    return path;
  }

  #shared(): MemorySource {
    return {
      isShared: true,
      read: (place, into) => {
        if (this.#file === undefined) throw new AgainstError("the shared memory is closed");
        readSync(this.#file, into, 0, into.length, place);
        this.#used = Math.max(this.#used, place + into.length);
      },
      writeWord: (place, value) => {
        const word = Buffer.alloc(4);
        word.writeInt32LE(value);
        if (this.#file !== undefined) writeSync(this.#file, word, 0, 4, place);
      },
    };
  }

  #throughLines(base: bigint): MemorySource {
    return {
      isShared: false,
      read: (place, into) => {
        const request = `read ${hex(base + BigInt(place))} ${into.length}`;
        const answer = this.ask(request);
        const digits = answer.isOk ? this.#understood(request, () => answer.result.word()) : "";
        if (digits.length !== into.length * 2 || !/^[0-9a-fA-F]*$/.test(digits)) {
          throw this.breach(request, `${into.length} bytes in hexadecimal are needed`);
        }
        into.set(Buffer.from(digits, "hex"));
      },
      writeWord: (place, value) => {
        const request = `write ${hex(base + BigInt(place))} ${hex(value >>> 0)}`;
        if (!this.ask(request).isOk) throw this.breach(request, "hardware's write was refused");
      },
    };
  }
}
