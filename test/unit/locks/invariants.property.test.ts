// Owns the properties of the lock rules: every invariant of checks.ts holds after every step of random play.

import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { numRuns, seed, tellHowToReplay } from "../replay.ts";
import { RULES } from "./file.ts";
import { SCENARIOS } from "./scenarios.ts";
import { besiege, siege } from "./siege.ts";

describe("lock rules", { timeout: 0 }, () => {
  beforeAll(tellHowToReplay);

  test.each(SCENARIOS)("$promise", ({ assert }) => assert(RULES, { seed, numRuns }));

  test("hostile crowds make waiters wait for most of their bound, so the bound is put to the test", () => {
    const longest = Math.max(...fc.sample(siege, { seed, numRuns: 500 }).map((what) => besiege(what).used));
    expect(longest).toBeGreaterThan(0.75);
  });
});
