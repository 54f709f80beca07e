// Owns the comparison of the rules with the naive model. The property suites run it over the rules, the mutation suite
// over rules that have been broken on purpose.

import { deepStrictEqual, ok } from "node:assert";
import * as fc from "fast-check";
import type { Right } from "../../../src/domain/access/rights.ts";
import { attempts } from "./keys.ts";
import { naiveNotHeld, naiveReaches, naiveRights, naiveTouches, naiveWalls } from "./naive.ts";
import { ask, type Rules } from "./rules.ts";
import { permissions, until, worlds } from "./worlds.ts";

interface Runs {
  seed: number;
  numRuns: number;
  /** Whether to leave a failure as long as it was drawn. */
  endOnFailure?: boolean;
}

interface Agreement<T> {
  /** Throws fast-check's report, seed and shortest example included, when rules and model differ. */
  assert: (rules: Rules, runs: Runs, observe?: (drawn: T) => void) => void;
}

function agreement<T>(drawn: fc.Arbitrary<T>, compare: (drawn: T, rules: Rules) => void): Agreement<T> {
  return {
    assert(rules, runs, observe) {
      const property = fc.property(drawn, (what) => {
        observe?.(what);
        compare(what, rules);
      });
      fc.assert(property, { ...runs, includeErrorInReport: true });
    },
  };
}

/** What a right comes from has no order. */
export const unordered = (rights: Right[]): Right[] =>
  rights.map((right) => ({ ...right, through: right.through.toSorted() }));

export const AGREEMENTS = {
  rights: agreement(worlds, (world, rules) => {
    deepStrictEqual(unordered(ask(rules, world)), unordered(naiveRights(world)));
  }),
  giving: agreement(fc.record({ world: worlds, asked: permissions, until }), ({ world, asked, until }, rules) => {
    deepStrictEqual(rules.notHeld(ask(rules, world), asked, until), naiveNotHeld(world, asked, until));
  }),
  walls: agreement(attempts, ({ scopes, call }, rules) => {
    const expected = naiveWalls(scopes, call.action, call.permission);
    const wall = rules.wallAgainst(scopes, call);
    ok(wall === null ? expected.length === 0 : expected.includes(wall), `${wall}, not one of [${expected.join()}]`);
  }),
  reach: agreement(attempts, ({ scopes, call: { workspace, target } }, rules) => {
    deepStrictEqual(rules.reaches(scopes, workspace, target), naiveReaches(scopes, workspace, target));
    deepStrictEqual(rules.touches(scopes, workspace), naiveTouches(scopes, workspace));
  }),
};

/** What the rules and the model must agree on. */
export type Matter = keyof typeof AGREEMENTS;
export const MATTERS = Object.keys(AGREEMENTS) as Matter[];
