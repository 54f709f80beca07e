// Locks as agents meet them over REST: levels, queue, claims, heartbeats, commits beside readers, and what comes late.

import { evictDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import type { Answer } from "../support/http.ts";
import { past, until } from "../support/until.ts";
import { fileObject, world } from "../support/workerd.ts";
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
  type LockTerms,
  newFile,
  overwrite,
  queue,
  type Queued,
  release,
  renew,
  resume,
} from "../support/world.ts";

let ada: Agent;
let ben: Agent;
let cyd: Agent;
let workspace: string;
let files = 0;

beforeAll(async () => {
  ada = await world.organization();
  ben = await world.agent(ada, "ben");
  cyd = await world.agent(ada, "cyd");
  workspace = await world.workspace(ada, [
    [ben, "editor"],
    [cyd, "editor"],
  ]);
});

const fresh = (): Promise<FileView> => newFile(ada, workspace, `/locks/${++files}.csv`);

/** Waits until this many requests are in the queue. */
const queued = (file: FileView, count: number): Promise<true> =>
  until(`${count} in the queue`, 5000, async () => ((await locksOf(ada, file)).queue.length === count ? true : null));

const LEVELS = ["read", "write", "exclusive"] as const;

describe("acquiring", () => {
  test("with an empty body locks the file exclusively and says lockId, expiresAt and fencingToken", async () => {
    const file = await fresh();
    const before = Date.now();
    const answer = await ada.api.post(`/api/files/${file.fileId}/lock`);
    const granted = answer.as<Granted>(201);
    expect(granted).toMatchObject({
      status: "granted",
      fileId: file.fileId,
      level: "exclusive",
      holder: ada.id,
      priority: 0,
      purpose: null,
      ttl: 60,
    });
    expect(granted.lockId).toMatch(/^lk_[\w-]{22}$/);
    expect(granted.fencingToken).toBeGreaterThan(file.fencingToken);
    const expiresAt = Date.parse(granted.expiresAt);
    expect(expiresAt).toBeGreaterThanOrEqual(before + 60_000);
    expect(expiresAt).toBeLessThanOrEqual(Date.now() + 60_000);
    expect(Math.abs(expiresAt - Date.now() - granted.expiresIn * 1000)).toBeLessThan(1000);
  });

  test("by path is the same as by id", async () => {
    const file = await fresh();
    const query = { path: file.path };
    const { lockId } = (await ada.api.post(byPath(workspace, "/lock"), { query })).as<Granted>(201);
    expect((await askForLock(ben, file)).outcome).toBe("423 locked");
    (await ada.api.post(byPath(workspace, `/lock/${lockId}/renew`), { query })).must(200);
    (await ada.api.delete(byPath(workspace, `/lock/${lockId}`), { query })).must(200);
    expect((await askForLock(ben, file)).outcome).toBe("201");
  });

  test.each(LEVELS.flatMap((held) => LEVELS.map((asked) => [held, asked] as const)))(
    "beside a held %s lock: %s",
    async (held, asked) => {
      const together = new Set(["read read", "read write", "write read"]);
      const file = await fresh();
      await lock(ada, file, { level: held });
      const expected = together.has(`${held} ${asked}`) ? "201" : "423 locked";
      // A lock excludes its own holder's next request as it would any other: locks belong to requests, not to agents.
      for (const agent of [ben, ada]) {
        const answer = await askForLock(agent, file, { level: asked });
        expect(answer.outcome).toBe(expected);
        if (answer.status === 201) (await release(agent, file, answer.as<Granted>(201).lockId)).must(200);
      }
    },
  );

  test("a busy file tells who holds it, at which level, until when, with which priority and what for", async () => {
    const file = await fresh();
    const terms: LockTerms = { level: "write", ttl: 90, priority: 7, purpose: "recount the votes of March" };
    const granted = await lock(ada, file, terms);
    await queue(cyd, file, { level: "write", purpose: "the same for April" });

    const holder: Holder = {
      holder: ada.id,
      level: "write",
      priority: 7,
      purpose: "recount the votes of March",
      grantedAt: granted.grantedAt,
      expiresAt: granted.expiresAt,
    };
    expect(Date.parse(holder.expiresAt) - Date.parse(holder.grantedAt)).toBe(90_000);

    const refused = await askForLock(ben, file);
    expect(refused.outcome).toBe("423 locked");
    expect(refused.problem).toMatchObject({ holders: [holder], queueLength: 1 });
    expect(Number(refused.header("Retry-After"))).toBeGreaterThan(80);
    expect(Number(refused.header("Retry-After"))).toBeLessThanOrEqual(90);

    const seen = await locksOf(ben, file);
    expect(seen.locks).toEqual([{ ...holder, mine: null }]);
    expect(seen.queue).toMatchObject([{ holder: cyd.id, level: "write", purpose: "the same for April", mine: null }]);

    const write = await overwrite(ben, file, "two", { "If-Match": file.etag });
    expect(write.outcome).toBe("423 locked");
    expect(write.problem).toMatchObject({ holders: [holder], queueLength: 1 });

    const view = (await ben.api.get(byId(file))).as<FileView>(200);
    expect(view.writer).toEqual(holder);
    expect((await ben.api.get(byId(file, "/content"))).header("Holdfast-Writer")).toBe(ada.id);
    // The lock's id is the holder's secret.
    for (const shown of [refused.text, write.text, JSON.stringify(seen), JSON.stringify(view)]) {
      expect(shown).not.toContain(granted.lockId);
    }
    expect((await locksOf(ada, file)).locks).toEqual([{ ...holder, mine: granted.lockId }]);
  });

  test("fencing tokens grow strictly over every grant and every unlocked write", async () => {
    const file = await fresh();
    const tokens = [file.fencingToken];
    let { etag } = file;
    for (const level of [...LEVELS, ...LEVELS]) {
      const granted = await lock(ada, file, { level });
      tokens.push(granted.fencingToken);
      (await release(ada, file, granted.lockId)).must(200);
      const written = (await overwrite(ben, file, level, { "If-Match": etag })).as<FileView>(200);
      tokens.push(written.fencingToken);
      etag = written.etag;
    }
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  });
});

