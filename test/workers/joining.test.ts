// Invitations: who may make them, with what access beforehand, and that a token joins exactly one, once.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import {
  accept,
  askToInvite,
  expectRefused,
  human,
  invite,
  type Invitation,
  type Invited,
  inHand,
  type Joined,
  joined,
  logOf,
  once,
  principalsOf,
  roleOf,
} from "../support/organization.ts";
import { past } from "../support/until.ts";
import { operator, organizationObject, world } from "../support/workerd.ts";
import { type Agent, byPath, newFile } from "../support/world.ts";

let owner: Agent;
let admin: Agent;
let member: Agent;
let stranger: Agent;
let workspace: string;

beforeAll(async () => {
  owner = await world.organization();
  admin = await world.agent(owner, "admin", "admin");
  member = await world.agent(owner, "member");
  stranger = await world.organization("Elsewhere");
  workspace = await world.workspace(owner, [[member, "admin"]]);
  await newFile(owner, workspace, "/welcome.txt", "welcome");
});

const cancel = ({ api }: Agent, id: string, options = {}) => api.delete(`/api/invitations/${id}`, options);
const invitationsOf = async ({ api }: Agent): Promise<Invitation[]> =>
  (await api.get("/api/invitations")).as<{ invitations: Invitation[] }>(200).invitations;
const welcome = ({ api }: Agent) => api.get(byPath(workspace, "/content"), { query: { path: "/welcome.txt" } });

/** A refused token: nobody joins. */
async function expectNobodyJoins(token: string, outcome: string): Promise<void> {
  const before = await principalsOf(owner);
  expect((await accept(token)).outcome).toBe(outcome);
  expect(await principalsOf(owner)).toEqual(before);
}

describe("inviting", () => {
  test("is not for members and guests", async () => {
    const guest = await world.agent(owner, "guest", "guest");
    for (const agent of [member, guest]) {
      await expectRefused(owner, "create_invitation", "403 forbidden", () => askToInvite(agent, {}));
    }
    await expectRefused(owner, "cancel_invitation", "403 forbidden", async () =>
      cancel(member, (await invitationsOf(owner))[0]?.id ?? `inv_${"A".repeat(22)}`),
    );
  });

  test("gives no role above the inviter's own", async () => {
    for (const kind of ["agent", "human"]) {
      await expectRefused(owner, "create_invitation", "403 above_own_role", () =>
        askToInvite(admin, { kind, role: "owner" }),
      );
    }
    expect(await roleOf(owner, (await human(owner, "second", "owner")).id)).toBe("owner");
    expect(await roleOf(owner, (await human(admin, "peer", "admin")).id)).toBe("admin");
  });

  test("refuses terms that make no sense", async () => {
    const bad = [
      { kind: "robot" },
      { role: "king" },
      { name: "" },
      { name: "x".repeat(101) },
      { expiresIn: 0 },
      { expiresIn: 1e12 },
      { workspaceRole: "owner" },
      { workspaceId: 5 },
      { more: true },
    ];
    for (const terms of bad) expect((await askToInvite(owner, terms)).outcome).toBe("400 input_invalid");
    expect((await askToInvite(owner, { workspaceId: "nonsense" })).outcome).toBe("404 not_found");
  });

  test("to a workspace of another organization, or one in which the inviter may not give it, leaves nothing", async () => {
    const foreign = await world.workspace(stranger);
    const closed = await world.workspace(owner);
    const denial = { to: admin.id, effect: "deny", permissions: ["locks:override"] };
    (await owner.api.post(`/api/workspaces/${closed}/grants`, { json: denial })).must(201);
    const options = once();
    const terms = { workspaceId: closed, workspaceRole: "steward" };
    await expectRefused(owner, "create_invitation", "404 not_found", () =>
      askToInvite(admin, { workspaceId: foreign }),
    );
    await expectRefused(owner, "create_invitation", "403 exceeds_own_rights", () => askToInvite(admin, terms, options));
    const { members } = (await owner.api.get(`/api/workspaces/${closed}/members`)).as<{ members: unknown[] }>(200);
    expect(members).toHaveLength(1);
    // The same request may be tried again when it can be done.
    const { grants } = (await owner.api.get(`/api/workspaces/${closed}/grants`)).as<{
      grants: { id: string; effect: string }[];
    }>(200);
    for (const { id } of grants) (await owner.api.delete(`/api/workspaces/${closed}/grants/${id}`)).must(200);
    const { token } = (await askToInvite(admin, terms, options)).as<Invited>(201);
    (await joined(await accept(token)).api.get(`/api/workspaces/${closed}`)).must(200);
  });

  test("repeated with its Idempotency-Key gives the same token", async () => {
    const options = once();
    const terms = { name: "once", workspaceId: workspace };
    const answers = await Promise.all([0, 1].map(() => askToInvite(owner, terms, options)));
    const [first, second] = answers.map((answer) => answer.as<Invited>(201));
    expect(second).toEqual(first);
    await evictDurableObject(organizationObject(owner.organization));
    expect((await askToInvite(owner, terms, options)).as<Invited>(201)).toEqual(first);
    expect((await invitationsOf(owner)).filter(({ name }) => name === "once")).toHaveLength(1);
  });
});

