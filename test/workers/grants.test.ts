// Grants in a workspace: on the whole, on folders and on files, until some time, against somebody; that nobody gives or
// takes more than they hold, and that what is said of everybody's access is what happens.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  askToGrant,
  deny,
  endGrant,
  type Grant,
  grant,
  grantsOf,
  type Group,
  newGroup,
  putIn,
  whatCan,
  whoCan,
} from "../support/access.ts";
import type { Answer } from "../support/http.ts";
import { human, NOBODY, once } from "../support/organization.ts";
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
  locksOf,
  type LoggedEvent,
  newFile,
  overwrite,
  put,
  release,
  type Role,
} from "../support/world.ts";

let owner: Agent;
let stranger: Agent;
/** New for each test: two agents without access, one who may give access, a workspace and its files. */
let ben: Agent;
let cyd: Agent;
let lead: Agent;
let workspace: string;
let plan: FileView;
let secret: FileView;
let notes: FileView;

beforeAll(async () => {
  owner = await world.organization();
  stranger = await world.organization("Elsewhere");
});

beforeEach(async () => {
  ben = await world.agent(owner, "ben");
  cyd = await world.agent(owner, "cyd");
  lead = await world.agent(owner, "lead");
  workspace = await world.workspace(owner, [[lead, "admin"]]);
  plan = await newFile(owner, workspace, "/team/plan.txt");
  secret = await newFile(owner, workspace, "/team/secret/figures.txt");
  notes = await newFile(owner, workspace, "/notes.txt");
});

const read = ({ api }: Agent, file: FileView): Promise<Answer> => api.get(byId(file, "/content"));
const write = (agent: Agent, file: FileView): Promise<Answer> => overwrite(agent, file, "two", { "If-Match": "*" });
const setMember = ({ api }: Agent, { id }: { id: string }, role: Role, options = {}): Promise<Answer> =>
  api.put(`/api/workspaces/${workspace}/members/${id}`, { json: { role }, ...options });
const removeMember = ({ api }: Agent, { id }: { id: string }, options = {}): Promise<Answer> =>
  api.delete(`/api/workspaces/${workspace}/members/${id}`, options);
const permissionsOf = (rights: { permission: string }[] | undefined): string[] =>
  (rights ?? []).map(({ permission }) => permission);

async function logOf(action: string, outcome: string): Promise<LoggedEvent[]> {
  await runAlarm(workspaceObject(workspace));
  const query = { action, outcome, limit: 1000 };
  const answer = await owner.api.get(`/api/workspaces/${workspace}/events`, { query });
  return answer.as<{ events: LoggedEvent[] }>(200).events.toReversed();
}

/** Everything that is granted, and who may do what where. */
const everything = async (): Promise<unknown> => [
  await grantsOf(owner, workspace),
  ...(await Promise.all(["/", "/team/", plan.path, secret.path, notes.path].map((at) => whoCan(owner, workspace, at)))),
];

/** Tries something that must be refused with this outcome, change nothing, and be logged once. */
async function expectRefused(action: string, outcome: string, attempt: () => Promise<Answer>): Promise<Answer> {
  const [known, logged] = [await everything(), await logOf(action, "refused")];
  const answer = await attempt();
  expect(answer.outcome).toBe(outcome);
  expect(await everything()).toEqual(known);
  const code = outcome.slice(outcome.indexOf(" ") + 1);
  expect((await logOf(action, "refused")).slice(logged.length)).toMatchObject([{ action, code }]);
  return answer;
}

const refuseGrant = (who: Agent, outcome: string, terms: object): Promise<Answer> =>
  expectRefused("grant_access", outcome, () => askToGrant(who, workspace, terms));

