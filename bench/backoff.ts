// Owns the choice of backoff for the modes of the race that try again: each of these parameters races, in turn, so that
// the comparison is with the quickest.
//   node bench/backoff.ts [--rounds 3]

import { parseArgs } from "node:util";
import { ifMatchMode, type Scene } from "./race/holdfast.ts";
import { ittyMode } from "./race/itty.ts";
import type { Backoff, Mode } from "./race/mode.ts";
import { race } from "./race/race.ts";
import { table } from "./stats.ts";
import { type Member, openOwn } from "./world.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
const SIZE = { agents: 20, updates: 25, rounds: Number(values.rounds) };
/** The first of each is what the AWS architecture blog simulates with ("Exponential backoff and jitter", 2015). */
const RETRIES: Backoff[] = [
  { base: 5, cap: 2000 },
  { base: 10, cap: 100 },
  { base: 10, cap: 1000 },
  { base: 20, cap: 200 },
  { base: 20, cap: 1000 },
  { base: 50, cap: 1000 },
  { base: 100, cap: 20_000 },
];
const POLLS: Backoff[] = [
  { base: 5, cap: 2000 },
  { base: 5, cap: 50 },
  { base: 10, cap: 100 },
  { base: 10, cap: 200 },
  { base: 20, cap: 500 },
  { base: 50, cap: 1000 },
];

const world = await openOwn("backoff");
try {
  const members: Member[] = [];
  while (members.length < SIZE.agents) members.push(await world.hire(`racer-${members.length}`));
  const scene: Scene = [world, members];
  await show(RETRIES, (retry) => ifMatchMode(scene, retry));
  await show(POLLS, ittyMode);
} finally {
  await world.close();
}

async function show(backoffs: readonly Backoff[], toMode: (backoff: Backoff) => Mode): Promise<void> {
  const figures = await race(backoffs.map(toMode), SIZE);
  const rows = figures.map((found, n) => [
    `${backoffs[n]?.base} … ${backoffs[n]?.cap} ms`,
    ...[found.updatesPerSecond, found.updateP50, found.updateP99, found.requestsPerUpdate].map(String),
  ]);
  const header = [figures[0]?.title ?? "", "updates/s", "p50 ms", "p99 ms", "requests/update"];
  process.stdout.write(`${table([header, ...rows])}\n\n`);
}
