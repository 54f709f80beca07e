// Owns what the outside world knows about one file's locks: what each holder and waiter was told, which tokens were
// seen, what gave a right to write, and how everything ended. It is kept from commands, answers and the public list of
// locks alone, so that the checks do not repeat the implementation. It judges nothing.

import type { Decision, LockCommand } from "../../../src/domain/locks/decide.ts";
import type { PrincipalId, KeyId, LockId } from "../../../src/domain/ids.ts";
import { LIMITS } from "../../../src/domain/limits.ts";
import type { Level, Lock, LockState, Request } from "../../../src/domain/locks/state.ts";
import { Conversions } from "./conversions.ts";
import { type End, endBy } from "./endings.ts";

export interface Entry {
  id: LockId;
  holder: PrincipalId;
  /** That of its last use. */
  key: KeyId;
  /** What its holder may believe it has; a read lock that was told to wait for readers has become a write lock. */
  level: Level;
  ttlMs: number;
  /** Place among all that ever asked. */
  order: number;
  askedAt: number;
  /** The stated bound, as last told; null when it never had to wait. */
  promisedBy: number | null;
  /** Late alarms before it asked, in milliseconds altogether. */
  latenessBefore: number;
  /** The waiter's own lease, as it may count on it; an open connection stands in for it. */
  leaseUntil: number;
  /** When a waiter without a connection must be gone, with the grace that a restart may have given it. */
  goneBy: number;
  /** Whether a restart has given that grace since the lease ended; it is given once. */
  graceSpent: boolean;
  /** Writers that asked later and were granted while it waited. */
  overtakenBy: number;
  grantedAt: number | null;
  token: number;
  /** The expiry its holder was last told; null until it knows of its grant. */
  toldUntil: number | null;
  /** Whether the file has been restarted since, so that grace may have been given. */
  restarted: boolean;
  end: End | null;
}

/** What one call changed, as seen from outside. */
export interface Change {
  now: number;
  command: LockCommand;
  outcome: Decision["outcome"];
  state: LockState;
  granted: Entry[];
  ended: Entry[];
  /** Tokens not seen before. */
  tokens: number[];
  /** The lock whose conversion was pending before the call and is pending still. */
  converting: LockId | null;
}

export class Ledger {
  readonly entries = new Map<LockId, Entry>();
  /** Entries without an end. */
  readonly open = new Map<LockId, Entry>();
  /** Ids in the order in which they ended. */
  readonly ends: LockId[] = [];
  readonly conversions = new Conversions();
  lastToken = 0;
  /** The newest token that gave anybody a right to write. */
  fence = 0;
  /** Late alarms so far, in milliseconds altogether. */
  lateness = 0;

  isWaiting = (entry: Entry): boolean => entry.end === null && entry.grantedAt === null;

  /** Whether its holder may rightly act on it now. */
  isBelieved = (entry: Entry, now: number): boolean =>
    entry.end === null && entry.toldUntil !== null && entry.toldUntil > now;

  /** Whether it must be over by now, whatever grace a restart may have given. */
  isSurelyOver(entry: Entry, now: number): boolean {
    if (entry.grantedAt === null) return entry.goneBy <= now;
    if (entry.toldUntil === null) return entry.grantedAt + LIMITS.CLAIM_WINDOW_MS <= now;
    const grace = entry.restarted ? 2 * entry.ttlMs + this.lateness - entry.latenessBefore : 0;
    return entry.toldUntil + grace <= now;
  }

  /** The stated bound, and the time that late alarms have taken since. */
  boundOf(entry: Entry): number {
    return (entry.promisedBy ?? entry.askedAt) + this.lateness - entry.latenessBefore;
  }

  asked({ id, holder, key, level, ttlMs }: Request, now: number): void {
    const entry: Entry = {
      id,
      holder,
      key,
      level,
      ttlMs,
      order: this.entries.size,
      askedAt: now,
      promisedBy: null,
      latenessBefore: this.lateness,
      leaseUntil: now + LIMITS.WAITER_LEASE_MS,
      goneBy: now + LIMITS.WAITER_LEASE_MS,
      graceSpent: false,
      overtakenBy: 0,
      grantedAt: null,
      token: 0,
      toldUntil: null,
      restarted: false,
      end: null,
    };
    this.entries.set(id, entry);
    this.open.set(id, entry);
  }

  /** A restart may have lost the last heartbeat, and the last sign of life of a waiter without a connection. */
  restarted(now: number, isConnected: (id: LockId) => boolean): void {
    for (const entry of this.open.values()) {
      entry.restarted = true;
      if (entry.graceSpent || !this.isWaiting(entry) || isConnected(entry.id)) continue;
      entry.goneBy = now + LIMITS.WAITER_LEASE_MS;
      entry.graceSpent = entry.leaseUntil <= now;
    }
  }