describe("releasing", () => {
  test("makes the file free at once, and only once", async () => {
    const file = await fresh();
    const { lockId } = await lock(ada, file);
    expect((await release(ada, file, lockId)).as(200)).toEqual({ done: true });
    expect((await locksOf(ben, file)).locks).toEqual([]);
    await lock(ben, file);
    const again = await release(ada, file, lockId);
    expect(again.outcome).toBe("410 release_after_release");
    expect(again.problem).toMatchObject({ by: ada.id, lock: lockId });
    expect((await locksOf(ben, file)).locks).toHaveLength(1);
  });

  test("another agent's lock can be neither released, renewed, collected nor written under", async () => {
    const file = await fresh();
    const { lockId, expiresAt } = await lock(ada, file);
    const { ticket } = await queue(ada, file);
    for (const id of [lockId, ticket]) {
      expect((await release(ben, file, id)).outcome).toBe("404 lock_unknown");
      expect((await renew(ben, file, id)).outcome).toBe("404 lock_unknown");
      expect((await resume(ben, file, id)).outcome).toBe("404 lock_unknown");
      expect((await overwrite(ben, file, "two", { "Holdfast-Lock": id })).outcome).toBe("404 lock_unknown");
    }
    const { locks, queue: waiting } = await locksOf(ada, file);
    expect(locks).toMatchObject([{ mine: lockId, expiresAt }]);
    expect(waiting).toMatchObject([{ mine: ticket }]);
  });

  test("a lock of one file is of no use on another", async () => {
    const [file, other] = [await fresh(), await fresh()];
    const { lockId } = await lock(ada, file);
    expect((await release(ada, other, lockId)).outcome).toBe("404 lock_unknown");
    expect((await overwrite(ada, other, "two", { "Holdfast-Lock": lockId })).outcome).toBe("404 lock_unknown");
  });
});

