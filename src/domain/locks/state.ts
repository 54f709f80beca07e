// Owns the shape of a file's locks and queue, and how each event changes it. Pure: no clock, no randomness.

import type { PrincipalId, KeyId, LockId } from "../ids.ts";
import { LIMITS } from "../limits.ts";

/** S, U and X of the database literature. */
export type Level = "read" | "write" | "exclusive";
export const LEVELS = ["read", "write", "exclusive"] as const satisfies readonly Level[];

/**
 * How a lock or a wait ended: its time ran out, its holder gave it up, nobody collected it, the right to hold it was
 * taken away, or somebody with the permission locks:override took it over.
 */
export type EndCause = "expiry" | "release" | "lapse" | "revocation" | "override";

/** What a request for a lock says about itself; it stays with the lock. Times are epoch milliseconds. */
export interface Request {
  id: LockId;
  level: Level;
  holder: PrincipalId;
  /** The API key that last asked for it, renewed or claimed it; '' while that is not known. */
  key: KeyId;
  /** 0 … PRIORITY_MAX. */
  priority: number;
  /** What the agent plans to do, for those who find the file busy. */
  purpose: string | null;
  ttlMs: number;
  arrivedAt: number;
}

export interface Lock extends Request {
  /** Fencing token, strictly increasing over the grants of the file. */
  token: number;
  grantedAt: number;
  /** Until when it is held; while unclaimed, until when it may be claimed. */
  expiresAt: number;
  /** A lock granted to a waiter counts as held against others, but is of no use until its waiter claims it. */
  claimed: boolean;
  /** Whether it lives on the grace given after an eviction may have lost heartbeats. Given once between heartbeats. */
  inGrace: boolean;
}

export interface Waiter extends Request {
  /** In the queue: arrival − priority · step, never below what fairness allows; smallest first. */
  place: number;
  /** Breaks ties between equal places. */
  order: number;
  /** How many later arrivals have been put before it. */
  passed: number;
  /** The waiter's own lease: it counts as gone after this time, unless its connection is open. */
  seenUntil: number;
  /** Whether that lease is the grace given after an eviction may have lost its polls. Given once between them. */
  inGrace: boolean;
  /** The stated bound: granted by then at the latest, as long as it stays; an override puts it off. Epoch milliseconds. */
  promisedBy: number;
}

/** The U→X conversion of a commit that waits for readers: no new readers, nobody from the queue. */
interface Conversion {
  lock: LockId;
  deadline: number;
}

interface Ended {
  id: LockId;
  holder: PrincipalId;
  cause: EndCause;
  at: number;
  /** Who ended it; null when time did, or nobody in particular. */
  by: PrincipalId | null;
  /** Why, in the words of whoever overrode it; null for other causes. */
  reason: string | null;
}

export interface LockState {
  /** The newest token given to anybody. */
  lastToken: number;
  /** No commit below this token is accepted: the newest token that gave a right to write. */
  fence: number;
  /** Requests that ever joined the queue; the source of `order`. */
  arrivals: number;
  /** Phase: the waiting readers go before the next exclusive waiter. */
  readersFirst: boolean;
  locks: Lock[];
  /** Sorted by (place, order). */
  queue: Waiter[];
  conversion: Conversion | null;
  /** The most recent ends, newest last, so that late use can be told what happened. */
  ended: Ended[];
}

export const NO_LOCKS: LockState = {
  lastToken: 0,
  fence: 0,
  arrivals: 0,
  readersFirst: false,
  locks: [],
  queue: [],
  conversion: null,
  ended: [],
};

export type LockEvent =
  | { type: "joined"; waiter: Waiter }
  | { type: "offered"; id: LockId; at: number; claimBy: number }
  | { type: "claimed"; id: LockId; key: KeyId; expiresAt: number }
  /** Granted and claimed at once, before all who wait; what they were promised is put off. */
  | { type: "taken"; request: Request; at: number; expiresAt: number; putOffMs: number }
  | { type: "renewed"; id: LockId; key: KeyId; expiresAt: number; ttlMs: number }
  | { type: "graced"; id: LockId; expiresAt: number }
  | { type: "seen"; id: LockId; key: KeyId; until: number }
  | { type: "upgraded"; id: LockId }
  | { type: "converting"; conversion: Conversion }
  | { type: "converted" }
  | { type: "fenced" }
  | { type: "ended"; id: LockId; cause: EndCause; at: number; by: PrincipalId | null; reason: string | null };

