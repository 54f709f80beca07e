// Objects are evicted and aborted at arbitrary moments under load: no invariant breaks, no acknowledged write is lost,
// and a lock that is heartbeaten never ends earlier than its holder was told.

import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Answer, Options } from "../support/http.ts";
import { fileObject, workspaceObject, world } from "../support/workerd.ts";
import {
  type Agent,
  byId,
  type FileView,
  type Granted,
  lock,
  newFile,
  type Queued,
  release,
} from "../support/world.ts";

const AGENTS = 8;
const UPDATES = 15;
/** Between reading and writing. */
const THINKING_MS = 5;

/** Repeats a call until it is answered: with the same Idempotency-Key, so that it is done once. */
async function insist({ api }: Agent, method: string, path: string, options: Options = {}): Promise<Answer> {
  const headers = { ...options.headers, "Idempotency-Key": crypto.randomUUID() };
  for (const deadline = Date.now() + 30_000; Date.now() < deadline;) {
    const answer = await api.ask(method, path, { ...options, headers }).catch(() => null);
    if (answer !== null && answer.status < 500) return answer;
  }
  throw new Error(`never answered: ${method} ${path}`);
}

async function lockFor(agent: Agent, file: FileView): Promise<Granted> {
  let answer = await insist(agent, "POST", byId(file, "/lock"), { json: { wait: 20, ttl: 20 } });
  while (answer.status === 202) {
    const { ticket } = answer.as<Queued>(202);
    answer = await insist(agent, "GET", byId(file, `/lock/${ticket}`), { query: { wait: 20 } });
  }
  return answer.as<Granted>(200, 201);
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
  const admin = await world.organization();
  const workspace = await world.workspace(admin);
  const file = await newFile(admin, workspace, "/set.json", "[]");
  const content = byId(file, "/content");
  const tokens: number[] = [];
  let over = false;
  const update = async (element: string): Promise<void> => {
    const { lockId, fencingToken } = await lockFor(admin, file);
    tokens.push(fencingToken);
    const set = (await insist(admin, "GET", content)).as<string[]>(200);
    await scheduler.wait(THINKING_MS);
    const grown = JSON.stringify([...set, element]);
    (await insist(admin, "PUT", content, { content: grown, headers: { "Holdfast-Lock": lockId } })).must(200);
    (await insist(admin, "DELETE", byId(file, `/lock/${lockId}`))).must(200);
  };
  const agent = async (n: number): Promise<void> => {
    for (let i = 0; i < UPDATES; i++) await update(`${n}.${i}`);
  };
  const disturbing = disturb(seed, [() => fileObject(file.fileId), () => workspaceObject(workspace)], () => over);
  await Promise.all(Array.from({ length: AGENTS }, (_, n) => agent(n))).finally(() => (over = true));
  const aborts = await disturbing;
  console.log(`${aborts} aborts`);
  expect(aborts).toBeGreaterThan(20);

  const set = (await insist(admin, "GET", content)).as<string[]>(200);
  const expected = Array.from({ length: AGENTS }, (_, n) => Array.from({ length: UPDATES }, (_, i) => `${n}.${i}`));
  expect(set.toSorted()).toEqual(expected.flat().toSorted());
  expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
  expect(new Set(tokens).size).toBe(tokens.length);
});

test("a lock kept by heartbeats outlives evictions; nobody else is granted it", async () => {
  const admin = await world.organization();
  const file = await newFile(admin, await world.workspace(admin), "/kept.txt");
  const kept = await lock(admin, file, { ttl: 2 });
  const waiter = lockFor(admin, file);
  let told = Date.parse(kept.expiresAt);
  for (let beat = 0; beat < 8; beat++) {
    await scheduler.wait(700);
    const webSockets = beat % 2 === 0 ? "hibernate" : "close";
    await evictDurableObject(fileObject(file.fileId), { webSockets }).catch(() => undefined);
    const renewed = (await insist(admin, "POST", byId(file, `/lock/${kept.lockId}/renew`))).as<Granted>(200);
    expect(renewed.fencingToken).toBe(kept.fencingToken);
    expect(Date.parse(renewed.expiresAt)).toBeGreaterThanOrEqual(told);
    told = Date.parse(renewed.expiresAt);
  }
  (await release(admin, file, kept.lockId)).must(200);
  expect((await waiter).fencingToken).toBeGreaterThan(kept.fencingToken);
});
