// Owns what a workspace may set about its locks, and the surroundings a decision is made in. Pure.

import type { LockId } from "../ids.ts";
import { LIMITS } from "../limits.ts";

export interface LockPolicy {
  /** Longest time to live a lock may ask for, in milliseconds. */
  maxTtlMs: number;
  /** How long a holder may keep extending while somebody waits, in milliseconds; at least maxTtlMs + claim window. */
  maxHoldMs: number;
  /** How much earlier one point of priority puts a request, in milliseconds; 0 is first come, first served. */
  priorityStepMs: number;
}

export const DEFAULT_POLICY: LockPolicy = {
  maxTtlMs: LIMITS.LOCK_TTL_MAX_DEFAULT_MS,
  maxHoldMs: LIMITS.LOCK_HOLD_MAX_DEFAULT_MS,
  priorityStepMs: LIMITS.PRIORITY_STEP_DEFAULT_MS,
};

/** Why a policy cannot be: a lock must not be told an end beyond the longest hold, or the stated waits would be false. */
export function policyFault({ maxTtlMs, maxHoldMs }: LockPolicy): string | null {
  const least = maxTtlMs + LIMITS.CLAIM_WINDOW_MS;
  return maxHoldMs < least ? `must be at least the longest time to live and the claim window: ${least / 1000} s` : null;
}

/** What a decision depends on besides the state and the command. */
export interface Surroundings {
  /** Epoch milliseconds. */
  now: number;
  policy: LockPolicy;
  /** Waiters whose connection is open now. */
  connected: ReadonlySet<LockId>;
}
