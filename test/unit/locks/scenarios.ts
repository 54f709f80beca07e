// Owns the list of scenarios that the rules are put through: what is drawn, and how it is played. The property suite
// runs them over the rules, the mutation suite over rules that have been broken on purpose.

import * as fc from "fast-check";
import { INVARIANTS, type Invariant } from "./invariants.ts";
import type { Rules } from "./file.ts";
import type { World } from "./model.ts";
import { operations, setting } from "./operations.ts";
import { play } from "./play.ts";
import { keepAlive, ordeal, outlive } from "./restarts.ts";
import { besiege, siege } from "./siege.ts";

interface Runs {
  seed: number;
  /** How many sequences of calls; other scenarios get their share. */
  numRuns: number;
  /** Whether to leave a failure as long as it was drawn. */
  endOnFailure?: boolean;
}

export interface Scenario {
  /** What must come of it. */
  promise: string;
  /** Throws fast-check's report, seed and shortest example included, when an invariant (or the given one) is broken. */
  assert: (rules: Rules, runs: Runs, only?: Invariant) => void;
}

/** A scenario that gets `share` of the runs. */
function scenario<T>(
  promise: string,
  share: number,
  drawn: fc.Arbitrary<T>,
  run: (what: T, rules: Rules) => World,
): Scenario {
  return {
    promise,
    assert(rules, runs, only) {
      const property = fc.property(drawn, (what) => {
        const broken = run(what, rules).violations.find(({ invariant }) => only === undefined || invariant === only);
        if (broken !== undefined) throw new Error(`${INVARIANTS[broken.invariant]}: ${broken.detail}`);
      });
      fc.assert(property, { ...runs, numRuns: Math.ceil(runs.numRuns * share), includeErrorInReport: true });
    },
  };
}

export const SCENARIOS: Scenario[] = [
  scenario(
    "no sequence of calls and faults breaks an invariant",
    1,
    fc.record({ where: setting, what: operations }),
    ({ where, what }, rules) => play(where, what, rules),
  ),
  scenario(
    "a waiter in a hostile crowd is granted within the bound it was told",
    0.2,
    siege,
    (what, rules) => besiege(what, rules).world,
  ),
  scenario("a holder that heartbeats keeps its lock through every restart", 0.05, ordeal, keepAlive),
  scenario("a dead holder's lock ends, however often the file restarts", 0.05, ordeal, outlive),
];
