// Events reach the workspace's order exactly once, whatever is repeated, lost or forgotten on the way.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, expect, test } from "vitest";
import type { AuditEvent } from "../../src/domain/events.ts";
import type { FileId } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import { whileBroken } from "../support/faults.ts";
import { workspaceObject, world } from "../support/workerd.ts";

let stub: ReturnType<typeof workspaceObject>;
let workspace: string;
let file: FileId;

beforeEach(async () => {
  workspace = await world.workspace(await world.organization());
  stub = workspaceObject(workspace);
  file = env.FILES.newUniqueId().toString() as FileId;
});

const event = (n: number, at = Date.now()): AuditEvent => ({
  n,
  at,
  action: "read_file",
  outcome: "accepted",
  code: null,
  agent: null,
  key: null,
  detail: {},
});
const ship = (...events: AuditEvent[]) => stub.ship({ file, events });

/** Numbers of the file's events as the log holds them, in the workspace's order. */
async function logged(): Promise<number[]> {
  const rows = env.DB.prepare(
    `SELECT n FROM events JOIN streams ON streams.number = events.stream
     WHERE streams.id = ? AND file = ? ORDER BY seq`,
  ).bind(workspace, file);
  return (await rows.all<{ n: number }>()).results.map((row) => row.n);
}

/** Lets the workspace be a day old: what it keeps begins now, and its memory is gone. */
async function forgetThePast(): Promise<void> {
  await runInDurableObject(stub, (_, { storage }) => {
    const tables = storage.sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name GLOB 'stream_*'");
    const [{ name }] = tables.toArray() as [{ name: string }];
    storage.sql.exec(`DELETE FROM ${name} WHERE file IS NOT NULL`);
    storage.sql.exec(`UPDATE ${name} SET first = first + 1000, last = last + 1000`);
    storage.sql.exec(`ALTER TABLE ${name} RENAME TO stream_${Date.now()}`);
  });
  await evictDurableObject(stub);
}

test("a packet whose receipt was lost is taken once", async () => {
  expect(await ship(event(1), event(2))).toEqual({ ok: true, value: 2 });
  expect(await ship(event(1), event(2))).toEqual({ ok: true, value: 2 });
  expect(await ship(event(1), event(2), event(3))).toEqual({ ok: true, value: 3 });
  expect(await logged()).toEqual([1, 2, 3]);
});

test("a workspace that was evicted in between remembers what it received", async () => {
  await ship(event(1), event(2));
  await evictDurableObject(stub);
  await ship(event(2), event(3));
  expect(await logged()).toEqual([1, 2, 3]);
});

test("concurrent packets of one file are taken once", async () => {
  await Promise.all([ship(event(1)), ship(event(1)), ship(event(1), event(2))]);
  expect(await logged()).toEqual([1, 2]);
});

test("a packet older than what is kept is looked up in the log", async () => {
  const old = Date.now() - 2 * LIMITS.STREAM_SEGMENT_MS;
  await ship(event(1, old), event(2, old));
  await forgetThePast();
  expect(await ship(event(1, old), event(2, old), event(3, old))).toEqual({ ok: true, value: 3 });
  expect(await logged()).toEqual([1, 2, 3]);
});

test("while the log is down, such a packet stays with its file; a young one is taken", async () => {
  const old = Date.now() - 2 * LIMITS.STREAM_SEGMENT_MS;
  await ship(event(1, old));
  await forgetThePast();
  await whileBroken("DB", async () => {
    expect(await ship(event(1, old))).toMatchObject({ ok: false, problem: { code: "unavailable" } });
    const young = Date.now() + 2 * LIMITS.CLOCK_SKEW_MS;
    expect(await ship(event(2, young))).toEqual({ ok: true, value: 2 });
  });
});

test("segments are dropped when they are old and in the log, and the order goes on", async () => {
  await ship(event(1));
  for (const hours of [9, 7, 5]) {
    await runInDurableObject(stub, (_, { storage }) => {
      const newest = storage.sql
        .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name GLOB 'stream_*' ORDER BY name DESC LIMIT 1")
        .one().name;
      storage.sql.exec(`ALTER TABLE ${newest} RENAME TO stream_${Date.now() - hours * LIMITS.STREAM_SEGMENT_MS}`);
    });
    await evictDurableObject(stub);
    await ship(event(10 - hours + 1));
  }
  const segments = await runInDurableObject(stub, (_, { storage }) =>
    storage.sql.exec("SELECT name FROM sqlite_master WHERE name GLOB 'stream_*'").toArray(),
  );
  expect(segments).toHaveLength(2);
  const order = await env.DB.prepare(
    "SELECT seq FROM events JOIN streams ON streams.number = events.stream WHERE streams.id = ? ORDER BY seq",
  )
    .bind(workspace)
    .all();
  expect(order.results.map((row) => row["seq"])).toEqual(order.results.map((_, index) => index + 1));
  expect(await logged()).toEqual([1, 2, 4, 6]);
});