describe("waiting", () => {
  test("an open wait is answered as soon as the lock is released", async () => {
    const file = await fresh();
    const { lockId, fencingToken } = await lock(ada, file);
    const waiting = askForLock(ben, file, { wait: 30, purpose: "next" });
    await queued(file, 1);
    const released = Date.now();
    (await release(ada, file, lockId)).must(200);
    const granted = (await waiting).as<Granted>(201);
    expect(Date.now() - released).toBeLessThan(1000);
    expect(granted).toMatchObject({ holder: ben.id, purpose: "next", ttl: 60 });
    expect(granted.fencingToken).toBeGreaterThan(fencingToken);
    // The time to live begins when the lock is collected, not when it was asked for.
    expect(Date.parse(granted.expiresAt)).toBeGreaterThanOrEqual(released + 60_000);
    (await overwrite(ben, file, "two", { "Holdfast-Lock": granted.lockId })).must(200);
  });

  test("a wait that is too short ends with a ticket, which keeps the place and collects the lock", async () => {
    const file = await fresh();
    const { lockId } = await lock(ada, file);
    const asked = Date.now();
    const queuedAnswer = (await askForLock(ben, file, { wait: 1 })).as<Queued>(202);
    expect(Date.now() - asked).toBeGreaterThanOrEqual(1000);
    expect(queuedAnswer).toMatchObject({ status: "queued", position: 1, queueLength: 1, resumeWithin: 30 });
    expect(queuedAnswer.holders).toMatchObject([{ holder: ada.id, level: "exclusive" }]);
    expect(queuedAnswer.waitAtMost).toBeGreaterThan(0);

    expect(await queue(cyd, file)).toMatchObject({ position: 2, queueLength: 2 });
    const { ticket } = queuedAnswer;
    expect((await resume(ben, file, ticket)).as<Queued>(202)).toMatchObject({ ticket, position: 1 });
    (await release(ada, file, lockId)).must(200);
    expect((await resume(ben, file, ticket)).as<Granted>(200)).toMatchObject({ lockId: ticket, holder: ben.id });
    // To ask again is harmless.
    expect((await resume(ben, file, ticket)).as<Granted>(200)).toMatchObject({ lockId: ticket, holder: ben.id });
    (await release(ben, file, ticket)).must(200);
  });

  test("a resumed wait stays open and is answered when the turn comes", async () => {
    const file = await fresh();
    const { lockId } = await lock(ada, file);
    const { ticket } = await queue(ben, file);
    const waiting = resume(ben, file, ticket, 30);
    (await release(ada, file, lockId)).must(200);
    expect((await waiting).as<Granted>(200)).toMatchObject({ lockId: ticket });
  });

  test("who leaves the queue is not granted, and the next one is", async () => {
    const file = await fresh();
    const { lockId } = await lock(ada, file);
    const { ticket } = await queue(ben, file);
    const waiting = askForLock(cyd, file, { wait: 30 });
    await queued(file, 2);
    (await release(ben, file, ticket)).must(200);
    (await release(ada, file, lockId)).must(200);
    expect((await waiting).as<Granted>(201).holder).toBe(cyd.id);
    expect((await resume(ben, file, ticket)).outcome).toBe("410 claim_after_release");
  });

  test("a waiting request is not yet a lock: it can neither renew nor write", async () => {
    const file = await fresh();
    const { lockId } = await lock(ada, file);
    const { ticket } = await queue(ben, file);
    const useless = async (): Promise<void> => {
      expect((await renew(ben, file, ticket)).outcome).toBe("409 lock_not_granted");
      expect((await overwrite(ben, file, "two", { "Holdfast-Lock": ticket })).outcome).toBe("409 lock_not_granted");
    };
    await useless();
    // Nor before it is collected.
    (await release(ada, file, lockId)).must(200);
    await useless();
    (await resume(ben, file, ticket)).must(200);
    (await overwrite(ben, file, "two", { "Holdfast-Lock": ticket })).must(200);
  });

  test("the queue is served by priority, and in order of arrival among equals", async () => {
    const file = await fresh();
    const held = await lock(ada, file);
    const asked: [string, Agent, number][] = [
      ["first, no priority", ben, 0],
      ["second, no priority", cyd, 0],
      ["high", cyd, 50],
      ["middle", ben, 20],
      ["high, later", ben, 50],
    ];
    const open: Promise<Answer>[] = [];
    const served: string[] = [];
    for (const [index, [purpose, agent, priority]] of asked.entries()) {
      const answer = askForLock(agent, file, { wait: 30, priority, purpose });
      open.push(
        answer.then(async (granted) => {
          const { lockId } = granted.as<Granted>(201);
          served.push(purpose);
          (await release(agent, file, lockId)).must(200);
          return granted;
        }),
      );
      await queued(file, index + 1);
    }
    const order = ["high", "high, later", "middle", "first, no priority", "second, no priority"];
    expect((await locksOf(ada, file)).queue.map(({ purpose }) => purpose)).toEqual(order);
    (await release(ada, file, held.lockId)).must(200);
    await Promise.all(open);
    expect(served).toEqual(order);
  });

  test("readers that wait are admitted together, and an exclusive request waits for all of them", async () => {
    const file = await fresh();
    const held = await lock(ada, file);
    const readers = [askForLock(ben, file, { level: "read", wait: 30 })];
    await queued(file, 1);
    readers.push(askForLock(cyd, file, { level: "read", wait: 30 }));
    await queued(file, 2);
    const exclusive = askForLock(ada, file, { wait: 30 });
    await queued(file, 3);
    (await release(ada, file, held.lockId)).must(200);
    const [first, second] = (await Promise.all(readers)).map((answer) => answer.as<Granted>(201));
    // Another reader would keep the exclusive request waiting for ever; it waits its turn.
    expect((await askForLock(ben, file, { level: "read" })).outcome).toBe("423 locked");
    (await release(ben, file, first?.lockId ?? "")).must(200);
    expect((await locksOf(ada, file)).queue).toHaveLength(1);
    (await release(cyd, file, second?.lockId ?? "")).must(200);
    expect((await exclusive).as<Granted>(201).level).toBe("exclusive");
  });
});