describe("accepting", () => {
  test("joins an agent with an agent's key, a human with a person's", async () => {
    const agent = (await accept((await invite(owner, { kind: "agent" })).token)).as<Joined>(201);
    const person = (await accept((await invite(owner, { kind: "human", role: "guest" })).token)).as<Joined>(201);
    expect(agent).toMatchObject({ principal: { kind: "agent", role: "member", createdBy: owner.id } });
    expect(person).toMatchObject({ principal: { kind: "human", role: "guest", createdBy: owner.id } });
    expect(agent.key).toMatch(/^hfk_/);
    expect(person.key).toMatch(/^hfp_/);
    expect(person.principal.id).toMatch(/^hum_/);
    const me = (await operator.with(person.key).get("/api/me")).as<{ principal: unknown }>(200);
    expect(me.principal).toEqual(person.principal);
  });

  test("takes the name that the invited give themselves, or the one they were invited by", async () => {
    const [one, two] = [await invite(owner, { name: "Bob" }), await invite(owner, { name: "Bob" })];
    expect((await accept(one.token)).as<Joined>(201).principal.name).toBe("Bob");
    expect((await accept(two.token, { name: " Žofie 🦊 " })).as<Joined>(201).principal.name).toBe("Žofie 🦊");
  });

  test("finds the access that was given beforehand, also by the id that was told beforehand", async () => {
    const terms = { workspaceId: workspace, workspaceRole: "viewer" };
    const { invitation, token } = await invite(owner, terms);
    const early = await invite(owner);
    (
      await owner.api.put(`/api/workspaces/${workspace}/members/${early.invitation.principalId}`, {
        json: { role: "editor" },
      })
    ).must(200);
    const viewer = joined(await accept(token));
    expect(viewer.id).toBe(invitation.principalId);
    expect((await welcome(viewer)).text).toBe("welcome");
    const path = { query: { path: "/theirs.txt" }, content: "x" };
    expect((await viewer.api.put(byPath(workspace, "/content"), path)).outcome).toBe("403 forbidden");
    expect((await joined(await accept(early.token)).api.put(byPath(workspace, "/content"), path)).status).toBe(201);
  });

  test("works once", async () => {
    const { invitation, token } = await invite(owner);
    joined(await accept(token));
    await expectNobodyJoins(token, "409 ticket_spent");
    await expectRefused(owner, "accept_invitation", "409 ticket_spent", () => accept(token, {}, once()));
    await expectRefused(owner, "cancel_invitation", "409 ticket_spent", () => cancel(owner, invitation.id));
    expect((await logOf(owner, "accept_invitation")).at(-1)?.detail).toMatchObject({
      invitation: invitation.id,
      principal: invitation.principalId,
      role: "member",
    });
  });

  test("at the same time joins exactly one", async () => {
    const { token } = await invite(owner);
    const before = (await principalsOf(owner)).length;
    const answers = await Promise.all(Array.from({ length: 5 }, () => accept(token)));
    expect(answers.map(({ outcome }) => outcome).toSorted()).toEqual([
      "201",
      ...Array.from({ length: 4 }, () => "409 ticket_spent"),
    ]);
    expect((await principalsOf(owner)).length).toBe(before + 1);
  });

  test("repeated with the same Idempotency-Key gives the same key again; with another none", async () => {
    const { token } = await invite(owner);
    const options = once();
    const first = (await accept(token, {}, options)).as<Joined>(201);
    await evictDurableObject(organizationObject(owner.organization));
    expect((await accept(token, {}, options)).as<Joined>(201)).toEqual(first);
    expect((await accept(token, { name: "Eve" }, options)).outcome).toBe("422 idempotency_key_reused");
    expect((await accept(token, {}, once())).outcome).toBe("409 ticket_spent");
  });

  test("is refused once the invitation is cancelled, or has expired", async () => {
    const cancelled = await invite(owner);
    const options = once();
    const first = (await cancel(admin, cancelled.invitation.id, options)).as(200);
    expect((await cancel(admin, cancelled.invitation.id, options)).as(200)).toEqual(first);
    await expectNobodyJoins(cancelled.token, "409 ticket_spent");
    const short = await invite(owner, { expiresIn: 1 });
    await past(Date.now() + 1000);
    await expectNobodyJoins(short.token, "410 ticket_expired");
    await expectRefused(owner, "accept_invitation", "410 ticket_expired", () => accept(short.token));
  });

  test("is refused with a token that was not issued, or for something else", async () => {
    const { token } = await invite(owner);
    const { token: offer } = (await owner.api.post("/api/transfers", { json: {} })).as<{ token: string }>(201);
    const key = (await accept((await invite(owner)).token)).as<Joined>(201).key;
    const forged = [offer, key, `hfi_${offer.slice(4)}`, `hfi_${key.slice(4)}`, `${token}A`, token.slice(0, -1), "x"];
    for (const text of forged) await expectNobodyJoins(text, "400 ticket_invalid");
    await expectNobodyJoins("", "400 input_invalid");
    await expectNobodyJoins("x".repeat(100_000), "413 content_too_large");
    // None of that has spent it.
    joined(await accept(token));
  });

  test("is cancelled by nobody else's: not by another organization, nor by an id that is none", async () => {
    const { invitation, token } = await invite(stranger);
    for (const id of [invitation.id, `inv_${"A".repeat(22)}`]) {
      await expectRefused(owner, "cancel_invitation", "404 not_found", () => cancel(owner, id));
    }
    expect((await cancel(owner, `trf_${invitation.id.slice(4)}`)).outcome).toBe("400 input_invalid");
    (await accept(token)).must(201);
  });

  test("joins the organization that has issued it, whatever key comes along", async () => {
    const { token } = await invite(stranger);
    const answer = await owner.api.post("/api/invitations/accept", { json: { token } });
    expect(answer.as<Joined>(201).organizationId).toBe(stranger.organization);
  });

  test("is refused at the limit of principals, and the token stays good", async () => {
    const full = await world.organization("Full");
    const { token } = await invite(full);
    const stub = organizationObject(full.organization);
    await runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
         INSERT INTO principals (id, kind, name, role, created_at) SELECT 'agt_x' || i, 'agent', 'x', 'guest', 0 FROM n`,
      );
    });
    const refused = await accept(token);
    expect(refused.outcome).toBe("409 too_many");
    expect(refused.problem).toMatchObject({ what: "principals", limit: 10_000 });
    const options = { json: { name: "one more" }, ...once() };
    expect((await full.api.post("/api/agents", options)).outcome).toBe("409 too_many");
    await runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec("DELETE FROM principals WHERE id = 'agt_x1'");
    });
    const made = (await full.api.post("/api/agents", options)).as(201);
    expect((await full.api.post("/api/agents", options)).as(201)).toEqual(made);
    await runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec("DELETE FROM principals WHERE id = 'agt_x2'");
    });
    joined(await accept(token));
  });

  test("makes a key without scopes or end, known by its name", async () => {
    const person = await human(owner, "Ann");
    expect(await inHand(person)).toMatchObject({
      name: "from the invitation",
      expiresAt: null,
      scopes: { readOnly: false, operations: null, places: null },
    });
  });
});
