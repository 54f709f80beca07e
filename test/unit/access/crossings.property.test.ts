// A lease on its way can cross a recall, at one level or at both, and anybody may lose its memory meanwhile. In whatever
// order messages arrive: once it is answered that a right is gone, no file accepts anything under it.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Fault, networkOf, World } from "./crossings.ts";
import { numRuns, seed, tellHowToReplay } from "../replay.ts";

const where = fc.constantFrom("organization", "workspace");
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("use" as const), file: fc.constantFrom("one", "two") }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("take" as const), where, all: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("give" as const), where }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("evict" as const),
      whom: fc.constantFrom("organization", "workspace", "one", "two"),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

async function play(scheduler: fc.Scheduler, steps: Step[], fault: Fault = null): Promise<World> {
  const world = new World(networkOf(scheduler), fault);
  const under: Promise<void>[] = [];
  for (const now of steps) {
    if (now.do === "use") under.push(world.use(now.file));
    else if (now.do === "take") under.push(world.take(now.where, now.all));
    else if (now.do === "give") world.give(now.where);
    else if (now.do === "evict") world.evict(now.whom);
    else if (scheduler.count() > 0) await scheduler.waitOne();
  }
  await scheduler.waitIdle();
  await Promise.all(under);
  return world;
}

/** A story takes about a millisecond. */
const RUNS = { seed, numRuns: Math.ceil(numRuns / 5) };
tellHowToReplay();

const stories = fc.tuple(fc.scheduler(), fc.array(step, { maxLength: 40, size: "max" }));

test("nothing is accepted under a right once it is answered that it is gone", async () => {
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(stories, async ([scheduler, steps]) => {
      const world = await play(scheduler, steps);
      accepted += world.accepted;
      expect(world.violations).toEqual([]);
    }),
    RUNS,
  );
  expect(accepted).toBeGreaterThan(RUNS.numRuns);
});

describe("it would be noticed if", () => {
  const FAULTS: Record<Exclude<Fault, null>, string> = {
    "no epochs": "epochs were not looked at",
    "no holders on disk": "an eviction forgot who may hold leases",
    "no waiting for holders": "a recall were answered before its holders confirmed",
    "no calling on": "a workspace did not call back its own files for the organization",
  };
  test.each(Object.entries(FAULTS) as [Exclude<Fault, null>, string][])("%s: %s", async (fault) => {
    const found = await fc.check(
      fc.asyncProperty(
        stories,
        async ([scheduler, steps]) => (await play(scheduler, steps, fault)).violations.length === 0,
      ),
      RUNS,
    );
    expect(found.failed).toBe(true);
  });
});
