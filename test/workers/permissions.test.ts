// What each role may do, by every operation and every route, and that a right which was taken away is gone at once,
// with what was locked under it, whatever was evicted meanwhile; and that nobody gives or takes more than they hold.

import { evictDurableObject } from "cloudflare:test";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Route, routesOf } from "../../src/faces/routes.ts";
import { OPERATIONS } from "../../src/operations/registry.ts";
import { trySample } from "../support/samples.ts";
import { newScene } from "../support/scene.ts";
import { until } from "../support/until.ts";
import { fileObject, organizationObject, runAlarm, workspaceObject, world } from "../support/workerd.ts";
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
  makeGrant,
  makeGroup,
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
const ROLES = ["viewer", "editor", "steward", "admin"] as const;

const YES = "served";
const NO = "403 forbidden";
const HIDDEN = "404 not_found";
type Row = readonly [viewer: string, editor: string, steward: string, admin: string];
const ALL: Row = [YES, YES, YES, YES];
const NONE: Row = [NO, NO, NO, NO];
const WRITERS: Row = [NO, YES, YES, YES];
const STEWARDS: Row = [NO, NO, YES, YES];
const ADMINS: Row = [NO, NO, NO, YES];
/** Somebody else's, which there is not for those who may not look after it. */
const OTHERS: Row = [HIDDEN, HIDDEN, HIDDEN, HIDDEN];

/** The policy once more, written down by hand: for those who have a role in a workspace, and are plain members of the
 *  organization. */
const EXPECTED: Record<string, Row> = {
  create_organization: ["403 operator_only", "403 operator_only", "403 operator_only", "403 operator_only"],
  get_organization: ALL,
  create_workspace: NONE,
  list_workspaces: ALL,
  list_organization_events: NONE,

  who_am_i: ALL,
  create_agent: NONE,
  list_principals: ALL,
  set_organization_role: NONE,
  pause_principal: NONE,
  resume_principal: NONE,
  remove_principal: NONE,

  create_key: ALL,
  list_keys: ALL,
  rotate_key: OTHERS,
  revoke_key: OTHERS,

  create_group: NONE,
  list_groups: ALL,
  delete_group: NONE,
  add_to_group: NONE,
  remove_from_group: NONE,
  list_roles: ALL,
  set_role: NONE,
  list_organization_grants: ALL,
  grant_everywhere: NONE,
  revoke_everywhere: NONE,

  create_invitation: NONE,
  list_invitations: ALL,
  cancel_invitation: NONE,
  accept_invitation: ALL,
  create_transfer: OTHERS,
  list_transfers: ALL,
  cancel_transfer: OTHERS,
  claim_transfer: ["403 humans_only", "403 humans_only", "403 humans_only", "403 humans_only"],
  transfer_ownership: OTHERS,

  get_workspace: ALL,
  update_workspace: ADMINS,
  list_files: ALL,
  list_events: ADMINS,

  list_members: ALL,
  set_member: ADMINS,
  remove_member: ADMINS,
  list_grants: ADMINS,
  grant_access: ADMINS,
  revoke_access: ADMINS,
  who_can: ADMINS,
  what_can: ADMINS,
  access_report: ADMINS,
  organization_access_report: NONE,

  get_file: ALL,
  read_file: ALL,
  list_versions: ALL,
  write_file: WRITERS,
  delete_file: WRITERS,
  move_file: WRITERS,
  copy_file: WRITERS,

  acquire_lock: WRITERS,
  get_locks: ALL,
  wait_for_lock: WRITERS,
  renew_lock: WRITERS,
  release_lock: WRITERS,
  override_lock: STEWARDS,
  // Each lock is answered for itself.
  renew_locks: ["forbidden", YES, YES, YES],

  hand_off: WRITERS,
  list_handoffs: ALL,
  get_handoff: ALL,
  // Somebody else's.
  undo_handoff: ADMINS,
};

interface EventPage {
  events: LoggedEvent[];
  next: number | null;
}

/** Everything in a workspace's log, oldest first, once these files and the workspace have done what they have to. */
async function logOf(admin: Agent, workspace: string, files: string[]): Promise<LoggedEvent[]> {
  for (const file of files) await runAlarm(fileObject(file));
  await runAlarm(workspaceObject(workspace));
  return eventsAt(admin, `/api/workspaces/${workspace}/events`);
}