const before = (a: Waiter, b: Waiter): number => a.place - b.place || a.order - b.order;

export function evolve(state: LockState, event: LockEvent): LockState {
  switch (event.type) {
    case "joined":
      return join(state, event.waiter);
    case "offered":
      return offer(state, event.id, event.at, event.claimBy);
    case "claimed":
      return changeLock(state, event.id, { key: event.key, claimed: true, expiresAt: event.expiresAt });
    case "taken":
      return take(state, event);
    case "renewed": {
      const { id, key, expiresAt, ttlMs } = event;
      return changeLock(state, id, { key, expiresAt, ttlMs, inGrace: false });
    }
    case "graced":
      return changeLock(state, event.id, { expiresAt: event.expiresAt, inGrace: true });
    case "seen":
      return changeWaiter(state, event.id, { key: event.key, seenUntil: event.until, inGrace: false });
    case "upgraded": {
      const token = state.lastToken + 1;
      return { ...changeLock(state, event.id, { level: "write", token }), lastToken: token, fence: token };
    }
    case "converting":
      return { ...state, conversion: event.conversion };
    case "converted":
      return { ...state, conversion: null };
    case "fenced":
      return { ...state, lastToken: state.lastToken + 1, fence: state.lastToken + 1 };
    case "ended":
      return end(state, event);
  }
}

function join(state: LockState, waiter: Waiter): LockState {
  const queue = state.queue.map((w) => (before(waiter, w) < 0 ? { ...w, passed: w.passed + 1 } : w));
  return { ...state, arrivals: waiter.order, queue: [...queue, waiter].toSorted(before) };
}

function offer(state: LockState, id: LockId, at: number, claimBy: number): LockState {
  const waiter = state.queue.find((w) => w.id === id);
  if (waiter === undefined) return state;
  const { level } = waiter;
  return {
    ...grant(state, waiter, { grantedAt: at, expiresAt: claimBy, claimed: false }),
    readersFirst: level === "exclusive" || (level === "write" && state.readersFirst),
    queue: state.queue.filter((w) => w.id !== id),
  };
}

/** The phase stays as it is, like the queue: the turn that is taken out of order is nobody's turn. */
function take(
  state: LockState,
  { request, at, expiresAt, putOffMs }: Extract<LockEvent, { type: "taken" }>,
): LockState {
  return {
    ...grant(state, request, { grantedAt: at, expiresAt, claimed: true }),
    queue: state.queue.map((waiter) => ({ ...waiter, promisedBy: waiter.promisedBy + putOffMs })),
  };
}

/** Adds a lock, with the next token. */
function grant(
  state: LockState,
  { id, level, holder, key, priority, purpose, ttlMs, arrivedAt }: Request,
  terms: Pick<Lock, "grantedAt" | "expiresAt" | "claimed">,
): LockState {
  const token = state.lastToken + 1;
  const lock = { id, level, holder, key, priority, purpose, ttlMs, arrivedAt, token, ...terms, inGrace: false };
  return {
    ...state,
    lastToken: token,
    fence: level === "read" ? state.fence : token,
    locks: [...state.locks, lock],
  };
}

function changeLock(state: LockState, id: LockId, change: Partial<Lock>): LockState {
  return { ...state, locks: state.locks.map((lock) => (lock.id === id ? { ...lock, ...change } : lock)) };
}

function changeWaiter(state: LockState, id: LockId, change: Partial<Waiter>): LockState {
  return { ...state, queue: state.queue.map((waiter) => (waiter.id === id ? { ...waiter, ...change } : waiter)) };
}

function end(state: LockState, { id, cause, at, by, reason }: Extract<LockEvent, { type: "ended" }>): LockState {
  const holder = (state.locks.find((l) => l.id === id) ?? state.queue.find((w) => w.id === id))?.holder;
  if (holder === undefined) return state;
  return {
    ...state,
    locks: state.locks.filter((l) => l.id !== id),
    queue: state.queue.filter((w) => w.id !== id),
    conversion: state.conversion?.lock === id ? null : state.conversion,
    ended: [...state.ended, { id, holder, cause, at, by, reason }].slice(-LIMITS.ENDED_REMEMBERED),
  };
}
