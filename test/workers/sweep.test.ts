// Blobs that no version refers to go away by themselves: uploads that broke off, what a deletion leaves, and files that
// never got a name. What is referred to stays. The fifteen minutes are not waited out: the due time is moved.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import type { Call } from "../../src/domain/calls.ts";
import type { WriteTerms } from "../../src/domain/content.ts";
import type { WorkspaceId, WorkspacePath } from "../../src/domain/ids.ts";
import { verifyKey } from "../../src/platform/keys.ts";
import { SIGNING_SECRET } from "../support/secrets.ts";
import { until } from "../support/until.ts";
import { fileObject, runAlarm, tablesOf, workspaceObject, world } from "../support/workerd.ts";
import { type Agent, byId, type FileView, newFile, overwrite, put } from "../support/world.ts";

const LARGE = 100_000;
const large = (letter: string): string => letter.repeat(LARGE);
const wrongDigest = { "Repr-Digest": `sha-256=:${btoa("x".repeat(32))}:` };

let ada: Agent;
let workspace: string;

beforeAll(async () => {
  ada = await world.organization();
  workspace = await world.workspace(ada);
});

const blobsOf = async (file: string): Promise<string[]> =>
  (await env.BLOBS.list({ prefix: `${workspace}/${file}/` })).objects.map(({ key }) => key);

interface Garbage {
  key: string;
  dueAt: number;
}

const garbageOf = (file: string): Promise<Garbage[]> =>
  runInDurableObject(fileObject(file), (_, { storage }) => {
    const tables = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'garbage'").toArray();
    if (tables.length === 0) return [];
    const rows = storage.sql.exec<{ blob_key: string; due_at: number }>("SELECT blob_key, due_at FROM garbage");
    return rows.toArray().map(({ blob_key, due_at }) => ({ key: blob_key, dueAt: due_at }));
  });

/** Lets the fifteen minutes be over, and the alarm ring. */
async function sweepNow(file: string): Promise<void> {
  await runInDurableObject(fileObject(file), (_, { storage }) => {
    storage.sql.exec("UPDATE garbage SET due_at = ?", Date.now());
  });
  await runAlarm(fileObject(file));
}

/** As the Worker would ask, but it may stop half-way. */
async function callOf({ api }: Agent): Promise<Call> {
  const caller = await verifyKey(SIGNING_SECRET, api.key ?? "");
  if (caller === null) throw new Error("the key is valid");
  return { caller, action: "write_file", permission: "files:write", idempotency: null, lease: null };
}

const ANY: WriteTerms = { ifMatch: "*", ifNoneMatch: null, lock: null, release: false };

/** A Worker that dies between putting the blob and committing it. Answers the key. */
async function dieBeforeCommit(file: FileView): Promise<string> {
  const announced = await fileObject(file.fileId).beginUpload(await callOf(ada), ANY, "a-request");
  if (!announced.ok || !("key" in announced.value)) throw new Error("the upload is announced");
  await env.BLOBS.put(announced.value.key, large("x"));
  return announced.value.key;
}

test("an upload that never commits is known beforehand, due in fifteen minutes, and swept", async () => {
  const file = await newFile(ada, workspace, "/broken-off.bin");
  const begun = Date.now();
  const key = await dieBeforeCommit(file);
  expect(await blobsOf(file.fileId)).toEqual([key]);
  const [garbage, ...more] = await garbageOf(file.fileId);
  expect(more).toEqual([]);
  expect(garbage?.key).toBe(key);
  expect(garbage?.dueAt).toBeGreaterThanOrEqual(begun + 15 * 60_000);
  expect(garbage?.dueAt).toBeLessThanOrEqual(Date.now() + 15 * 60_000);
  const alarmAt = await runInDurableObject(fileObject(file.fileId), (_, { storage }) => storage.getAlarm());
  expect(alarmAt).toBeLessThanOrEqual(garbage?.dueAt ?? 0);

  // Not before it is due.
  await runAlarm(fileObject(file.fileId));
  expect(await blobsOf(file.fileId)).toEqual([key]);

  await sweepNow(file.fileId);
  expect(await blobsOf(file.fileId)).toEqual([]);
  expect(await garbageOf(file.fileId)).toEqual([]);
});

