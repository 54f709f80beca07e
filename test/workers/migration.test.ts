// A file that was stored by an earlier schema is brought up to date when it wakes, and goes on as it was.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import type { LockState } from "../../src/domain/locks/state.ts";
import { fileObject, world } from "../support/workerd.ts";
import { type Granted, lock, locksOf, newFile, queue, release, renew, resume } from "../support/world.ts";

/** As schema 1 had it: `key` is the place in the queue, no API keys, no reasons. */
function asInSchema1({ locks, queue, ended, ...rest }: LockState): object {
  return {
    ...rest,
    locks: locks.map((lock) => ({ ...lock, key: undefined })),
    queue: queue.map(({ place, ...waiter }) => ({ ...waiter, key: place })),
    ended: ended.map((end) => ({ ...end, reason: undefined })),
  };
}

/** Puts a file back to schema 1, and lets it wake from there. */
async function wakeFromSchema1(fileId: string): Promise<void> {
  await runInDurableObject(fileObject(fileId), (_, { storage }) => {
    const { locks } = storage.sql.exec<{ locks: string }>("SELECT locks FROM file").one();
    const old = asInSchema1(JSON.parse(locks) as LockState);
    storage.sql.exec("UPDATE file SET schema = 1, locks = ?", JSON.stringify(old));
  });
  await evictDurableObject(fileObject(fileId));
}

test("a file of schema 1 keeps its locks, its queue in order, and the ends of its locks", async () => {
  const ada = await world.organization();
  const file = await newFile(ada, await world.workspace(ada), "/old.csv");
  const over = await lock(ada, file);
  (await release(ada, file, over.lockId)).must(200);
  const held = await lock(ada, file, { ttl: 30 });
  const last = await queue(ada, file, { purpose: "last" });
  const first = await queue(ada, file, { purpose: "first", priority: 50 });
  await wakeFromSchema1(file.fileId);

  const { locks, queue: waiting } = await locksOf(ada, file);
  expect(locks).toMatchObject([{ mine: held.lockId }]);
  expect(waiting.map(({ purpose }) => purpose)).toEqual(["first", "last"]);
  const middle = await queue(ada, file, { purpose: "middle", priority: 20 });
  expect((await locksOf(ada, file)).queue.map(({ mine }) => mine)).toEqual([first, middle, last].map((w) => w.ticket));
  (await renew(ada, file, held.lockId)).must(200);
  const late = await release(ada, file, over.lockId);
  expect(late.problem).toMatchObject({ code: "release_after_release", by: ada.id, reason: null });
  (await release(ada, file, held.lockId)).must(200);
  expect((await resume(ada, file, first.ticket)).as<Granted>(200).lockId).toBe(first.ticket);
});
