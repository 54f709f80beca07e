// What each role may do, by every operation and every route, and that a right which was taken away is gone at once,
// whatever was evicted meanwhile.

import { evictDurableObject } from "cloudflare:test";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Route, routesOf } from "../../src/faces/routes.ts";
import { OPERATIONS } from "../../src/operations/registry.ts";
import { type Scene, trySample } from "../support/samples.ts";
import { past, until } from "../support/until.ts";
import { fileObject, runAlarm, workspaceObject, world } from "../support/workerd.ts";
import {
  type Agent,
  askForLock,
  byId,
  byPath,
  type FileView,
  type Granted,
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
  type Role,
} from "../support/world.ts";

const ROUTES = OPERATIONS.flatMap(routesOf);
const ROLES = ["viewer", "editor", "admin"] as const;

const YES = "served";
const NO = "403 forbidden";
const ADMINS = "403 organization_admin_only";

/** The policy once more, written down by hand: for viewer, editor and admin of a workspace, who are plain members of
 *  the organization. */
const EXPECTED: Record<string, readonly [viewer: string, editor: string, admin: string]> = {
  create_organization: ["403 operator_only", "403 operator_only", "403 operator_only"],
  create_agent: [ADMINS, ADMINS, ADMINS],
  list_agents: [YES, YES, YES],
  who_am_i: [YES, YES, YES],
  create_workspace: [ADMINS, ADMINS, ADMINS],
  list_workspaces: [YES, YES, YES],
  list_organization_events: [ADMINS, ADMINS, ADMINS],

  get_workspace: [YES, YES, YES],
  update_workspace: [NO, NO, YES],
  list_members: [YES, YES, YES],
  set_member: [NO, NO, YES],
  remove_member: [NO, NO, YES],
  list_files: [YES, YES, YES],
  list_events: [NO, NO, YES],

  get_file: [YES, YES, YES],
  read_file: [YES, YES, YES],
  list_versions: [YES, YES, YES],
  write_file: [NO, YES, YES],
  delete_file: [NO, YES, YES],
  move_file: [NO, YES, YES],
  copy_file: [NO, YES, YES],

  acquire_lock: [NO, YES, YES],
  get_locks: [YES, YES, YES],
  wait_for_lock: [NO, YES, YES],
  renew_lock: [NO, YES, YES],
  release_lock: [NO, YES, YES],
  override_lock: [NO, NO, YES],
  // Each lock is answered for itself.
  renew_locks: ["forbidden", YES, YES],
};

interface EventPage {
  events: LoggedEvent[];
  next: number | null;
}

/** Everything in a workspace's log, oldest first, once these files and the workspace have done what they have to. */
async function logOf(admin: Agent, workspace: string, files: string[]): Promise<LoggedEvent[]> {
  for (const file of files) await runAlarm(fileObject(file));
  await runAlarm(workspaceObject(workspace));
  const events: LoggedEvent[] = [];
  for (let cursor: number | null = Number.MAX_SAFE_INTEGER; cursor !== null;) {
    const query: Record<string, number> = { limit: 1000, cursor };
    const page: EventPage = (await admin.api.get(`/api/workspaces/${workspace}/events`, { query })).as<EventPage>(200);
    events.push(...page.events);
    cursor = page.next;
  }
  return events.toReversed();
}

const member = (workspace: string, { id }: Agent): string => `/api/workspaces/${workspace}/members/${id}`;
const read = async (agent: Agent, file: FileView) => (await agent.api.get(byId(file, "/content"))).outcome;
const write = async (agent: Agent, file: FileView) =>
  (await overwrite(agent, file, "two", { "If-Match": "*" })).outcome;
/** A request that may be repeated. */
const once = (options: { json?: unknown; content?: string; headers?: Record<string, string> } = {}) => ({
  ...options,
  headers: { ...options.headers, "Idempotency-Key": crypto.randomUUID() },
});
const byPathOf = (path: string) => ({ query: { path } });

test("the table knows every operation of the registry, and nothing else", () => {
  expect(Object.keys(EXPECTED).sort()).toEqual(OPERATIONS.map(({ name }) => name).sort());
});

