// Owns waiting in tests: for a condition, with a deadline, never for luck.

const STEP_MS = 20;

/** Resolves with the first answer that is not null; throws, with what was awaited, when the deadline passes. */
export async function until<T>(what: string, withinMs: number, ask: () => T | null | Promise<T | null>): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (Date.now() >= deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}

/** Resolves once the clock shows more than this time (epoch milliseconds). */
export async function past(time: number): Promise<void> {
  while (Date.now() <= time) await new Promise((resolve) => setTimeout(resolve, time - Date.now() + 1));
}