describe("waiting for time to pass", { concurrent: true }, () => {
  /** How an ended lock is used late, and the status of the refusal. */
  const USES: [string, number, (agent: Agent, file: FileView, id: string) => Promise<Answer>][] = [
    ["write", 412, (agent, file, id) => overwrite(agent, file, "too late", { "Holdfast-Lock": id })],
    ["renewal", 410, renew],
    ["release", 410, release],
    ["claim", 410, resume],
  ];

  async function expectEachLate(file: FileView, id: string, cause: string, by: string | null): Promise<void> {
    const newer = await lock(cyd, file);
    const before = (await ben.api.get(byId(file))).as<FileView>(200);
    for (const [use, status, late] of USES) {
      const answer = await late(ben, file, id);
      expect(answer.outcome).toBe(`${status} ${use}_after_${cause}`);
      expect(answer.problem).toMatchObject({ lock: id, by });
      expect(Date.parse(String(answer.problem["at"]))).toBeLessThanOrEqual(Date.now());
    }
    // Nothing of it touched the newer lock or the content.
    expect((await locksOf(cyd, file)).locks).toMatchObject([{ mine: newer.lockId, expiresAt: newer.expiresAt }]);
    expect((await ben.api.get(byId(file))).as<FileView>(200)).toEqual(before);
  }

  test("a late write, renewal, release and claim after expiry fail each with its own code", async () => {
    const file = await fresh();
    const { lockId, expiresAt } = await lock(ben, file, { ttl: 1 });
    await past(Date.parse(expiresAt));
    await expectEachLate(file, lockId, "expiry", null);
  });

  test("a late write, renewal, release and claim after release fail each with its own code", async () => {
    const file = await fresh();
    const { lockId } = await lock(ben, file);
    (await release(ben, file, lockId)).must(200);
    await expectEachLate(file, lockId, "release", ben.id);
  });

  test("a grant that is not collected in time passes on, and late use of it has its own code", async () => {
    const file = await fresh();
    const held = await lock(ada, file);
    const { ticket } = await queue(ben, file);
    const waiting = askForLock(cyd, file, { wait: 30 });
    await queued(file, 2);
    const offered = Date.now();
    (await release(ada, file, held.lockId)).must(200);
    const next = (await waiting).as<Granted>(201);
    const passedOn = Date.now() - offered;
    expect(passedOn).toBeGreaterThanOrEqual(4900);
    expect(passedOn).toBeLessThan(6500);
    (await release(cyd, file, next.lockId)).must(200);
    await expectEachLate(file, ticket, "lapse", null);
  });

  test("an expired lock is gone for readers, writers and lists alike, whenever the alarm comes", async () => {
    const file = await fresh();
    const { expiresAt } = await lock(ben, file, { ttl: 1 });
    await past(Date.parse(expiresAt));
    const [listed, viewed, written] = await Promise.all([
      locksOf(ada, file),
      ada.api.get(byId(file)),
      overwrite(cyd, file, "two", { "If-Match": file.etag }),
    ]);
    expect(listed.locks).toEqual([]);
    expect(viewed.as<FileView>(200).writer).toBeNull();
    expect(written.outcome).toBe("200");
  });

  test("an open wait is granted within a second of the holder's expiry", async () => {
    const file = await fresh();
    const { expiresAt } = await lock(ben, file, { ttl: 1 });
    const granted = (await askForLock(cyd, file, { wait: 30 })).as<Granted>(201);
    const delay = Date.parse(granted.grantedAt) - Date.parse(expiresAt);
    expect(delay).toBeGreaterThanOrEqual(0);
    expect(Date.now() - Date.parse(expiresAt)).toBeLessThan(1000);
  });

  test("a lock lives on its heartbeats beyond its time to live", async () => {
    const file = await fresh();
    const { lockId, expiresAt } = await lock(ben, file, { ttl: 1 });
    const end = Date.parse(expiresAt) + 1000;
    while (Date.now() < end) {
      (await renew(ben, file, lockId)).must(200);
      expect((await askForLock(cyd, file)).outcome).toBe("423 locked");
      // Without a pause, requests within one process would keep every timer in it waiting.
      await past(Date.now() + 100);
    }
    (await overwrite(ben, file, "still mine", { "Holdfast-Lock": lockId })).must(200);
  });
});