describe("each role may do what it is for, and nothing else", () => {
  let owner: Agent;
  let workspace: string;
  const agents = {} as Record<Role, Agent>;
  const files: string[] = [];
  const refusals: string[] = [];
  let scenes = 0;

  beforeAll(async () => {
    owner = await world.organization();
    for (const role of ROLES) agents[role] = await world.agent(owner, role);
    workspace = await world.workspace(
      owner,
      ROLES.map((role) => [agents[role], role]),
    );
  });

  /** The locks are the agent's own, where it may have any. */
  async function newScene(role: Role): Promise<Scene> {
    const number = ++scenes;
    const holder = role === "viewer" ? owner : agents[role];
    const member = await world.agent(owner, `member ${number}`);
    const newcomer = await world.agent(owner, `newcomer ${number}`);
    await world.setRole(owner, workspace, member, "editor");
    const file = await newFile(owner, workspace, `/rights/${number}.csv`);
    files.push(file.fileId);
    const { lockId } = await lock(holder, file);
    const { ticket } = await queue(holder, file);
    return { workspace, file, lockId, ticket, member, newcomer, number };
  }

  const cases = ROUTES.flatMap((route) =>
    ROLES.map((role, index): [string, string, string, Role, Route] => {
      const expected = EXPECTED[route.operation.name]?.[index] ?? "unknown";
      return [role, `${route.operation.method} ${route.pattern}`, expected, role, route];
    }),
  );

  test.each(cases)("%s, %s: %s", async (_role, _route, expected, role, route) => {
    const scene = await newScene(role);
    const answer = await trySample(agents[role].api, route, scene);
    const { name } = route.operation;
    if (expected === "forbidden") {
      const failed = [{ fileId: scene.file.fileId, lockId: scene.lockId, code: "forbidden" }];
      expect(answer.as(200)).toEqual({ renewed: [], failed });
    } else {
      expect(answer.status < 400 ? YES : answer.outcome).toBe(expected);
    }
    if (expected !== NO && expected !== "forbidden") return;
    // By path, and on the workspace, it is the workspace that refuses.
    const onFile = name === "renew_locks" || route.pattern.startsWith("/api/files/");
    refusals.push([agents[role].id, name, onFile ? scene.file.fileId : "workspace", "forbidden"].join(" "));
    const after = (await owner.api.get(byId(scene.file))).as<FileView>(200);
    expect(after).toEqual({ ...scene.file, writer: after.writer });
    expect((await locksOf(owner, scene.file)).queue).toHaveLength(1);
  });

  test("a refused creation creates nothing, small or large", async () => {
    for (const [name, content] of Object.entries({ small: "small", large: "x".repeat(100_000) })) {
      const path = `/planted-${name}.txt`;
      expect((await put(agents.viewer, workspace, path, content)).outcome).toBe(NO);
      expect((await owner.api.get(byPath(workspace), { query: { path } })).outcome).toBe("404 not_found");
      refusals.push([agents.viewer.id, "write_file", "workspace", "forbidden"].join(" "));
    }
  });

  test("each refusal is in the audit log, once and with its code", async () => {
    const events = await logOf(owner, workspace, files);
    const refused = events.filter(({ outcome }) => outcome === "refused");
    const seen = refused.map(({ agent, action, fileId, code }) =>
      [agent, action, fileId ?? "workspace", code].join(" "),
    );
    expect(seen.sort()).toEqual(refusals.toSorted());
  });
});

