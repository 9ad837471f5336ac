/** One line that tells how far something is: replaced in place on a terminal, now and then a new one elsewhere. */
import { createLogUpdate } from "log-update";

const LIVE_MILLISECONDS = 100;
const PLAIN_MILLISECONDS = 10_000;

export class LiveLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #live: ReturnType<typeof createLogUpdate> | undefined;
  #shown = Date.now();

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#live = stream.isTTY ? createLogUpdate(stream) : undefined;
  }

  /** Shows the line, unless the last one was shown a moment ago. */
  show(line: string): void {
    const now = Date.now();
    if (now - this.#shown < (this.#live === undefined ? PLAIN_MILLISECONDS : LIVE_MILLISECONDS)) return;
    this.#shown = now;
    if (this.#live === undefined) this.#stream.write(`${line}\n`);
    else this.#live(line);
  }

  /** Writes in place of the live line, for good. */
  write(text: string): void {
    this.#live?.clear();
    this.#stream.write(text);
  }
}
