// Owns the data of the pipeline: reported collisions of aircraft with wildlife (FAA, a U.S. government data set, as
// shipped by vega-datasets), how they are cleaned, and what is reported of them. Pure but for where the file lies.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { median } from "../stats.ts";

const PACKAGE = fileURLToPath(import.meta.resolve("vega-datasets"));
export const SOURCE = join(dirname(PACKAGE), "..", "data", "birdstrikes.csv");

/** One cleaned collision. */
export const Strike = z.object({
  date: z.string(),
  state: z.string(),
  operator: z.string(),
  phase: z.string(),
  /** Null: no damage. */
  damage: z.string().nullable(),
  /** US dollars. */
  cost: z.number(),
  /** Knots; null: not reported. */
  speed: z.number().nullable(),
});
type Strike = z.infer<typeof Strike>;

export const Summary = z.object({
  strikes: z.number(),
  withDamage: z.number(),
  /** US dollars. */
  cost: z.number(),
  medianSpeed: z.number(),
  byYear: z.record(z.string(), z.number()),
  byPhase: z.record(z.string(), z.number()),
});
export type Summary = z.infer<typeof Summary>;

/** The rows of a CSV file, each chunk with the header line. */
export function chunksOf(csv: string, rows: number): string[] {
  const [header = "", ...lines] = csv.trimEnd().split(/\r?\n/);
  return Array.from({ length: Math.ceil(lines.length / rows) }, (_, n) =>
    [header, ...lines.slice(n * rows, (n + 1) * rows)].join("\n"),
  );
}

/** Cleans the rows of a chunk. The file quotes nothing, so a comma always separates. */
export function clean(chunk: string): Strike[] {
  const [header = "", ...lines] = chunk.split("\n");
  const columns = header.split(",");
  return lines.map((line) => {
    const cells = line.split(",");
    const cell = (name: string) => cells[columns.indexOf(name)] ?? "";
    const [damage, speed] = [cell("Effect Amount of damage"), cell("Speed IAS in knots")];
    return {
      date: cell("Flight Date"),
      state: cell("Origin State"),
      // An asterisk marks operators that have merged since.
      operator: cell("Aircraft Airline Operator").replace(/\*$/, ""),
      phase: cell("Phase of flight"),
      damage: damage === "None" ? null : damage,
      cost: Number(cell("Cost Total $")),
      speed: speed === "" ? null : Number(speed),
    };
  });
}

export function summarize(strikes: readonly Strike[]): Summary {
  return {
    strikes: strikes.length,
    withDamage: strikes.filter(({ damage }) => damage !== null).length,
    cost: strikes.reduce((sum, { cost }) => sum + cost, 0),
    medianSpeed: median(strikes.flatMap(({ speed }) => (speed === null ? [] : [speed]))),
    byYear: countBy(strikes, ({ date }) => date.slice(0, 4)),
    byPhase: countBy(strikes, ({ phase }) => phase),
  };
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, number> {
  const groups = Object.groupBy(items, keyOf);
  const names = Object.keys(groups).toSorted((a, b) => a.localeCompare(b));
  return Object.fromEntries(names.map((name) => [name, groups[name]?.length ?? 0]));
}
