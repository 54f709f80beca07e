// What bears on access in all workspaces: groups, the organization's own roles, grants at its level, and the roles in
// it. What is given is there when that is answered, and what is taken is gone, with leases warm.

import { runInDurableObject } from "cloudflare:test";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  askToGrant,
  defineRole,
  deny,
  endGrant,
  type Grant,
  grant,
  grantsOf,
  type Group,
  newGroup,
  putIn,
  takeOut,
  whoCan,
} from "../support/access.ts";
import type { Answer } from "../support/http.ts";
import { expectRefused, human, logOf, NOBODY, once, principalsOf, roleOf } from "../support/organization.ts";
import { past } from "../support/until.ts";
import { organizationObject, world } from "../support/workerd.ts";
import { type Agent, askForLock, byId, type FileView, lock, locksOf, newFile, overwrite } from "../support/world.ts";

let owner: Agent;
let admin: Agent;
let stranger: Agent;
let foreignGroup: Group;
/** In no group and with no access; new for each test, as are the workspace and its file. */
let ben: Agent;
let workspace: string;
let file: FileView;

beforeAll(async () => {
  owner = await world.organization();
  admin = await world.agent(owner, "admin", "admin");
  stranger = await world.organization("Elsewhere");
  foreignGroup = await newGroup(stranger);
});

beforeEach(async () => {
  ben = await world.agent(owner, "ben");
  workspace = await world.workspace(owner);
  file = await newFile(owner, workspace, "/shared/plan.txt");
});

const NO_GROUP = { id: `grp_${"A".repeat(22)}` };
const read = ({ api }: Agent): Promise<Answer> => api.get(byId(file, "/content"));
const write = (agent: Agent): Promise<Answer> => overwrite(agent, file, "two", { "If-Match": "*" });
const setRole = ({ api }: Agent, id: string, role: string, options = {}): Promise<Answer> =>
  api.put(`/api/principals/${id}/role`, { json: { role }, ...options });
const groupsOf = async ({ api }: Agent): Promise<Group[]> =>
  (await api.get("/api/groups")).as<{ groups: Group[] }>(200).groups;

