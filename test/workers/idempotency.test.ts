// A request that is repeated with its Idempotency-Key is done once and answered alike: every operation of the registry
// that changes something, repeated afterwards and at the same time, with small content and large.

import { evictDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import { type Route, routesOf } from "../../src/faces/routes.ts";
import { OPERATIONS } from "../../src/operations/registry.ts";
import type { Answer, Client, Options } from "../support/http.ts";
import { trySample } from "../support/samples.ts";
import { newScene as makeScene, type Scene } from "../support/scene.ts";
import { until } from "../support/until.ts";
import { fileObject, operator, organizationObject, runAlarm, workspaceObject, world } from "../support/workerd.ts";
import {
  type Agent,
  askForLock,
  byId,
  byPath,
  type FileView,
  type Granted,
  lock,
  locksOf,
  type LoggedEvent,
  newFile,
  overwrite,
  put,
  release,
} from "../support/world.ts";

const CHANGING = OPERATIONS.filter(({ effect }) => effect !== "reads").flatMap(routesOf);
const named = (routes: Route[]) =>
  routes.map((route): [string, Route] => [`${route.operation.method} ${route.pattern}`, route]);
/** Of these, each use is a sign of life and moves a time on; the same key need not stop the clock. */
const SIGNS_OF_LIFE = new Set(["wait_for_lock"]);

let ada: Agent;
let workspace: string;

beforeAll(async () => {
  ada = await world.organization();
  workspace = await world.workspace(ada);
});

const newScene = (): Promise<Scene> => makeScene({ world, owner: ada, workspace, folder: "/once/" });

const freshKey = (): string => crypto.randomUUID();
/** Whoever has a token needs no key. */
const clientFor = ({ operation: { on } }: Route): Client =>
  on === "deployment" ? operator : on === "token" ? operator.with(null) : ada.api;

/** The answer without what says how long from now. */
function lasting(answer: Answer): unknown {
  const text = answer.must(200, 201, 202).text.replaceAll(/"(expiresIn|waitAtMost)":[\d.]+/g, '"$1":0');
  return [answer.status, JSON.parse(text)];
}

/** How often the logs say that an operation was accepted. */
async function timesDone(action: string, { file }: Scene, answer: Answer | null = null): Promise<number> {
  const made = answer?.as<Partial<FileView>>(200, 201, 202).fileId ?? file.fileId;
  for (const id of new Set([file.fileId, made])) await runAlarm(fileObject(id));
  await runAlarm(workspaceObject(workspace));
  await runAlarm(organizationObject(ada.organization));
  const logs = await Promise.all(
    [`/api/workspaces/${workspace}/events`, "/api/events"].map((path) =>
      ada.api.get(path, { query: { action, outcome: "accepted", limit: 1000 } }),
    ),
  );
  const done = logs.flatMap((log) => log.as<{ events: LoggedEvent[] }>(200).events);
  // Each reading of the source is told; what counts is the copy.
  return done.filter(({ detail }) => action !== "copy_file" || detail["created"] === true).length;
}
/** Leave no event, or one in an organization that nobody here may read. */
const UNLOGGED = new Set(["renew_lock", "renew_locks", "create_organization"]);

describe("repeated with the same key, it gives the same answer and is done once", () => {
  const routes = CHANGING.filter(({ operation }) => !SIGNS_OF_LIFE.has(operation.name));

  test.each(named(routes))("%s", async (_, route) => {
    const scene = await newScene();
    const client = clientFor(route);
    const before = await timesDone(route.operation.name, scene);
    const headers = { "Idempotency-Key": freshKey() };
    const first = await trySample(client, route, scene, headers);
    const second = await trySample(client, route, scene, headers);
    expect(lasting(second)).toEqual(lasting(first));
    await evictDurableObject(fileObject(scene.file.fileId));
    await evictDurableObject(workspaceObject(workspace));
    await evictDurableObject(organizationObject(ada.organization));
    expect(lasting(await trySample(client, route, scene, headers))).toEqual(lasting(first));
    const done = (await timesDone(route.operation.name, scene, first)) - before;
    if (!UNLOGGED.has(route.operation.name)) expect(done).toBe(1);
  });
});

describe("sent three times at once with the same key, all get one answer and it is done once", () => {
  const routes = CHANGING.filter(({ operation }) => !SIGNS_OF_LIFE.has(operation.name));

  test.each(named(routes))("%s", async (_, route) => {
    const scene = await newScene();
    const client = clientFor(route);
    const before = await timesDone(route.operation.name, scene);
    // The file has to ask for a lease first, which is where requests overtake each other.
    await evictDurableObject(fileObject(scene.file.fileId));
    const headers = { "Idempotency-Key": freshKey() };
    const answers = await Promise.all([1, 2, 3].map(() => trySample(client, route, scene, headers)));
    const [first, ...others] = answers.map(lasting);
    for (const other of others) expect(other).toEqual(first);
    const done = (await timesDone(route.operation.name, scene, answers[0])) - before;
    if (!UNLOGGED.has(route.operation.name)) expect(done).toBe(1);
  });
});

describe("the same key for something else is refused, and changes nothing", () => {
  /** Another valid request on the same thing. */
  const OTHER: Record<string, (scene: Scene) => Options> = {
    create_organization: () => ({ json: { name: "Other" } }),
    create_agent: () => ({ json: { name: "other" } }),
    create_workspace: () => ({ json: { name: "other" } }),
    update_workspace: () => ({ json: { name: "other" } }),
    set_member: () => ({ json: { role: "admin" } }),
    write_file: ({ lockId }) => ({ headers: { "Holdfast-Lock": lockId }, content: "else" }),
    move_file: ({ lockId, number }) => ({ headers: { "Holdfast-Lock": lockId }, json: { to: `/other/${number}` } }),
    copy_file: ({ number }) => ({ json: { to: `/other copy/${number}` } }),
    acquire_lock: () => ({ json: { wait: 0, ttl: 7 } }),
    renew_lock: () => ({ json: { ttl: 7 } }),
  };
  const routes = CHANGING.filter(({ operation }) => operation.name in OTHER);

  test.each(named(routes))("%s", async (_, route) => {
    const scene = await newScene();
    const client = clientFor(route);
    const headers = { "Idempotency-Key": freshKey() };
    const first = await trySample(client, route, scene, headers);
    const other = await trySample(client, route, scene, headers, OTHER[route.operation.name]?.(scene));
    expect(other.outcome).toBe("422 idempotency_key_reused");
    expect(lasting(await trySample(client, route, scene, headers))).toEqual(lasting(first));
  });

  test("also another operation on the same file", async () => {
    const { file, lockId } = await newScene();
    const headers = { "Idempotency-Key": freshKey(), "Holdfast-Lock": lockId };
    (await overwrite(ada, file, "two", headers)).must(200);
    const released = await ada.api.delete(byId(file, `/lock/${lockId}`), { headers });
    expect(released.outcome).toBe("422 idempotency_key_reused");
    expect((await locksOf(ada, file)).locks).toHaveLength(1);
  });

  test.each([
    ["small", 1000],
    ["large", 100_000],
  ])("also other bytes of the same length: %s", async (_, size) => {
    const path = `/other-bytes-${size}.bin`;
    const created = { "Idempotency-Key": freshKey() };
    const view = (await put(ada, workspace, path, "a".repeat(size), { headers: created })).as<FileView>(201);
    const other = await put(ada, workspace, path, "b".repeat(size), { headers: created });
    expect(other.outcome).toBe("422 idempotency_key_reused");
    const written = { "Idempotency-Key": freshKey(), "If-Match": view.etag };
    (await overwrite(ada, view, "c".repeat(size), written)).must(200);
    expect((await overwrite(ada, view, "d".repeat(size), written)).outcome).toBe("422 idempotency_key_reused");
    expect((await ada.api.get(byId(view, "/content"))).text).toBe("c".repeat(size));
  });
});

describe("creating and overwriting content", () => {
  test.each([
    ["small", 1000],
    ["large", 100_000],
  ])("is repeatable although the precondition no longer holds: %s", async (_, size) => {
    const path = `/repeat-${size}.bin`;
    const created = { "Idempotency-Key": freshKey(), "If-None-Match": "*" };
    const create = (): Promise<Answer> => put(ada, workspace, path, "a".repeat(size), { headers: created });
    const view = (await create()).as<FileView>(201);
    expect((await create()).as(201)).toEqual(view);

    const written = { "Idempotency-Key": freshKey(), "If-Match": view.etag };
    const write = (): Promise<Answer> => overwrite(ada, view, "b".repeat(size), written);
    const second = (await write()).as<FileView>(200);
    expect((await write()).as(200)).toEqual(second);
    // Also when others have written since, or hold the file.
    (await overwrite(ada, view, "c", { "If-Match": second.etag })).must(200);
    await lock(ada, view);
    expect((await write()).as(200)).toEqual(second);
    expect((await create()).as(201)).toEqual(view);
    expect((await ada.api.get(byId(view))).as<FileView>(200).version).toBe(3);
  });

  test.each([
    ["small", 1000],
    ["large", 100_000],
  ])("at the same path at once, with one key, creates one file and answers all alike: %s", async (_, size) => {
    const path = `/at-once-${size}.bin`;
    const headers = { "Idempotency-Key": freshKey() };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => put(ada, workspace, path, "a".repeat(size), { headers })),
    );
    const [first, ...others] = answers.map((answer) => answer.as<FileView>(201));
    for (const other of others) expect(other).toEqual(first);
    await runAlarm(fileObject(first?.fileId ?? ""));
    const query = { fileId: first?.fileId ?? "", action: "write_file" };
    const logged = await ada.api.get(`/api/workspaces/${workspace}/events`, { query });
    expect(logged.as<{ events: LoggedEvent[] }>(200).events).toHaveLength(1);
  });

  test("a copy is repeatable after the source has changed, or is gone", async () => {
    const file = await newFile(ada, workspace, "/copied-once.txt", "one");
    const options = { json: { to: "/the-copy.txt" }, headers: { "Idempotency-Key": freshKey() } };
    const copy = (): Promise<Answer> => ada.api.post(byId(file, "/copy"), options);
    const made = (await copy()).as<FileView>(201);
    (await overwrite(ada, file, "two!", { "If-Match": file.etag })).must(200);
    expect((await copy()).as(201)).toEqual(made);
    expect((await ada.api.get(byId(made, "/content"))).text).toBe("one");
  });
});