describe("heartbeats", () => {
  test("extend a lock by its time to live or by a new one, and never shorten it", async () => {
    const file = await fresh();
    const first = await lock(ben, file, { ttl: 10 });
    const same = (await renew(ben, file, first.lockId)).as<Granted>(200);
    expect(Date.parse(same.expiresAt)).toBeGreaterThanOrEqual(Date.parse(first.expiresAt));
    const longer = (await renew(ben, file, first.lockId, { ttl: 120 })).as<Granted>(200);
    expect(longer).toMatchObject({ lockId: first.lockId, fencingToken: first.fencingToken, ttl: 120 });
    expect(longer.expiresIn).toBeGreaterThan(110);
    const shorter = (await renew(ben, file, first.lockId, { ttl: 1 })).as<Granted>(200);
    expect(shorter.expiresAt).toBe(longer.expiresAt);
    expect((await locksOf(cyd, file)).locks).toMatchObject([{ expiresAt: longer.expiresAt }]);
  });

  test("for many locks are each answered for themselves", async () => {
    const [one, two, lost] = [await fresh(), await fresh(), await fresh()];
    const first = await lock(ben, one, { ttl: 10 });
    const second = await lock(ben, two, { ttl: 10 });
    const third = await lock(ben, lost);
    (await release(ben, lost, third.lockId)).must(200);
    const elsewhere = await lock(cyd, lost);
    const answer = await ben.api.post("/api/locks/renew", {
      json: {
        locks: [
          { fileId: one.fileId, lockId: first.lockId },
          { fileId: two.fileId, lockId: second.lockId, ttl: 100 },
          { fileId: lost.fileId, lockId: third.lockId },
          { fileId: lost.fileId, lockId: elsewhere.lockId },
          { fileId: "nonsense", lockId: first.lockId },
        ],
      },
    });
    const { renewed, failed } = answer.as<{ renewed: Granted[]; failed: { lockId: string; code: string }[] }>(200);
    expect(renewed).toMatchObject([
      { lockId: first.lockId, fileId: one.fileId, ttl: 10 },
      { lockId: second.lockId, fileId: two.fileId, ttl: 100 },
    ]);
    expect(failed).toEqual([
      { fileId: lost.fileId, lockId: third.lockId, code: "renewal_after_release" },
      { fileId: lost.fileId, lockId: elsewhere.lockId, code: "lock_unknown" },
      { fileId: "nonsense", lockId: first.lockId, code: "not_found" },
    ]);
  });
});

