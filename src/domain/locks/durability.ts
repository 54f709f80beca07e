// Owns what of the lock state must be on disk, and what a restart may have lost. Heartbeats and polls are kept in
// memory only (they write no row), so after an eviction a held lock gets one full time to live of grace: it never ends
// earlier than its holder was told. A waiter without a connection gets one lease. Grace is given once; only a
// heartbeat or a poll earns it again. Pure.

import { LIMITS } from "../limits.ts";
import type { LockId } from "../ids.ts";
import type { Surroundings } from "./policy.ts";
import { holdLimit } from "./queue.ts";
import { evolve, type Lock, type LockState, type Waiter } from "./state.ts";

/** Expiries as last told to holders, kept by something that outlives the object's memory (see file/sockets.ts). */
export type Witness = ReadonlyMap<LockId, number>;

/** The state in force after a restart, from the state on disk. */
export function restore(saved: LockState, at: Surroundings, witness: Witness | null): LockState {
  const queue = saved.queue.map((waiter) => keep(waiter, at));
  return saved.locks
    .filter((lock) => lock.claimed)
    .reduce((state, lock) => revive(state, lock, at, witness), { ...saved, queue });
}

function keep(waiter: Waiter, { now, connected }: Surroundings): Waiter {
  const grace = now + LIMITS.WAITER_LEASE_MS;
  if (waiter.inGrace || connected.has(waiter.id) || grace <= waiter.seenUntil) return waiter;
  return { ...waiter, seenUntil: grace, inGrace: true };
}

/** A lock in grace on disk has had no heartbeat since, for that would have been saved; no witness knows better. */
function revive(state: LockState, lock: Lock, at: Surroundings, witness: Witness | null): LockState {
  if (lock.inGrace) return state;
  const told = witness?.get(lock.id);
  if (told !== undefined) {
    return evolve(state, {
      type: "renewed",
      id: lock.id,
      key: lock.key,
      expiresAt: Math.max(lock.expiresAt, told),
      ttlMs: lock.ttlMs,
    });
  }
  const grace = Math.min(at.now + lock.ttlMs, holdLimit(state, lock, at));
  if (grace <= lock.expiresAt) return state;
  return evolve(state, { type: "graced", id: lock.id, expiresAt: grace });
}

/**
 * Whether `next` must be written, given what is on disk. Heartbeats and signs of life need not be; the exceptions are
 * a heartbeat that changes the time to live (grace is as long as that), either by another key than before, a sign of
 * life that ends a grace on disk, and whatever outlives its end on disk by grace alone, which must be remembered lest
 * it be given again.
 */
export function mustSave(saved: LockState, next: LockState, now: number): boolean {
  if (essence(saved) !== essence(next)) return true;
  const waits = saved.queue.some((was, i) => graceMoved(was, next.queue[i], was.seenUntil, now));
  return waits || saved.locks.some((was, i) => graceMoved(was, next.locks[i], was.expiresAt, now));
}

/** Of the same lock or waiter on disk and in memory: the same essence has them in the same places. */
function graceMoved(was: Graced, is: Graced | undefined, until: number, now: number): boolean {
  if (is === undefined) return true;
  return was.inGrace ? !is.inGrace : is.inGrace && until <= now;
}

type Graced = Pick<Lock | Waiter, "inGrace">;

/** Everything but what heartbeats and polls move. */
function essence({ locks, queue, ...rest }: LockState): string {
  return JSON.stringify([
    rest,
    locks.map((lock) => [lock.id, lock.key, lock.level, lock.token, lock.claimed, lock.ttlMs]),
    queue.map((waiter) => [waiter.id, waiter.key, waiter.place]),
  ]);
}

/**
 * When time will next change what others may have; null when it never will. Of the waiters' own leases only that of
 * an exclusive waiter at the head counts: it alone holds others back.
 */
export function nextDeadline(state: LockState, connected: ReadonlySet<LockId>): number | null {
  const deadlines = state.locks.map((lock) => lock.expiresAt);
  if (state.conversion !== null) deadlines.push(state.conversion.deadline);
  const barrier = state.queue.find((waiter) => waiter.level !== "read");
  const holdsBack = barrier?.level === "exclusive" && state.queue.length > 1;
  if (holdsBack && !connected.has(barrier.id)) deadlines.push(barrier.seenUntil);
  return deadlines.length === 0 ? null : Math.min(...deadlines);
}