describe("a grant", () => {
  test("is refused to those who may not give, to nobody, and to those of another organization", async () => {
    await world.setRole(owner, workspace, ben, "steward");
    await refuseGrant(ben, "403 forbidden", { to: cyd.id, role: "viewer" });
    await expectRefused("set_member", "403 forbidden", () => setMember(ben, cyd, "viewer"));
    await expectRefused("remove_member", "403 forbidden", () => removeMember(ben, lead));
    const group = await newGroup(stranger);
    for (const to of [NOBODY, stranger.id, group.id, `grp_${"A".repeat(22)}`]) {
      await refuseGrant(lead, "404 not_found", { to, role: "viewer" });
    }
    await expectRefused("set_member", "404 not_found", () => setMember(lead, stranger, "viewer"));
    await expectRefused("remove_member", "404 not_found", () => removeMember(lead, cyd));
    await refuseGrant(lead, "404 not_found", { to: cyd.id, role: "unheard-of" });
    expect((await askToGrant(lead, workspace, { to: cyd.id, role: "viewer", path: "/no.txt" })).status).toBe(404);
  });

  test("is refused with paths and terms that are none", async () => {
    const to = cyd.id;
    const bad = [
      { to },
      { to, role: "viewer", permissions: ["files:read"] },
      { to, role: "viewer", path: "/a/../b/" },
      { to, role: "viewer", path: `/${"x".repeat(2000)}/` },
      { to, role: "viewer", until: "later" },
      { to, permissions: ["organization:manage"] },
      { to, role: "viewer", effect: "maybe" },
      { to: "nobody", role: "viewer" },
      { to, role: "v".repeat(60_000) },
    ];
    for (const terms of bad) expect((await askToGrant(owner, workspace, terms)).outcome).toBe("400 input_invalid");
  });

  test("on a folder reaches what is in it, present and to come, and nothing else", async () => {
    await grant(lead, workspace, { to: ben.id, role: "editor", path: "/team/" });
    for (const file of [plan, secret]) (await write(ben, file)).must(200);
    expect((await put(ben, workspace, "/team/new.txt", "x")).status).toBe(201);
    expect((await read(ben, notes)).status).toBe(404);
    expect((await put(ben, workspace, "/teammates.txt", "x")).status).toBe(404);
    expect(permissionsOf((await whoCan(owner, workspace, "/team/"))[ben.id])).toContain("files:write");
    expect((await whoCan(owner, workspace))[ben.id]).toBeUndefined();
  });

  test("on a file follows it when it is moved, and not the path", async () => {
    await grant(lead, workspace, { to: ben.id, role: "viewer", path: plan.path });
    (await read(ben, plan)).must(200);
    expect((await read(ben, secret)).status).toBe(404);
    const { lockId } = await lock(owner, plan);
    const move = { json: { to: "/moved.txt" }, headers: { "Holdfast-Lock": lockId } };
    (await owner.api.post(byId(plan, "/move"), move)).must(200);
    (await release(owner, plan, lockId)).must(200);
    const other = await newFile(owner, workspace, plan.path, "another");
    (await read(ben, plan)).must(200);
    expect((await read(ben, other)).status).toBe(404);
    expect(await whatCan(owner, workspace, ben)).toHaveProperty(["/moved.txt"]);
  });

  test("with an end is over then, with leases warm and whoever was evicted", async () => {
    const end = Date.now() + 2000;
    const ending = { until: new Date(end).toISOString() };
    const given = await grant(lead, workspace, { to: ben.id, role: "editor", ...ending });
    expect(given).toMatchObject({ level: "workspace", ...ending });
    expect((await whoCan(owner, workspace))[ben.id]?.[0]).toMatchObject(ending);
    for (const file of [plan, notes]) (await write(ben, file)).must(200);
    await evictDurableObject(fileObject(notes.fileId));
    (await write(ben, notes)).must(200);
    await past(end);
    for (const file of [plan, notes]) expect((await write(ben, file)).status).toBe(404);
    expect((await whoCan(owner, workspace))[ben.id]).toBeUndefined();
  });

  test("that has run out does not count against their limit", async () => {
    const plant = (until: number | null) =>
      runInDurableObject(workspaceObject(workspace), (_, { storage }) => {
        storage.sql.exec(
          `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)
           INSERT INTO grants (id, level, target, subject, effect, role, until, by, at)
           SELECT 'grt_x' || i || ?, 'folder', '/x/', 'everyone', 'allow', 'viewer', ?, ?, 0 FROM n`,
          until === null ? "lasting" : "ended",
          until,
          owner.id,
        );
      });
    await plant(Date.now() - 1);
    await evictDurableObject(workspaceObject(workspace));
    await grant(lead, workspace, { to: ben.id, role: "viewer", path: "/team/" });
    expect((await grantsOf(owner, workspace)).map(({ to }) => to)).toEqual([lead.id, ben.id]);
    await plant(null);
    await evictDurableObject(workspaceObject(workspace));
    const refused = await askToGrant(lead, workspace, { to: cyd.id, role: "viewer" });
    expect(refused.problem).toMatchObject({ code: "too_many", what: "grants", limit: 2000 });
  });

  test("ended is honoured nowhere when that is answered: leases, locks, and the queue", async () => {
    const given = await grant(lead, workspace, { to: ben.id, role: "editor", path: "/team/" });
    (await write(ben, plan)).must(200);
    await lock(ben, plan);
    await lock(owner, secret);
    const waiting = askForLock(ben, secret, { wait: 30 });
    await until("the wait has begun", 2000, async () =>
      (await locksOf(owner, secret)).queue.length === 1 ? true : null,
    );
    (await endGrant(lead, workspace, given)).must(200);
    expect((await write(ben, plan)).status).toBe(404);
    expect((await locksOf(owner, plan)).locks).toEqual([]);
    expect((await locksOf(owner, secret)).queue).toEqual([]);
    expect((await waiting).status).toBe(404);
    await expectRefused("revoke_access", "404 not_found", () => endGrant(lead, workspace, given));
    const elsewhere = await world.workspace(owner);
    expect((await endGrant(owner, elsewhere, given)).outcome).toBe("404 not_found");
  });

  test("to everyone is for the organization's own, and a denial of everyone for all but owners", async () => {
    await grant(lead, workspace, { to: "everyone", role: "viewer" });
    (await read(ben, notes)).must(200);
    expect((await read(stranger, notes)).status).toBe(404);
    const options = once();
    const terms = { to: "everyone", effect: "deny", role: "admin" };
    const first = (await askToGrant(lead, workspace, terms, options)).as<{ grant: Grant }>(201);
    for (const who of [ben, lead]) expect((await read(who, notes)).status).toBe(404);
    (await read(owner, notes)).must(200);
    // Who has denied itself everything learns nothing any more, not even what it has done.
    expect((await askToGrant(lead, workspace, terms, options)).outcome).toBe("404 not_found");
    (await endGrant(owner, workspace, first.grant)).must(200);
    expect((await askToGrant(lead, workspace, terms, options)).as(201)).toEqual(first);
    (await read(ben, notes)).must(200);
  });

  test("is made and ended once under one Idempotency-Key, after evictions and at once", async () => {
    const [make, end] = [once(), once()];
    const terms = { to: ben.id, role: "viewer" };
    const answers = await Promise.all([0, 1].map(() => askToGrant(lead, workspace, terms, make)));
    const [first, second] = answers.map((answer) => answer.as<{ grant: Grant }>(201).grant);
    expect(second).toEqual(first);
    await evictDurableObject(workspaceObject(workspace));
    expect((await askToGrant(lead, workspace, terms, make)).as(201)).toEqual({ grant: first });
    expect((await grantsOf(lead, workspace)).filter(({ to }) => to === ben.id)).toHaveLength(1);
    const given = first ?? { id: "" };
    const ended = (await endGrant(lead, workspace, given, end)).as(200);
    expect((await endGrant(lead, workspace, given, end)).as(200)).toEqual(ended);
    expect(await logOf("revoke_access", "accepted")).toHaveLength(1);
  });
});