describe("a lock asked for with a key", () => {
  test("is one lock, however often it is asked for, and stays told when it is over", async () => {
    const file = await newFile(ada, workspace, "/asked-once.txt");
    const options = { headers: { "Idempotency-Key": freshKey() }, json: { ttl: 30 } };
    const ask = (): Promise<Answer> => ada.api.post(byId(file, "/lock"), options);
    const granted = (await ask()).as<Granted>(201);
    expect((await ask()).as<Granted>(201)).toMatchObject({ lockId: granted.lockId, expiresAt: granted.expiresAt });
    expect((await locksOf(ada, file)).locks).toHaveLength(1);
    const releasing = { headers: { "Idempotency-Key": freshKey() } };
    for (let n = 0; n < 2; n++) (await ada.api.delete(byId(file, `/lock/${granted.lockId}`), releasing)).must(200);
    expect((await ask()).as<Granted>(201).lockId).toBe(granted.lockId);
    expect((await locksOf(ada, file)).locks).toEqual([]);
  });

  test("keeps its place when the wait is repeated, and is collected by the repetition when its turn has come", async () => {
    const file = await newFile(ada, workspace, "/queued-once.txt");
    const held = await lock(ada, file);
    const options = { headers: { "Idempotency-Key": freshKey() }, json: { wait: 0, ttl: 30 } };
    const ask = (): Promise<Answer> => ada.api.post(byId(file, "/lock"), options);
    const { ticket } = (await ask()).as<{ ticket: string }>(202);
    expect((await ask()).as(202)).toMatchObject({ ticket, position: 1, queueLength: 1 });
    (await release(ada, file, held.lockId)).must(200);
    const granted = (await ask()).as<Granted>(201);
    expect(granted.lockId).toBe(ticket);
    // Collected indeed: it lives for its time to live, and is of use.
    expect(granted.expiresIn).toBeGreaterThan(20);
    (await overwrite(ada, file, "two", { "Holdfast-Lock": ticket })).must(200);
  });

  test("waits open under repetition, too", async () => {
    const file = await newFile(ada, workspace, "/open-twice.txt");
    const held = await lock(ada, file);
    const options = { headers: { "Idempotency-Key": freshKey() }, json: { wait: 30 } };
    const ask = (): Promise<Answer> => ada.api.post(byId(file, "/lock"), options);
    const both = [ask(), ask()];
    await until("one place is taken", 5000, async () => ((await locksOf(ada, file)).queue.length === 1 ? true : null));
    (await release(ada, file, held.lockId)).must(200);
    const [one, two] = (await Promise.all(both)).map((answer) => answer.as<Granted>(201).lockId);
    expect(one).toBe(two);
    expect((await askForLock(ada, file)).outcome).toBe("423 locked");
  });
});

