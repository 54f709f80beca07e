// Owns a shorthand for examples: one file whose locks and waiters go by short names, with a clock that starts at 0.
// "a" is agent `agt_a` with the request `lk_a`; "a2" is the same agent's second request.

import { decide, type Decision, type LockCommand } from "../../../src/domain/locks/decide.ts";
import type { PrincipalId, LockId } from "../../../src/domain/ids.ts";
import { DEFAULT_POLICY, type LockPolicy, type Surroundings } from "../../../src/domain/locks/policy.ts";
import { NO_LOCKS, type Level, type Lock, type LockState, type Waiter } from "../../../src/domain/locks/state.ts";

export const SECOND = 1000;
/** Time to live in all examples that do not say otherwise. */
export const TTL = 60 * SECOND;
export const FIFO: LockPolicy = { ...DEFAULT_POLICY, priorityStepMs: 0 };

export const lockOf = (name: string): LockId => `lk_${name}` as LockId;
const agentOf = (name: string): PrincipalId => `agt_${name[0]}` as PrincipalId;
const nameOf = ({ id }: Lock | Waiter): string => id.slice("lk_".length);

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
    const request = { id: lockOf(name), holder: agentOf(name), level, priority, purpose: null, ttlMs };
    const outcome = this.do({ type: "acquire", request: { ...request, arrivedAt: this.now }, queue });
    if (outcome.ok) this.connected.add(request.id);
    return outcome;
  }

  claim(name: string): Decision["outcome"] {
    return this.do({ type: "claim", id: lockOf(name), holder: agentOf(name) });
  }

  renew(name: string, ttlMs: number | null = null): Decision["outcome"] {
    return this.do({ type: "renew", id: lockOf(name), holder: agentOf(name), ttlMs });
  }

  release(name: string, holder = name): Decision["outcome"] {
    return this.do({ type: "release", id: lockOf(name), holder: agentOf(holder) });
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
