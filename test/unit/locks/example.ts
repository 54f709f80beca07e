// Owns a shorthand for examples: one file whose locks and waiters go by short names, with a clock that starts at 0.
// "a" is agent `agt_a` with the request `lk_a` and the key `key_a`; "a2" is the same agent's second request.

import { decide, type Decision, type LockCommand } from "../../../src/domain/locks/decide.ts";
import type { PrincipalId, KeyId, LockId } from "../../../src/domain/ids.ts";
import { DEFAULT_POLICY, type LockPolicy, type Surroundings } from "../../../src/domain/locks/policy.ts";
import {
  NO_LOCKS,
  type Level,
  type Lock,
  type LockState,
  type Request,
  type Waiter,
} from "../../../src/domain/locks/state.ts";

export const SECOND = 1000;
/** Time to live in all examples that do not say otherwise. */
export const TTL = 60 * SECOND;
export const FIFO: LockPolicy = { ...DEFAULT_POLICY, priorityStepMs: 0 };

export const lockOf = (name: string): LockId => `lk_${name}` as LockId;
const agentOf = (name: string): PrincipalId => `agt_${name[0]}` as PrincipalId;
export const keyOf = (name: string): KeyId => `key_${name[0]}` as KeyId;
const nameOf = ({ id }: Lock | Waiter): string => id.slice("lk_".length);

/** Why everything is overridden in examples. */
export const REASON = "the report is due";

interface Overriding {
  of?: string | null;
  level?: Level | null;
  ttlMs?: number;
}

export class Example {
  state: LockState = NO_LOCKS;
  now = 0;
  readonly policy: LockPolicy;
  readonly connected = new Set<LockId>();

  constructor(policy: LockPolicy = DEFAULT_POLICY) {
    this.policy = policy;
  }

  get at(): Surroundings {
    return { now: this.now, policy: this.policy, connected: this.connected };
  }

  do(command: LockCommand): Decision["outcome"] {
    const { state, outcome } = decide(this.state, command, this.at);
    this.state = state;
    return outcome;
  }

  /** Asks for a lock, and waits on an open connection if need be. */
  acquire(name: string, level: Level, { priority = 0, ttlMs = TTL, queue = true } = {}): Decision["outcome"] {
    const request = this.#request(name, level, { priority, ttlMs });
    const outcome = this.do({ type: "acquire", request, queue });
    if (outcome.ok) this.connected.add(request.id);
    return outcome;
  }

  claim(name: string, key = keyOf(name)): Decision["outcome"] {
    return this.do({ type: "claim", id: lockOf(name), holder: agentOf(name), key });
  }

  renew(name: string, ttlMs: number | null = null, key = keyOf(name)): Decision["outcome"] {
    return this.do({ type: "renew", id: lockOf(name), holder: agentOf(name), key, ttlMs });
  }

  release(name: string, holder = name): Decision["outcome"] {
    return this.do({ type: "release", id: lockOf(name), holder: agentOf(holder) });
  }

  revoke(names: string[], by: string | null = null): Decision["outcome"] {
    return this.do({ type: "revoke", ids: names.map(lockOf), by: by === null ? null : agentOf(by) });
  }

  /** Ends the locks of one agent, or of all others; with `level`, takes a lock of that level in their place. */
  override(name: string, { of = null, level = null, ttlMs = TTL }: Overriding = {}): Decision["outcome"] {
    const holder = of === null ? null : agentOf(of);
    const take = level === null ? null : this.#request(name, level, { priority: 0, ttlMs });
    return this.do({ type: "override", by: agentOf(name), reason: REASON, holder, take });
  }

  #request(name: string, level: Level, terms: Pick<Request, "priority" | "ttlMs">): Request {
    const who = { id: lockOf(name), holder: agentOf(name), key: keyOf(name) };
    return { ...who, level, purpose: null, arrivedAt: this.now, ...terms };
  }

  write(name: string): Decision["outcome"] {
    return this.do({ type: "authorizeWrite", lock: lockOf(name), holder: agentOf(name) });
  }

  writeWithoutLock(): Decision["outcome"] {
    return this.do({ type: "authorizeWrite", lock: null, holder: agentOf("z") });
  }

  /** Lets time pass, and the alarm fire at the end of it. */
  pass(ms: number): void {
    this.now += ms;
    this.do({ type: "tick" });
  }

  lock(name: string): Lock | undefined {
    return this.state.locks.find((lock) => nameOf(lock) === name);
  }

  waiter(name: string): Waiter | undefined {
    return this.state.queue.find((waiter) => nameOf(waiter) === name);
  }

  /** Who has been granted a lock, in the order of the grants. */
  get held(): string {
    return this.state.locks.map(nameOf).join(" ");
  }

  /** Who waits, in the order of the queue. */
  get waiting(): string {
    return this.state.queue.map(nameOf).join(" ");
  }
}

/** The code of a refusal, or "ok". */
export const codeOf = (outcome: Decision["outcome"]): string => (outcome.ok ? "ok" : outcome.problem.code);
