// API keys: for whom one is made and by whom, what it may do and until when, rotating it, and its end: dead everywhere
// when that is answered.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import {
  askForKey,
  expectRefused,
  inHand,
  keysOf,
  logOf,
  type Minted,
  newKey,
  NOBODY,
  once,
  revoke,
  through,
} from "../support/organization.ts";
import { past, until } from "../support/until.ts";
import { fileObject, organizationObject, workspaceObject, world } from "../support/workerd.ts";
import {
  type Agent,
  askForLock,
  byId,
  byPath,
  type FileView,
  type Granted,
  lock,
  locksOf,
  newFile,
  overwrite,
  queue,
  renew,
} from "../support/world.ts";
import type { Answer } from "../support/http.ts";

let owner: Agent;
let admin: Agent;
let member: Agent;
let other: Agent;
let stranger: Agent;
let workspace: string;
let files = 0;

beforeAll(async () => {
  owner = await world.organization();
  admin = await world.agent(owner, "admin", "admin");
  member = await world.agent(owner, "member");
  other = await world.agent(owner, "other");
  stranger = await world.organization("Elsewhere");
  workspace = await world.workspace(owner, [
    [member, "editor"],
    [other, "editor"],
  ]);
});

const fresh = (): Promise<FileView> => newFile(owner, workspace, `/keyed/${++files}.txt`);
const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();
const rotate = ({ api }: Agent, id: string, terms: object = {}, options = {}): Promise<Answer> =>
  api.post(`/api/keys/${id}/rotate`, { json: terms, ...options });
const me = ({ api }: Agent): Promise<Answer> => api.get("/api/me");

/** Dead in the organization, in the workspace, at a file and by its path, with one reason. */
async function expectDead({ api }: Agent, file: FileView, reason: string): Promise<void> {
  const answers = [
    await api.get(byId(file, "/content")),
    await api.put(byId(file, "/content"), { content: "late", headers: { "If-Match": "*" } }),
    await api.get(byPath(workspace), { query: { path: file.path } }),
    await api.get(`/api/workspaces/${workspace}`),
    await api.get("/api/me"),
  ];
  expect(answers.map(({ outcome }) => outcome)).toEqual(answers.map(() => "401 unauthenticated"));
  expect(answers.map(({ problem }) => problem["reason"])).toEqual(answers.map(() => reason));
}

/** Makes every object on the way hold a lease for a key. */
async function warm({ api }: Agent, file: FileView): Promise<void> {
  (await api.get(byId(file, "/content"))).must(200);
  (await api.get(byPath(workspace), { query: { path: file.path } })).must(200);
}

/** Evicts what stands between a key and a file. */
const EVICTIONS: [string, (file: FileView) => Promise<unknown>][] = [
  ["nothing is evicted", async () => undefined],
  ["the file is evicted", (file) => evictDurableObject(fileObject(file.fileId))],
  ["the workspace is evicted", () => evictDurableObject(workspaceObject(workspace))],
  ["the organization is evicted", () => evictDurableObject(organizationObject(owner.organization))],
  [
    "all are evicted",
    async (file) => {
      await evictDurableObject(fileObject(file.fileId));
      await evictDurableObject(workspaceObject(workspace));
      await evictDurableObject(organizationObject(owner.organization));
    },
  ],
];

