// The audit log: everything that was done or refused is in it, once and in order, and can be found again.

import { beforeAll, describe, expect, test } from "vitest";
import { past } from "../support/until.ts";
import { fileObject, organizationObject, runAlarm, workspaceObject, world } from "../support/workerd.ts";
import {
  type Agent,
  askForLock,
  byId,
  type FileView,
  lock,
  type LoggedEvent,
  locksOf,
  newFile,
  overwrite,
  put,
  queue,
  release,
  renew,
  resume,
} from "../support/world.ts";

type Query = Record<string, string | number>;
interface Page {
  events: LoggedEvent[];
  next: number | null;
}

const pageOf = async ({ api }: Agent, workspace: string, query: Query = {}): Promise<Page> =>
  (await api.get(`/api/workspaces/${workspace}/events`, { query })).as<Page>(200);

/** Lets the files ship what they have recorded, and the workspace bring it into the log. */
async function settle(workspace: string, ...files: { fileId: string }[]): Promise<void> {
  for (const { fileId } of files) await runAlarm(fileObject(fileId));
  await runAlarm(workspaceObject(workspace));
}

/** What the log says of itself: reading it is recorded too. */
const ofOthers = (events: LoggedEvent[]): LoggedEvent[] => events.filter(({ action }) => action !== "list_events");

const line = (agent: string | null, action: string, file: string | null, code: string | null): string =>
  [agent, action, file, code === null ? "accepted" : "refused", code].join(" ");

const lineOf = ({ agent, action, fileId, code }: LoggedEvent): string => line(agent, action, fileId, code);

/** Whose order a line keeps. Names are the workspace's affair: it records a file's moves itself, and at once. */
function recordedBy(entry: string): string {
  const [, action, file = ""] = entry.split(" ");
  return action === "move_file" ? "" : file;
}

