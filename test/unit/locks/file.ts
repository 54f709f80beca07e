// Owns the simulated file: what the object around the pure rules does with them. It keeps a disk that gets only what
// mustSave asks for, a memory that an eviction loses, one durable alarm, and connections that remember heartbeats as
// file/sockets.ts does. It decides nothing about locks itself, and has no clock: `now` is passed in.

import { decide, type Decision, type LockCommand } from "../../../src/domain/locks/decide.ts";
import { mustSave, nextDeadline, restore, type Witness } from "../../../src/domain/locks/durability.ts";
import type { LockId } from "../../../src/domain/ids.ts";
import type { LockPolicy, Surroundings } from "../../../src/domain/locks/policy.ts";
import { NO_LOCKS, type LockState } from "../../../src/domain/locks/state.ts";

/** The rules under test; a mutation replaces them. */
export interface Rules {
  decide: typeof decide;
  mustSave: typeof mustSave;
  nextDeadline: typeof nextDeadline;
  restore: typeof restore;
}

export const RULES: Rules = { decide, mustSave, nextDeadline, restore };

/** How the alarm is armed: always moved to the deadline, or only ever moved earlier (fewer rows). */
export type Arming = "exact" | "lazy";

export class SimulatedFile {
  readonly #rules: Rules;
  readonly #policy: LockPolicy;
  readonly #arming: Arming;
  #disk: LockState = NO_LOCKS;
  #memory: LockState | null = NO_LOCKS;
  #lateness = 0;
  #alarm: number | null = null;
  #lateBy = 0;
  /** Open connections of waiters, each with the expiries it remembers. */
  readonly #connections = new Map<LockId, Witness>();

  constructor(rules: Rules, policy: LockPolicy, arming: Arming) {
    this.#rules = rules;
    this.#policy = policy;
    this.#arming = arming;
  }

  /** Null while evicted. */
  get memory(): LockState | null {
    return this.#memory;
  }

  get isEvicted(): boolean {
    return this.#memory === null;
  }

  isConnected(id: LockId): boolean {
    return this.#connections.has(id);
  }

  call(command: LockCommand, now: number): Decision {
    const at = this.#surroundings(now);
    const decision = this.#rules.decide(this.#loaded(at), command, at);
    this.#memory = decision.state;
    if (this.#rules.mustSave(this.#disk, decision.state, now)) this.#disk = decision.state;
    if (command.type === "renew") this.#rememberHeartbeats();
    this.#passAlarm(now);
    this.#arm();
    return decision;
  }

  /** What anybody who reads now is shown; changes nothing. */
  read(now: number): LockState {
    const at = this.#surroundings(now);
    return this.#rules.decide(this.#loaded(at), { type: "tick" }, at).state;
  }

  connected(): LockId[] {
    return [...this.#connections.keys()];
  }

  connect(id: LockId): void {
    this.#connections.set(id, this.#expiries());
    this.#arm();
  }

  disconnect(id: LockId): boolean {
    return this.#connections.delete(id);
  }

  /** Drops the memory. A hibernation keeps the connections, a crash or a deploy does not. */
  evict(connections: "kept" | "lost"): void {
    this.#memory = null;
    if (connections === "lost") this.#connections.clear();
  }

  /** When the alarm will fire; null when none is set. */
  alarmDue(): number | null {
    return this.#alarm === null ? null : this.#alarm + this.#lateBy;
  }

  isAlarmOverdue(now: number): boolean {
    return this.#alarm !== null && this.#alarm <= now;
  }

  /** How late alarms have been, one that is overdue now included, in milliseconds altogether. */
  latenessBy(now: number): number {
    return this.#lateness + Math.max(0, now - (this.#alarm ?? now));
  }

  /** The next alarm to fall due comes late. */
  delayAlarm(ms: number): void {
    this.#lateBy = ms;
  }

  loseAlarm(): void {
    this.#alarm = null;
    this.#lateBy = 0;
  }

  #loaded(at: Surroundings): LockState {
    return this.#memory ?? this.#rules.restore(this.#disk, at, this.#witness());
  }

  #surroundings(now: number): Surroundings {
    return { now, policy: this.#policy, connected: new Set(this.connected()) };
  }

  /** A call at or after the deadline does all that the alarm would have done. */
  #passAlarm(now: number): void {
    if (this.#alarm === null || this.#alarm > now) return;
    this.#lateness = this.latenessBy(now);
    this.loseAlarm();
  }

  #arm(): void {
    if (this.#memory === null) return;
    const deadline = this.#rules.nextDeadline(this.#memory, new Set(this.connected()));
    if (this.#arming === "exact" || this.#alarm === null) this.#alarm = deadline;
    else if (deadline !== null) this.#alarm = Math.min(this.#alarm, deadline);
  }

  #rememberHeartbeats(): void {
    for (const id of this.connected()) this.#connections.set(id, this.#expiries());
  }

  /** Of claimed locks only: the claim window of an offer is not an expiry told to a holder. */
  #expiries(): Witness {
    const claimed = this.#memory?.locks.filter((lock) => lock.claimed) ?? [];
    return new Map(claimed.map((lock) => [lock.id, lock.expiresAt]));
  }

  #witness(): Witness | null {
    return this.#connections.values().next().value ?? null;
  }
}
