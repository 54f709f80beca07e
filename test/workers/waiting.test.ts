// Waiting costs nothing: while everybody waits the object hibernates, and afterwards everybody is served in order.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import type { FileObject } from "../../src/index.ts";
import { call, newFile, newTeam } from "../support/client.ts";

const WAITERS = 50;
/** Objects hibernate after about ten idle seconds; looking at one wakes it, so it is looked at rarely. */
const IDLE_MS = 14_000;

test(
  "the file hibernates while 50 wait for its lock, and all 50 are then served in order",
  { timeout: 120_000 },
  async () => {
    const team = await newTeam();
    const file = await newFile(team, "/hot.txt");
    const stub = env.FILES.get(env.FILES.idFromString(file));
    const bootId = () => runInDurableObject(stub, (object: FileObject) => object.bootId);

    const { body: first } = await call(team.key, "POST", `/api/files/${file}/lock`, { ttl: 120 });
    const served: number[] = [];
    const tokens: number[] = [];
    const waiting: Promise<void>[] = [];
    for (let n = 0; n < WAITERS; n++) {
      const asked = call(team.key, "POST", `/api/files/${file}/lock`, { wait: 60, ttl: 30, purpose: `waiter ${n}` });
      waiting.push(
        asked.then(async ({ status, body }) => {
          expect(status).toBe(201);
          served.push(n);
          tokens.push(body.fencingToken);
          const released = await call(team.key, "DELETE", `/api/files/${file}/lock/${body.lockId}`);
          expect(released.status).toBe(200);
        }),
      );
      await queueReaches(team.key, file, n + 1);
    }

    const before = await bootId();
    await scheduler.wait(IDLE_MS);
    expect(await bootId()).not.toBe(before);

    await call(team.key, "DELETE", `/api/files/${file}/lock/${first.lockId}`);
    await Promise.all(waiting);
    expect(served).toEqual(Array.from({ length: WAITERS }, (_, n) => n));
    expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
  },
);

async function queueReaches(key: string, file: string, length: number): Promise<void> {
  for (const deadline = Date.now() + 5000; Date.now() < deadline;) {
    const { body } = await call(key, "GET", `/api/files/${file}/lock`);
    if (body.queue.length === length) return;
  }
  throw new Error(`the queue never reached ${length}`);
}