describe("a denial", () => {
  test("of an owner is refused, of the organization or of the workspace", async () => {
    const chief = await human(owner, "Chief", "owner");
    for (const who of [lead, owner]) {
      for (const to of [owner.id, chief.id]) {
        await refuseGrant(who, "409 owner_stays", { to, effect: "deny", permissions: ["files:read"] });
        await refuseGrant(who, "409 owner_stays", { to, effect: "deny", role: "viewer", path: "/team/" });
      }
    }
    await expectRefused("remove_member", "409 owner_stays", () => removeMember(lead, owner));
    const group = await newGroup(owner, "owners", [owner]);
    await deny(owner, workspace, { to: group.id, role: "admin" });
    (await write(owner, plan)).must(200);
  });

  test("beats what is allowed at whatever level, from the moment that is answered", async () => {
    await world.setRole(owner, workspace, ben, "editor");
    await grant(owner, workspace, { to: ben.id, role: "editor", path: secret.path });
    for (const file of [plan, secret]) (await write(ben, file)).must(200);
    const denial = await deny(lead, workspace, { to: ben.id, permissions: ["files:write"], path: "/team/" });
    for (const file of [plan, secret]) expect((await write(ben, file)).outcome).toBe("403 forbidden");
    (await read(ben, secret)).must(200);
    (await write(ben, notes)).must(200);
    (await endGrant(lead, workspace, denial)).must(200);
    (await write(ben, secret)).must(200);
  });

  test("is not ended by the one it is against, nor by a role given on top of it", async () => {
    const denial = await deny(owner, workspace, { to: lead.id, permissions: ["gold:write"], path: "/team/" });
    await expectRefused("revoke_access", "403 exceeds_own_rights", () => endGrant(lead, workspace, denial));
    (await setMember(owner, lead, "admin")).must(200);
    await refuseGrant(lead, "403 exceeds_own_rights", { to: lead.id, permissions: ["gold:write"], path: "/team/" });
    expect(permissionsOf((await whoCan(owner, workspace, "/team/"))[lead.id])).not.toContain("gold:write");
  });
});