describe("making a key", () => {
  test("is refused for others to those who do not manage the organization, whoever the others are", async () => {
    for (const whose of [other.id, owner.id, NOBODY, stranger.id]) {
      const answer = await expectRefused(owner, "create_key", "403 forbidden", () =>
        askForKey(member, { principalId: whose }),
      );
      expect(answer.problem["permission"]).toBe("organization:manage");
    }
  });

  test("is refused to an admin for an owner, for nobody, and for one of another organization", async () => {
    for (const [principalId, outcome] of [
      [owner.id, "403 above_own_role"],
      [NOBODY, "404 not_found"],
      [stranger.id, "404 not_found"],
    ] as const) {
      await expectRefused(owner, "create_key", outcome, () => askForKey(admin, { principalId }));
    }
  });

  test("is refused with ends that are no times, and names that are none", async () => {
    const bad = [{ expiresAt: "soon" }, { expiresAt: 5 }, { name: "" }, { name: "a\nb" }, { name: "x".repeat(101) }];
    for (const terms of bad) expect((await askForKey(owner, terms)).outcome).toBe("400 input_invalid");
    expect((await askForKey(owner, { principalId: "key_" + "A".repeat(22) })).outcome).toBe("400 input_invalid");
  });

  test("for oneself gives a second key that speaks for the same one", async () => {
    const { key, secret } = await newKey(member, { name: "the ☂ second" });
    expect(key).toMatchObject({ principal: member.id, name: "the ☂ second", createdBy: member.id, expiresAt: null });
    expect(secret).toMatch(/^hfk_/);
    expect((await me(through(member, secret))).as(200)).toMatchObject({ principal: { id: member.id }, key });
  });

  test("for another is an admin's to do, and says who did it", async () => {
    const { key, secret } = await newKey(admin, { principalId: member.id });
    expect(key).toMatchObject({ principal: member.id, createdBy: admin.id });
    expect((await inHand(through(member, secret))).id).toBe(key.id);
    expect((await logOf(owner, "create_key")).at(-1)).toMatchObject({
      agent: admin.id,
      outcome: "accepted",
      detail: { principal: member.id, key: key.id },
    });
  });

  test("stores its scopes and shows them", async () => {
    const scopes = { readOnly: true, operations: ["read_file"], places: [{ workspaceId: workspace, folder: "/a" }] };
    const { key, secret } = await newKey(member, { scopes });
    const shown = { ...scopes, places: [{ workspaceId: workspace, folder: "/a/" }] };
    expect(key.scopes).toEqual(shown);
    expect((await inHand(through(member, secret))).scopes).toEqual(shown);
    expect((await keysOf(member)).find(({ id }) => id === key.id)?.scopes).toEqual(shown);
  });

  test("is nothing for a key that has scopes itself", async () => {
    const { secret } = await newKey(admin, { scopes: { readOnly: true } });
    const answer = await expectRefused(owner, "create_key", "403 key_scope", () => askForKey(through(admin, secret)));
    expect(answer.problem["wall"]).toBe("powers");
  });

  test("repeated with its Idempotency-Key gives the same secret, after an eviction too", async () => {
    const options = once();
    const first = (await askForKey(member, { name: "once" }, options)).as<Minted>(201);
    expect((await askForKey(member, { name: "once" }, options)).as<Minted>(201)).toEqual(first);
    await evictDurableObject(organizationObject(owner.organization));
    const both = await Promise.all([0, 1].map(() => askForKey(member, { name: "once" }, options)));
    expect(both.map((answer) => answer.as<Minted>(201))).toEqual([first, first]);
    expect((await askForKey(member, { name: "twice" }, options)).outcome).toBe("422 idempotency_key_reused");
    expect((await keysOf(member)).filter(({ name }) => name === "once")).toHaveLength(1);
  });

  test("ends at the limit of usable keys; a repetition is answered there too, and expired ones do not count", async () => {
    const many = await world.agent(owner, "many");
    const end = Date.now() + 2000;
    await newKey(many, { expiresAt: new Date(end).toISOString() });
    const options = once();
    for (let n = (await keysOf(many)).length; n < 49; n++) await newKey(many);
    const last = (await askForKey(many, {}, options)).as<Minted>(201);
    await expectRefused(owner, "create_key", "409 too_many", () => askForKey(many));
    expect((await askForKey(many, {}, options)).as<Minted>(201)).toEqual(last);
    await past(end);
    await newKey(many);
    // Neither is rotating, with the old key going on, a way around.
    (await rotate(many, last.key.id)).must(201);
    await expectRefused(owner, "rotate_key", "409 too_many", () => rotate(many, last.key.id));
    (await revoke(many, last.key.id)).must(200);
  });
});

