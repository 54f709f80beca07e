// Owns what may happen in the simulated world, and how fast-check draws it. Every operation is plain data and means
// something in every state (who and what are picked among those there are), so sequences shrink and replay.

import * as fc from "fast-check";
import { LIMITS } from "../../../src/domain/limits.ts";
import type { LockPolicy } from "../../../src/domain/locks/policy.ts";
import { LEVELS, type Level } from "../../../src/domain/locks/state.ts";
import type { LateUse } from "../../../src/domain/problems.ts";
import type { Care } from "./care.ts";
import type { Setting } from "./model.ts";

/** `worker` names who acts; `pick` one of the requests it remembers, newest first; a `ttlShare` is of the policy's. */
export type Operation =
  | { type: "acquire"; worker: number; level: Level; priority: number; ttlShare: number; queue: boolean; care: Care }
  /** `ttlShare` is for renewals; null keeps the time to live. */
  | { type: "use"; use: LateUse; worker: number; pick: number; ttlShare: number | null }
  | { type: "endConversion" | "connect" | "disconnect"; worker: number; pick: number }
  /** The agent goes on with another key. */
  | { type: "changeKey"; worker: number; pick: number; key: string }
  /** Ends the locks of another worker's agent (null: of all others), and perhaps takes one. */
  | { type: "override"; worker: number; of: number | null; take: Take | null }
  /** Takes the right to some of a worker's requests away; `by` is a worker, or nobody in particular. */
  | { type: "revoke"; worker: number; picks: number[]; by: number | null }
  | { type: "writeWithoutLock"; worker: number }
  /** Uses what belongs to another agent. */
  | { type: "trespass"; use: LateUse; worker: number; pick: number }
  /** The worker never calls again and its connections close; another starts in its place. */
  | { type: "crash"; worker: number }
  /** Time passes, in shares of the longest hold. */
  | { type: "pass"; share: number }
  | { type: "lateAlarm"; byMs: number }
  | { type: "duplicateAlarm" }
  | { type: "evict"; connections: "kept" | "lost" };

interface Take {
  level: Level;
  ttlShare: number;
  care: Care;
}

const worker = fc.nat(4);
const pick = fc.nat(5);
const use = fc.constantFrom<LateUse>("claim", "renewal", "release", "write");
const share = (max: number): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max: max * 20 }).map((twentieths) => twentieths / 20);
/** Now and then more than the policy allows. */
const ttlShare = share(1.1).map((drawn) => drawn + 0.05);
const seldom = fc.constantFrom(false, false, false, true);
const care: fc.Arbitrary<Care> = fc.record({ connected: fc.boolean(), diligent: fc.boolean(), hogging: seldom });
const one = <const T extends Operation["type"]>(type: T): fc.Arbitrary<T> => fc.constant(type);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: one("acquire"),
      worker,
      level: fc.constantFrom(...LEVELS),
      priority: fc.oneof(fc.nat(LIMITS.PRIORITY_MAX), fc.constantFrom(0, LIMITS.PRIORITY_MAX)),
      ttlShare,
      queue: seldom.map((impatient) => !impatient),
      care,
    }),
  },
  {
    weight: 18,
    arbitrary: fc.record({ type: one("use"), use, worker, pick, ttlShare: fc.option(ttlShare) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constantFrom("endConversion", "connect", "disconnect"), worker, pick }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: one("override"),
      worker,
      of: fc.option(worker),
      take: fc.option(fc.record({ level: fc.constantFrom(...LEVELS), ttlShare, care })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: one("revoke"),
      worker,
      picks: fc.array(pick, { minLength: 1, maxLength: 3 }),
      by: fc.option(worker),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: one("changeKey"), worker, pick, key: fc.constantFrom("key_second", "key_third") }),
  },
  { weight: 1, arbitrary: fc.record({ type: one("writeWithoutLock"), worker }) },
  { weight: 1, arbitrary: fc.record({ type: one("trespass"), use, worker, pick }) },
  { weight: 1, arbitrary: fc.record({ type: one("crash"), worker }) },
  { weight: 3, arbitrary: fc.record({ type: one("pass"), share: share(1.2) }) },
  { weight: 6, arbitrary: fc.record({ type: one("pass"), share: share(1).map((drawn) => drawn / 10) }) },
  { weight: 1, arbitrary: fc.record({ type: one("lateAlarm"), byMs: fc.integer({ min: 1, max: 60_000 }) }) },
  { weight: 1, arbitrary: fc.record({ type: one("duplicateAlarm") }) },
  { weight: 3, arbitrary: fc.record({ type: one("evict"), connections: fc.constantFrom("kept", "lost") }) },
);

export const operations: fc.Arbitrary<Operation[]> = fc.array(operation, { maxLength: 60, size: "max" });

/** Policies from strict to slack; a step of 0 is first come, first served. */
const policy: fc.Arbitrary<LockPolicy> = fc
  .record({
    maxTtlMs: fc.constantFrom(LIMITS.LOCK_TTL_MIN_MS, 10_000, LIMITS.LOCK_TTL_DEFAULT_MS),
    slackMs: fc.constantFrom(0, 5000, 60_000),
    priorityStepMs: fc.constantFrom(0, 100, LIMITS.PRIORITY_STEP_DEFAULT_MS, LIMITS.PRIORITY_STEP_MAX_MS),
  })
  .map(({ maxTtlMs, slackMs, priorityStepMs }) => ({
    maxTtlMs,
    maxHoldMs: maxTtlMs + LIMITS.CLAIM_WINDOW_MS + slackMs,
    priorityStepMs,
  }));

export const setting: fc.Arbitrary<Setting> = fc.record({ policy, arming: fc.constantFrom("exact", "lazy") });