describe("nobody gives or takes more than they hold", () => {
  test("where they hold it, what they hold, and as long as they hold it", async () => {
    const ending = { until: new Date(Date.now() + 60_000).toISOString() };
    const later = { until: new Date(Date.now() + 61_000).toISOString() };
    const permissions = ["access:manage", "files:read"];
    await grant(owner, workspace, { to: ben.id, permissions, path: "/team/", ...ending });
    const refuse = (terms: object) =>
      refuseGrant(ben, "403 exceeds_own_rights", { to: cyd.id, path: "/team/", ...terms });
    await refuse({ role: "editor", ...ending });
    await refuse({ permissions: ["files:read"] });
    await refuse({ permissions: ["files:read"], ...later });
    await refuse({ permissions: ["files:read", "access:read"], ...ending });
    await refuse({ permissions: ["files:write"], effect: "deny", ...ending });
    await refuseGrant(ben, "403 forbidden", { to: cyd.id, permissions: ["files:read"], ...ending });
    const given = await grant(ben, workspace, { to: cyd.id, permissions: ["files:read"], path: "/team/", ...ending });
    (await read(cyd, plan)).must(200);
    (await endGrant(ben, workspace, given)).must(200);
    const more = await grant(owner, workspace, { to: cyd.id, role: "editor", path: "/team/" });
    await expectRefused("revoke_access", "403 exceeds_own_rights", () => endGrant(ben, workspace, more));
  });

  test("by way of members neither", async () => {
    await grant(owner, workspace, { to: ben.id, permissions: ["access:manage", "workspace:read", "files:read"] });
    const beyond = await expectRefused("set_member", "403 exceeds_own_rights", () => setMember(ben, cyd, "viewer"));
    expect(beyond.problem["permissions"]).toEqual(["locks:read"]);
    await world.setRole(owner, workspace, cyd, "editor");
    await expectRefused("remove_member", "403 exceeds_own_rights", () => removeMember(ben, cyd));
    await expectRefused("set_member", "403 exceeds_own_rights", () => setMember(ben, cyd, "viewer"));
    await expectRefused("set_member", "403 exceeds_own_rights", () => setMember(ben, ben, "admin"));
  });

  test("nor from above what is denied to them further down", async () => {
    const denials = [
      { to: lead.id, role: "viewer", path: "/team/secret/" },
      { to: lead.id, permissions: ["gold:write"], path: notes.path },
    ];
    const [ofFolder, ofFile] = await Promise.all(denials.map((terms) => deny(owner, workspace, terms)));
    const refuse = (terms: object) => refuseGrant(lead, "403 exceeds_own_rights", { to: cyd.id, ...terms });
    expect((await refuse({ role: "editor", path: "/team/" })).problem["permissions"]).toEqual([
      "workspace:read",
      "files:read",
      "locks:read",
    ]);
    await refuse({ permissions: ["files:read"] });
    await refuse({ permissions: ["gold:write"] });
    await expectRefused("set_member", "403 exceeds_own_rights", () => setMember(lead, cyd, "viewer"));
    // Beside it, and of other things, they may.
    await grant(lead, workspace, { to: cyd.id, role: "editor", path: plan.path });
    await grant(lead, workspace, { to: cyd.id, permissions: ["gold:write"], path: "/team/" });
    await grant(lead, workspace, { to: cyd.id, permissions: ["files:write"] });
    // Taking is not giving.
    const given = await grant(owner, workspace, { to: cyd.id, role: "viewer" });
    (await endGrant(lead, workspace, given)).must(200);
    await deny(lead, workspace, { to: cyd.id, permissions: ["files:read"] });
    expect((await read(cyd, secret)).status).not.toBe(200);
    // Ending a denial is giving.
    const other = await deny(owner, workspace, { to: ben.id, permissions: ["files:read"], path: "/team/" });
    await expectRefused("revoke_access", "403 exceeds_own_rights", () => endGrant(lead, workspace, other));
    for (const denial of [ofFolder, ofFile]) (await endGrant(owner, workspace, denial as Grant)).must(200);
    (await endGrant(lead, workspace, other)).must(200);
    (await setMember(lead, cyd, "viewer")).must(200);
  });

  test("nor from above what is denied further down to a group they are in; owners are not bound by it", async () => {
    const group = await newGroup(owner, "juniors", [lead, owner]);
    await deny(owner, workspace, { to: group.id, permissions: ["files:read"], path: "/team/secret/" });
    await refuseGrant(lead, "403 exceeds_own_rights", { to: cyd.id, permissions: ["files:read"], path: "/team/" });
    await grant(owner, workspace, { to: cyd.id, permissions: ["files:read"], path: "/team/" });
    (await read(cyd, secret)).must(200);
  });

  test("a denial on a file that is gone binds nobody", async () => {
    await deny(owner, workspace, { to: lead.id, permissions: ["files:read"], path: plan.path });
    await refuseGrant(lead, "403 exceeds_own_rights", { to: cyd.id, role: "viewer" });
    (await owner.api.delete(byId(plan), { headers: { "If-Match": "*" } })).must(200);
    await grant(lead, workspace, { to: cyd.id, role: "viewer" });
  });
});

