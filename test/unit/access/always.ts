// Owns how a property of access is put to random tests.

import * as fc from "fast-check";
import { numRuns, seed } from "../replay.ts";

export const RUNS = { seed, numRuns };

/** Shares of fewer runs scatter too much to be judged. */
export const HAS_SHARES = numRuns >= 5000;

/** Throws fast-check's report, seed and shortest example included, when `holds` throws. */
export function always<T>(drawn: fc.Arbitrary<T>, holds: (what: T) => void): void {
  fc.assert(fc.property(drawn, holds), { ...RUNS, includeErrorInReport: true });
}
