// Owns what each command does to a file's locks: decide(state, command, surroundings) → events, state, outcome.
// Every decision first settles what time has done (expiries, lapsed offers, waiters that are gone), so an expired
// lock is absent from every answer, however late the alarm. Pure.

import type { PrincipalId, KeyId, LockId } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { err, ok, type Result } from "../result.ts";
import { type Draft, draftOf, grantWhatCanBe } from "./draft.ts";
import { type Overridden, type Override, override, revoke } from "./override.ts";
import type { Surroundings } from "./policy.ts";
import { holdLimit, isAlive, toWaiter } from "./queue.ts";
import { late, locked, type Standing, standingOf, toHolderView, untilSoonestEnd } from "./standing.ts";
import type { Lock, LockEvent, LockState, Request } from "./state.ts";

export type LockCommand =
  /** Ask for a lock. With `queue`, a busy file gives a place in the queue instead of a refusal. */
  | { type: "acquire"; request: Request; queue: boolean }
  /** Collect a granted lock, or show that the waiter is still there. */
  | { type: "claim"; id: LockId; holder: PrincipalId; key: KeyId }
  /** Heartbeat; a new time to live replaces the old one. */
  | { type: "renew"; id: LockId; holder: PrincipalId; key: KeyId; ttlMs: number | null }
  /** Give up a lock, or leave the queue. */
  | { type: "release"; id: LockId; holder: PrincipalId }
  /** End these locks and waits, because the right to them was taken away; those that are not there are ignored. */
  | { type: "revoke"; ids: LockId[]; by: PrincipalId | null }
  /** End the locks of others, with notice, and perhaps take one in their place. */
  | ({ type: "override" } & Override)
  /** Ask for the right to commit now: under a lock (converted U→X for this instant), or without one. */
  | { type: "authorizeWrite"; lock: LockId | null; holder: PrincipalId }
  /** Give up waiting for readers: the conversion ends, the lock stays. */
  | { type: "endConversion"; id: LockId; holder: PrincipalId }
  /** The waiter's connection closed; its own lease starts to run. */
  | { type: "disconnect"; id: LockId }
  /** Only let time pass. */
  | { type: "tick" };

type LockReply =
  | { type: "standing"; standing: Standing }
  | { type: "token"; token: number }
  | Overridden
  | { type: "done" };

export interface Decision {
  state: LockState;
  events: LockEvent[];
  outcome: Result<LockReply>;
}

/** A connection that closes counts as open until now, or its waiter would be gone before its own lease starts. */
export function decide(state: LockState, command: LockCommand, at: Surroundings): Decision {
  const draft = draftOf(state);
  settle(draft, command.type === "disconnect" ? { ...at, connected: at.connected.union(new Set([command.id])) } : at);
  const outcome = perform(draft, command, at);
  grantWhatCanBe(draft, at);
  return { state: draft.state, events: draft.events, outcome: settleReply(draft, outcome) };
}

function perform(draft: Draft, command: LockCommand, at: Surroundings): Result<LockReply> {
  switch (command.type) {
    case "acquire":
      return acquire(draft, command.request, command.queue, at);
    case "claim":
      return claim(draft, command, at);
    case "renew":
      return renew(draft, command, at);
    case "release":
      return release(draft, command.id, command.holder, at);
    case "revoke":
      revoke(draft, command.ids, command.by, at);
      return done;
    case "override":
      return override(draft, command, at);
    case "authorizeWrite":
      return command.lock === null
        ? writeWithoutLock(draft, at)
        : writeUnderLock(draft, command.lock, command.holder, at);
    case "endConversion":
      if (draft.state.conversion?.lock === command.id && isHeldBy(draft, command.id, command.holder))
        draft.emit({ type: "converted" });
      return done;
    case "disconnect":
      disconnect(draft, command.id, at);
      return done;
    case "tick":
      return done;
  }
}

const done: Result<LockReply> = ok({ type: "done" });

/** Lets time do what it has done by `now`. */
function settle(draft: Draft, at: Surroundings): void {
  const { now } = at;
  const over = { type: "ended", at: now, by: null, reason: null } as const;
  for (const lock of draft.state.locks) {
    if (lock.expiresAt <= now) draft.emit({ ...over, id: lock.id, cause: lock.claimed ? "expiry" : "lapse" });
  }
  for (const waiter of draft.state.queue) {
    if (!isAlive(waiter, at)) draft.emit({ ...over, id: waiter.id, cause: "lapse" });
  }
  if (draft.state.conversion !== null && draft.state.conversion.deadline <= now) draft.emit({ type: "converted" });
  grantWhatCanBe(draft, at);
}

function acquire(draft: Draft, request: Request, queue: boolean, at: Surroundings): Result<LockReply> {
  if (standingOf(draft.state, request.id) !== null) return claim(draft, request, at);
  if (request.ttlMs > at.policy.maxTtlMs) return err({ code: "lock_ttl_too_long", maxMs: at.policy.maxTtlMs });

  const joined = draftOf(draft.state);
  joined.emit({ type: "joined", waiter: toWaiter(draft.state, request, at) });
  grantWhatCanBe(joined, at);
  const granted = joined.state.locks.some((lock) => lock.id === request.id);
  if (!granted && !queue) return err(locked(draft.state, at.now));
  const isFull = draft.state.queue.length >= LIMITS.QUEUE_MAX;
  if (!granted && isFull) return err({ code: "queue_full", limit: LIMITS.QUEUE_MAX });

  joined.events.forEach(draft.emit);
  if (granted) {
    const { id, key, ttlMs } = request;
    draft.emit({ type: "claimed", id, key, expiresAt: at.now + ttlMs });
  }
  const standing = standingOf(draft.state, request.id);
  return standing === null ? err({ code: "lock_unknown" }) : ok({ type: "standing", standing });
}

