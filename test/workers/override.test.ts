// Locks that are taken over: by whom it may be done, what the former holder and the waiters see of it, and what stays.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import type { Answer, Options } from "../support/http.ts";
import { until } from "../support/until.ts";
import { fileObject, runAlarm, workspaceObject, world } from "../support/workerd.ts";
import {
  type Agent,
  askForLock,
  byId,
  byPath,
  type FileView,
  type Granted,
  type Holder,
  lock,
  locksOf,
  type LoggedEvent,
  newFile,
  overwrite,
  queue,
  release,
  renew,
  resume,
} from "../support/world.ts";

const REASON = "the figures are due at noon";

interface Overridden {
  ended: Holder[];
  lock: Granted | null;
}

let ada: Agent;
let ben: Agent;
let cyd: Agent;
let sue: Agent;
let workspace: string;
let files = 0;

beforeAll(async () => {
  ada = await world.organization();
  ben = await world.agent(ada, "ben");
  cyd = await world.agent(ada, "cyd");
  sue = await world.agent(ada, "sue");
  workspace = await world.workspace(ada, [
    [ben, "editor"],
    [cyd, "editor"],
    [sue, "steward"],
  ]);
});

const fresh = (): Promise<FileView> => newFile(ada, workspace, `/taken/${++files}.csv`);

const override = ({ api }: Agent, file: FileView, terms: unknown, options: Options = {}): Promise<Answer> =>
  api.post(byId(file, "/lock/override"), { json: terms, ...options });

/** Takes the file over with a lock. */
const takeOver = async (agent: Agent, file: FileView): Promise<Granted> => {
  const { lock: taken } = (await override(agent, file, { reason: REASON, take: {} })).as<Overridden>(201);
  if (taken === null) throw new Error("a lock was asked for");
  return taken;
};

const queued = (file: FileView, count: number): Promise<true> =>
  until(`${count} in the queue`, 5000, async () => ((await locksOf(ada, file)).queue.length === count ? true : null));

/** True once an upload has been announced to the file, null before. */
const announced = (file: FileView): Promise<true | null> =>
  runInDurableObject(fileObject(file.fileId), (_, { storage }) => {
    const tables = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'garbage'").toArray();
    return tables.length === 1 ? true : null;
  });

/** What is logged of a file, oldest first. */
async function logOf(file: FileView): Promise<LoggedEvent[]> {
  await runAlarm(fileObject(file.fileId));
  await runAlarm(workspaceObject(workspace));
  const query = { fileId: file.fileId, limit: 1000 };
  const page = (await ada.api.get(`/api/workspaces/${workspace}/events`, { query })).as<{ events: LoggedEvent[] }>(200);
  return page.events.toReversed();
}

