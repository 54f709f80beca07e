// Owns the measurement of hand-overs: how long from sending a release until the next waiter has its answer, with many
// waiting for one lock. Beside it, in the same run, how long one plain request takes: their ratio hardly depends on the
// machine.
//   npm run bench:handover [-- --json] [--waiters 50] [--handovers 250]

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { expected, Holdfast } from "./client.ts";
import { Http } from "./http.ts";
import { quantile, round, table } from "./stats.ts";
import { openWorld, type World } from "./world.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    waiters: { type: "string", default: "50" },
    handovers: { type: "string", default: "250" },
  },
});
const WAITERS = Number(values.waiters);
const HANDOVERS = Number(values.handovers);
/** How long each holds: whoever released before waits again by then, so that hand-overs are measured undisturbed. */
const HOLD_MS = 20;

const world = await openWorld("handover");
try {
  const found = await measure(world);
  const figures = [
    figuresOf("hand-over: release sent → waiter answered", found.handovers),
    figuresOf("release alone: sent → answered", found.releases),
    figuresOf("one plain request (read), after the same pause", found.reads),
  ];
  const report = { waiters: WAITERS, figures, isFair: found.isFair };
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${textOf(figures, found.isFair)}\n`);
  if (!found.isFair) process.exitCode = 1;
} finally {
  await world.close();
}

interface Found {
  handovers: number[];
  releases: number[];
  reads: number[];
  /** Whether everybody had its turn before anybody had two more. */
  isFair: boolean;
}

async function measure(world: World): Promise<Found> {
  const http = new Http(world.url);
  const file = { workspaceId: world.workspaceId, path: "/handover.txt" };
  const { fileId } = expected(await world.admin.write(file, "content"));
  const agents: Holdfast[] = [];
  while (agents.length < WAITERS + 1)
    agents.push(new Holdfast(http, (await world.hire(`waiter-${agents.length}`)).key));

  const [handovers, releases, reads]: [number[], number[], number[]] = [[], [], []];
  for (const agent of agents) expected(await agent.read(fileId));
  for (const agent of [...agents, ...agents]) {
    await sleep(HOLD_MS);
    reads.push((await timed(async () => expected(await agent.read(fileId)))).ms);
  }

  const turns: number[] = [];
  let released: number | null = null;
  const takeTurns = async (agent: Holdfast, index: number): Promise<void> => {
    while (turns.length <= HANDOVERS) {
      const { lockId } = await agent.acquire(fileId, { level: "exclusive", ttl: 30, wait: 60 });
      if (released !== null && turns.length <= HANDOVERS) handovers.push(performance.now() - released);
      turns.push(index);
      await sleep(HOLD_MS);
      released = performance.now();
      releases.push((await timed(async () => expected(await agent.release(fileId, lockId)))).ms);
    }
  };
  await Promise.all(agents.map(takeTurns));
  http.close();
  return { handovers, releases, reads, isFair: isFair(turns) };
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const began = performance.now();
  return { value: await work(), ms: performance.now() - began };
}

/** First come, first served: all waiters have their turns in the same order, over and over. */
function isFair(turns: readonly number[]): boolean {
  const everyone = WAITERS + 1;
  return turns.every((agent, n) => n < 2 * everyone || agent === turns[n - everyone]);
}

interface Figures {
  what: string;
  count: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

function figuresOf(what: string, times: readonly number[]): Figures {
  return { what, count: times.length, p50: round(quantile(times, 0.5), 2), p99: round(quantile(times, 0.99), 2) };
}

function textOf(figures: readonly Figures[], isFair: boolean): string {
  const rows = figures.map(({ what, count, p50, p99 }) => [what, String(count), String(p50), String(p99)]);
  return [
    table([[`${WAITERS} waiters on one lock`, "count", "p50 ms", "p99 ms"], ...rows]),
    isFair ? "Everybody had its turn in the order of asking." : "NOT in the order of asking.",
  ].join("\n");
}
