// Owns the free account's budgets, and what a cost means against them.

import type { Costs } from "./meter.ts";

export interface Line {
  operation: string;
  /** Until the answer. */
  direct: Costs;
  /** With everything that follows from it: alarms, shipping of its events, D1. */
  total: Costs;
  /** How many a day a free account bears, if it did nothing else, and which limit says so. */
  perDay: number;
  binding: string;
}

/** Free plan, per day (https://developers.cloudflare.com/workers/platform/pricing/, November 2026). */
const BUDGETS: { name: string; perDay: number; of: (costs: Costs) => number }[] = [
  { name: "Worker requests", perDay: 100_000, of: () => 1 },
  { name: "object requests", perDay: 100_000, of: (c) => c.objectRequests + c.socketMessages / 20 },
  { name: "rows written in objects", perDay: 100_000, of: (c) => c.objectRowsWritten },
  { name: "rows read in objects", perDay: 5_000_000, of: (c) => c.objectRowsRead },
  { name: "D1 rows written", perDay: 100_000, of: (c) => c.d1RowsWritten },
  { name: "D1 rows read", perDay: 5_000_000, of: (c) => c.d1RowsRead },
  { name: "R2 class A", perDay: 1_000_000 / 30, of: (c) => c.classA },
  { name: "R2 class B", perDay: 10_000_000 / 30, of: (c) => c.classB },
];

/** `workerRequests`: how many HTTP requests the operation is for its caller. */
export function toLine(operation: string, workerRequests: number, direct: Costs, total: Costs): Line {
  const bounds = BUDGETS.map(({ name, perDay, of }) => {
    const cost = name === "Worker requests" ? workerRequests : of(total);
    return { name, perDay: cost === 0 ? Infinity : Math.floor(perDay / cost) };
  });
  const tightest = bounds.reduce((least, bound) => (bound.perDay < least.perDay ? bound : least));
  return { operation, direct, total, perDay: tightest.perDay, binding: tightest.name };
}

const cell = (direct: number, total: number): string => (direct === total ? `${total}` : `${direct} → ${total}`);

export function toMarkdown(lines: Line[]): string {
  const rows = lines.map(({ operation, direct: d, total: t, perDay, binding }) =>
    [
      operation,
      cell(d.objectRequests, t.objectRequests),
      t.socketMessages,
      cell(d.objectRowsWritten, t.objectRowsWritten),
      cell(d.objectRowsRead, t.objectRowsRead),
      cell(d.d1RowsWritten, t.d1RowsWritten),
      cell(d.d1RowsRead, t.d1RowsRead),
      t.classA,
      t.classB,
      perDay.toLocaleString("en"),
      binding,
    ].join(" | "),
  );
  const header =
    "operation | object requests | socket messages | rows written | rows read | D1 rows written | D1 rows read | R2 A | R2 B | a day, free | bound by";
  return [header, header.replaceAll(/[^|]+/g, "---"), ...rows].map((row) => `| ${row} |`).join("\n");
}
