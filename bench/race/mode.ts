// Owns what a way of updating a shared document is, to the race: it knows nothing of how it is done.

/** How long an update waited for a lock, milliseconds; null where there is none. */
export type LockWait = number | null;

export interface Mode {
  name: string;
  title: string;
  /** Its parameters, in words. */
  how: string;
  open(): Promise<Contest>;
}

/** One document, and the agents that share it. */
export interface Contest {
  /** One agent's read-modify-write of one element. */
  update(agent: number, element: string): Promise<LockWait>;
  read(): Promise<string>;
  /** Makes the document empty again. */
  reset(): Promise<void>;
  /** Requests sent so far. */
  sent(): number;
  close(): Promise<void>;
}

/** What an agent does between reading and writing, the same in every mode. Milliseconds. */
export const THINK_MS = 5;

/** A random wait that doubles its ceiling with each attempt, from `base` up to `cap` ("full jitter"). Milliseconds. */
export function backoff(attempt: number, { base, cap }: { base: number; cap: number }): number {
  return Math.random() * Math.min(cap, base * 2 ** attempt);
}
