// Owns who goes next: compatibility of levels, the order of the queue, phases, and the bound told to a waiter.
// Rules: priority ages linearly, so a static place orders the queue; readers and exclusive holders alternate in phases
// (Brandenburg & Anderson's phase-fair locks); nobody is passed by more than BYPASS_MAX later arrivals. Pure.

import { LIMITS } from "../limits.ts";
import type { LockPolicy, Surroundings } from "./policy.ts";
import type { Level, Lock, LockState, Request, Waiter } from "./state.ts";

/** Whether `asked` may be granted beside `held`. Symmetric. */
export function compatible(held: Level, asked: Level): boolean {
  if (held === "exclusive" || asked === "exclusive") return false;
  return held === "read" || asked === "read";
}

export const isAlive = (waiter: Waiter, { now, connected }: Surroundings): boolean =>
  waiter.seenUntil > now || connected.has(waiter.id);

/**
 * The waiters that may be granted now, in order; empty when nobody may.
 * A write lock does not conflict with readers, so only an exclusive waiter at the head holds readers back, and only
 * until its phase has passed.
 */
export function admissible(state: LockState): Waiter[] {
  if (state.conversion !== null) return [];
  if (state.locks.some((lock) => lock.level === "exclusive")) return [];
  const readers = state.queue.filter((w) => w.level === "read");
  const writer = state.queue.find((w) => w.level !== "read");
  if (readers.length > 0 && (writer?.level !== "exclusive" || state.readersFirst)) return readers;
  return writer !== undefined && state.locks.every((lock) => compatible(lock.level, writer.level)) ? [writer] : [];
}

/** Gives an arriving request its place and its promise. */
export function toWaiter(state: LockState, request: Request, { now, policy }: Surroundings): Waiter {
  const place = Math.max(request.arrivedAt - request.priority * policy.priorityStepMs, fairnessFloor(state, request));
  const writersAhead = state.queue.filter((w) => w.level !== "read" && w.place <= place).length;
  return {
    ...request,
    place,
    order: state.arrivals + 1,
    passed: 0,
    seenUntil: now + LIMITS.WAITER_LEASE_MS,
    inGrace: false,
    promisedBy: now + waitBound({ ...request, place }, writersAhead, policy),
  };
}

/**
 * The longest a request can have to wait from its arrival, in milliseconds, as long as it stays.
 * A reader waits for at most the present phase and one exclusive hold. A writer waits for the present holders, for
 * each writer before it (a read phase to drain and a hold), for those that may still pass it, and for its own drain.
 * Only the best place there is cannot be passed; the highest priority has it unless fairness has put it further back.
 */
function waitBound(
  { level, place, arrivedAt }: Pick<Waiter, "level" | "place" | "arrivedAt">,
  writersAhead: number,
  policy: LockPolicy,
): number {
  if (level === "read") return 2 * policy.maxHoldMs;
  const canBePassed = place > arrivedAt - LIMITS.PRIORITY_MAX * policy.priorityStepMs;
  return 2 * policy.maxHoldMs * (writersAhead + (canBePassed ? LIMITS.BYPASS_MAX : 0) + 1);
}

/** A request goes behind those who have been passed often enough, and behind those who waited while it held. */
function fairnessFloor(state: LockState, request: Request): number {
  const heldUntil = Math.max(...state.ended.filter((e) => e.holder === request.holder).map((e) => e.at), -Infinity);
  const unpassable = state.queue.filter((w) => w.passed >= LIMITS.BYPASS_MAX || w.arrivedAt <= heldUntil);
  return Math.max(...unpassable.map((w) => w.place), -Infinity);
}

/** Until when a holder may extend: without end while nobody waits, else one longest hold from when the wait began. */
export function holdLimit(state: LockState, lock: Lock, { policy }: Surroundings): number {
  const waitingSince = Math.min(...state.queue.map((w) => w.arrivedAt));
  return waitingSince === Infinity ? Infinity : Math.max(lock.grantedAt, waitingSince) + policy.maxHoldMs;
}
