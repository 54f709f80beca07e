// Objects are evicted and aborted at arbitrary moments under load: no invariant breaks, no acknowledged write is lost,
// and a lock that is heartbeaten never ends earlier than its holder was told.

import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Answer, call, newFile, newTeam, type Team } from "../support/client.ts";

const AGENTS = 8;
const UPDATES = 15;
/** Between reading and writing. */
const THINKING_MS = 5;

/** Repeats a call until it is answered: with the same Idempotency-Key, so that it is done once. */
async function insist(team: Team, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const key = crypto.randomUUID();
  for (const deadline = Date.now() + 30_000; Date.now() < deadline;) {
    const answer = await call(team.key, method, path, body, { ...headers, "Idempotency-Key": key }).catch(() => null);
    if (answer !== null && answer.status < 500) return answer;
  }
  throw new Error(`never answered: ${method} ${path}`);
}

async function lockFor(team: Team, file: string): Promise<Answer["body"]> {
  let answer = await insist(team, "POST", `/api/files/${file}/lock`, { wait: 20, ttl: 20 });
  while (answer.status === 202) {
    answer = await insist(team, "GET", `/api/files/${file}/lock/${answer.body.ticket}?wait=20`);
  }
  expect(answer.status).toBeLessThan(300);
  return answer.body;
}

/** Aborts one object or all at random moments, requests in flight included, until told to stop. */
async function disturb(seed: number, stubs: (() => DurableObjectStub)[], isOver: () => boolean): Promise<number> {
  const moments = fc.sample(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: stubs.length })), { seed, numRuns: 1000 });
  let done = 0;
  for (const [pauseMs, which] of moments) {
    await scheduler.wait(pauseMs);
    if (isOver()) break;
    const stub = stubs[which];
    if (stub === undefined) await abortAllDurableObjects();
    // The call that aborts its own object is never answered.
    else void runInDurableObject(stub(), (_, state) => state.abort("on purpose")).catch(() => undefined);
    done++;
  }
  return done;
}

test("a set grown under the lock loses no element, whatever is evicted", { timeout: 120_000 }, async () => {
  const seed = Number(env.HOLDFAST_SEED || Date.now() % 1_000_000);
  console.log(`seed ${seed} (HOLDFAST_SEED replays it)`);
  const team = await newTeam();
  const file = await newFile(team, "/set.json", "[]");
  const stubs = [
    () => env.FILES.get(env.FILES.idFromString(file)),
    () => env.WORKSPACES.get(env.WORKSPACES.idFromString(team.workspace)),
  ];
  const tokens: number[] = [];
  let over = false;
  const agent = async (n: number) => {
    for (let i = 0; i < UPDATES; i++) {
      const lock = await lockFor(team, file);
      tokens.push(lock.fencingToken);
      const { body } = await insist(team, "GET", `/api/files/${file}/content`);
      await scheduler.wait(THINKING_MS);
      const set = JSON.stringify([...JSON.parse(body), `${n}.${i}`]);
      const headers = { "Holdfast-Lock": lock.lockId };
      const written = await insist(team, "PUT", `/api/files/${file}/content`, set, headers);
      expect(written.status).toBe(200);
      const released = await insist(team, "DELETE", `/api/files/${file}/lock/${lock.lockId}`);
      expect(released.status).toBe(200);
    }
  };
  const disturbing = disturb(seed, stubs, () => over);
  await Promise.all(Array.from({ length: AGENTS }, (_, n) => agent(n))).finally(() => (over = true));
  const aborts = await disturbing;
  console.log(`${aborts} aborts`);
  expect(aborts).toBeGreaterThan(20);

  const { body } = await insist(team, "GET", `/api/files/${file}/content`);
  const expected = Array.from({ length: AGENTS }, (_, n) => Array.from({ length: UPDATES }, (_, i) => `${n}.${i}`));
  expect(JSON.parse(body).toSorted()).toEqual(expected.flat().toSorted());
  expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
  expect(new Set(tokens).size).toBe(tokens.length);
});

test("a lock kept by heartbeats outlives evictions; nobody else is granted it", { timeout: 60_000 }, async () => {
  const team = await newTeam();
  const file = await newFile(team, "/kept.txt");
  const stub = env.FILES.get(env.FILES.idFromString(file));
  const { body: lock } = await call(team.key, "POST", `/api/files/${file}/lock`, { ttl: 2 });
  const waiter = insist(team, "POST", `/api/files/${file}/lock`, { wait: 40 });
  let told = Date.parse(lock.expiresAt);
  for (let beat = 0; beat < 8; beat++) {
    await scheduler.wait(700);
    await evictDurableObject(stub, { webSockets: beat % 2 === 0 ? "hibernate" : "close" }).catch(() => undefined);
    const renewed = await insist(team, "POST", `/api/files/${file}/lock/${lock.lockId}/renew`);
    expect(renewed.status).toBe(200);
    expect(renewed.body.fencingToken).toBe(lock.fencingToken);
    expect(Date.parse(renewed.body.expiresAt)).toBeGreaterThanOrEqual(told);
    told = Date.parse(renewed.body.expiresAt);
  }
  await call(team.key, "DELETE", `/api/files/${file}/lock/${lock.lockId}`);
  let next = await waiter;
  if (next.status === 202) next = await insist(team, "GET", `/api/files/${file}/lock/${next.body.ticket}?wait=20`);
  expect(next.body.status).toBe("granted");
  expect(next.body.fencingToken).toBeGreaterThan(lock.fencingToken);
});