describe("a key's end", () => {
  test("is the key's, everywhere: until then it works, from then on it is refused with leases warm", async () => {
    const file = await fresh();
    const end = Date.now() + 2000;
    const { secret } = await newKey(member, { expiresAt: new Date(end).toISOString() });
    const expiring = through(member, secret);
    await warm(expiring, file);
    const { lockId } = await lock(expiring, file);
    (await renew(expiring, file, lockId)).must(200);
    await past(end);
    await expectDead(expiring, file, "expired");
    expect((await renew(expiring, file, lockId)).outcome).toBe("401 unauthenticated");
    expect((await overwrite(expiring, file, "late", { "Holdfast-Lock": lockId })).outcome).toBe("401 unauthenticated");
    (await me(member)).must(200);
  });

  test("is not outlived by a key made with it, nor by one rotated with it", async () => {
    const { key, secret } = await newKey(member, { expiresAt: soon(60_000) });
    const lasting = await newKey(member);
    const expiring = through(member, secret);
    const attempt = (terms: object) => () => askForKey(expiring, terms);
    await expectRefused(owner, "create_key", "403 key_outlives", attempt({}));
    await expectRefused(owner, "create_key", "403 key_outlives", attempt({ expiresAt: soon(61_000) }));
    await expectRefused(owner, "rotate_key", "403 key_outlives", () => rotate(expiring, lasting.key.id));
    expect((await newKey(expiring, { expiresAt: key.expiresAt })).key.expiresAt).toBe(key.expiresAt);
    expect((await rotate(expiring, key.id)).as<Minted>(201).key.expiresAt).toBe(key.expiresAt);
  });

  test("is no bound to what those who manage the organization make", async () => {
    const { secret } = await newKey(admin, { expiresAt: soon(60_000) });
    expect((await newKey(through(admin, secret))).key.expiresAt).toBeNull();
  });

  test("ends a wait for a lock: nothing is granted to a key that has ended", async () => {
    const apart = await world.workspace(owner, [
      [member, "editor"],
      [other, "editor"],
    ]);
    const file = await newFile(owner, apart, "/waited-for.txt");
    const held = await lock(owner, file, { ttl: 2 });
    const { secret } = await newKey(member, { expiresAt: soon(1500) });
    const waiting = askForLock(through(member, secret), file, { wait: 10 });
    await until("the wait has begun", 1000, async () =>
      (await locksOf(owner, file)).queue.length === 1 ? true : null,
    );
    await past(Date.parse(held.expiresAt));
    expect((await waiting).outcome).toBe("401 unauthenticated");
    expect((await askForLock(other, file, { wait: 10 })).status).toBe(201);
  });
});