describe("groups", () => {
  test("are made, filled and ended by those who manage the organization only", async () => {
    const group = await newGroup(owner);
    await expectRefused(owner, "create_group", "403 forbidden", () =>
      ben.api.post("/api/groups", { json: { name: "x" } }),
    );
    await expectRefused(owner, "add_to_group", "403 forbidden", () => putIn(ben, group, ben));
    await expectRefused(owner, "remove_from_group", "403 forbidden", () => takeOut(ben, group, admin));
    await expectRefused(owner, "delete_group", "403 forbidden", () => ben.api.delete(`/api/groups/${group.id}`));
    for (const name of ["", " ", "a\u0000b", "x".repeat(101), 5]) {
      expect((await owner.api.post("/api/groups", { json: { name } })).outcome).toBe("400 input_invalid");
    }
  });

  test("take nobody in who is not there, and are not reached from another organization", async () => {
    const group = await newGroup(owner);
    for (const { id } of [NO_GROUP, foreignGroup]) {
      await expectRefused(owner, "add_to_group", "404 not_found", () => putIn(owner, { id }, ben));
      await expectRefused(owner, "remove_from_group", "404 not_found", () => takeOut(owner, { id }, ben));
      await expectRefused(owner, "delete_group", "404 not_found", () => owner.api.delete(`/api/groups/${id}`));
    }
    for (const id of [NOBODY, stranger.id]) {
      await expectRefused(owner, "add_to_group", "404 not_found", () => putIn(owner, group, { id }));
    }
    await expectRefused(owner, "remove_from_group", "404 not_found", () => takeOut(owner, group, ben));
    expect((await putIn(owner, { id: "grp_x" }, ben)).outcome).toBe("400 input_invalid");
    expect((await putIn(owner, group, { id: group.id })).outcome).toBe("400 input_invalid");
  });

  test("are not for changing oneself: only an owner may put itself in or out, or end one it is in", async () => {
    const group = await newGroup(owner, "both", [admin, owner]);
    await expectRefused(owner, "remove_from_group", "403 not_oneself", () => takeOut(admin, group, admin));
    await expectRefused(owner, "delete_group", "403 not_oneself", () => admin.api.delete(`/api/groups/${group.id}`));
    (await takeOut(owner, group, admin)).must(200);
    await expectRefused(owner, "add_to_group", "403 not_oneself", () => putIn(admin, group, admin));
    (await takeOut(owner, group, owner)).must(200);
  });

  test("give access when that is answered, and take it when that is answered, with leases warm", async () => {
    const group = await newGroup(owner, "☂ editors 編集");
    await grant(owner, workspace, { to: group.id, role: "editor" });
    expect((await write(ben)).status).toBe(404);
    expect((await putIn(owner, group, ben)).as<{ group: Group }>(200).group.members).toEqual([ben.id]);
    (await write(ben)).must(200);
    expect((await whoCan(owner, workspace))[ben.id]?.map(({ permission }) => permission)).toContain("files:write");
    const held = await lock(ben, file);
    expect((await takeOut(owner, group, ben)).as<{ group: Group }>(200).group.members).toEqual([]);
    expect((await write(ben)).status).toBe(404);
    expect((await locksOf(owner, file)).locks).toEqual([]);
    expect((await whoCan(owner, workspace))[ben.id]).toBeUndefined();
    (await putIn(owner, group, ben)).must(200);
    expect((await overwrite(ben, file, "late", { "Holdfast-Lock": held.lockId })).outcome).toBe(
      "412 write_after_revocation",
    );
    (await owner.api.delete(`/api/groups/${group.id}`)).must(200);
    expect((await write(ben)).status).toBe(404);
    expect((await groupsOf(owner)).some(({ id }) => id === group.id)).toBe(false);
  });

  test("deny to those who are in them, from the moment that is answered", async () => {
    const group = await newGroup(owner, "suspended");
    await world.setRole(owner, workspace, ben, "editor");
    await deny(owner, workspace, { to: group.id, permissions: ["files:write"] });
    (await write(ben)).must(200);
    (await putIn(owner, group, ben)).must(200);
    expect((await write(ben)).outcome).toBe("403 forbidden");
    (await read(ben)).must(200);
    (await takeOut(owner, group, ben)).must(200);
    (await write(ben)).must(200);
  });

  test("take a member that is removed out, and one put in twice in once", async () => {
    const leaving = await world.agent(owner, "leaving");
    const group = await newGroup(owner, "brief", [leaving]);
    (await putIn(owner, group, leaving)).must(200);
    expect((await groupsOf(owner)).find(({ id }) => id === group.id)?.members).toEqual([leaving.id]);
    (await owner.api.delete(`/api/principals/${leaving.id}`)).must(200);
    expect((await groupsOf(owner)).find(({ id }) => id === group.id)?.members).toEqual([]);
  });

  test("are changed once under one Idempotency-Key, also when it is repeated much later", async () => {
    const options = once();
    const make = () => owner.api.post("/api/groups", { json: { name: "once" }, ...options });
    const [first, second] = await Promise.all([make(), make()]);
    expect(second.as(201)).toEqual(first.as(201));
    const group = first.as<{ group: Group }>(201).group;
    const [into, out, end] = [once(), once(), once()];
    const added = (await putIn(owner, group, ben, into)).as(200);
    const removed = (await takeOut(owner, group, ben, out)).as(200);
    expect((await putIn(owner, group, ben, into)).as(200)).toEqual(added);
    expect((await takeOut(owner, group, ben, out)).as(200)).toEqual(removed);
    expect((await groupsOf(owner)).find(({ id }) => id === group.id)?.members).toEqual([]);
    for (let n = 0; n < 2; n++) (await owner.api.delete(`/api/groups/${group.id}`, end)).must(200);
    await expectRefused(owner, "delete_group", "404 not_found", () => owner.api.delete(`/api/groups/${group.id}`));
  });

  test("end at their limit, where a repetition is still answered", async () => {
    const full = await world.organization("Full");
    const options = once();
    const make = (terms: object) => full.api.post("/api/groups", { json: { name: "last" }, ...terms });
    await newGroup(full);
    await runInDurableObject(organizationObject(full.organization), (_, { storage }) => {
      storage.sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 498)
         INSERT INTO groups (id, name) SELECT 'grp_x' || i, 'x' FROM n`,
      );
    });
    const last = (await make(options)).as(201);
    expect((await make(once())).problem).toMatchObject({ code: "too_many", what: "groups", limit: 500 });
    expect((await make(options)).as(201)).toEqual(last);
  });
});

describe("an organization's own roles", () => {
  test("are not the built-in ones, nor defined by those who may not or hold less", async () => {
    for (const name of ["viewer", "editor", "steward", "admin"]) {
      await expectRefused(owner, "set_role", "409 role_built_in", () => defineRole(owner, name, ["files:read"]));
    }
    await expectRefused(owner, "set_role", "403 forbidden", () => defineRole(ben, "mine", ["files:read"]));
    for (const name of ["Upper", "with%20space", "__proto__", "-x", "x".repeat(41)]) {
      expect((await defineRole(owner, name, ["files:read"])).outcome).toBe("400 input_invalid");
    }
    for (const permissions of [[], ["organization:manage"], ["everything"], "files:read"]) {
      expect((await defineRole(owner, "odd", permissions as string[])).outcome).toBe("400 input_invalid");
    }
    const limited = await world.agent(owner, "limited", "admin");
    const denial = await deny(owner, null, { to: limited.id, permissions: ["gold:write"] });
    const beyond = await expectRefused(owner, "set_role", "403 exceeds_own_rights", () =>
      defineRole(limited, "golden", ["files:read", "gold:write"]),
    );
    expect(beyond.problem["permissions"]).toEqual(["gold:write"]);
    // Neither is a role changed by those who do not hold what it bundles.
    (await defineRole(owner, "golden", ["gold:write"])).must(200);
    await expectRefused(owner, "set_role", "403 exceeds_own_rights", () =>
      defineRole(limited, "golden", ["files:read"]),
    );
    (await endGrant(owner, null, denial)).must(200);
    (await defineRole(limited, "golden", ["files:read"])).must(200);
  });

  test("can be granted, and are changed wherever they are when that is answered", async () => {
    (await defineRole(owner, "scribe", ["files:read", "files:write", "files:write"])).must(200);
    await grant(owner, workspace, { to: ben.id, role: "scribe" });
    (await write(ben)).must(200);
    expect((await askForLock(ben, file)).outcome).toBe("403 forbidden");
    (await defineRole(owner, "scribe", ["files:read"])).must(200);
    expect((await write(ben)).outcome).toBe("403 forbidden");
    (await read(ben)).must(200);
    (await defineRole(owner, "scribe", ["files:read", "files:write"])).must(200);
    (await write(ben)).must(200);
  });

  test("are known everywhere from the moment they are made", async () => {
    // The workspace holds the word on its owner from before.
    (await read(owner)).must(200);
    expect((await askToGrant(owner, workspace, { to: ben.id, role: "newly-made" })).outcome).toBe("404 not_found");
    (await defineRole(owner, "newly-made", ["files:read"])).must(200);
    await grant(owner, workspace, { to: ben.id, role: "newly-made" });
    (await read(ben)).must(200);
  });

  test("may be called as things are in the language the server is written in", async () => {
    await expectRefused(owner, "grant_everywhere", "404 not_found", () =>
      askToGrant(owner, null, { to: ben.id, role: "constructor" }),
    );
    expect((await askToGrant(owner, workspace, { to: ben.id, role: "constructor" })).outcome).toBe("404 not_found");
    (await defineRole(owner, "constructor", ["files:read"])).must(200);
    await grant(owner, workspace, { to: ben.id, role: "constructor" });
    (await read(ben)).must(200);
    expect((await write(ben)).outcome).toBe("403 forbidden");
  });

  test("are defined once under one Idempotency-Key", async () => {
    const options = once();
    const define = () => defineRole(owner, "repeated", ["files:read"], options);
    const first = (await define()).as(200);
    (await defineRole(owner, "repeated", ["files:read", "files:write"])).must(200);
    expect((await define()).as(200)).toEqual(first);
    const { roles } = (await owner.api.get("/api/roles")).as<{ roles: { name: string; permissions: string[] }[] }>(200);
    expect(roles.find(({ name }) => name === "repeated")?.permissions).toEqual(["files:read", "files:write"]);
  });
});

describe("grants on everything", () => {
  test("are not for those who do not manage, nor to nobody, nor against an owner", async () => {
    const refuse = (who: Agent, outcome: string, terms: object) =>
      expectRefused(owner, "grant_everywhere", outcome, () => askToGrant(who, null, terms));
    await refuse(ben, "403 forbidden", { to: ben.id, role: "viewer" });
    for (const to of [NOBODY, stranger.id, NO_GROUP.id, foreignGroup.id]) {
      await refuse(owner, "404 not_found", { to, role: "viewer" });
    }
    await refuse(owner, "404 not_found", { to: ben.id, role: "unheard-of" });
    const second = await human(owner, "Second", "owner");
    for (const [who, against] of [
      [admin, owner],
      [owner, second],
    ] as const) {
      await refuse(who, "409 owner_stays", { to: against.id, effect: "deny", permissions: ["files:read"] });
    }
    const bad = [
      { to: ben.id },
      { to: ben.id, role: "viewer", permissions: ["files:read"] },
      { to: ben.id, permissions: [] },
      { to: "all", role: "viewer" },
      { to: ben.id, role: "viewer", until: "tomorrow" },
      { to: ben.id, role: "viewer", path: "/" },
    ];
    for (const terms of bad) expect((await askToGrant(owner, null, terms)).outcome).toBe("400 input_invalid");
    await expectRefused(owner, "revoke_everywhere", "404 not_found", () =>
      endGrant(owner, null, { id: `grt_${"A".repeat(22)}` }),
    );
  });

  test("give in every workspace, present and to come, and end when that is answered", async () => {
    expect((await read(ben)).status).toBe(404);
    const given = await grant(owner, null, { to: ben.id, role: "viewer" });
    expect(given).toMatchObject({ level: "organization", to: ben.id, by: owner.id });
    (await read(ben)).must(200);
    const later = await newFile(owner, await world.workspace(owner), "/later.txt");
    (await ben.api.get(byId(later))).must(200);
    expect((await endGrant(owner, null, given)).as<{ grant: Grant }>(200).grant.id).toBe(given.id);
    expect((await read(ben)).status).toBe(404);
    expect((await ben.api.get(byId(later))).status).toBe(404);
    await expectRefused(owner, "revoke_everywhere", "404 not_found", () => endGrant(owner, null, given));
  });

  test("end by themselves, with leases warm", async () => {
    const end = Date.now() + 1500;
    await grant(owner, null, { to: ben.id, role: "viewer", until: new Date(end).toISOString() });
    (await read(ben)).must(200);
    await past(end);
    expect((await read(ben)).status).toBe(404);
  });

  test("reach everyone, and deny to everyone but owners; who denied it is answered again when repeating", async () => {
    const lone = await world.organization("Lone");
    const [chief, cyd] = [await world.agent(lone, "chief", "admin"), await world.agent(lone, "cyd")];
    const place = await world.workspace(lone);
    const apart = await newFile(lone, place, "/a.txt");
    const attempt = ({ api }: Agent) => api.get(byId(apart));
    expect((await attempt(cyd)).status).toBe(404);
    await grant(lone, null, { to: "everyone", role: "viewer" });
    (await attempt(cyd)).must(200);
    const options = once();
    const terms = { to: "everyone", effect: "deny", role: "admin" };
    const denied = (await askToGrant(chief, null, terms, options)).as<{ grant: Grant }>(201);
    for (const who of [cyd, chief]) expect((await attempt(who)).status).toBe(404);
    (await attempt(lone)).must(200);
    expect((await askToGrant(chief, null, terms, options)).as(201)).toEqual(denied);
    // Who has cut itself off does not come back by itself.
    await expectRefused(lone, "revoke_everywhere", "403 exceeds_own_rights", () => endGrant(chief, null, denied.grant));
    (await endGrant(lone, null, denied.grant)).must(200);
    (await attempt(cyd)).must(200);
  });

  test("are never more than the giver holds", async () => {
    const limited = await world.agent(owner, "limited", "admin");
    await deny(owner, null, { to: limited.id, permissions: ["access:manage"] });
    for (const terms of [
      { to: ben.id, role: "admin" },
      { to: "everyone", permissions: ["access:manage"] },
      { to: ben.id, effect: "deny", permissions: ["access:manage"] },
    ]) {
      await expectRefused(owner, "grant_everywhere", "403 exceeds_own_rights", () => askToGrant(limited, null, terms));
    }
    expect((await grantsOf(owner, null)).filter(({ by }) => by === limited.id)).toEqual([]);
  });

  test("are made and ended once under one Idempotency-Key", async () => {
    const [make, end] = [once(), once()];
    const terms = { to: ben.id, role: "viewer" };
    const answers = await Promise.all([0, 1].map(() => askToGrant(owner, null, terms, make)));
    const [first, second] = answers.map((answer) => answer.as<{ grant: Grant }>(201));
    expect(second).toEqual(first);
    const given = first?.grant ?? NO_GROUP;
    expect((await endGrant(owner, null, given, end)).as(200)).toEqual(
      (await endGrant(owner, null, given, end)).as(200),
    );
    expect((await grantsOf(owner, null)).filter(({ to }) => to === ben.id)).toEqual([]);
    expect((await logOf(owner, "grant_everywhere")).filter(({ detail }) => detail["to"] === ben.id)).toHaveLength(1);
  });
});

describe("roles in the organization", () => {
  test("are not changed by members, for oneself, for nobody, or above one's own", async () => {
    const refuse = (who: Agent, id: string, role: string, outcome: string) =>
      expectRefused(owner, "set_organization_role", outcome, () => setRole(who, id, role));
    await refuse(ben, admin.id, "guest", "403 forbidden");
    await refuse(ben, ben.id, "admin", "403 forbidden");
    await refuse(admin, admin.id, "owner", "403 not_oneself");
    await refuse(admin, admin.id, "guest", "403 not_oneself");
    await refuse(admin, owner.id, "member", "403 above_own_role");
    await refuse(admin, ben.id, "owner", "403 above_own_role");
    for (const id of [NOBODY, stranger.id]) await refuse(owner, id, "guest", "404 not_found");
    await expectRefused(owner, "create_agent", "403 above_own_role", () =>
      admin.api.post("/api/agents", { json: { name: "x", role: "owner" } }),
    );
    expect((await setRole(owner, ben.id, "king")).outcome).toBe("400 input_invalid");
  });

  test("leave the last owner where it is: it can neither leave, nor be lowered, paused or removed", async () => {
    for (const [action, attempt] of [
      ["set_organization_role", () => setRole(owner, owner.id, "member")],
      ["remove_principal", () => owner.api.delete(`/api/principals/${owner.id}`)],
      ["pause_principal", () => owner.api.post(`/api/principals/${owner.id}/pause`, { json: { reason: "x" } })],
    ] as const) {
      await expectRefused(owner, action, "403 not_oneself", attempt);
    }
    // Of two that lower each other at once, one stays.
    const twins = await world.organization("Twins");
    const twin = await world.agent(twins, "twin", "owner");
    const answers = await Promise.all([setRole(twins, twin.id, "member"), setRole(twin, twins.id, "member")]);
    expect(answers.map(({ outcome }) => outcome).sort()).toEqual(["200", expect.stringMatching(/^403 /)]);
    expect((await principalsOf(twins)).filter(({ role }) => role === "owner")).toHaveLength(1);
  });

  test("are worth what they say when that is answered, raised or lowered", async () => {
    expect((await write(ben)).status).toBe(404);
    expect((await setRole(owner, ben.id, "admin")).as(200)).toMatchObject({ principal: { role: "admin" } });
    (await write(ben)).must(200);
    (await setRole(owner, ben.id, "member")).must(200);
    expect((await write(ben)).status).toBe(404);
    expect((await logOf(owner, "set_organization_role")).at(-1)?.detail).toEqual({
      principal: ben.id,
      role: "member",
      before: "admin",
    });
  });

  test("are set, and their holders paused, resumed and removed, once under one Idempotency-Key", async () => {
    const [raise, pause, resume, remove] = [once(), once(), once(), once()];
    const at = `/api/principals/${ben.id}`;
    const raised = (await setRole(admin, ben.id, "admin", raise)).as(200);
    (await setRole(owner, ben.id, "guest")).must(200);
    expect((await setRole(admin, ben.id, "admin", raise)).as(200)).toEqual(raised);
    expect(await roleOf(owner, ben.id)).toBe("guest");
    const json = { reason: "for now" };
    const paused = (await admin.api.post(`${at}/pause`, { json, ...pause })).as(200);
    expect((await ben.api.get("/api/me")).problem).toMatchObject({ code: "paused", by: admin.id, reason: "for now" });
    const resumed = (await admin.api.post(`${at}/resume`, resume)).as(200);
    expect((await admin.api.post(`${at}/pause`, { json, ...pause })).as(200)).toEqual(paused);
    expect((await admin.api.post(`${at}/resume`, resume)).as(200)).toEqual(resumed);
    (await ben.api.get("/api/me")).must(200);
    for (let n = 0; n < 2; n++) (await admin.api.delete(at, remove)).must(200);
    await expectRefused(owner, "remove_principal", "404 not_found", () => admin.api.delete(at));
    expect(
      (await logOf(owner, "remove_principal")).filter(({ detail }) => detail["principal"] === ben.id),
    ).toHaveLength(1);
  });
});

describe("names", () => {
  test("are kept as they are given, whatever they are written in", async () => {
    const names = [
      "☂ ünïcode 編集",
      "𝕏".repeat(50),
      "'; DROP TABLE principals; --",
      "null",
      "{}",
      "<b>x</b>",
      "%00",
      "-1",
    ];
    for (const name of names) {
      const agent = await world.agent(owner, name);
      const group = await newGroup(owner, name, [agent]);
      expect((await principalsOf(owner)).find(({ id }) => id === agent.id)?.name).toBe(name);
      expect((await groupsOf(owner)).find(({ id }) => id === group.id)).toMatchObject({ name, members: [agent.id] });
      expect((await logOf(owner, "create_group")).at(-1)?.detail).toMatchObject({ name });
    }
    const answer = await owner.api.post("/api/groups", { json: { name: "x".repeat(100_000) } });
    expect(answer.outcome).toBe("413 content_too_large");
  });
});