test("an upload that comes to its end after the sweep cannot commit, and nothing is written", async () => {
  const file = await newFile(ada, workspace, "/too-late.bin");
  const key = await dieBeforeCommit(file);
  await sweepNow(file.fileId);
  const content = {
    kind: "blob",
    key,
    sha256: "0".repeat(64),
    size: LARGE,
    contentType: "application/octet-stream",
  } as const;
  const late = await fileObject(file.fileId).write(await callOf(ada), content, ANY, "a-request");
  expect(late).toEqual({ ok: false, problem: { code: "upload_expired" } });
  expect((await ada.api.get(byId(file))).as<FileView>(200).version).toBe(1);
});

test("a refused digest leaves nothing that is not swept, and committed blobs outlive every sweep", async () => {
  const file = (await put(ada, workspace, "/kept.bin", large("a"))).as<FileView>(201);
  const [first] = await blobsOf(file.fileId);
  const refused = await overwrite(ada, file, large("b"), { "If-Match": file.etag, ...wrongDigest });
  expect(refused.outcome).toBe("400 digest_mismatch");
  const second = (await overwrite(ada, file, large("c"), { "If-Match": file.etag })).as<FileView>(200);
  expect(second.version).toBe(2);

  await sweepNow(file.fileId);
  const left = await blobsOf(file.fileId);
  expect(left).toHaveLength(2);
  expect(left).toContain(first);
  expect(await garbageOf(file.fileId)).toEqual([]);
  for (const [version, letter] of [
    ["1", "a"],
    ["2", "c"],
  ] as const) {
    expect((await ada.api.get(byId(file, "/content"), { query: { version } })).text).toBe(large(letter));
  }
});

test("a deleted file's blobs go, and then the file leaves nothing behind", async () => {
  const file = (await put(ada, workspace, "/deleted.bin", large("a"))).as<FileView>(201);
  (await overwrite(ada, file, large("b"), { "If-Match": file.etag })).must(200);
  (await ada.api.delete(byId(file), { headers: { "If-Match": "*" } })).must(200);
  await runAlarm(fileObject(file.fileId));
  expect(await blobsOf(file.fileId)).toEqual([]);
  await runAlarm(fileObject(file.fileId));
  expect(await tablesOf(fileObject(file.fileId))).toEqual([]);
});

test("a file that never got its name goes, with its blob", async () => {
  await newFile(ada, workspace, "/taken.bin");
  // Both find the path free and race for it; the loser has uploaded for nothing.
  const key = { "Idempotency-Key": "loses-the-race" };
  const id = env.FILES.idFromName(`${workspace} ${ada.id} loses-the-race`).toString();
  const file = { workspace: workspace as WorkspaceId, path: "/taken.bin" as WorkspacePath };
  const call: Call = { ...(await callOf(ada)), idempotency: { key: key["Idempotency-Key"], fingerprint: "f" } };
  const announced = await fileObject(id).beginCreation(call, file.workspace, file.path, "a-request");
  if (!announced.ok || !("key" in announced.value)) throw new Error("the upload is announced");
  await env.BLOBS.put(announced.value.key, large("x"));
  const content = {
    kind: "blob",
    key: announced.value.key,
    sha256: "0".repeat(64),
    size: LARGE,
    contentType: "application/octet-stream",
  } as const;
  const created = await fileObject(id).create(call, { ...file, content, ifMatch: null }, "a-request");
  expect(created).toMatchObject({ ok: false, problem: { code: "path_taken" } });

  await runAlarm(fileObject(id));
  expect(await blobsOf(id)).toEqual([]);
  await runAlarm(fileObject(id));
  expect(await tablesOf(fileObject(id))).toEqual([]);
  await runAlarm(workspaceObject(workspace));
});

test.each([
  ["small", "small"],
  ["large", large("x")],
])("a creation that was refused may be tried again with its Idempotency-Key: %s", async (size, content) => {
  const path = `/refused-${size}.txt`;
  const inTheWay = await newFile(ada, workspace, `${path}/in-the-way`);
  const headers = { "Idempotency-Key": `refused-${size}` };
  expect((await put(ada, workspace, path, content, { headers })).outcome).toBe("409 path_taken");
  (await ada.api.delete(byId(inTheWay), { headers: { "If-Match": "*" } })).must(200);
  // Its first self is cleared away by its own alarm, at once.
  const again = await until("the creation is tried again", 3000, async () => {
    const answer = await put(ada, workspace, path, content, { headers });
    return answer.outcome === "503 unavailable" ? null : answer.as<FileView>(201);
  });
  expect(again).toMatchObject({ version: 1, path });
  expect((await ada.api.get(byId(again, "/content"))).text).toBe(content);
});
