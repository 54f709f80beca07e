// Owns the race: every mode does the same updates, warmed up first, several times in turn so that a busy moment of the
// machine does not fall on one of them alone; and what is made of the timings.

import { median, quantile, round } from "../stats.ts";
import { lostOf } from "./document.ts";
import type { Contest, LockWait, Mode } from "./mode.ts";

export interface RaceSize {
  agents: number;
  /** By each agent, in each round. */
  updates: number;
  rounds: number;
}

/** Updates by each agent before it counts. */
const WARM_UP = 5;

/** Figures of one mode; times in milliseconds, over all rounds; throughput is the median round's. */
export interface Figures {
  mode: string;
  title: string;
  how: string;
  attempted: number;
  lost: number;
  updatesPerSecond: number;
  updateP50: number;
  updateP99: number;
  lockP50: number | null;
  lockP99: number | null;
  requestsPerUpdate: number;
}

interface Lap {
  lost: number;
  seconds: number;
  requests: number;
  waits: { update: number; lock: LockWait }[];
}

export async function race(modes: readonly Mode[], size: RaceSize): Promise<Figures[]> {
  const contests: { mode: Mode; contest: Contest; laps: Lap[] }[] = [];
  try {
    for (const mode of modes) {
      const contest = await mode.open();
      contests.push({ mode, contest, laps: [] });
      await lap(contest, { ...size, updates: WARM_UP }, "warm-up");
    }
    for (let n = 1; n <= size.rounds; n++) {
      for (const { contest, laps } of contests) laps.push(await lap(contest, size, `round-${n}`));
    }
    return contests.map(({ mode, laps }) => toFigures(mode, laps, size));
  } finally {
    for (const { contest } of contests) await contest.close();
  }
}

/** One round: all agents at once, each making its updates one after the other. */
async function lap(contest: Contest, { agents, updates }: RaceSize, name: string): Promise<Lap> {
  await contest.reset();
  const names = Array.from({ length: agents }, (_, agent) =>
    Array.from({ length: updates }, (_, n) => `${name}/agent-${agent}/${n}`),
  );
  const before = contest.sent();
  const began = performance.now();
  const waits = await Promise.all(names.map((elements, agent) => updateAll(contest, agent, elements)));
  const seconds = (performance.now() - began) / 1000;
  const requests = contest.sent() - before;
  return { lost: lostOf(await contest.read(), names.flat()), seconds, requests, waits: waits.flat() };
}

async function updateAll(contest: Contest, agent: number, elements: readonly string[]): Promise<Lap["waits"]> {
  const waits: Lap["waits"] = [];
  for (const element of elements) {
    const wanted = performance.now();
    const lock = await contest.update(agent, element);
    waits.push({ update: performance.now() - wanted, lock });
  }
  return waits;
}

function toFigures({ name, title, how }: Mode, laps: readonly Lap[], { agents, updates }: RaceSize): Figures {
  const inLap = agents * updates;
  const waits = laps.flatMap((lap) => lap.waits);
  const updateWaits = waits.map((wait) => wait.update);
  const lockWaits = waits.flatMap((wait) => (wait.lock === null ? [] : [wait.lock]));
  const requests = laps.reduce((sum, lap) => sum + lap.requests, 0);
  return {
    mode: name,
    title,
    how,
    attempted: inLap * laps.length,
    lost: laps.reduce((sum, lap) => sum + lap.lost, 0),
    updatesPerSecond: round(median(laps.map((lap) => inLap / lap.seconds))),
    updateP50: round(quantile(updateWaits, 0.5)),
    updateP99: round(quantile(updateWaits, 0.99)),
    lockP50: lockWaits.length === 0 ? null : round(quantile(lockWaits, 0.5)),
    lockP99: lockWaits.length === 0 ? null : round(quantile(lockWaits, 0.99)),
    requestsPerUpdate: round(requests / (inLap * laps.length), 2),
  };
}
