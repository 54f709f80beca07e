// Owns the simulated world: a virtual clock, one file over the rules under test, and the agents that use it. Alarms
// fire when due, and agents look after their locks as they care to; all else is done by calling its methods. Every
// call goes into the ledger and through the checks; what they report is collected, never thrown.

import type { Decision, LockCommand } from "../../../src/domain/locks/decide.ts";
import type { PrincipalId, KeyId, LockId } from "../../../src/domain/ids.ts";
import type { LockPolicy } from "../../../src/domain/locks/policy.ts";
import type { Level, Request } from "../../../src/domain/locks/state.ts";
import type { LateUse } from "../../../src/domain/problems.ts";
import { checkChange, type Snapshot } from "./call-checks.ts";
import { careDue, type Care, type Ticket } from "./care.ts";
import { RULES, SimulatedFile, type Arming, type Rules } from "./file.ts";
import type { Report, Violation } from "./invariants.ts";
import { Ledger, type Entry } from "./ledger.ts";
import { checkRest } from "./rest-checks.ts";

/** What the world is like. */
export interface Setting {
  policy: LockPolicy;
  arming: Arming;
}

export interface Wish {
  holder: PrincipalId;
  level: Level;
  priority: number;
  ttlMs: number;
  /** Whether to wait for a busy file. */
  queue: boolean;
  care: Care;
}

/** An override: by whom, of whom (null: of everybody else), and the lock that is taken, if any. */
export interface Overriding {
  by: PrincipalId;
  of: PrincipalId | null;
  take: Pick<Wish, "level" | "ttlMs" | "care"> | null;
}

const REASON = "the report is due";

/** The key that every request is made with; its agent may go on with another. */
const FIRST_KEY = "key_first" as KeyId;

function requestIn(command: LockCommand): Request | null {
  if (command.type === "acquire") return command.request;
  return command.type === "override" ? command.take : null;
}

export class World {
  now = Date.UTC(2026, 0, 1);
  readonly policy: LockPolicy;
  readonly ledger = new Ledger();
  readonly violations: Violation[] = [];
  readonly #file: SimulatedFile;
  readonly #tickets = new Set<Ticket>();

  constructor({ policy, arming }: Setting, rules: Rules = RULES) {
    this.policy = policy;
    this.#file = new SimulatedFile(rules, policy, arming);
  }

  /** Asks for a lock. Answers null when refused. */
  acquire({ queue, care, ...wish }: Wish): Ticket | null {
    const request = this.#request(wish);
    const outcome = this.#call({ type: "acquire", request, queue });
    if (!outcome.ok) return null;
    const ticket = this.#remember(request, care);
    if (care.connected) this.connect(ticket);
    return ticket;
  }

  /** Answers null when refused, or when no lock is taken. */
  override({ by, of, take }: Overriding): Ticket | null {
    const request = take === null ? null : this.#request({ ...take, holder: by, priority: 0 });
    const outcome = this.#call({ type: "override", by, reason: REASON, holder: of, take: request });
    return outcome.ok && request !== null && take !== null ? this.#remember(request, take.care) : null;
  }

  revoke(ids: LockId[], by: PrincipalId | null): void {
    this.#call({ type: "revoke", ids, by });
  }