test("a refusal is not remembered: the same key may try again", async () => {
  const { file, lockId } = await newScene();
  const headers = { "Idempotency-Key": freshKey(), "If-Match": file.etag };
  expect((await overwrite(ada, file, "two", headers)).outcome).toBe("423 locked");
  const waiting = await locksOf(ada, file);
  (await release(ada, file, waiting.queue[0]?.mine ?? "")).must(200);
  (await release(ada, file, lockId)).must(200);
  expect((await overwrite(ada, file, "two", headers)).outcome).toBe("200");
});

test("two agents may use the same key, each for itself", async () => {
  const ben = await world.agent(ada, "ben");
  await world.setRole(ada, workspace, ben, "editor");
  const file = await newFile(ada, workspace, "/same-key.txt");
  const options = { headers: { "Idempotency-Key": freshKey() }, json: { level: "read" } };
  const [one, two] = await Promise.all(
    [ada, ben].map(async ({ api }) => (await api.post(byId(file, "/lock"), options)).as<Granted>(201)),
  );
  expect(one?.lockId).not.toBe(two?.lockId);
});

test.each([
  ["with a space", "a b"],
  ["with a tab", "a\tb"],
  ["too long", "k".repeat(201)],
])("a key %s is refused before anything is done", async (_, key) => {
  const path = `/bad-key-${key.length}.txt`;
  const headers = { "Idempotency-Key": key };
  expect((await put(ada, workspace, path, "x", { headers })).outcome).toBe("400 input_invalid");
  expect((await ada.api.get(byPath(workspace), { query: { path } })).outcome).toBe("404 not_found");
});