describe("members", () => {
  test("have one role in the whole, which another replaces; lowered when that is answered", async () => {
    (await setMember(lead, ben, "steward")).must(200);
    (await write(ben, plan)).must(200);
    const held = await lock(ben, plan);
    (await setMember(lead, ben, "viewer")).must(200);
    expect((await write(ben, plan)).outcome).toBe("403 forbidden");
    expect((await locksOf(owner, plan)).locks).toEqual([]);
    (await setMember(lead, ben, "editor")).must(200);
    expect((await overwrite(ben, plan, "late", { "Holdfast-Lock": held.lockId })).outcome).toBe(
      "412 write_after_revocation",
    );
    const theirs = (await grantsOf(owner, workspace)).filter(({ to }) => to === ben.id);
    expect(theirs).toMatchObject([{ level: "workspace", role: "editor" }]);
  });

  test("removed have nothing personal left, at any level; what is denied to them stays", async () => {
    await world.setRole(owner, workspace, ben, "editor");
    await grant(owner, workspace, { to: ben.id, role: "steward", path: "/team/" });
    await grant(owner, workspace, { to: ben.id, role: "viewer", path: notes.path });
    await deny(owner, workspace, { to: ben.id, permissions: ["files:write"] });
    for (const file of [plan, notes]) (await read(ben, file)).must(200);
    const options = once();
    for (let n = 0; n < 2; n++) (await removeMember(lead, ben, options)).must(200);
    for (const file of [plan, notes, secret]) expect((await read(ben, file)).status).toBe(404);
    const left = (await grantsOf(owner, workspace)).filter(({ to }) => to === ben.id);
    expect(left.map(({ effect }) => effect)).toEqual(["deny"]);
    expect(await logOf("remove_member", "accepted")).toHaveLength(1);
  });

  test("removed may still be let in by a group", async () => {
    const group = await newGroup(owner, "viewers", [ben]);
    await grant(owner, workspace, { to: group.id, role: "viewer" });
    await world.setRole(owner, workspace, ben, "editor");
    (await removeMember(lead, ben)).must(200);
    expect((await write(ben, plan)).outcome).toBe("403 forbidden");
    (await read(ben, plan)).must(200);
    expect((await whoCan(owner, workspace))[ben.id]?.[0]?.through).toHaveLength(1);
  });
});