describe("rotating a key", () => {
  test("is refused to those whose key it is not, alike for those that are there and those that are not", async () => {
    const theirs = await inHand(other);
    const foreign = await inHand(stranger);
    const answers = [];
    for (const id of [theirs.id, foreign.id, `key_${"A".repeat(22)}`]) {
      answers.push(await expectRefused(owner, "rotate_key", "404 not_found", () => rotate(member, id)));
      answers.push(await expectRefused(owner, "revoke_key", "404 not_found", () => revoke(member, id)));
    }
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    await expectRefused(owner, "rotate_key", "403 above_own_role", async () => rotate(admin, (await inHand(owner)).id));
    await expectRefused(owner, "revoke_key", "403 above_own_role", async () => revoke(admin, (await inHand(owner)).id));
    await expectRefused(owner, "rotate_key", "404 not_found", () => rotate(owner, foreign.id));
    for (const id of ["key_short", "lk_" + "A".repeat(22), "%00", "key_" + "é".repeat(22)]) {
      expect((await rotate(owner, encodeURIComponent(id))).outcome).toBe("400 input_invalid");
    }
  });

  test("gives no other end, unless a manager does it", async () => {
    const { key } = await newKey(member, { expiresAt: soon(600_000) });
    const attempt = () => rotate(member, key.id, { expiresAt: soon(500_000) });
    await expectRefused(owner, "rotate_key", "403 key_outlives", attempt);
    const longer = soon(900_000);
    expect((await rotate(admin, key.id, { expiresAt: longer })).as<Minted>(201).key.expiresAt).toBe(longer);
  });

  test("keeps name, scopes and end, and lets the old key work until the overlap is over", async () => {
    const file = await fresh();
    const scopes = { readOnly: true, operations: null, places: [{ workspaceId: workspace, folder: "/" }] };
    const { key, secret } = await newKey(member, { name: "reader", scopes, expiresAt: soon(600_000) });
    const old = through(member, secret);
    await warm(old, file);
    const rotated = (await rotate(member, key.id, { overlap: 2 })).as<Minted>(201);
    const { expiresAt } = key;
    expect(rotated.key).toMatchObject({ principal: member.id, name: "reader", scopes, expiresAt, revokedAt: null });
    const end = (await keysOf(member)).find(({ id }) => id === key.id)?.expiresAt ?? "";
    await warm(old, file);
    await warm(through(member, rotated.secret), file);
    await past(Date.parse(end));
    expect((await old.api.get(byId(file))).problem).toMatchObject({ status: 401, reason: "expired" });
    await warm(through(member, rotated.secret), file);
  });

  test.each(EVICTIONS)("without overlap ends the old key when it is answered, also if %s", async (_, evict) => {
    const file = await fresh();
    const { key, secret } = await newKey(member);
    await warm(through(member, secret), file);
    await evict(file);
    const rotated = (await rotate(member, key.id, { overlap: 0 })).as<Minted>(201);
    await expectDead(through(member, secret), file, "expired");
    await warm(through(member, rotated.secret), file);
  });

  test("with the key itself works, and lengthens nothing when it is done twice", async () => {
    const { key, secret } = await newKey(member);
    const old = through(member, secret);
    const first = (await rotate(old, key.id, { overlap: 60 })).as<Minted>(201);
    expect(first.key.expiresAt).toBeNull();
    const end = (await inHand(old)).expiresAt;
    // By now the key in hand has an end, which what it makes must not outlive.
    const second = (await rotate(old, key.id, { overlap: 600 })).as<Minted>(201);
    expect(second.key.expiresAt).toBe(end);
    expect((await inHand(old)).expiresAt).toBe(end);
  });

  test("repeated with its Idempotency-Key gives the same secret; at once too", async () => {
    const { key } = await newKey(member);
    const options = once();
    const both = await Promise.all([0, 1].map(() => rotate(member, key.id, { overlap: 0 }, options)));
    const [first, second] = both.map((answer) => answer.as<Minted>(201));
    expect(second).toEqual(first);
    expect((await rotate(member, key.id, { overlap: 0 }, options)).as<Minted>(201)).toEqual(first);
    await expectRefused(owner, "rotate_key", "409 key_ended", () => rotate(member, key.id));
  });

  test("is bounded in its overlap", async () => {
    const { id } = (await newKey(member)).key;
    for (const overlap of [-1, 1e9, "60", null]) {
      expect((await rotate(member, id, { overlap })).outcome).toBe("400 input_invalid");
    }
  });
});