/** A lock that was claimed before stays as it is, but for the key. */
function claim(
  draft: Draft,
  { id, holder, key }: Pick<Request, "id" | "holder" | "key">,
  at: Surroundings,
): Result<LockReply> {
  const mine = belongsTo(draft, id, holder);
  const standing = mine ? standingOf(draft.state, id) : null;
  if (standing === null) return err(late(draft.state, "claim", id, holder));
  if (standing.status === "waiting") {
    draft.emit({ type: "seen", id, key, until: at.now + LIMITS.WAITER_LEASE_MS });
  } else {
    const { claimed, expiresAt, ttlMs, key: before } = standing.lock;
    if (!claimed || key !== before)
      draft.emit({ type: "claimed", id, key, expiresAt: claimed ? expiresAt : at.now + ttlMs });
  }
  return ok({ type: "standing", standing });
}

function renew(
  draft: Draft,
  { id, holder, key, ttlMs }: Extract<LockCommand, { type: "renew" }>,
  at: Surroundings,
): Result<LockReply> {
  const lock = heldBy(draft, id, holder);
  if (lock === null) return err(late(draft.state, "renewal", id, holder));
  const ttl = ttlMs ?? lock.ttlMs;
  if (ttl > at.policy.maxTtlMs) return err({ code: "lock_ttl_too_long", maxMs: at.policy.maxTtlMs });
  const wanted = Math.min(at.now + ttl, holdLimit(draft.state, lock, at));
  draft.emit({ type: "renewed", id, key, expiresAt: Math.max(lock.expiresAt, wanted), ttlMs: ttl });
  return ok({ type: "standing", standing: { status: "granted", lock } });
}

function release(draft: Draft, id: LockId, holder: PrincipalId, at: Surroundings): Result<LockReply> {
  if (!belongsTo(draft, id, holder)) return err(late(draft.state, "release", id, holder));
  draft.emit({ type: "ended", id, cause: "release", at: at.now, by: holder, reason: null });
  return done;
}

function disconnect(draft: Draft, id: LockId, at: Surroundings): void {
  const waiter = draft.state.queue.find((waiting) => waiting.id === id);
  if (waiter === undefined) return;
  draft.emit({ type: "seen", id, key: waiter.key, until: at.now + LIMITS.WAITER_LEASE_MS });
}

/** A write without a lock is an exclusive lock for one transaction. */
function writeWithoutLock(draft: Draft, at: Surroundings): Result<LockReply> {
  if (draft.state.locks.length > 0) return err(locked(draft.state, at.now));
  draft.emit({ type: "fenced" });
  return ok({ type: "token", token: draft.state.fence });
}

function writeUnderLock(draft: Draft, id: LockId, holder: PrincipalId, at: Surroundings): Result<LockReply> {
  const lock = heldBy(draft, id, holder);
  if (lock === null) return err(late(draft.state, "write", id, holder));
  const others = draft.state.locks.filter((other) => other.id !== id);
  const writers = others.filter((other) => other.level !== "read");
  if (writers.length > 0) return err({ code: "upgrade_conflict", holders: writers.map(toHolderView) });

  if (lock.level === "read") draft.emit({ type: "upgraded", id });
  if (others.length > 0) {
    if (draft.state.conversion === null) {
      draft.emit({ type: "converting", conversion: { lock: id, deadline: at.now + LIMITS.CONVERSION_WAIT_MS } });
    }
    return err({
      code: "readers_present",
      holders: others.map(toHolderView),
      retryAfterMs: untilSoonestEnd(others, at.now),
    });
  }
  if (draft.state.conversion !== null) draft.emit({ type: "converted" });
  const token = draft.state.locks.find((held) => held.id === id)?.token ?? 0;
  return token >= draft.state.fence ? ok({ type: "token", token }) : err(late(draft.state, "write", id, holder));
}

/** The answer is what holds after everything, such as a turn that the command itself made possible. */
function settleReply(draft: Draft, outcome: Result<LockReply>): Result<LockReply> {
  if (!outcome.ok || outcome.value.type !== "standing") return outcome;
  const { standing } = outcome.value;
  const now = standingOf(draft.state, standing.status === "granted" ? standing.lock.id : standing.waiter.id);
  return ok({ type: "standing", standing: now ?? standing });
}

function belongsTo(draft: Draft, id: LockId, holder: PrincipalId): boolean {
  return [...draft.state.locks, ...draft.state.queue].some((entry) => entry.id === id && entry.holder === holder);
}

function heldBy(draft: Draft, id: LockId, holder: PrincipalId): Lock | null {
  return draft.state.locks.find((lock) => lock.id === id && lock.holder === holder && lock.claimed) ?? null;
}

const isHeldBy = (draft: Draft, id: LockId, holder: PrincipalId): boolean => heldBy(draft, id, holder) !== null;