describe("committing under a lock beside readers", () => {
  test("a write holder's commit waits for the readers, admits no new ones, and they resume afterwards", async () => {
    const file = await fresh();
    const reader = await lock(ben, file, { level: "read" });
    const writer = await lock(ada, file, { level: "write" });
    const commit = overwrite(ada, file, "two", { "Holdfast-Lock": writer.lockId }, { wait: 30 });
    await until("the commit holds new readers back", 5000, async () => {
      const answer = await askForLock(cyd, file, { level: "read" });
      if (answer.status === 201) (await release(cyd, file, answer.as<Granted>(201).lockId)).must(200);
      return answer.outcome === "423 locked" ? true : null;
    });
    const held = askForLock(cyd, file, { level: "read", wait: 30 });
    await queued(file, 1);
    // The present reader still sees the old version, whole.
    expect((await ben.api.get(byId(file, "/content"))).text).toBe("one");

    (await release(ben, file, reader.lockId)).must(200);
    expect((await commit).as<FileView>(200)).toMatchObject({ version: 2, fencingToken: writer.fencingToken });
    const resumed = (await held).as<Granted>(201);
    expect((await cyd.api.get(byId(file, "/content"))).text).toBe("two");
    // The lock is converted back: it is the writer's still, and a reader is beside it.
    expect((await locksOf(ada, file)).locks).toMatchObject([
      { holder: ada.id, level: "write", mine: writer.lockId },
      { holder: cyd.id, level: "read" },
    ]);
    (await release(cyd, file, resumed.lockId)).must(200);
    (await overwrite(ada, file, "three", { "Holdfast-Lock": writer.lockId })).must(200);
  });

  test("a commit's wait is bounded: the readers keep their locks, the writer its own, and readers resume", async () => {
    const file = await fresh();
    const reader = await lock(ben, file, { level: "read", purpose: "a long read" });
    const writer = await lock(ada, file, { level: "write" });
    const begun = Date.now();
    const commit = await overwrite(ada, file, "two", { "Holdfast-Lock": writer.lockId }, { wait: 1 });
    expect(commit.outcome).toBe("423 readers_present");
    expect(commit.problem["holders"]).toMatchObject([{ holder: ben.id, level: "read", purpose: "a long read" }]);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(1000);
    expect(Date.now() - begun).toBeLessThan(3000);

    await lock(cyd, file, { level: "read" });
    (await renew(ben, file, reader.lockId)).must(200);
    (await renew(ada, file, writer.lockId)).must(200);
    expect((await ben.api.get(byId(file))).as<FileView>(200).version).toBe(1);
  });

  test("with wait=0 a commit beside readers is refused at once", async () => {
    const file = await fresh();
    await lock(ben, file, { level: "read" });
    const writer = await lock(ada, file, { level: "write" });
    const commit = await overwrite(ada, file, "two", { "Holdfast-Lock": writer.lockId }, { wait: 0 });
    expect(commit.outcome).toBe("423 readers_present");
    await lock(cyd, file, { level: "read" });
  });

  test("a large commit waits for readers as a small one does", async () => {
    const file = await fresh();
    const reader = await lock(ben, file, { level: "read" });
    const writer = await lock(ada, file, { level: "write" });
    const large = "x".repeat(100_000);
    const commit = overwrite(ada, file, large, { "Holdfast-Lock": writer.lockId }, { wait: 30 });
    await until("the commit holds new readers back", 5000, async () => {
      const answer = await askForLock(cyd, file, { level: "read" });
      if (answer.status === 201) (await release(cyd, file, answer.as<Granted>(201).lockId)).must(200);
      return answer.outcome === "423 locked" ? true : null;
    });
    (await release(ben, file, reader.lockId)).must(200);
    expect((await commit).as<FileView>(200)).toMatchObject({ version: 2, size: 100_000 });
  });

  test("a reader that writes is upgraded, with a new token", async () => {
    const file = await fresh();
    const held = await lock(ada, file, { level: "read" });
    const written = (await overwrite(ada, file, "two", { "Holdfast-Lock": held.lockId })).as<FileView>(200);
    expect(written.fencingToken).toBeGreaterThan(held.fencingToken);
    expect((await locksOf(ada, file)).locks).toMatchObject([{ mine: held.lockId, level: "write" }]);
    expect((await askForLock(ben, file, { level: "write" })).outcome).toBe("423 locked");
    await lock(ben, file, { level: "read" });
  });

  test("of two readers that write, the second is told of the conflict at once and the first goes on", async () => {
    const file = await fresh();
    const first = await lock(ada, file, { level: "read" });
    const second = await lock(ben, file, { level: "read" });
    const commit = overwrite(ada, file, "ada's", { "Holdfast-Lock": first.lockId }, { wait: 30 });
    await until("the first is upgraded", 5000, async () =>
      (await locksOf(cyd, file)).locks.some(({ level }) => level === "write") ? true : null,
    );
    const begun = Date.now();
    const conflict = await overwrite(ben, file, "ben's", { "Holdfast-Lock": second.lockId }, { wait: 30 });
    expect(conflict.outcome).toBe("409 upgrade_conflict");
    expect(conflict.problem["holders"]).toMatchObject([{ holder: ada.id, level: "write" }]);
    expect(Date.now() - begun).toBeLessThan(1000);
    (await release(ben, file, second.lockId)).must(200);
    expect((await commit).as<FileView>(200)).toMatchObject({ version: 2 });
  });

  test("a reader beside a writer that holds its lock gets upgrade_conflict", async () => {
    const file = await fresh();
    const reader = await lock(ben, file, { level: "read" });
    await lock(ada, file, { level: "write" });
    const conflict = await overwrite(ben, file, "two", { "Holdfast-Lock": reader.lockId });
    expect(conflict.outcome).toBe("409 upgrade_conflict");
  });
});