describe("revoking a key", () => {
  test.each(EVICTIONS)("ends it everywhere when it is answered, also if %s", async (_, evict) => {
    const file = await fresh();
    const { key, secret } = await newKey(member);
    await warm(through(member, secret), file);
    await evict(file);
    const { key: revoked } = (await revoke(member, key.id)).as<{ key: Minted["key"] }>(200);
    expect(revoked).toMatchObject({ id: key.id, revokedBy: member.id });
    await expectDead(through(member, secret), file, "revoked");
    await warm(member, file);
  });

  test("is done once; then it has ended", async () => {
    const { key } = await newKey(member);
    const options = once();
    const first = (await revoke(member, key.id, options)).as(200);
    expect((await revoke(member, key.id, options)).as(200)).toEqual(first);
    await expectRefused(owner, "revoke_key", "409 key_ended", () => revoke(member, key.id));
    await expectRefused(owner, "revoke_key", "409 key_ended", () => revoke(admin, key.id));
    await expectRefused(owner, "rotate_key", "409 key_ended", () => rotate(member, key.id));
  });

  test("whose answer was lost is finished before it is said that the key has ended", async () => {
    const apart = await world.workspace(owner, [[member, "editor"]]);
    const file = await newFile(owner, apart, "/lost.txt");
    const { key, secret } = await newKey(member);
    const reading = () => through(member, secret).api.get(byId(file, "/content"));
    (await reading()).must(200);
    // What an instance has of its own is no RPC method: the workspace cannot be told.
    await runInDurableObject(workspaceObject(apart), (object) => {
      Object.defineProperty(object, "recallStandings", { value: null });
    });
    const lost = revoke(owner, key.id);
    await until("it is decided", 5000, async () =>
      (await keysOf(owner, member.id)).some(({ id, revokedAt }) => id === key.id && revokedAt !== null) ? true : null,
    );
    for (const stub of [organizationObject(owner.organization), workspaceObject(apart)]) {
      await runInDurableObject(stub, (_, state) => state.abort("on purpose")).catch(() => undefined);
    }
    expect((await lost).outcome).toBe("503 unavailable");
    expect((await revoke(owner, key.id)).outcome).toBe("409 key_ended");
    expect((await reading()).problem).toMatchObject({ status: 401, reason: "revoked" });
  });

  test("can be done with the key itself", async () => {
    const { key, secret } = await newKey(member);
    (await revoke(through(member, secret), key.id)).must(200);
    expect((await me(through(member, secret))).problem["reason"]).toBe("revoked");
  });

  test("ends the lock that is held with it, not those held with other keys of the same agent", async () => {
    const [one, two] = [await fresh(), await fresh()];
    const { key, secret } = await newKey(member);
    const held = await lock(through(member, secret), one);
    const kept = await lock(member, two);
    (await revoke(owner, key.id)).must(200);
    expect((await locksOf(owner, one)).locks).toEqual([]);
    // The same agent is told with another key what has become of its lock.
    const late = await renew(member, one, held.lockId);
    expect(late.outcome).toBe("410 renewal_after_revocation");
    expect(late.problem).toMatchObject({ by: owner.id, lock: held.lockId });
    expect((await overwrite(member, one, "late", { "Holdfast-Lock": held.lockId })).outcome).toBe(
      "412 write_after_revocation",
    );
    (await renew(member, two, kept.lockId)).must(200);
    await lock(other, one);
  });

  test("takes a request that waits with it out of the queue, and it is answered at once", async () => {
    const file = await fresh();
    await lock(owner, file);
    const { key, secret } = await newKey(member);
    const waiting = askForLock(through(member, secret), file, { wait: 30 });
    await until("the wait has begun", 2000, async () =>
      (await locksOf(owner, file)).queue.length === 1 ? true : null,
    );
    const behind = await queue(other, file);
    expect(behind.position).toBe(2);
    const begun = Date.now();
    (await revoke(owner, key.id)).must(200);
    expect((await locksOf(owner, file)).queue).toMatchObject([{ holder: other.id }]);
    expect((await waiting).outcome).toBe("401 unauthenticated");
    expect(Date.now() - begun).toBeLessThan(5000);
  });

  test("passes the lock held with it on to the next in the queue", async () => {
    const file = await fresh();
    const { key, secret } = await newKey(member);
    const held = await lock(through(member, secret), file);
    const waiting = askForLock(other, file, { wait: 30 });
    await until("the wait has begun", 2000, async () =>
      (await locksOf(owner, file)).queue.length === 1 ? true : null,
    );
    (await revoke(owner, key.id)).must(200);
    expect((await waiting).as<Granted>(201).fencingToken).toBeGreaterThan(held.fencingToken);
  });

  test("keeps a large upload that was announced before from committing", async () => {
    const file = await fresh();
    const { key, secret } = await newKey(member);
    const size = 100_000;
    const { readable, writable } = new FixedLengthStream(size);
    const writer = writable.getWriter();
    const upload = through(member, secret).api.put(byId(file, "/content"), {
      content: readable,
      headers: { "If-Match": file.etag, "Content-Length": String(size) },
    });
    await writer.write(new Uint8Array(size / 2));
    await until("the upload is announced", 5000, () =>
      runInDurableObject(fileObject(file.fileId), (_, { storage }) =>
        storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'garbage'").toArray().length === 1 ? true : null,
      ),
    );
    (await revoke(owner, key.id)).must(200);
    await writer.write(new Uint8Array(size / 2));
    await writer.close();
    expect((await upload).outcome).toBe("401 unauthenticated");
    expect((await owner.api.get(byId(file))).as<FileView>(200).version).toBe(1);
  });
});

