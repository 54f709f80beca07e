// Owns how locks are ended by others than their holders: revocation, when the right to hold them is gone, and override,
// by somebody who may take them over. Whoever lost a lock is told by whom and why at its next use. Pure.

import type { LockId, PrincipalId } from "../ids.ts";
import { err, ok, type Result } from "../result.ts";
import type { Draft } from "./draft.ts";
import type { Surroundings } from "./policy.ts";
import { compatible } from "./queue.ts";
import { locked } from "./standing.ts";
import type { Lock, LockState, Request } from "./state.ts";

export interface Override {
  by: PrincipalId;
  reason: string;
  /** Whose locks are ended; null: everybody's but those of `by`. */
  holder: PrincipalId | null;
  /** The lock that `by` gets in the same moment, before all who wait; null for none. */
  take: Request | null;
}

export interface Overridden {
  type: "overridden";
  /** As they were. */
  ended: Lock[];
  /** The lock taken; null when none was asked for. */
  lock: Lock | null;
}

export function revoke({ state, emit }: Draft, ids: LockId[], by: PrincipalId | null, { now }: Surroundings): void {
  for (const { id } of [...state.locks, ...state.queue]) {
    if (ids.includes(id)) emit({ type: "ended", id, cause: "revocation", at: now, by, reason: null });
  }
}

/** Ends all that it must, or, when that is more than it may, nothing. */
export function override(draft: Draft, command: Override, { now, policy }: Surroundings): Result<Overridden> {
  const { by, reason, take } = command;
  if (take !== null && take.ttlMs > policy.maxTtlMs) return err({ code: "lock_ttl_too_long", maxMs: policy.maxTtlMs });
  const { named, own, foreign } = whatToEnd(draft.state, command);
  if (foreign.length > 0) return err(locked({ ...draft.state, locks: foreign }, now));
  if (take === null && named.length === 0) return err({ code: "not_locked" });

  for (const { id } of named) draft.emit({ type: "ended", id, cause: "override", at: now, by, reason });
  for (const { id } of own) draft.emit({ type: "ended", id, cause: "release", at: now, by, reason: null });
  const lock = take === null ? null : takeLock(draft, take, { now, policy });
  return ok({ type: "overridden", ended: [...named, ...own], lock });
}

/** The locks that the override names, and those in its way besides: of `by`, and of others. */
function whatToEnd(
  { locks, conversion }: LockState,
  { by, holder, take }: Override,
): Record<"named" | "own" | "foreign", Lock[]> {
  const isNamed = (lock: Lock): boolean => (holder === null ? lock.holder !== by : lock.holder === holder);
  const isInTheWay = (lock: Lock): boolean =>
    take !== null && (lock.id === conversion?.lock || !compatible(lock.level, take.level));
  const others = locks.filter((lock) => !isNamed(lock) && isInTheWay(lock));
  return {
    named: locks.filter(isNamed),
    own: others.filter((lock) => lock.holder === by),
    foreign: others.filter((lock) => lock.holder !== by),
  };
}

/** Whoever waits is put off by as long as the lock may last, which is one longest hold. */
function takeLock(draft: Draft, request: Request, { now, policy }: Pick<Surroundings, "now" | "policy">): Lock | null {
  const expiresAt = now + request.ttlMs;
  draft.emit({ type: "taken", request, at: now, expiresAt, putOffMs: policy.maxHoldMs });
  return draft.state.locks.find((lock) => lock.id === request.id) ?? null;
}
