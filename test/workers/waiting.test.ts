// Waiting costs nothing: while everybody waits the object hibernates, and afterwards everybody is served in order.

import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import type { FileObject } from "../../src/index.ts";
import { until } from "../support/until.ts";
import { fileObject, world } from "../support/workerd.ts";
import { askForLock, type Granted, lock, locksOf, newFile, release } from "../support/world.ts";

const WAITERS = 50;
/** Ten seconds until the events are shipped, about ten more until an idle object hibernates. Looking would wake it. */
const IDLE_MS = 24_000;

test("the file hibernates while 50 wait for its lock, and all 50 are then served in order", async () => {
  const admin = await world.organization();
  const file = await newFile(admin, await world.workspace(admin), "/hot.txt");
  const bootId = () => runInDurableObject(fileObject(file.fileId), (object: FileObject) => object.bootId);

  const first = await lock(admin, file, { ttl: 120 });
  const served: number[] = [];
  const tokens: number[] = [];
  const waitAndRelease = async (n: number): Promise<void> => {
    const granted = (await askForLock(admin, file, { wait: 60, ttl: 30 })).as<Granted>(201);
    served.push(n);
    tokens.push(granted.fencingToken);
    (await release(admin, file, granted.lockId)).must(200);
  };
  const waiting: Promise<void>[] = [];
  for (let n = 0; n < WAITERS; n++) {
    waiting.push(waitAndRelease(n));
    await until(`${n + 1} wait`, 5000, async () => ((await locksOf(admin, file)).queue.length === n + 1 ? true : null));
  }

  const before = await bootId();
  await scheduler.wait(IDLE_MS);
  expect(await bootId()).not.toBe(before);

  await release(admin, file, first.lockId);
  await Promise.all(waiting);
  expect(served).toEqual(Array.from({ length: WAITERS }, (_, n) => n));
  expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
});