describe("what is said of access", () => {
  /** What shows that one holds a permission on a file. */
  const TRIALS: [string, (agent: Agent, file: FileView) => Promise<Answer>][] = [
    ["files:read", read],
    ["files:write", write],
    ["locks:read", ({ api }, file) => api.get(byId(file, "/lock"))],
    [
      "locks:acquire",
      async (agent, file) => {
        const answer = await askForLock(agent, file, { level: "read" });
        if (answer.status === 201) (await release(agent, file, answer.as<Granted>(201).lockId)).must(200);
        return answer;
      },
    ],
    ["access:read", ({ api }, { path }) => api.get(`/api/workspaces/${workspace}/access`, { query: { path } })],
    [
      "access:manage",
      async (agent, { path }) => {
        const terms = { path, to: cyd.id, permissions: ["access:manage"], until: new Date(1).toISOString() };
        return askToGrant(agent, workspace, terms);
      },
    ],
  ];

  test("is what happens, for everybody on every file", async () => {
    const group: Group = await newGroup(owner, "mixed", [ben, cyd]);
    const admin = await world.agent(owner, "admin", "admin");
    await grant(owner, workspace, { to: group.id, role: "viewer" });
    await grant(owner, workspace, { to: ben.id, role: "editor", path: "/team/" });
    await deny(owner, workspace, { to: group.id, permissions: ["files:write", "locks:read"], path: "/team/secret/" });
    await grant(owner, workspace, { to: ben.id, permissions: ["access:manage"], path: secret.path });
    await deny(owner, workspace, { to: cyd.id, role: "admin", path: notes.path });
    await deny(owner, workspace, { to: admin.id, permissions: ["files:write"], path: "/team/" });
    await grant(owner, null, { to: cyd.id, permissions: ["access:read"] });
    await deny(owner, null, { to: lead.id, permissions: ["locks:acquire"] });
    for (const file of [plan, secret, notes]) {
      const said = await whoCan(owner, workspace, file.path);
      for (const who of [owner, admin, lead, ben, cyd, stranger]) {
        const rights = permissionsOf(said[who.id]);
        for (const [permission, attempt] of TRIALS) {
          const { status } = await attempt(who, file);
          const expected = rights.includes(permission) ? [200, 201] : rights.length === 0 ? [404] : [403];
          expect([who.name, file.path, permission, expected.includes(status)]).toEqual([
            who.name,
            file.path,
            permission,
            true,
          ]);
        }
      }
    }
    // Asked the other way round, the same is said.
    for (const who of [owner, admin, lead, ben, cyd]) {
      for (const [path, rights] of Object.entries(await whatCan(owner, workspace, who))) {
        expect((await whoCan(owner, workspace, path))[who.id] ?? []).toEqual(rights);
      }
    }
  });

  test("is not said to those who may not know, nor of those who are not there", async () => {
    await world.setRole(owner, workspace, ben, "editor");
    await expectRefused("who_can", "403 forbidden", () =>
      ben.api.get(`/api/workspaces/${workspace}/access`, { query: { path: "/" } }),
    );
    await expectRefused("what_can", "403 forbidden", () =>
      ben.api.get(`/api/workspaces/${workspace}/access/${ben.id}`),
    );
    await expectRefused("list_grants", "403 forbidden", () => ben.api.get(`/api/workspaces/${workspace}/grants`));
    for (const id of [NOBODY, stranger.id]) {
      await expectRefused("what_can", "404 not_found", () =>
        owner.api.get(`/api/workspaces/${workspace}/access/${id}`),
      );
    }
  });
});