  #request({ holder, level, priority, ttlMs }: Omit<Wish, "queue" | "care">): Request {
    const id = `lk_${this.ledger.entries.size}` as LockId;
    return { id, holder, key: FIRST_KEY, level, priority, ttlMs, purpose: null, arrivedAt: this.now };
  }

  #remember({ id, holder, key }: Request, care: Care): Ticket {
    const ticket: Ticket = { id, holder, key, care, lastCall: this.now };
    this.#tickets.add(ticket);
    return ticket;
  }

  /** Claims, renews, releases or writes under what the ticket stands for. */
  use(use: LateUse, ticket: Ticket, ttlMs: number | null = null): Decision["outcome"] {
    ticket.lastCall = this.now;
    const { id, holder, key } = ticket;
    switch (use) {
      case "claim":
        return this.#call({ type: "claim", id, holder, key });
      case "renewal":
        return this.#call({ type: "renew", id, holder, key, ttlMs });
      case "release":
        return this.#call({ type: "release", id, holder });
      case "write":
        return this.#call({ type: "authorizeWrite", lock: id, holder });
    }
  }

  writeWithoutLock(holder: PrincipalId): void {
    this.#call({ type: "authorizeWrite", lock: null, holder });
  }

  endConversion({ id, holder }: Ticket): void {
    this.#call({ type: "endConversion", id, holder });
  }

  /** Opens a connection to wait on; a waiter's only. */
  connect(ticket: Ticket): void {
    if (this.#file.isConnected(ticket.id) || this.#entry(ticket)?.grantedAt !== null) return;
    this.use("claim", ticket);
    if (this.#entry(ticket)?.grantedAt === null) this.#file.connect(ticket.id);
  }

  disconnect({ id }: Ticket): void {
    if (!this.#file.disconnect(id)) return;
    this.ledger.seen(id, this.now);
    this.#call({ type: "disconnect", id });
  }

  /** The agent's process is gone: its connection closes and it never calls again. */
  crash(ticket: Ticket): void {
    this.#tickets.delete(ticket);
    this.disconnect(ticket);
  }

  evict(connections: "kept" | "lost"): void {
    this.#file.evict(connections);
  }

  /** The platform calls the alarm at least once. */
  duplicateAlarm(): void {
    this.#call({ type: "tick" });
  }

  delayAlarm(byMs: number): void {
    this.#file.delayAlarm(byMs);
  }

  /** Lets time pass, with everything that falls due meanwhile, in order. */
  advance(ms: number): void {
    const until = this.now + ms;
    for (let next = this.#nextDue(); next !== null && next.at <= until; next = this.#nextDue()) {
      this.now = Math.max(this.now, next.at);
      next.perform();
      this.checkRest();
    }
    this.now = until;
    this.checkRest();
  }

  waiting(): number {
    return [...this.ledger.open.values()].filter(this.ledger.isWaiting).length;
  }

  /** Checks what must hold when nobody is calling; an evicted file shows nothing. */
  checkRest(): void {
    const actual = this.#file.memory;
    if (actual === null) return;
    const { now } = this;
    const rest = { now, isLive: this.#isLive, isOver: this.#isOver, overdue: this.#file.isAlarmOverdue(now) };
    checkRest(this.ledger, actual, this.#file.read(now), rest, this.#report);
  }

  #call(command: LockCommand): Decision["outcome"] {
    const { now, ledger } = this;
    ledger.lateness = this.#file.latenessBy(now);
    if (this.#file.isEvicted) ledger.restarted(now, (id) => this.#file.isConnected(id));
    const before = this.#snapshot();
    const decision = this.#file.call(command, now);
    const request = requestIn(command);
    if (request !== null && decision.outcome.ok) ledger.asked(request, now);
    const change = ledger.record(command, decision, before.idle, now);
    checkChange(ledger, change, before, this.#report);
    this.#hangUp();
    return decision.outcome;
  }

  #snapshot(): Snapshot {
    const wasOver = new Set([...this.ledger.open.values()].filter(this.#isOver));
    const { lastToken } = this.ledger;
    return { policy: this.policy, lastToken, isLive: this.#isLive, wasOver, idle: this.#file.read(this.now) };
  }

  readonly #report: Report = (invariant, detail) => this.violations.push({ invariant, detail });

  readonly #isLive = (entry: Entry): boolean => entry.leaseUntil > this.now || this.#file.isConnected(entry.id);

  readonly #isOver = (entry: Entry): boolean =>
    this.ledger.isSurelyOver(entry, this.now) && !(this.ledger.isWaiting(entry) && this.#file.isConnected(entry.id));

  readonly #entry = ({ id }: Ticket): Entry | undefined => this.ledger.open.get(id);

  /** Connections are for waiting: whoever has its lock, or has lost its place, closes its own. */
  #hangUp(): void {
    for (const id of this.#file.connected()) {
      if (this.ledger.open.get(id)?.toldUntil !== null) this.#file.disconnect(id);
    }
  }

  #nextDue(): { at: number; perform: () => void } | null {
    const alarm = this.#file.alarmDue();
    let next = alarm === null ? null : { at: alarm, perform: () => this.#fireAlarm() };
    for (const ticket of this.#tickets) {
      const entry = this.#entry(ticket);
      const due = entry === undefined ? null : careDue(ticket, entry, this.#file.isConnected(ticket.id));
      if (due !== null && (next === null || due < next.at)) next = { at: due, perform: () => this.#takeCare(ticket) };
    }
    return next;
  }

  #takeCare(ticket: Ticket): void {
    const entry = this.#entry(ticket);
    if (entry === undefined) return;
    if (entry.toldUntil !== null) this.use("renewal", ticket);
    else if (entry.grantedAt === null && ticket.care.connected) this.connect(ticket);
    else this.use("claim", ticket);
  }

  #fireAlarm(): void {
    this.duplicateAlarm();
    const next = this.#file.alarmDue();
    if (next === null || next > this.now) return;
    this.#report("8", "the alarm fired at its deadline and nothing ended");
    this.#file.loseAlarm();
  }
}