const lineOf = (where: string) => (event: LoggedEvent) =>
  [event.agent, event.action, event.fileId ?? where, event.code].join(" ");
const isRefused = ({ outcome }: LoggedEvent): boolean => outcome === "refused";

async function organizationLogOf(admin: Agent): Promise<LoggedEvent[]> {
  await runAlarm(organizationObject(admin.organization));
  return eventsAt(admin, "/api/events");
}

async function eventsAt(admin: Agent, path: string): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for (let cursor: number | null = Number.MAX_SAFE_INTEGER; cursor !== null;) {
    const query: Record<string, number> = { limit: 1000, cursor };
    const page: EventPage = (await admin.api.get(path, { query })).as<EventPage>(200);
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
  /** Who was refused what, where and why; but by whom it is not recorded, if that is nobody of the organization. */
  const refusals: string[] = [];

  beforeAll(async () => {
    owner = await world.organization();
    for (const role of ROLES) agents[role] = await world.agent(owner, role);
    workspace = await world.workspace(
      owner,
      ROLES.map((role) => [agents[role], role]),
    );
  });

  const cases = ROUTES.flatMap((route) =>
    ROLES.map((role, index): [string, string, string, Role, Route] => {
      const expected = EXPECTED[route.operation.name]?.[index] ?? "unknown";
      return [role, `${route.operation.method} ${route.pattern}`, expected, role, route];
    }),
  );

  test.each(cases)("%s, %s: %s", async (_role, _route, expected, role, route) => {
    // The locks are the agent's own, where it may have any.
    const holder = role === "viewer" ? owner : agents[role];
    const scene = await newScene({ world, owner, workspace, folder: "/rights/" }, holder);
    files.push(scene.file.fileId);
    const answer = await trySample(agents[role].api, route, scene);
    const { name, on } = route.operation;
    if (expected === "forbidden") {
      const failed = [{ fileId: scene.file.fileId, lockId: scene.lockId, code: "forbidden" }];
      expect(answer.as(200)).toEqual({ renewed: [], failed });
    } else {
      expect(answer.status < 400 ? YES : answer.outcome).toBe(expected);
    }
    if (expected === YES || on === "deployment") return;
    // By path, and on the workspace, it is the workspace that refuses.
    const onFile = name === "renew_locks" || route.pattern.startsWith("/api/files/");
    const where = onFile ? scene.file.fileId : on === "organization" || on === "token" ? "organization" : "workspace";
    refusals.push([agents[role].id, name, where, expected.replace(/^\d+ /, "")].join(" "));
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
    const seen = [
      ...(await logOf(owner, workspace, files)).filter(isRefused).map(lineOf("workspace")),
      ...(await organizationLogOf(owner)).filter(isRefused).map(lineOf("organization")),
    ];
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

  interface Taking {
    outcome: string;
    take: () => Promise<void>;
    giveBack: () => Promise<void>;
  }
  const pausing = (what: "pause" | "resume") => async (): Promise<void> => {
    (
      await ada.api.post(`/api/principals/${ben.id}/${what}`, { json: what === "pause" ? { reason: "wild" } : {} })
    ).must(200);
  };
  const asEditor = (): Promise<void> => world.setRole(ada, workspace, ben, "editor");
  let denial = "";
  const TAKEN: Record<string, Taking> = {
    removed: { outcome: "404 not_found", take: () => remove(ben), giveBack: asEditor },
    "made a viewer": { outcome: NO, take: () => world.setRole(ada, workspace, ben, "viewer"), giveBack: asEditor },
    "denied it in the folder": {
      outcome: NO,
      take: async () => {
        const permissions = ["files:write", "locks:acquire"];
        denial = await makeGrant(ada, workspace, { path: "/recalled/", to: ben.id, effect: "deny", permissions });
      },
      giveBack: async () => {
        (await ada.api.delete(`/api/workspaces/${workspace}/grants/${denial}`)).must(200);
      },
    },
    paused: { outcome: "403 paused", take: pausing("pause"), giveBack: pausing("resume") },
  };

  const queueOf = async (file: FileView) => (await locksOf(ada, file)).queue.map(({ holder }) => holder);
  const holdersOf = async (file: FileView) => (await locksOf(ada, file)).locks.map(({ holder }) => holder);

  describe.each(Object.entries(TAKEN))("of a member that is %s", (_, { outcome, take, giveBack }) => {
    test("while its request waits in the queue: with the answer it has left it, and is told", async () => {
      const file = await fresh();
      const held = await lock(ada, file);
      const bens = askForLock(ben, file, { wait: 30 });
      await until("ben waits", 5000, async () => ((await locksOf(ada, file)).queue.length === 1 ? true : null));
      const cyds = askForLock(cyd, file, { wait: 30 });
      await until("cyd waits", 5000, async () => ((await locksOf(ada, file)).queue.length === 2 ? true : null));
      await take();
      expect(await queueOf(file)).toEqual([cyd.id]);
      expect((await bens).outcome).toBe(outcome);
      expect(await holdersOf(file)).toEqual([ada.id]);
      (await release(ada, file, held.lockId)).must(200);
      expect((await cyds).as<Granted>(201).holder).toBe(cyd.id);
      expect(await holdersOf(file)).toEqual([cyd.id]);
      await giveBack();
    });

    test("while it holds a ticket: with the answer it has left the queue, and cannot claim", async () => {
      const file = await fresh();
      const held = await lock(ada, file);
      const { ticket } = await queue(ben, file);
      const cyds = askForLock(cyd, file, { wait: 30 });
      await until("cyd waits", 5000, async () => ((await locksOf(ada, file)).queue.length === 2 ? true : null));
      await take();
      expect(await queueOf(file)).toEqual([cyd.id]);
      expect((await resume(ben, file, ticket)).outcome).toBe(outcome);
      (await release(ada, file, held.lockId)).must(200);
      expect((await cyds).as<Granted>(201).holder).toBe(cyd.id);
      expect((await resume(ben, file, ticket)).outcome).toBe(outcome);
      await giveBack();
      expect((await resume(ben, file, ticket)).outcome).toBe("410 claim_after_revocation");
    });

    test.each(Object.entries(EVICTED))(
      "while it holds the lock: with the answer the next has it, %s",
      async (_, evict) => {
        const file = await fresh();
        const held = await lock(ben, file, { ttl: 300 });
        const cyds = askForLock(cyd, file, { wait: 30 });
        await until("cyd waits", 5000, async () => ((await locksOf(ada, file)).queue.length === 1 ? true : null));
        await evict(file);
        await take();
        expect([await holdersOf(file), await queueOf(file)]).toEqual([[cyd.id], []]);
        expect((await overwrite(ben, file, "two", { "Holdfast-Lock": held.lockId })).outcome).toBe(outcome);
        expect((await renew(ben, file, held.lockId, { ttl: 60 })).outcome).toBe(outcome);
        expect((await release(ben, file, held.lockId)).outcome).toBe(outcome);
        const granted = (await cyds).as<Granted>(201);
        expect(granted.fencingToken).toBeGreaterThan(held.fencingToken);
        expect(Date.parse(granted.grantedAt)).toBeLessThan(Date.parse(held.expiresAt) - 200_000);
        // With the right the lock does not come back.
        await giveBack();
        const late = await overwrite(ben, file, "two", { "Holdfast-Lock": held.lockId });
        expect(late.outcome).toBe("412 write_after_revocation");
      },
    );

    test("while it holds the lock, and nobody waits: with the answer the file is free", async () => {
      const file = await fresh();
      await lock(ben, file, { ttl: 300 });
      await take();
      expect(await holdersOf(file)).toEqual([]);
      await giveBack();
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
        [
          "PUT",
          byPath(workspace, "/content"),
          { ...once({ content: "new" }), ...byPathOf(`/recalled/created-${++files}.txt`) },
        ],
        ["POST", byPath(workspace, "/lock"), { ...once(), ...byPathOf(written.path) }],
      ];
      for (const [method, path, options] of requests) (await ben.api.ask(method, path, options)).must(200, 201);
      await take();
      for (const [method, path, options] of requests) {
        const again = await ben.api.ask(method, path, options);
        expect([method, path, again.outcome]).toEqual([method, path, outcome]);
      }
      // With the right the memory is there again.
      await giveBack();
      for (const [method, path, options] of requests) (await ben.api.ask(method, path, options)).must(200, 201);
    });
  });
});