describe("somebody who probes", () => {
  test("is told the same of what is there, what is not, and what is another organization's", async () => {
    const foreign = await world.workspace(stranger);
    const hidden = await world.workspace(owner);
    const nowhere = workspace.replace(/^./, (first) => (first === "0" ? "1" : "0"));
    const ask = [
      (id: string) => ben.api.get(`/api/workspaces/${id}`),
      (id: string) => ben.api.get(`/api/workspaces/${id}/grants`),
      (id: string) => askToGrant(ben, id, { to: ben.id, role: "admin" }),
      (id: string) => askToGrant(ben, id, { to: NOBODY, role: "admin", path: "/team/plan.txt" }),
      (id: string) => ben.api.put(`/api/workspaces/${id}/members/${ben.id}`, { json: { role: "admin" } }),
      (id: string) => ben.api.delete(`/api/workspaces/${id}/members/${ben.id}`),
      (id: string) => ben.api.get(`/api/workspaces/${id}/access/${ben.id}`),
      (id: string) => ben.api.get(byPath(id), { query: { path: "/team/plan.txt" } }),
      (id: string) => ben.api.post("/api/transfers", { json: { workspaceId: id } }),
      (id: string) => ben.api.post("/api/ownership", { json: { workspaceId: id, to: ben.id } }),
      (id: string) => endGrant(ben, id, { id: `grt_${"A".repeat(22)}` }),
    ];
    for (const attempt of ask) {
      const answers = await Promise.all([workspace, hidden, foreign, nowhere].map(attempt));
      expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    }
  });

  test("in a folder learns nothing of what is beside it", async () => {
    await grant(owner, workspace, { to: ben.id, role: "admin", path: "/team/" });
    const paths = [notes.path, "/none.txt", "/none/at/all.txt"];
    for (const attempt of [
      (path: string) => askToGrant(ben, workspace, { path, to: cyd.id, role: "viewer" }),
      (path: string) => ben.api.get(`/api/workspaces/${workspace}/access`, { query: { path } }),
      (path: string) => ben.api.get(`/api/workspaces/${workspace}/grants`, { query: { path } }),
      (path: string) => ben.api.get(byPath(workspace), { query: { path } }),
    ]) {
      const answers = await Promise.all(paths.map(attempt));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect(answers[0]?.status).toBe(404);
    }
  });

  test("and gives while it is taken from, ends up without", async () => {
    await world.setRole(owner, workspace, ben, "admin");
    (await read(ben, plan)).must(200);
    const group = await newGroup(owner, "late", []);
    const [removed] = await Promise.all([
      removeMember(owner, ben),
      askToGrant(ben, workspace, { to: ben.id, role: "admin", path: "/team/" }),
      askToGrant(ben, workspace, { to: cyd.id, role: "viewer" }),
      putIn(ben, group, ben),
    ]);
    removed.must(200);
    // What it gave itself before is gone as well; what it asked for afterwards was refused.
    expect((await grantsOf(owner, workspace)).filter(({ to }) => to === ben.id)).toEqual([]);
    expect((await read(ben, plan)).status).toBe(404);
  });
});

test("a file's own grants are not carried to where their mover could not give them", async () => {
  const ada = await world.organization();
  const ben = await world.agent(ada, "ben");
  const cyd = await world.agent(ada, "cyd");
  const workspace = await world.workspace(ada);
  const grants = `/api/workspaces/${workspace}/grants`;
  (await ada.api.post(grants, { json: { path: "/in/", to: ben.id, role: "editor" } })).must(201);
  (await ada.api.post(grants, { json: { path: "/mine/", to: ben.id, role: "admin" } })).must(201);
  const file = await newFile(ada, workspace, "/in/books.csv");
  const moveTo = async (to: string) => (await ben.api.post(byId(file, "/move"), { json: { to } })).outcome;
  expect(await moveTo("/mine/books.csv")).toBe("200");
  (await ben.api.post(grants, { json: { path: "/mine/books.csv", to: cyd.id, role: "steward" } })).must(201);
  expect(await moveTo("/in/books.csv")).toBe("403 exceeds_own_rights");
  const handoff = { files: ["/mine/books.csv"], to: { folder: "/in/" } };
  const handed = await ben.api.post(`/api/workspaces/${workspace}/handoffs`, { json: handoff });
  expect(handed.outcome).toBe("403 exceeds_own_rights");
  expect((await ada.api.get(byId(file))).as<{ path: string }>(200).path).toBe("/mine/books.csv");
});