describe("an evicted file", () => {
  test("keeps its locks, their holders and the order of tokens", async () => {
    const file = await fresh();
    const held = await lock(ada, file, { ttl: 30, purpose: "through an eviction" });
    const { ticket } = await queue(ben, file);
    await evictDurableObject(fileObject(file.fileId));
    const { locks, queue: waiting } = await locksOf(ada, file);
    expect(locks).toMatchObject([{ mine: held.lockId, purpose: "through an eviction" }]);
    expect(Date.parse(locks[0]?.expiresAt ?? "")).toBeGreaterThanOrEqual(Date.parse(held.expiresAt));
    expect(waiting).toMatchObject([{ holder: ben.id }]);
    (await overwrite(ada, file, "two", { "Holdfast-Lock": held.lockId })).must(200);
    (await release(ada, file, held.lockId)).must(200);
    const next = (await resume(ben, file, ticket)).as<Granted>(200);
    expect(next.fencingToken).toBeGreaterThan(held.fencingToken);
  });

  test("never ends a lock earlier than the last heartbeat said", async () => {
    const file = await fresh();
    const held = await lock(ada, file, { ttl: 2 });
    const renewed = (await renew(ada, file, held.lockId, { ttl: 30 })).as<Granted>(200);
    await evictDurableObject(fileObject(file.fileId));
    const [there] = (await locksOf(ben, file)).locks;
    expect(Date.parse(there?.expiresAt ?? "")).toBeGreaterThanOrEqual(Date.parse(renewed.expiresAt));
  });

  test("still wakes those who wait, however often it is evicted meanwhile", async () => {
    const file = await fresh();
    const held = await lock(ada, file);
    const waiting = askForLock(ben, file, { wait: 30 });
    await queued(file, 1);
    await evictDurableObject(fileObject(file.fileId));
    (await renew(ada, file, held.lockId)).must(200);
    await evictDurableObject(fileObject(file.fileId));
    (await release(ada, file, held.lockId)).must(200);
    expect((await waiting).as<Granted>(201).holder).toBe(ben.id);
  });
});

describe("a workspace's settings", () => {
  test("bound the time to live: more is refused, also by heartbeat, and the bound can be moved", async () => {
    const own = await world.workspace(ada);
    const file = await newFile(ada, own, "/bounded.txt");
    const query = { path: file.path };
    // By path the answer brings the newest settings along; by id the file learns of them within a minute.
    const ask = (ttl: number): Promise<Answer> => ada.api.post(byPath(own, "/lock"), { query, json: { ttl } });

    const refused = await ask(301);
    expect(refused.outcome).toBe("400 lock_ttl_too_long");
    expect(refused.problem["max"]).toBe(300);
    const { lockId } = (await ask(300)).as<Granted>(201);
    expect((await renew(ada, file, lockId, { ttl: 301 })).outcome).toBe("400 lock_ttl_too_long");
    (await release(ada, file, lockId)).must(200);

    const settings = { locks: { maxTtl: 1000, maxHold: 2000 } };
    const changed = await ada.api.patch(`/api/workspaces/${own}`, { json: settings });
    expect(changed.as(200)).toMatchObject({ workspace: { locks: { ...settings.locks, priorityStep: 1 } } });
    const longer = (await ask(1000)).as<Granted>(201);
    expect(longer.ttl).toBe(1000);
    (await release(ada, file, longer.lockId)).must(200);

    (await ada.api.patch(`/api/workspaces/${own}`, { json: { locks: { maxTtl: 5 } } })).must(200);
    expect((await ask(6)).outcome).toBe("400 lock_ttl_too_long");
    expect((await ask(5)).outcome).toBe("201");
  });

  test("can make the queue first come, first served", async () => {
    const own = await world.workspace(ada, [[ben, "editor"]]);
    (await ada.api.patch(`/api/workspaces/${own}`, { json: { locks: { priorityStep: 0 } } })).must(200);
    const file = await newFile(ada, own, "/fifo.txt");
    await lock(ada, file);
    expect(await queue(ben, file, { priority: 0 })).toMatchObject({ position: 1 });
    expect(await queue(ben, file, { priority: 100 })).toMatchObject({ position: 2 });
  });

  test.each([
    ["a longest time to live beyond an hour", { maxTtl: 3601 }],
    ["a longest time to live below a second", { maxTtl: 0.5 }],
    ["a longest hold shorter than a lock may live", { maxTtl: 300, maxHold: 300 }],
    ["a negative hold", { maxHold: -1 }],
    ["a negative step", { priorityStep: -1 }],
    ["a step beyond a minute", { priorityStep: 61 }],
    ["what is not known", { maxTTL: 5 }],
    ["what is no number", { maxTtl: "5" }],
  ])("cannot be %s", async (_, locks) => {
    const own = await world.workspace(ada);
    const before = (await ada.api.get(`/api/workspaces/${own}`)).text;
    expect((await ada.api.patch(`/api/workspaces/${own}`, { json: { locks } })).outcome).toBe("400 input_invalid");
    expect((await ada.api.get(`/api/workspaces/${own}`)).text).toBe(before);
  });
});