describe("of a session", () => {
  let ada: Agent;
  let ben: Agent;
  let vic: Agent;
  let workspace: string;
  let one: FileView;
  let two: FileView;
  /** What must be in the log, noted when it was done: agent, action, file, outcome, code. */
  const done: string[] = [];
  const all: LoggedEvent[] = [];

  const note = (agent: Agent, action: string, file: { fileId: string } | null, code: string | null = null): void => {
    done.push(line(agent.id, action, file?.fileId ?? null, code));
  };

  beforeAll(async () => {
    ada = await world.organization();
    ben = await world.agent(ada, "ben");
    vic = await world.agent(ada, "vic");
    workspace = await world.workspace(ada);
    note(ada, "create_workspace", null);
    const base = `/api/workspaces/${workspace}`;

    await world.setRole(ada, workspace, ben, "editor");
    await world.setRole(ada, workspace, vic, "viewer");
    note(ada, "set_member", null);
    note(ada, "set_member", null);
    (await ada.api.get(base)).must(200);
    note(ada, "get_workspace", null);
    (await ben.api.patch(base, { json: { name: "mine" } })).must(403);
    note(ben, "update_workspace", null, "forbidden");
    (await ada.api.patch(base, { json: { name: "ours" } })).must(200);
    note(ada, "update_workspace", null);
    (await vic.api.get(`${base}/members`)).must(200);
    note(vic, "list_members", null);
    (await ada.api.delete(`${base}/members/${ada.id}`)).must(409);
    note(ada, "remove_member", null, "owner_stays");

    one = await newFile(ben, workspace, "/one.txt");
    note(ben, "write_file", one);
    two = await newFile(ada, workspace, "/two.txt");
    note(ada, "write_file", two);
    (await put(vic, workspace, "/three.txt", "three")).must(403);
    note(vic, "write_file", null, "forbidden");
    (await vic.api.get(byId(one, "/content"))).must(200);
    note(vic, "read_file", one);
    (await vic.api.get(byId(two))).must(200);
    note(vic, "get_file", two);
    (await ben.api.get(byId(one, "/versions"))).must(200);
    note(ben, "list_versions", one);
    (await overwrite(vic, one, "x", { "If-Match": "*" })).must(403);
    note(vic, "write_file", one, "forbidden");
    (await overwrite(ada, one, "x", {})).must(428);
    note(ada, "write_file", one, "precondition_required");
    (await overwrite(ada, one, "x", { "If-Match": '"other"' })).must(412);
    note(ada, "write_file", one, "precondition_failed");

    const held = await lock(ben, one, { ttl: 60 });
    note(ben, "acquire_lock", one);
    (await askForLock(ada, one)).must(423);
    note(ada, "acquire_lock", one, "locked");
    (await overwrite(ada, one, "x", { "If-Match": "*" })).must(423);
    note(ada, "write_file", one, "locked");
    const { ticket } = await queue(ada, one, { ttl: 60 });
    note(ada, "acquire_lock", one);
    // Neither heartbeats nor polls are events.
    for (let i = 0; i < 3; i++) {
      (await renew(ben, one, held.lockId)).must(200);
      (await ben.api.post("/api/locks/renew", { json: { locks: [{ fileId: one.fileId, lockId: held.lockId }] } })).must(
        200,
      );
      (await resume(ada, one, ticket)).must(202);
      (await resume(ben, one, held.lockId)).must(200);
    }
    const repeated = { content: "two", headers: { "Holdfast-Lock": held.lockId, "Idempotency-Key": "audit-1" } };
    for (let i = 0; i < 3; i++) (await ben.api.put(byId(one, "/content"), repeated)).must(200);
    note(ben, "write_file", one);
    (await release(ben, one, held.lockId)).must(200);
    note(ben, "release_lock", one);
    (await resume(ada, one, ticket)).must(200);
    note(ada, "wait_for_lock", one);
    (await renew(ben, one, held.lockId)).must(410);
    note(ben, "renew_lock", one, "renewal_after_release");
    (await overwrite(ben, one, "x", { "Holdfast-Lock": held.lockId })).must(412);
    note(ben, "write_file", one, "write_after_release");
    await locksOf(vic, one);
    note(vic, "get_locks", one);
    (await release(ada, one, ticket)).must(200);
    note(ada, "release_lock", one);

    (await ada.api.post(byId(two, "/move"), { json: { to: "/one.txt" } })).must(409);
    note(ada, "move_file", two, "path_taken");
    (await ada.api.post(byId(two, "/move"), { json: { to: "/moved.txt" } })).must(200);
    note(ada, "move_file", two);
    (await ben.api.get(`${base}/files`)).must(200);
    note(ben, "list_files", null);
    (await ben.api.get(`${base}/events`)).must(403);
    note(ben, "list_events", null, "forbidden");
    (await vic.api.get(`${base}/events`)).must(403);
    note(vic, "list_events", null, "forbidden");
    (await ben.api.delete(byId(two), { headers: { "If-Match": '"other"' } })).must(412);
    note(ben, "delete_file", two, "precondition_failed");
    (await ben.api.delete(byId(two), { headers: { "If-Match": "*" } })).must(200);
    note(ben, "delete_file", two);
    (await ada.api.delete(`${base}/members/${vic.id}`)).must(200);
    note(ada, "remove_member", null);

    await settle(workspace, one, two);
    all.push(...(await pageOf(ada, workspace, { limit: 1000 })).events);
  });

  test("every action is there once, accepted or refused, with its agent, file and code", () => {
    expect(all.map(lineOf).sort()).toEqual(done.toSorted());
    for (const event of all) {
      expect(event.outcome).toBe(event.code === null ? "accepted" : "refused");
      expect(event.key).toMatch(/^key_[\w-]{22}$/);
    }
  });

  test("the workspace's order has no gaps, and keeps that of each file and of the workspace itself", () => {
    const inOrder = all.toReversed();
    expect(inOrder.map(({ seq }) => seq)).toEqual(inOrder.map((_, index) => index + 1));
    for (const of of [one.fileId, two.fileId, ""]) {
      const part = inOrder.map(lineOf).filter((entry) => recordedBy(entry) === of);
      expect(part).toEqual(done.filter((entry) => recordedBy(entry) === of));
    }
  });

  test("the events of a file's versions and locks say what one needs to follow them", () => {
    const writes = all.toReversed().filter((e) => e.fileId === one.fileId && e.action === "write_file" && !e.code);
    expect(writes.map(({ detail }) => detail["version"])).toEqual([1, 2]);
    const grants = all.filter(({ action, detail }) => action.endsWith("lock") && detail["token"] !== undefined);
    expect(grants).toHaveLength(2);
    for (const { detail } of grants) expect(detail).toMatchObject({ lock: expect.stringMatching(/^lk_/) });
  });

  test("running the alarms again adds nothing", async () => {
    await settle(workspace, one, two);
    await settle(workspace, one, two);
    const events = ofOthers((await pageOf(ada, workspace, { limit: 1000 })).events);
    expect(events.map(({ seq }) => seq)).toEqual(
      all.filter(({ action }) => action !== "list_events").map(({ seq }) => seq),
    );
  });

  test("filters find exactly what they say, alone and in every combination", async () => {
    const times = [...new Set(all.map(({ at }) => at))].toSorted();
    const since = times[Math.floor(times.length / 4)] ?? "";
    const until = times[Math.floor((3 * times.length) / 4)] ?? "";
    const filters: [string, string, (event: LoggedEvent) => boolean][] = [
      ["agent", ada.id, ({ agent }) => agent === ada.id],
      ["fileId", one.fileId, ({ fileId }) => fileId === one.fileId],
      ["action", "write_file", ({ action }) => action === "write_file"],
      ["outcome", "refused", ({ outcome }) => outcome === "refused"],
      ["since", since, ({ at }) => at >= since],
      ["until", until, ({ at }) => at < until],
    ];
    const last = all[0]?.seq ?? 0;
    let found = 0;
    for (let chosen = 0; chosen < 2 ** filters.length; chosen++) {
      const some = filters.filter((_, index) => (chosen >> index) % 2 === 1);
      // The cursor leaves out what this very test adds.
      const query = {
        limit: 1000,
        cursor: last + 1,
        ...Object.fromEntries(some.map(([name, value]) => [name, value])),
      };
      const { events } = await pageOf(ada, workspace, query);
      const expected = all.filter((event) => some.every(([, , holds]) => holds(event)));
      expect([query, events]).toEqual([query, expected]);
      found += events.length;
    }
    expect(found).toBeGreaterThan(100);
  });

  test("a filter that nothing meets finds nothing", async () => {
    for (const query of [{ agent: `agt_${"A".repeat(22)}` }, { fileId: "0".repeat(64) }, { action: "' OR 1=1 --" }]) {
      expect(await pageOf(ada, workspace, query)).toEqual({ events: [], next: null });
    }
  });
});

