// Owns the properties of the scopes of a key: they agree with the naive model, and they only take away.

import { ok } from "node:assert";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type Scopes, UNSCOPED } from "../../../src/domain/access/scopes.ts";
import { tellHowToReplay } from "../replay.ts";
import { AGREEMENTS } from "./agreement.ts";
import { always, HAS_SHARES, RUNS } from "./always.ts";
import { type Attempt, attempts } from "./keys.ts";
import { naiveReaches, naiveWalls } from "./naive.ts";
import { RULES } from "./rules.ts";
import { Tally } from "./tally.ts";

function outcomesOf({ scopes, call: { action, permission, workspace, target } }: Attempt): string[] {
  const walls = naiveWalls(scopes, action, permission);
  const reach = scopes.places === null ? "everywhere" : "in a place";
  return [
    ...(walls.length === 0 ? ["no wall"] : new Set(walls)),
    naiveReaches(scopes, workspace, target) ? reach : "out of reach",
  ];
}

const isLetThrough = ({ scopes, call }: Attempt): boolean =>
  RULES.wallAgainst(scopes, call) === null && RULES.reaches(scopes, call.workspace, call.target);

/**
 * Narrower by one step; `pick` says which operation or place is concerned. To name operations where none were is not
 * only narrower: what is confidential passes by its name alone.
 */
const NARROWINGS: ((scopes: Scopes, pick: number) => Scopes)[] = [
  (scopes) => ({ ...scopes, readOnly: true }),
  ({ operations, ...rest }, pick) => ({ ...rest, operations: operations?.toSpliced(pick, 1) ?? null }),
  ({ places, ...rest }, pick) => ({ ...rest, places: places?.toSpliced(pick, 1) ?? [] }),
  ({ places, ...rest }, pick) => ({
    ...rest,
    places: places?.map((place, at) => (at === pick ? { ...place, folder: `${place.folder}a/` } : place)) ?? null,
  }),
];

beforeAll(tellHowToReplay);

describe("the scopes of a key", { timeout: 0 }, () => {
  const tally = new Tally(["no wall", "operations", "powers", "read-only", "everywhere", "in a place", "out of reach"]);

  test("put up a wall where the naive model has one", () => {
    AGREEMENTS.walls.assert(RULES, RUNS, (attempt) => tally.count(...outcomesOf(attempt)));
  });

  test.skipIf(!HAS_SHARES)("were tried where every kind of outcome is frequent", () => {
    console.info(tally.shares);
    expect(tally.rarerThan(5)).toEqual([]);
  });

  test("reach what they reach in the naive model", () => AGREEMENTS.reach.assert(RULES, RUNS));

  test("take nothing away when there are none", () => {
    always(attempts, ({ call }) => ok(isLetThrough({ scopes: UNSCOPED, call })));
  });

  test("let through no more when they are narrower", () => {
    const narrowed = fc.record({ attempt: attempts, narrow: fc.constantFrom(...NARROWINGS), pick: fc.nat(2) });
    always(narrowed, ({ attempt: { scopes, call }, narrow, pick }) => {
      if (isLetThrough({ scopes: narrow(scopes, pick), call })) ok(isLetThrough({ scopes, call }));
    });
  });

  test("touch every workspace in which they reach anything", () => {
    always(attempts, ({ scopes, call: { workspace, target } }) => {
      if (RULES.reaches(scopes, workspace, target)) ok(RULES.touches(scopes, workspace));
    });
  });
});