test.each<[string, unknown]>([
  ["a time to live below a second", { ttl: 0.9 }],
  ["a time to live beyond an hour", { ttl: 3601 }],
  ["a negative time to live", { ttl: -1 }],
  ["a time to live as text", { ttl: "60" }],
  ["an unknown level", { level: "shared" }],
  ["a priority above the highest", { priority: 101 }],
  ["a negative priority", { priority: -1 }],
  ["half a priority", { priority: 0.5 }],
  ["a wait beyond a minute", { wait: 61 }],
  ["a negative wait", { wait: -1 }],
  ["a purpose without words", { purpose: "  " }],
  ["a purpose that is a novel", { purpose: "x".repeat(501) }],
  ["a purpose with control characters", { purpose: "a\u0007b" }],
  ["a field that is not known", { tll: 5 }],
])("a lock is not asked for with %s", async (_, json) => {
  const file = await fresh();
  expect((await askForLock(ada, file, json as LockTerms)).outcome).toBe("400 input_invalid");
  expect((await locksOf(ada, file)).locks).toEqual([]);
});

test("a time to live may have a fraction of a second", async () => {
  const file = await fresh();
  const { lockId, ttl } = await lock(ada, file, { ttl: 1.0001 });
  expect(ttl).toBeCloseTo(1.0001, 3);
  (await overwrite(ada, file, "two", { "Holdfast-Lock": lockId })).must(200);
});

describe("the everyday update in two requests", () => {
  test("a lock carries the content if asked to, and the write releases it", async () => {
    const file = await fresh();
    const granted = (await ben.api.post(byId(file, "/lock"), { json: { content: true } })).as<Carrying>(201);
    expect(granted.content).toMatchObject({ data: "one", encoding: "utf-8", etag: file.etag });
    const headers = { "Holdfast-Lock": granted.lockId };
    const written = (await overwrite(ben, file, "two", headers, { release: true })).as<FileView>(200);
    expect(written.fencingToken).toBe(granted.fencingToken);
    expect((await locksOf(ben, file)).locks).toEqual([]);
    expect((await release(ben, file, granted.lockId)).outcome).toBe("410 release_after_release");
  });

  test("whoever waits is handed over to by the write, with what was written", async () => {
    const file = await fresh();
    const first = await lock(ben, file);
    const waiting = cyd.api.post(byId(file, "/lock"), { json: { content: true, wait: 10 } });
    await queued(file, 1);
    (await overwrite(ben, file, "two", { "Holdfast-Lock": first.lockId }, { release: true })).must(200);
    expect((await waiting).as<Carrying>(201).content?.data).toBe("two");
  });

  test("a refused write releases nothing", async () => {
    const file = await fresh();
    const { lockId } = await lock(ben, file);
    const headers = { "Holdfast-Lock": lockId, "If-Match": '"9-0000000000000000"' };
    expect((await overwrite(ben, file, "two", headers, { release: true })).outcome).toBe("412 precondition_failed");
    expect((await locksOf(ben, file)).locks).toHaveLength(1);
  });

  test("bytes that are not text travel as base64, and large content is left to be read", async () => {
    const file = await fresh();
    const any = { "If-Match": "*" };
    (await overwrite(ben, file, new Uint8Array([0xff, 0, 1]), any)).must(200);
    const bytes = (await ben.api.post(byId(file, "/lock"), { json: { content: true } })).as<Carrying>(201);
    expect(bytes.content).toMatchObject({ encoding: "base64", data: "/wAB" });
    const large = await fresh();
    (await overwrite(ben, large, "x".repeat(40_000), any)).must(200);
    const none = (await ben.api.post(byId(large, "/lock"), { json: { content: true } })).as<Carrying>(201);
    expect(none.content).toBeNull();
  });
});

interface Carrying extends Granted {
  content: { encoding: string; data: string; etag: string } | null;
}
