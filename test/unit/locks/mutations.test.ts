// Owns the proof that the properties have teeth: each mutation of the rules below must be caught by a violation of
// the very invariant it breaks. The seed is fixed, so a mutation is caught always or never.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { INVARIANTS, type Invariant } from "./invariants.ts";
import type { Rules } from "./file.ts";
import { breakRules, type Patch } from "./mutants.ts";
import { SCENARIOS } from "./scenarios.ts";

interface Mutation {
  name: string;
  invariant: Invariant;
  patches: Patch[];
}

const MUTATIONS: Mutation[] = [
  {
    name: "an exclusive lock is granted beside readers",
    invariant: "1",
    patches: [
      {
        file: "queue.ts",
        find: `if (held === "exclusive" || asked === "exclusive") return false;`,
        replace: `if (held === "exclusive") return false;`,
      },
    ],
  },
  {
    name: "a commit does not wait for readers",
    invariant: "1",
    patches: [{ file: "decide.ts", find: `if (others.length > 0) {`, replace: `if (others.length > 9) {` }],
  },
  {
    name: "an override grants beside an incompatible lock",
    invariant: "1",
    patches: [{ file: "override.ts", find: `!compatible(lock.level, take.level)`, replace: `false` }],
  },
  {
    name: "an override grants beside a lock that is converting",
    invariant: "6",
    patches: [{ file: "override.ts", find: `lock.id === conversion?.lock || `, replace: `` }],
  },
  {
    name: "a grant does not use up its token",
    invariant: "2",
    patches: [
      {
        file: "state.ts",
        find: `    lastToken: token,\n    fence: level`,
        replace: `    fence: level`,
      },
    ],
  },
  {
    name: "an override keeps the token",
    invariant: "2",
    patches: [
      {
        file: "state.ts",
        find: `...grant(state, request, {`,
        replace: `...grant({ ...state, lastToken: state.lastToken - 1 }, request, {`,
      },
    ],
  },
  {
    name: "a write without a lock is not saved, so a restart gives its token again",
    invariant: "2",
    patches: [{ file: "durability.ts", find: `\n    rest,`, replace: `\n    rest.ended,` }],
  },
  {
    name: "a read lock commits with the token it has, and nobody compares it with the fence",
    invariant: "3",
    patches: [
      { file: "decide.ts", find: `if (lock.level === "read") draft.emit({ type: "upgraded", id });`, replace: `` },
      { file: "decide.ts", find: `return token >= draft.state.fence ?`, replace: `return token >= 0 ?` },
    ],
  },
  {
    name: "a late renewal renews whatever its agent holds now",
    invariant: "4",
    patches: [
      {
        file: "decide.ts",
        find: `lock.id === id && lock.holder === holder && lock.claimed`,
        replace: `lock.holder === holder && lock.claimed`,
      },
    ],
  },
  {
    name: "every end is reported as a release",
    invariant: "4",
    patches: [{ file: "standing.ts", find: "`${use}_after_${cause}`", replace: "`${use}_after_release`" }],
  },
  {
    name: "an overridden lock can still write",
    invariant: "4",
    patches: [
      {
        file: "decide.ts",
        find: `if (lock === null) return err(late(draft.state, "write", id, holder));`,
        replace: `const gone = draft.state.ended.find((end) => end.id === id && end.holder === holder);
          if (gone?.cause === "override") return ok({ type: "token", token: draft.state.fence });
          if (lock === null) return err(late(draft.state, "write", id, holder));`,
      },
    ],
  },
  {
    name: "a renewal by an overridden lock revives it",
    invariant: "4",
    patches: [
      {
        file: "decide.ts",
        find: `if (lock === null) return err(late(draft.state, "renewal", id, holder));`,
        replace: `const gone = draft.state.ended.find((end) => end.id === id && end.holder === holder);
          if (gone?.cause === "override") {
            const request = { id, holder, key, level: "read", priority: 0, purpose: null, ttlMs: 1000, arrivedAt: at.now };
            draft.emit({ type: "taken", request, at: at.now, expiresAt: at.now + 1000, putOffMs: 0 });
            return ok({ type: "standing", standing: standingOf(draft.state, id) });
          }
          if (lock === null) return err(late(draft.state, "renewal", id, holder));`,
      },
    ],
  },
  {
    name: "nobody is told why a lock was overridden",
    invariant: "4",
    patches: [
      {
        file: "override.ts",
        find: `cause: "override", at: now, by, reason }`,
        replace: `cause: "override", at: now, by, reason: null }`,
      },
    ],
  },
  {
    name: "a waiter that is gone keeps its turn",
    invariant: "5",
    patches: [{ file: "decide.ts", find: `if (!isAlive(waiter, at)) draft`, replace: `if (false) draft` }],
  },
  {
    name: "a conversion ends in a read lock",
    invariant: "6",
    patches: [
      {
        file: "state.ts",
        find: `return { ...state, conversion: null };`,
        replace: `return { ...changeLock(state, state.conversion!.lock, { level: "read" }), conversion: null };`,
      },
    ],
  },
  {
    name: "a pending conversion does not stop new readers",
    invariant: "6",
    patches: [{ file: "queue.ts", find: `if (state.conversion !== null) return [];`, replace: `` }],
  },
  {
    name: "an offer that nobody claims never lapses",
    invariant: "7",
    patches: [
      {
        file: "decide.ts",
        find: `if (lock.expiresAt <= now)`,
        replace: `if (lock.claimed && lock.expiresAt <= now)`,
      },
    ],
  },
  {
    name: "nothing wakes the file when the lease of a waiter that holds others back ends",
    invariant: "7",
    patches: [
      {
        file: "durability.ts",
        find: `if (holdsBack && !connected.has(barrier.id)) deadlines.push(barrier.seenUntil);`,
        replace: ``,
      },
    ],
  },
  {
    name: "expiry is left to the alarm",
    invariant: "8",
    patches: [
      {
        file: "decide.ts",
        find: `  settle(draft, command`,
        replace: `  if (command.type === "tick") settle(draft, command`,
      },
    ],
  },
  {
    name: "a lock is still there at its expiry",
    invariant: "8",
    patches: [{ file: "decide.ts", find: `if (lock.expiresAt <= now)`, replace: `if (lock.expiresAt < now)` }],
  },
  {
    name: "a release that releases nothing succeeds",
    invariant: "10",
    patches: [
      {
        file: "decide.ts",
        find: `return err(late(draft.state, "release", id, holder));`,
        replace: `return done;`,
      },
    ],
  },
  {
    name: "a waiter may be passed without end",
    invariant: "11",
    patches: [{ file: "queue.ts", find: `w.passed >= LIMITS.BYPASS_MAX || `, replace: `` }],
  },
  {
    name: "a holder may extend without end",
    invariant: "11",
    patches: [
      {
        file: "queue.ts",
        find: `Math.max(lock.grantedAt, waitingSince) + policy.maxHoldMs`,
        replace: `Infinity`,
      },
    ],
  },
  {
    name: "readers never come before a waiting exclusive request",
    invariant: "11",
    patches: [{ file: "state.ts", find: `readersFirst: level === "exclusive" ||`, replace: `readersFirst: false &&` }],
  },
  {
    name: "readers always come before a waiting exclusive request",
    invariant: "11",
    patches: [{ file: "queue.ts", find: `|| state.readersFirst`, replace: `|| true` }],
  },
  {
    name: "the highest priority is told that nobody can pass it",
    invariant: "11",
    patches: [
      {
        file: "queue.ts",
        find: `place > arrivedAt - LIMITS.PRIORITY_MAX * policy.priorityStepMs;`,
        replace: `place > arrivedAt - LIMITS.PRIORITY_MAX * policy.priorityStepMs && priority < LIMITS.PRIORITY_MAX;`,
      },
      {
        file: "queue.ts",
        find: `{ level, place, arrivedAt }: Pick`,
        replace: `{ level, place, arrivedAt, priority }: Pick`,
      },
    ],
  },
  {
    name: "an override moves no promise",
    invariant: "11",
    patches: [{ file: "override.ts", find: `putOffMs: policy.maxHoldMs`, replace: `putOffMs: 0` }],
  },
  {
    name: "an override counts as a turn, after which readers go first",
    invariant: "11",
    patches: [
      {
        file: "state.ts",
        find: `...grant(state, request, {`,
        replace: `...grant({ ...state, readersFirst: true }, request, {`,
      },
    ],
  },
  {
    name: "a revoked waiter keeps its place",
    invariant: "taken",
    patches: [{ file: "override.ts", find: `[...state.locks, ...state.queue]`, replace: `state.locks` }],
  },
  {
    name: "an override leaves turns that are not collected yet",
    invariant: "taken",
    patches: [
      {
        file: "override.ts",
        find: `locks.filter(isNamed)`,
        replace: `locks.filter((lock) => lock.claimed && isNamed(lock))`,
      },
    ],
  },
  {
    name: "an override ends one's own locks, whatever their level",
    invariant: "taken",
    patches: [{ file: "override.ts", find: `own: others.filter(`, replace: `own: locks.filter(` }],
  },
  {
    name: "a heartbeat by another key leaves the key as it was",
    invariant: "key",
    patches: [
      {
        file: "state.ts",
        find: `{ key, expiresAt, ttlMs, inGrace: false }`,
        replace: `{ expiresAt, ttlMs, inGrace: false }`,
      },
    ],
  },
  {
    name: "another key is not saved",
    invariant: "key",
    patches: [{ file: "durability.ts", find: `lock.id, lock.key, `, replace: `lock.id, ` }],
  },
  {
    name: "a restart gives no grace",
    invariant: "told",
    patches: [{ file: "durability.ts", find: `Math.min(at.now + lock.ttlMs, `, replace: `Math.min(lock.expiresAt, ` }],
  },
  {
    name: "a restart gives a waiter no grace",
    invariant: "told",
    patches: [{ file: "durability.ts", find: `|| grace <= waiter.seenUntil`, replace: `|| true` }],
  },
  {
    name: "a heartbeat with a longer time to live is not saved",
    invariant: "told",
    patches: [{ file: "durability.ts", find: `, lock.claimed, lock.ttlMs]`, replace: `, lock.claimed]` }],
  },
  {
    name: "a waiter is gone the moment its connection closes",
    invariant: "told",
    patches: [{ file: "decide.ts", find: `at.connected.union(new Set([command.id]))`, replace: `at.connected` }],
  },
  {
    name: "grace is forgotten by the next restart",
    invariant: "grace",
    patches: [{ file: "durability.ts", find: `is.inGrace && until <= now`, replace: `false` }],
  },
  {
    name: "every restart gives a waiter grace again",
    invariant: "grace",
    patches: [{ file: "durability.ts", find: `waiter.inGrace || connected`, replace: `connected` }],
  },
  {
    name: "what connections remember counts as a heartbeat",
    invariant: "grace",
    patches: [{ file: "durability.ts", find: `if (lock.inGrace) return state;`, replace: `` }],
  },
];

/** Throws when the invariant is broken in any scenario. */
function assertAll(rules: Rules, only?: Invariant): void {
  for (const { assert } of SCENARIOS) assert(rules, { seed: 1, numRuns: 5000, endOnFailure: true }, only);
}

async function broken(patches: Patch[]): Promise<Rules> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-mutant-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return breakRules(directory, patches);
}

describe("deliberate mutations of the rules are caught", { timeout: 0 }, () => {
  test.each(MUTATIONS)("$invariant: $name", async ({ invariant, patches }) => {
    const rules = await broken(patches);
    expect(() => assertAll(rules, invariant)).toThrow(INVARIANTS[invariant]);
  });

  test("rules that are only copied are not", async () => {
    const rules = await broken([]);
    expect(() => assertAll(rules)).not.toThrow();
  });

  test("a patch whose text is not found fails", async () => {
    await expect(broken([{ file: "queue.ts", find: "no such text", replace: "" }])).rejects.toThrow("found 0 times");
  });

  test("every invariant has a mutation", () => {
    const mutated = new Set(MUTATIONS.map(({ invariant }) => invariant));
    expect([...mutated].toSorted()).toEqual(Object.keys(INVARIANTS).toSorted());
  });
});