describe("looking after keys", () => {
  test("lists one's own, with their ends but without their secrets", async () => {
    const lister = await world.agent(owner, "lister");
    const { key, secret } = await newKey(lister, { name: "gone" });
    (await revoke(lister, key.id)).must(200);
    const answer = await lister.api.get("/api/keys");
    expect(answer.text).not.toContain(secret);
    expect(answer.text).not.toContain("hfk_");
    expect(await keysOf(lister)).toMatchObject([{ name: "the first" }, { name: "gone", revokedBy: lister.id }]);
  });

  test("of others is for those who manage them, with a key that has no scopes", async () => {
    for (const whose of [other.id, NOBODY]) {
      await expectRefused(owner, "list_keys", "403 forbidden", () =>
        member.api.get("/api/keys", { query: { principalId: whose } }),
      );
    }
    await expectRefused(owner, "list_keys", "403 above_own_role", () =>
      admin.api.get("/api/keys", { query: { principalId: owner.id } }),
    );
    expect(await keysOf(admin, other.id)).toMatchObject([{ principal: other.id }]);
    const { secret } = await newKey(admin, { scopes: { readOnly: true } });
    const reading = through(admin, secret);
    expect((await keysOf(reading)).length).toBeGreaterThan(0);
    await expectRefused(owner, "list_keys", "403 key_scope", () =>
      reading.api.get("/api/keys", { query: { principalId: other.id } }),
    );
  });

  test("shows the last use to the hour, at one row an hour", async () => {
    const HOUR_MS = 3_600_000;
    const user = await world.agent(owner, "user");
    const { key, secret } = await newKey(user);
    expect(key.usedAt).toBeNull();
    const using = through(user, secret);
    const stub = organizationObject(owner.organization);
    const usedAt = async () => Date.parse((await keysOf(user)).find(({ id }) => id === key.id)?.usedAt ?? "");
    (await me(using)).must(200);
    const first = await usedAt();
    expect(first).toBeGreaterThan(Date.now() - 60_000);
    for (let n = 0; n < 3; n++) (await me(using)).must(200);
    expect(await usedAt()).toBe(first);
    const plant = (at: number) =>
      runInDurableObject(stub, (_, { storage }) => {
        storage.sql.exec("UPDATE keys SET used_at = ? WHERE id = ?", at, key.id);
      });
    const lately = Date.now() - HOUR_MS + 60_000;
    await plant(lately);
    (await me(using)).must(200);
    expect(await usedAt()).toBe(lately);
    await plant(Date.now() - HOUR_MS);
    (await me(using)).must(200);
    expect(await usedAt()).toBeGreaterThanOrEqual(first);
  });

  test("ends with its principal: removed, all its keys are dead and none can be made", async () => {
    const file = await fresh();
    const leaving = await world.agent(owner, "leaving");
    await world.setRole(owner, workspace, leaving, "editor");
    const { key, secret } = await newKey(leaving);
    await warm(leaving, file);
    await warm(through(leaving, secret), file);
    (await owner.api.delete(`/api/principals/${leaving.id}`)).must(200);
    await expectDead(leaving, file, "unknown");
    await expectDead(through(leaving, secret), file, "unknown");
    await expectRefused(owner, "create_key", "404 not_found", () => askForKey(owner, { principalId: leaving.id }));
    await expectRefused(owner, "rotate_key", "404 not_found", () => rotate(owner, key.id));
  });
});

describe("forging a key", () => {
  test("is in vain: of another kind, altered, spelt otherwise, or of another organization", async () => {
    const { secret } = await newKey(member);
    const body = secret.slice(4);
    const forged = [
      `hfp_${body}`,
      `hft_${body}`,
      `hfi_${body}`,
      `hfk_${body}=`,
      `hfk_A${body.slice(1)}`,
      body,
      "hfk_",
      `hfk_${"A".repeat(107)}`,
      `hfk_${"A".repeat(10_000)}`,
    ];
    for (const text of forged) {
      expect((await me(through(member, text))).problem).toMatchObject({ status: 401, reason: "invalid" });
    }
  });
});