  /** The waiter showed that it is there, or its connection closed. */
  seen(id: LockId, now: number): void {
    const entry = this.open.get(id);
    if (entry === undefined) return;
    entry.leaseUntil = now + LIMITS.WAITER_LEASE_MS;
    entry.goneBy = entry.leaseUntil;
    entry.graceSpent = false;
  }

  /** Takes note of one call. `idle` is what would have been listed then without it. */
  record(command: LockCommand, { outcome, state }: Decision, idle: LockState, now: number): Change {
    const converting = this.conversions.record(command, outcome, now);
    const ended = this.#noteEnds(command, outcome, state, idle, now);
    const granted = this.#noteGrants(state, now, command.type === "override");
    const tokens = this.#noteTokens(state, command, outcome);
    this.#noteAnswer(command, outcome, now);
    this.#notePromises(state);
    const stillConverting = converting !== null && this.open.has(converting) ? converting : null;
    return { now, command, outcome, state, granted, ended, tokens, converting: stillConverting };
  }

  /** What is gone and was not ended by the call was ended by time. */
  #noteEnds(
    command: LockCommand,
    outcome: Decision["outcome"],
    { locks, queue }: LockState,
    idle: LockState,
    now: number,
  ): Entry[] {
    const standing = new Set([...locks, ...queue].map((either) => either.id));
    const ended = [...this.open.values()].filter((entry) => !standing.has(entry.id));
    for (const entry of ended) {
      const byTime = { cause: entry.toldUntil === null ? "lapse" : "expiry", by: null, reason: null } as const;
      this.#end(entry, { ...((outcome.ok ? endBy(command, entry, idle) : null) ?? byTime), at: now });
    }
    return ended;
  }

  /** A lock that is taken out of turn overtakes nobody: the promises are put off instead. */
  #noteGrants({ locks }: LockState, now: number, outOfTurn: boolean): Entry[] {
    const held = new Set(locks.map((lock) => lock.id));
    const granted = [...this.open.values()].filter((entry) => this.isWaiting(entry) && held.has(entry.id));
    for (const entry of granted) entry.grantedAt = now;
    for (const entry of outOfTurn ? [] : granted) this.#noteOvertaking(entry);
    return granted;
  }

  /** A lock's first token, the token of its upgrade, or that of a write without a lock. */
  #noteTokens({ locks }: LockState, command: LockCommand, outcome: Decision["outcome"]): number[] {
    const tokens: number[] = [];
    for (const { id, token } of locks) {
      const entry = this.open.get(id);
      if (entry === undefined || entry.token === token) continue;
      tokens.push(token);
      const mayWrite = entry.level !== "read" || entry.token !== 0;
      if (mayWrite) this.fence = Math.max(this.fence, token);
      entry.token = token;
    }
    if (command.type === "authorizeWrite" && command.lock === null && outcome.ok && outcome.value.type === "token") {
      tokens.push(outcome.value.token);
      this.fence = Math.max(this.fence, outcome.value.token);
    }
    this.lastToken = Math.max(this.lastToken, ...tokens);
    return tokens;
  }

  #end(entry: Entry, end: End): void {
    entry.end = end;
    this.open.delete(entry.id);
    this.conversions.forget(entry.id);
    this.ends.push(entry.id);
  }

  #noteOvertaking(winner: Entry): void {
    if (winner.level === "read") return;
    for (const entry of this.open.values()) {
      if (this.isWaiting(entry) && entry.order < winner.order) entry.overtakenBy++;
    }
  }

  #noteAnswer(command: LockCommand, outcome: Decision["outcome"], now: number): void {
    if (command.type === "authorizeWrite" && command.lock !== null) {
      const entry = this.open.get(command.lock);
      const upgraded = outcome.ok || outcome.problem.code === "readers_present";
      if (entry?.level === "read" && upgraded && entry.holder === command.holder) entry.level = "write";
    }
    if (!outcome.ok) return;
    if (outcome.value.type === "overridden" && outcome.value.lock !== null) this.#noteTold(outcome.value.lock);
    if (outcome.value.type !== "standing") return;
    const { standing } = outcome.value;
    if (standing.status === "granted") this.#noteTold(standing.lock);
    else this.seen(standing.waiter.id, now);
    const entry = this.open.get(standing.status === "granted" ? standing.lock.id : standing.waiter.id);
    if (entry !== undefined && "key" in command) entry.key = command.key;
  }

  #noteTold({ id, claimed, expiresAt, ttlMs }: Lock): void {
    const entry = this.open.get(id);
    if (entry === undefined || !claimed) return;
    entry.toldUntil = expiresAt;
    entry.ttlMs = ttlMs;
    entry.restarted = false;
  }

  #notePromises({ queue }: LockState): void {
    for (const { id, promisedBy } of queue) {
      const entry = this.open.get(id);
      if (entry !== undefined) entry.promisedBy = promisedBy;
    }
  }
}