describe("members", () => {
  test("the owner cannot be locked out, by whatever way it would go", async () => {
    const ada = await world.organization();
    const [ben, cyd] = [await world.agent(ada, "ben"), await world.agent(ada, "cyd")];
    const workspace = await world.workspace(ada, [[ben, "admin"]]);
    (await ada.api.post("/api/ownership", { json: { workspaceId: workspace, to: cyd.id, keep: "none" } })).must(200);
    const grants = `/api/workspaces/${workspace}/grants`;
    for (const owner of [ada, cyd]) {
      const denial = { to: owner.id, effect: "deny", role: "viewer" };
      expect((await ben.api.post(grants, { json: denial })).outcome).toBe("409 owner_stays");
      if (owner === cyd) expect((await ben.api.delete(member(workspace, owner))).outcome).toBe("409 owner_stays");
      await world.setRole(ben, workspace, owner, "viewer");
    }
    const boss = await world.agent(ada, "boss", "admin");
    const everywhere = { to: ada.id, effect: "deny", role: "viewer" };
    expect((await boss.api.post("/api/grants", { json: everywhere })).outcome).toBe("409 owner_stays");
    // What is denied to all, or to a group that they are in, is not denied to owners.
    const group = await makeGroup(boss, [ada, cyd]);
    for (const to of [group, "everyone"]) await makeGrant(boss, null, { to, effect: "deny", role: "admin" });
    for (const { api } of [ada, cyd]) {
      (await api.patch(`/api/workspaces/${workspace}`, { json: { name: "still ours" } })).must(200);
    }
    expect((await ben.api.get(`/api/workspaces/${workspace}`)).outcome).toBe("404 not_found");
  });

  test("two admins who remove each other at once leave one", async () => {
    const ada = await world.organization();
    const [ben, cyd] = [await world.agent(ada, "ben"), await world.agent(ada, "cyd")];
    const workspace = await world.workspace(ada, [
      [ben, "admin"],
      [cyd, "admin"],
    ]);
    const answers = await Promise.all([cyd.api.delete(member(workspace, ben)), ben.api.delete(member(workspace, cyd))]);
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

  test("an admin of the organization has all rights, and gives itself back nothing that is denied to it", async () => {
    const ada = await world.organization();
    const boss = await world.agent(ada, "boss", "admin");
    const workspace = await world.workspace(ada);
    const file = await newFile(ada, workspace, "/books/2026.csv");
    expect(await write(boss, file)).toBe("200");
    const group = await makeGroup(ada, [boss]);
    const denial = await makeGrant(ada, workspace, { to: group, path: "/books/", effect: "deny", role: "admin" });
    expect(await read(boss, file)).toBe("404 not_found");
    const own = { to: boss.id, path: "/books/", role: "viewer" };
    const attempts: [string, Promise<{ outcome: string }>][] = [
      ["404 not_found", boss.api.post(`/api/workspaces/${workspace}/grants`, { json: own })],
      ["404 not_found", boss.api.delete(`/api/workspaces/${workspace}/grants/${denial}`)],
      ["403 not_oneself", boss.api.delete(`/api/groups/${group}/members/${boss.id}`)],
      ["403 not_oneself", boss.api.delete(`/api/groups/${group}`)],
      ["403 not_oneself", boss.api.put(`/api/principals/${boss.id}/role`, { json: { role: "owner" } })],
      ["403 above_own_role", boss.api.put(`/api/principals/${ada.id}/role`, { json: { role: "guest" } })],
      ["403 above_own_role", boss.api.post("/api/keys", { json: { principalId: ada.id } })],
      ["403 above_own_role", boss.api.post("/api/agents", { json: { name: "puppet", role: "owner" } })],
      ["403 above_own_role", boss.api.post("/api/invitations", { json: { name: "puppet", role: "owner" } })],
      ["403 exceeds_own_rights", boss.api.put(member(workspace, boss), { json: { role: "admin" } })],
    ];
    for (const [expected, attempt] of attempts) expect((await attempt).outcome).toBe(expected);
    expect(await read(boss, file)).toBe("404 not_found");
  });
});

describe("nobody gets more by a right that is narrow", () => {
  let ada: Agent;
  let workspace: string;
  beforeAll(async () => {
    ada = await world.organization();
    workspace = await world.workspace(ada);
  });
  const grants = () => `/api/workspaces/${workspace}/grants`;
  const who = (): Promise<Agent> => world.agent(ada, "somebody");

  test("who may give, gives and takes only what they hold there, and no longer than they hold it", async () => {
    const [ben, cyd] = [await who(), await who()];
    await newFile(ada, workspace, "/given/a.csv");
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const later = new Date(Date.now() + 7_200_000).toISOString();
    const path = "/given/";
    await makeGrant(ada, workspace, { to: ben.id, path, permissions: ["access:manage", "files:read"], until });
    const others = await makeGrant(ada, workspace, { to: cyd.id, path, role: "editor" });
    const give = async (terms: Record<string, unknown>) =>
      (await ben.api.post(grants(), { json: { to: cyd.id, path, permissions: ["files:read"], until, ...terms } }))
        .outcome;
    expect(await give({})).toBe("201");
    expect(await give({ to: ben.id, permissions: ["access:manage"] })).toBe("201");
    expect(await give({ until: later })).toBe("403 exceeds_own_rights");
    expect(await give({ until: undefined })).toBe("403 exceeds_own_rights");
    expect(await give({ permissions: ["files:write"] })).toBe("403 exceeds_own_rights");
    expect(await give({ effect: "deny", permissions: ["files:write"] })).toBe("403 exceeds_own_rights");
    expect(await give({ path: undefined })).toBe("403 forbidden");
    expect(await give({ path: "/giv/" })).toBe("404 not_found");
    expect(await give({ path: "/" })).toBe("403 forbidden");
    expect((await ben.api.delete(`${grants()}/${others}`)).outcome).toBe("403 exceeds_own_rights");
    expect((await ben.api.put(member(workspace, cyd), { json: { role: "viewer" } })).outcome).toBe("403 forbidden");
  });

  test("who may write and not read, does not read by copying or moving to where they may", async () => {
    const ben = await who();
    const file = await newFile(ada, workspace, "/letters/to-all.txt", "secret");
    await makeGrant(ada, workspace, { to: ben.id, path: "/letters/", permissions: ["files:write", "locks:acquire"] });
    await makeGrant(ada, workspace, { to: ben.id, path: "/bens/", role: "admin" });
    for (const what of ["copy", "move"]) {
      for (const route of [byId(file, `/${what}`), byPath(workspace, `/${what}`)]) {
        const query = route.startsWith("/api/files") ? {} : { path: file.path };
        expect((await ben.api.post(route, { query, json: { to: "/bens/own.txt" } })).outcome).toBe(NO);
      }
    }
    const seen = await askForLock(ben, file, { wait: 0 });
    expect(seen.status).toBe(201);
    (await release(ben, file, seen.as<Granted>(201).lockId)).must(200);
    const carried = (await ben.api.post(byId(file, "/lock"), { json: { content: true } })).as<Granted>(201);
    expect(carried).toMatchObject({ content: null });
    (await ben.api.put(byId(file, "/content"), { content: "two", headers: { "Holdfast-Lock": carried.lockId } })).must(
      200,
    );
    expect((await ben.api.get(byPath(workspace), { query: { path: "/bens/own.txt" } })).outcome).toBe("404 not_found");
  });

  test("who may write one file, puts it nowhere else, and finds out nothing about other places by trying", async () => {
    const ben = await who();
    const file = await newFile(ada, workspace, "/one/a.csv");
    await newFile(ada, workspace, "/two/taken.csv");
    await makeGrant(ada, workspace, { to: ben.id, path: file.path, role: "admin" });
    expect(await write(ben, file)).toBe("200");
    for (const what of ["copy", "move"]) {
      const answers = await Promise.all(
        ["/two/taken.csv", "/two/taken.csv/below", "/two", "/two/free.csv", "/one/b.csv"].map((to) =>
          ben.api.post(byId(file, `/${what}`), { json: { to } }),
        ),
      );
      expect([what, new Set(answers.map(({ text }) => text)).size]).toEqual([what, 1]);
      expect(answers[0]?.outcome).toBe("404 not_found");
    }
  });

  test("who may look at the grants of a file, sees none of what merely begins with its name", async () => {
    const [ben, cyd] = [await who(), await who()];
    const file = await newFile(ada, workspace, "/team");
    await newFile(ada, workspace, "/teamwork/a.csv");
    const own = await makeGrant(ada, workspace, { to: ben.id, path: "/team", permissions: ["access:read"] });
    await makeGrant(ada, workspace, { to: cyd.id, path: "/teamwork/", role: "viewer" });
    await makeGrant(ada, workspace, { to: cyd.id, path: "/teamwork/a.csv", role: "viewer" });
    const seen = (await ben.api.get(grants(), { query: { path: file.path } })).as<{ grants: { id: string }[] }>(200);
    expect(seen.grants.map(({ id }) => id)).toEqual([own]);
  });
});
