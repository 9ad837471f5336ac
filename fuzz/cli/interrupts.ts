/** Ctrl-C: the first interrupt ends a run in order, the second at once. */

const signals = ["SIGINT", "SIGTERM"] as const;

/** Until the returned function is called. */
export function stopOnInterrupt(abort: AbortController, write: (text: string) => void): () => void {
  const interrupted = (): void => {
    if (abort.signal.aborted) process.exit(130);
    write("ending; interrupt again to end at once\n");
    abort.abort();
  };
  for (const signal of signals) process.on(signal, interrupted);
  return () => {
    for (const signal of signals) process.off(signal, interrupted);
  };
}