describe("a right that was taken away", () => {
  let ada: Agent;
  let ben: Agent;
  let cyd: Agent;
  let workspace: string;
  let files = 0;

  beforeAll(async () => {
    ada = await world.organization();
    ben = await world.agent(ada, "ben");
    cyd = await world.agent(ada, "cyd");
    workspace = await world.workspace(ada, [[cyd, "editor"]]);
  });
  beforeEach(() => world.setRole(ada, workspace, ben, "editor"));

  const fresh = (): Promise<FileView> => newFile(ada, workspace, `/recalled/${++files}.txt`);
  const remove = async (agent: Agent): Promise<void> => {
    (await ada.api.delete(`/api/workspaces/${workspace}/members/${agent.id}`)).must(200);
  };
  const EVICTED: Record<string, (file: FileView) => Promise<void>> = {
    "with everything warm": async () => undefined,
    "with the workspace evicted before": () => evictDurableObject(workspaceObject(workspace)),
    "with the file evicted before": ({ fileId }) => evictDurableObject(fileObject(fileId)),
    "with both evicted before": async ({ fileId }) => {
      await evictDurableObject(fileObject(fileId));
      await evictDurableObject(workspaceObject(workspace));
    },
  };

  describe.each(Object.entries(EVICTED))("is gone on the very next request, %s", (_, evict) => {
    test("by a lowered role", async () => {
      const file = await fresh();
      expect(await write(ben, file)).toBe("200");
      const { lockId } = await lock(ben, file);
      await evict(file);
      await world.setRole(ada, workspace, ben, "viewer");
      expect(await write(ben, file)).toBe(NO);
      expect((await overwrite(ben, file, "two", { "Holdfast-Lock": lockId })).outcome).toBe(NO);
      expect((await renew(ben, file, lockId)).outcome).toBe(NO);
      expect((await put(ben, workspace, file.path, "two", { headers: { "If-Match": "*" } })).outcome).toBe(NO);
      expect(await read(ben, file)).toBe("200");
    });

    test("by a removal", async () => {
      const file = await fresh();
      expect(await read(ben, file)).toBe("200");
      await evict(file);
      await remove(ben);
      expect(await read(ben, file)).toBe("404 not_found");
      expect(await write(ben, file)).toBe("404 not_found");
      expect((await askForLock(ben, file)).outcome).toBe("404 not_found");
      expect((await ben.api.get(byPath(workspace), { query: { path: file.path } })).outcome).toBe("404 not_found");
      expect((await ben.api.get(`/api/workspaces/${workspace}`)).outcome).toBe("404 not_found");
      // Nobody else has lost anything.
      expect(await write(cyd, file)).toBe("200");
    });

    test("by a removal, also when the file is evicted right after it", async () => {
      const file = await fresh();
      expect(await read(ben, file)).toBe("200");
      await evict(file);
      await remove(ben);
      await evictDurableObject(fileObject(file.fileId));
      expect(await read(ben, file)).toBe("404 not_found");
    });
  });

  test("is gone in every file the agent is busy with, for every request begun after the answer", async () => {
    const busy = await Promise.all(Array.from({ length: 4 }, fresh));
    const attempts: { answered: boolean; outcome: string }[] = [];
    const run = { answered: false, over: false };
    const work = async (file: FileView): Promise<void> => {
      while (!run.over) {
        const { answered } = run;
        attempts.push({ answered, outcome: await write(ben, file) });
        // Lets timers have their turn.
        await scheduler.wait(1);
      }
    };
    const working = Promise.all(busy.map(work));
    const more = (count: number) => until(`${count} tries`, 10_000, () => (attempts.length >= count ? true : null));
    try {
      await more(20);
      await world.setRole(ada, workspace, ben, "viewer");
      run.answered = true;
      await more(attempts.length + 40);
    } finally {
      run.over = true;
      await working;
    }
    const outcomes = (after: boolean) => new Set(attempts.filter((a) => a.answered === after).map((a) => a.outcome));
    expect(outcomes(true)).toEqual(new Set([NO]));
    expect(outcomes(false)).toContain("200");
  });

  test("comes back with the role, on the very next request", async () => {
    const file = await fresh();
    await world.setRole(ada, workspace, ben, "viewer");
    expect(await write(ben, file)).toBe(NO);
    await world.setRole(ada, workspace, ben, "editor");
    expect(await write(ben, file)).toBe("200");
    await remove(ben);
    expect(await write(ben, file)).toBe("404 not_found");
    await world.setRole(ada, workspace, ben, "viewer");
    expect(await read(ben, file)).toBe("200");
  });

  const TAKEN: Record<string, [outcome: string, take: () => Promise<void>]> = {
    removed: ["404 not_found", () => remove(ben)],
    "made a viewer": [NO, () => world.setRole(ada, workspace, ben, "viewer")],
  };

  describe.each(Object.entries(TAKEN))("of a member that is %s", (_, [outcome, take]) => {
    test("while its request waits in the queue: it does not get the lock, the next one does", async () => {
      const file = await fresh();
      const held = await lock(ada, file);
      const bens = askForLock(ben, file, { wait: 30 });
      await until("ben waits", 5000, async () => ((await locksOf(ada, file)).queue.length === 1 ? true : null));
      const cyds = askForLock(cyd, file, { wait: 30 });
      await until("cyd waits", 5000, async () => ((await locksOf(ada, file)).queue.length === 2 ? true : null));
      await take();
      (await release(ada, file, held.lockId)).must(200);
      expect((await bens).outcome).toBe(outcome);
      expect((await cyds).as<Granted>(201).holder).toBe(cyd.id);
      expect((await locksOf(ada, file)).locks.map(({ holder }) => holder)).toEqual([cyd.id]);
    });

    test("while it holds a ticket: its claim is refused, the next one gets the lock", async () => {
      const file = await fresh();
      const held = await lock(ada, file);
      const { ticket } = await queue(ben, file);
      const cyds = askForLock(cyd, file, { wait: 30 });
      await until("cyd waits", 5000, async () => ((await locksOf(ada, file)).queue.length === 2 ? true : null));
      await take();
      (await release(ada, file, held.lockId)).must(200);
      expect((await resume(ben, file, ticket)).outcome).toBe(outcome);
      expect((await cyds).as<Granted>(201).holder).toBe(cyd.id);
      expect((await resume(ben, file, ticket)).outcome).toBe(outcome);
    });

    test("while it holds the lock: it can use it no more, and it passes on at its expiry", async () => {
      const file = await fresh();
      const held = await lock(ben, file, { ttl: 3 });
      const cyds = askForLock(cyd, file, { wait: 30 });
      await until("cyd waits", 5000, async () => ((await locksOf(ada, file)).queue.length === 1 ? true : null));
      await take();
      expect((await overwrite(ben, file, "two", { "Holdfast-Lock": held.lockId })).outcome).toBe(outcome);
      expect((await renew(ben, file, held.lockId, { ttl: 60 })).outcome).toBe(outcome);
      expect((await release(ben, file, held.lockId)).outcome).toBe(outcome);
      await past(Date.parse(held.expiresAt));
      const granted = (await cyds).as<Granted>(201);
      expect(Date.parse(granted.grantedAt)).toBeGreaterThanOrEqual(Date.parse(held.expiresAt));
      expect(granted.fencingToken).toBeGreaterThan(held.fencingToken);
    });

    test("is gone for repetitions too: an Idempotency-Key is no way back", async () => {
      const [written, locked, moved, copied, deleted] = await Promise.all(Array.from({ length: 5 }, fresh));
      if (!written || !locked || !moved || !copied || !deleted) throw new Error("five files");
      const requests: [string, string, ReturnType<typeof once> & { query?: { path: string } }][] = [
        ["PUT", byId(written, "/content"), once({ content: "two", headers: { "If-Match": "*" } })],
        ["POST", byId(locked, "/lock"), once()],
        ["POST", byId(moved, "/move"), once({ json: { to: `${moved.path}.moved` } })],
        ["POST", byId(copied, "/copy"), once({ json: { to: `${copied.path}.copied` } })],
        ["DELETE", byId(deleted), once({ headers: { "If-Match": "*" } })],
        ["PUT", byPath(workspace, "/content"), { ...once({ content: "new" }), ...byPathOf(`/created/${++files}.txt`) }],
        ["POST", byPath(workspace, "/lock"), { ...once(), ...byPathOf(written.path) }],
      ];
      for (const [method, path, options] of requests) (await ben.api.ask(method, path, options)).must(200, 201);
      await take();
      for (const [method, path, options] of requests) {
        const again = await ben.api.ask(method, path, options);
        expect([method, path, again.outcome]).toEqual([method, path, outcome]);
      }
      // With the right the memory is there again.
      await world.setRole(ada, workspace, ben, "editor");
      for (const [method, path, options] of requests) (await ben.api.ask(method, path, options)).must(200, 201);
    });
  });
});