test("pages have neither gaps nor repetitions while new events arrive", async () => {
  const ada = await world.organization();
  const workspace = await world.workspace(ada);
  const file = await newFile(ada, workspace, "/busy.txt");
  const read = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) (await ada.api.get(byId(file))).must(200);
    await settle(workspace, file);
  };
  await read(40);
  const before = (await pageOf(ada, workspace, { limit: 1000 })).events;
  for (const limit of [1, 7, before.length]) {
    const paged: LoggedEvent[] = [];
    const last = (before[0]?.seq ?? 0) + 1;
    for (let cursor: number | null = last; cursor !== null;) {
      const page: Page = await pageOf(ada, workspace, { limit, cursor });
      expect(page.events.length).toBeLessThanOrEqual(limit);
      paged.push(...page.events);
      cursor = page.next;
      if (paged.length % 5 === 0) await read(2);
    }
    expect(paged).toEqual(before);
  }
});

test("a lock that expires is an event without an agent; it says whose lock it was", async () => {
  const ada = await world.organization();
  const workspace = await world.workspace(ada);
  const file = await newFile(ada, workspace, "/left.txt");
  const { lockId, expiresAt } = await lock(ada, file, { ttl: 1 });
  await past(Date.parse(expiresAt));
  await settle(workspace, file);
  const { events } = await pageOf(ada, workspace, { action: "lock_expired" });
  expect(events).toMatchObject([{ outcome: "accepted", code: null, agent: null, key: null, fileId: file.fileId }]);
  expect(events[0]?.detail).toEqual({ lock: lockId, holder: ada.id });
  expect((await pageOf(ada, workspace, { agent: ada.id, action: "lock_expired" })).events).toEqual([]);
});

describe("the organization's own log", () => {
  let ada: Agent;
  let ben: Agent;

  beforeAll(async () => {
    ada = await world.organization();
    ben = await world.agent(ada, "ben");
  });

  test("has what was done and refused in the directory, once and in order, and no key", async () => {
    const repeated = { json: { name: "cyd" }, headers: { "Idempotency-Key": "once" } };
    const { key } = (await ada.api.post("/api/agents", repeated)).as<{ key: string }>(201);
    (await ada.api.post("/api/agents", repeated)).must(201);
    (await ben.api.post("/api/agents", { json: { name: "mole" } })).must(403);
    await world.workspace(ada);
    (await ben.api.post("/api/workspaces", { json: { name: "mine" } })).must(403);
    await runAlarm(organizationObject(ada.organization));
    const answer = await ada.api.get("/api/events");
    const { events } = answer.as<Page>(200);
    expect(events.toReversed().map(({ action, agent, code }) => [action, agent, code])).toEqual([
      ["create_organization", ada.id, null],
      ["create_agent", ada.id, null],
      ["create_agent", ada.id, null],
      ["create_agent", ben.id, "forbidden"],
      ["create_workspace", ada.id, null],
      ["create_workspace", ben.id, "forbidden"],
    ]);
    for (const secret of [key, ada.api.key ?? "", ben.api.key ?? ""]) expect(answer.text).not.toContain(secret);
  });

  test("is for its admins alone, and pages", async () => {
    expect((await ben.api.get("/api/events")).outcome).toBe("403 forbidden");
    const stranger = await world.organization("Rival");
    await runAlarm(organizationObject(stranger.organization));
    const theirs = (await stranger.api.get("/api/events")).as<Page>(200).events;
    expect(theirs.map(({ action }) => action)).toEqual(["create_organization"]);
    const whole = (await ada.api.get("/api/events")).as<Page>(200).events;
    const paged: LoggedEvent[] = [];
    for (let cursor: number | null = (whole[0]?.seq ?? 0) + 1; cursor !== null;) {
      const page: Page = (await ada.api.get("/api/events", { query: { limit: 2, cursor } })).as<Page>(200);
      paged.push(...page.events);
      cursor = page.next;
    }
    expect(paged).toEqual(whole);
  });
});