describe("taking a lock over", () => {
  test.each<[string, () => Agent]>([
    ["an admin", () => ada],
    ["a steward", () => sue],
  ])("%s gets a newer lock at once, and is told whose it was", async (_, who) => {
    const file = await fresh();
    const held = await lock(ben, file, { level: "write", priority: 7, purpose: "recount" });
    const answer = await override(who(), file, {
      reason: REASON,
      holder: ben.id,
      take: { level: "write", ttl: 90, purpose: "hand in" },
    });
    const { ended, lock: taken } = answer.as<Overridden>(201);
    const { grantedAt, expiresAt } = held;
    expect(ended).toEqual([{ holder: ben.id, level: "write", purpose: "recount", priority: 7, grantedAt, expiresAt }]);
    expect(taken).toMatchObject({ status: "granted", holder: who().id, level: "write", ttl: 90, purpose: "hand in" });
    expect(taken?.fencingToken).toBeGreaterThan(held.fencingToken);
    expect((await locksOf(who(), file)).locks).toMatchObject([{ holder: who().id, mine: taken?.lockId }]);
    (await overwrite(who(), file, "two", { "Holdfast-Lock": taken?.lockId ?? "" })).must(200);
  });

  test("the former holder's write, heartbeat, release and claim each say who took it over, and why", async () => {
    const file = await fresh();
    const { lockId } = await lock(ben, file);
    const taken = await takeOver(ada, file);
    const uses: [string, Promise<Answer>][] = [
      ["412 write_after_override", overwrite(ben, file, "late", { "Holdfast-Lock": lockId })],
      ["410 renewal_after_override", renew(ben, file, lockId)],
      ["410 release_after_override", release(ben, file, lockId)],
      ["410 claim_after_override", resume(ben, file, lockId)],
    ];
    for (const [expected, use] of uses) {
      const answer = await use;
      expect(answer.outcome).toBe(expected);
      expect(answer.problem).toMatchObject({ by: ada.id, reason: REASON, lock: lockId });
      expect(answer.problem["detail"]).toContain(`was taken over by ${ada.id}, who gave the reason: ${REASON}.`);
    }
    expect((await locksOf(ada, file)).locks).toMatchObject([{ mine: taken.lockId, expiresAt: taken.expiresAt }]);
    expect((await ben.api.get(byId(file, "/content"))).text).toBe("one");
  });

  test("after an eviction they still do", async () => {
    const file = await fresh();
    const { lockId } = await lock(ben, file);
    const taken = await takeOver(ada, file);
    await evictDurableObject(fileObject(file.fileId));
    const late = await overwrite(ben, file, "late", { "Holdfast-Lock": lockId });
    expect([late.outcome, late.problem["reason"]]).toEqual(["412 write_after_override", REASON]);
    (await overwrite(ada, file, "two", { "Holdfast-Lock": taken.lockId })).must(200);
  });

  test("a large upload that was announced before cannot be committed after", async () => {
    const file = await fresh();
    const { lockId } = await lock(ben, file);
    const size = 100_000;
    const { readable, writable } = new FixedLengthStream(size);
    const writer = writable.getWriter();
    const upload = ben.api.put(byId(file, "/content"), {
      content: readable,
      headers: { "Holdfast-Lock": lockId, "Content-Length": String(size) },
    });
    await writer.write(new Uint8Array(size / 2));
    await until("the upload is announced", 5000, () => announced(file));
    await takeOver(ada, file);
    await writer.write(new Uint8Array(size / 2));
    await writer.close();
    const answer = await upload;
    expect(answer.outcome).toBe("412 write_after_override");
    expect(answer.problem).toMatchObject({ by: ada.id, reason: REASON });
    expect((await ada.api.get(byId(file))).as<FileView>(200).version).toBe(1);
  });

  test("a commit that waits for readers is answered at once when its lock is taken over", async () => {
    const file = await fresh();
    await lock(cyd, file, { level: "read" });
    const writer = await lock(ben, file, { level: "write" });
    const begun = Date.now();
    const commit = overwrite(ben, file, "two", { "Holdfast-Lock": writer.lockId }, { wait: 30 });
    await until("the commit holds new readers back", 5000, async () => {
      const answer = await askForLock(ada, file, { level: "read" });
      if (answer.status === 201) (await release(ada, file, answer.as<Granted>(201).lockId)).must(200);
      return answer.outcome === "423 locked" ? true : null;
    });
    (await override(ada, file, { reason: REASON, holder: ben.id })).must(200);
    expect((await commit).outcome).toBe("412 write_after_override");
    expect(Date.now() - begun).toBeLessThan(8000);
    expect((await locksOf(ada, file)).locks).toMatchObject([{ holder: cyd.id }]);
  });

  test("the waiters keep their order, get the file after the new holder, and see their bound put off", async () => {
    const file = await fresh();
    await lock(ben, file);
    const first = askForLock(cyd, file, { wait: 30, purpose: "first" });
    await queued(file, 1);
    const { ticket, grantedBy } = await queue(ben, file, { purpose: "second" });
    const second = resume(ben, file, ticket, 30);
    const taken = await takeOver(ada, file);
    const { queue: waiting } = await locksOf(ada, file);
    expect(waiting.map(({ purpose }) => purpose)).toEqual(["first", "second"]);
    const polled = (await resume(ben, file, ticket)).as<{ grantedBy: string }>(202);
    expect(Date.parse(polled.grantedBy) - Date.parse(grantedBy)).toBe(600_000);

    (await release(ada, file, taken.lockId)).must(200);
    const next = (await first).as<Granted>(201);
    expect(next.holder).toBe(cyd.id);
    expect(next.fencingToken).toBeGreaterThan(taken.fencingToken);
    (await release(cyd, file, next.lockId)).must(200);
    expect((await second).as<Granted>(200).lockId).toBe(ticket);
  });

  test("is refused while somebody who is not named holds what excludes it, and then ends nothing", async () => {
    const file = await fresh();
    await lock(ben, file, { level: "read" });
    await lock(cyd, file, { level: "read" });
    const answer = await override(ada, file, { reason: REASON, holder: ben.id, take: {} });
    expect(answer.outcome).toBe("423 locked");
    expect(answer.problem["holders"]).toMatchObject([{ holder: cyd.id }]);
    expect((await locksOf(ada, file)).locks).toHaveLength(2);
  });

  test("is refused with a longer time to live than the workspace allows", async () => {
    const file = await fresh();
    await lock(ben, file);
    const answer = await override(ada, file, { reason: REASON, take: { ttl: 301 } });
    expect(answer.outcome).toBe("400 lock_ttl_too_long");
    expect((await locksOf(ada, file)).locks).toMatchObject([{ holder: ben.id }]);
  });

  test("gives a free file as well", async () => {
    const file = await fresh();
    const { ended, lock: taken } = (await override(ada, file, { reason: REASON, take: {} })).as<Overridden>(201);
    expect([ended, taken?.level, taken?.ttl]).toEqual([[], "exclusive", 60]);
  });
});