describe("members", () => {
  test("the last admin stays, by whatever way it would go", async () => {
    const ada = await world.organization();
    const ben = await world.agent(ada, "ben");
    const workspace = await world.workspace(ada, [[ben, "editor"]]);
    const lower = (by: Agent, whom: Agent, role: Role) => by.api.put(member(workspace, whom), { json: { role } });
    expect((await lower(ada, ada, "viewer")).outcome).toBe("409 last_admin");
    expect((await lower(ada, ada, "editor")).outcome).toBe("409 last_admin");
    expect((await ada.api.delete(member(workspace, ada))).outcome).toBe("409 last_admin");
    expect((await lower(ada, ada, "admin")).outcome).toBe("200");
    (await lower(ada, ben, "admin")).must(200);
    expect((await ben.api.delete(member(workspace, ada))).outcome).toBe("200");
    expect((await ben.api.delete(member(workspace, ben))).outcome).toBe("409 last_admin");
    expect((await lower(ada, ben, "viewer")).outcome).toBe("404 not_found");
  });

  test("two admins who remove each other at once leave one", async () => {
    const ada = await world.organization();
    const ben = await world.agent(ada, "ben");
    const workspace = await world.workspace(ada, [[ben, "admin"]]);
    const answers = await Promise.all([ada.api.delete(member(workspace, ben)), ben.api.delete(member(workspace, ada))]);
    expect(answers.map(({ outcome }) => outcome).sort()).toEqual(["200", "404 not_found"]);
  });

  test("an agent of another organization cannot be made one, nor one that does not exist", async () => {
    const ada = await world.organization();
    const foreigner = await world.organization("Rival");
    const workspace = await world.workspace(ada);
    const nobody: Agent = { ...foreigner, id: `agt_${"A".repeat(22)}` };
    for (const whom of [foreigner, nobody]) {
      const answer = await ada.api.put(member(workspace, whom), { json: { role: "viewer" } });
      expect(answer.outcome).toBe("404 not_found");
    }
    const { members } = (await ada.api.get(`/api/workspaces/${workspace}/members`)).as<{ members: unknown[] }>(200);
    expect(members).toHaveLength(1);
    expect((await foreigner.api.get(`/api/workspaces/${workspace}`)).outcome).toBe("404 not_found");
    const attempts = (await logOf(ada, workspace, [])).filter(({ action }) => action === "set_member");
    expect(attempts.map(({ outcome, code }) => [outcome, code])).toEqual([
      ["refused", "not_found"],
      ["refused", "not_found"],
    ]);
  });

  test("settings that cannot be are refused as such only to those who may set them", async () => {
    const ada = await world.organization();
    const ben = await world.agent(ada, "ben");
    const stranger = await world.organization("Rival");
    const workspace = await world.workspace(ada, [[ben, "viewer"]]);
    const shorten = async ({ api }: Agent) =>
      (await api.patch(`/api/workspaces/${workspace}`, { json: { locks: { maxHold: 2 } } })).outcome;
    expect(await shorten(ada)).toBe("400 input_invalid");
    expect(await shorten(ben)).toBe(NO);
    expect(await shorten(stranger)).toBe("404 not_found");
  });

  test("an admin of the organization is no admin of a workspace it is not a member of", async () => {
    const ada = await world.organization();
    const boss = await world.agent(ada, "boss", "admin");
    const workspace = await world.workspace(ada);
    const selfMade = await boss.api.put(member(workspace, boss), { json: { role: "admin" } });
    expect(selfMade.outcome).toBe("404 not_found");
    expect((await boss.api.get(`/api/workspaces/${workspace}`)).outcome).toBe("404 not_found");
  });
});
