// Owns one trial of a recall: clients hammer files under a right that is taken away meanwhile. After the answer that it
// was taken away, nothing may be accepted: no request begun after it, and none of those under way that took effect
// after it, by the time that the file itself gives.

import type { Answered, Stage, Way } from "./ways.ts";

export interface Trial {
  /** Requests accepted before the right was taken away. */
  accepted: number;
  /** Requests refused that were begun after the answer. */
  refused: number;
  /** What must not have happened; empty when all is well. */
  violations: string[];
  /** How long taking the right away took, from asking to the answer, milliseconds. */
  tookMs: number;
}

export interface Siege {
  clients: number;
  /** Done between the hammering's beginning and the taking away, such as evicting the workspace. */
  meanwhile: () => Promise<void>;
  /** Lets others have their turn. */
  breathe: () => Promise<void>;
}

interface State {
  accepted: number;
  refusedAfter: number;
  /** When the answer was there, epoch milliseconds; null before. */
  takenAt: number | null;
  over: boolean;
  violations: string[];
}

/** Each client is refused this often after the answer before the trial ends. */
const TRIES_AFTER = 2;

export async function tryRecall(stage: Stage, way: Way, { clients, meanwhile, breathe }: Siege): Promise<Trial> {
  const state: State = { accepted: 0, refusedAfter: 0, takenAt: null, over: false, violations: [] };
  const { key } = way;
  const working = Array.from({ length: clients }, (_, n) => hammer(stage, key, n, state, breathe));
  const done = Promise.all(working);
  try {
    while (state.accepted < clients) await breathe();
    await meanwhile();
    const begun = performance.now();
    await way.take();
    const tookMs = performance.now() - begun;
    state.takenAt = Date.now();
    while (state.refusedAfter < clients * TRIES_AFTER && state.violations.length === 0) await breathe();
    return { accepted: state.accepted, refused: state.refusedAfter, violations: state.violations, tookMs };
  } finally {
    state.over = true;
    await done;
    await way.giveBack();
  }
}

async function hammer(stage: Stage, key: string, n: number, state: State, breathe: () => Promise<void>): Promise<void> {
  for (let turn = 0; !state.over; turn++) {
    const file = stage.files[(n * 7 + turn) % stage.files.length] ?? "";
    const begunAfter = state.takenAt !== null;
    const answer = await attempt(stage, key, file, (n + turn) % 2 === 0);
    note(state, answer, begunAfter);
    await breathe();
  }
}

/** A write, or a lock that is let go at once. */
async function attempt({ ask }: Stage, key: string, file: string, isWrite: boolean): Promise<Answered> {
  if (isWrite) return ask(key, "PUT", `/api/files/${file}/content`, "x", { "If-Match": "*" });
  const locked = await ask(key, "POST", `/api/files/${file}/lock`, { ttl: 5 });
  if (locked.status === 201) await ask(key, "DELETE", `/api/files/${file}/lock/${String(locked.json["lockId"])}`);
  return locked;
}

/** Refused for want of the right; a file that is locked by another client refuses for other reasons. */
const FOR_GOOD = new Set([401, 403, 404]);

function note(state: State, { status, json }: Answered, begunAfter: boolean): void {
  if (status >= 500) state.violations.push(`${status} ${JSON.stringify(json)}`);
  if (FOR_GOOD.has(status) && begunAfter) state.refusedAfter++;
  if (status >= 300) return;
  if (begunAfter) state.violations.push(`accepted, begun after the answer: ${status} ${JSON.stringify(json)}`);
  const effectiveAt = Date.parse(String(json["modifiedAt"] ?? json["grantedAt"]));
  if (state.takenAt === null) state.accepted++;
  else if (effectiveAt > state.takenAt) state.violations.push(`took effect after the answer: ${JSON.stringify(json)}`);
}
