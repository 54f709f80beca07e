// Owns where a request for a lock stands, how a lock looks to others, and what those are told who cannot have it, or
// have it no more. Pure.

import type { LockId, PrincipalId } from "../ids.ts";
import type { HolderView, LateUse, Problem } from "../problems.ts";
import type { Lock, LockState, Waiter } from "./state.ts";

/** Where a request stands: holding its lock, or waiting with the queue before it. */
export type Standing = { status: "granted"; lock: Lock } | { status: "waiting"; waiter: Waiter; position: number };

export function standingOf(state: LockState, id: LockId): Standing | null {
  const lock = state.locks.find((held) => held.id === id);
  if (lock !== undefined) return { status: "granted", lock };
  const index = state.queue.findIndex((waiter) => waiter.id === id);
  const waiter = state.queue[index];
  return waiter === undefined ? null : { status: "waiting", waiter, position: index + 1 };
}

/** Why a lock or place in the queue is of no use any more, in a code of its own. */
export function late(state: LockState, use: LateUse, id: LockId, holder: PrincipalId): Problem {
  const standing = standingOf(state, id);
  const entry = standing?.status === "granted" ? standing.lock : standing?.waiter;
  if (entry?.holder === holder) return { code: "lock_not_granted" };
  const ended = state.ended.findLast((e) => e.id === id && e.holder === holder);
  if (ended === undefined) return { code: "lock_unknown" };
  const { cause, at, by, reason } = ended;
  return { code: `${use}_after_${cause}`, at, by, reason, lock: id };
}

export function locked(state: LockState, now: number): Extract<Problem, { code: "locked" }> {
  return {
    code: "locked",
    holders: state.locks.map(toHolderView),
    queueLength: state.queue.length,
    retryAfterMs: untilSoonestEnd(state.locks, now),
  };
}

export function toHolderView({ holder, level, purpose, priority, grantedAt, expiresAt }: Lock): HolderView {
  return { holder, level, purpose, priority, grantedAt, expiresAt };
}

export const untilSoonestEnd = (locks: Lock[], now: number): number =>
  Math.max(0, Math.min(...locks.map((lock) => lock.expiresAt)) - now);