describe("ending locks without taking one", () => {
  test("lets whoever waits come next at once", async () => {
    const file = await fresh();
    await lock(ben, file);
    const waiting = askForLock(cyd, file, { wait: 30 });
    await queued(file, 1);
    const { ended, lock: taken } = (await override(ada, file, { reason: REASON })).as<Overridden>(200);
    expect([ended.map(({ holder }) => holder), taken]).toEqual([[ben.id], null]);
    expect((await waiting).as<Granted>(201).holder).toBe(cyd.id);
  });

  test("by path is the same as by id", async () => {
    const file = await fresh();
    await lock(ben, file);
    const query = { path: file.path };
    (await ada.api.post(byPath(workspace, "/lock/override"), { query, json: { reason: REASON } })).must(200);
    expect((await locksOf(ada, file)).locks).toEqual([]);
  });

  test.each<[string, () => Agent]>([
    ["that nobody holds", () => ada],
    ["that somebody else holds than is named", () => cyd],
  ])("of a file %s is refused", async (_, named) => {
    const file = await fresh();
    if (named() !== ada) await lock(ben, file);
    const terms = { reason: REASON, ...(named() === ada ? {} : { holder: named().id }) };
    expect((await override(ada, file, terms)).outcome).toBe("409 not_locked");
  });
});

describe("an override that may not be", () => {
  test.each<[string, unknown]>([
    ["without a reason", {}],
    ["with a reason without words", { reason: "  " }],
    ["with a reason that is a novel", { reason: "x".repeat(501) }],
    ["with control characters in its reason", { reason: "a\u0007b" }],
    ["of somebody who can be nobody", { reason: REASON, holder: "key_AAAAAAAAAAAAAAAAAAAAAA" }],
    ["that takes a level that there is not", { reason: REASON, take: { level: "shared" } }],
    ["that takes a place in the queue", { reason: REASON, take: { wait: 5 } }],
    ["with a field that is not known", { reason: REASON, force: true }],
  ])("%s is not valid", async (_, terms) => {
    const file = await fresh();
    await lock(ben, file);
    expect((await override(ada, file, terms)).outcome).toBe("400 input_invalid");
    expect((await locksOf(ada, file)).locks).toMatchObject([{ holder: ben.id }]);
  });

  test("names humans as well as agents", async () => {
    const terms = { reason: REASON, holder: "hum_AAAAAAAAAAAAAAAAAAAAAA" };
    expect((await override(ada, await fresh(), terms)).outcome).toBe("409 not_locked");
  });

  test("by an editor changes nothing", async () => {
    const file = await fresh();
    const { lockId } = await lock(ben, file);
    expect((await override(cyd, file, { reason: REASON, take: {} })).outcome).toBe("403 forbidden");
    expect((await locksOf(ada, file)).locks).toMatchObject([{ holder: ben.id }]);
    (await overwrite(ben, file, "two", { "Holdfast-Lock": lockId })).must(200);
  });
});

test("repeated with the same Idempotency-Key, it gives the same answer and ends nothing twice", async () => {
  const file = await fresh();
  await lock(ben, file);
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const ask = async () => (await override(ada, file, { reason: REASON, take: {} }, { headers })).as<Overridden>(201);
  const first = await ask();
  (await release(ada, file, first.lock?.lockId ?? "")).must(200);
  const after = await lock(cyd, file);
  const again = await ask();
  expect(again).toEqual({ ...first, lock: { ...first.lock, expiresIn: again.lock?.expiresIn } });
  expect((await locksOf(cyd, file)).locks).toMatchObject([{ mine: after.lockId }]);
  expect((await logOf(file)).filter(({ action }) => action === "override_lock")).toHaveLength(1);
});

test("the audit log has it with its reason, the lock taken, and each former holder", async () => {
  const file = await fresh();
  const bens = await lock(ben, file, { level: "read" });
  const cyds = await lock(cyd, file, { level: "read" });
  const own = await lock(ada, file, { level: "read" });
  const taken = await takeOver(ada, file);
  expect((await override(cyd, file, { reason: REASON })).outcome).toBe("403 forbidden");

  const log = await logOf(file);
  const start = log.findIndex(({ action }) => action === "override_lock");
  const { lockId, fencingToken } = taken;
  expect(log.slice(start, start + 5)).toMatchObject([
    {
      action: "override_lock",
      outcome: "accepted",
      agent: ada.id,
      detail: {
        holders: [ben.id, cyd.id, ada.id].join(" "),
        reason: REASON,
        lock: lockId,
        level: "exclusive",
        token: fencingToken,
      },
    },
    { action: "lock_overridden", agent: ada.id, detail: { lock: bens.lockId, holder: ben.id } },
    { action: "lock_overridden", agent: ada.id, detail: { lock: cyds.lockId, holder: cyd.id } },
    { action: "lock_released", agent: ada.id, detail: { lock: own.lockId, holder: ada.id } },
    { action: "override_lock", outcome: "refused", code: "forbidden", agent: cyd.id },
  ]);
  expect(log.filter(({ action }) => action === "lock_expired" || action === "lock_lapsed")).toEqual([]);
});
