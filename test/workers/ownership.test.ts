// Ownership passes on: by a token that a human claims, or directly to a member; of an organization, or of one
// workspace; and whatever is interrupted, there is one owner in the end.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test } from "vitest";
import type { Answer } from "../support/http.ts";
import {
  askToOffer,
  claim,
  type Claimed,
  expectRefused,
  human,
  logOf,
  newKey,
  newOwner,
  NOBODY,
  offer,
  once,
  principalsOf,
  roleOf,
  through,
  type Transfer,
} from "../support/organization.ts";
import { past, until } from "../support/until.ts";
import { fileObject, organizationObject, runAlarm, workspaceObject, world } from "../support/workerd.ts";
import { type Agent, byId, type FileView, type LoggedEvent, newFile, overwrite } from "../support/world.ts";

let builder: Agent;
let workspaces: string[];
let files: FileView[];

/** An agent builds an organization with two workspaces, and a file in each. */
beforeEach(async () => {
  builder = await world.organization();
  workspaces = [await world.workspace(builder), await world.workspace(builder)];
  files = await Promise.all(workspaces.map((workspace) => newFile(builder, workspace, "/built.txt")));
});

const [FIRST, SECOND] = [0, 1] as const;
const workspaceAt = (index: number): string => workspaces[index] ?? "";
const fileAt = (index: number): FileView => files[index] as FileView;

const passDirectly = ({ api }: Agent, terms: object, options = {}): Promise<Answer> =>
  api.post("/api/ownership", { json: terms, ...options });
const transfersOf = async ({ api }: Agent): Promise<Transfer[]> =>
  (await api.get("/api/transfers")).as<{ transfers: Transfer[] }>(200).transfers;
const ownerOf = async ({ api }: Agent, index: number): Promise<string> =>
  (await api.get(`/api/workspaces/${workspaceAt(index)}`)).as<{ workspace: { owner: string } }>(200).workspace.owner;
const ownersOf = async (asked: Agent): Promise<string[]> =>
  (await principalsOf(asked)).filter(({ role }) => role === "owner").map(({ id }) => id);
const write = (agent: Agent, index: number): Promise<Answer> =>
  overwrite(agent, fileAt(index), "rewritten", { "If-Match": "*" });
const pause = ({ api }: Agent, id: string): Promise<Answer> =>
  api.post(`/api/principals/${id}/pause`, { json: { reason: "for now" } });
const setRole = ({ api }: Agent, id: string, role: string): Promise<Answer> =>
  api.put(`/api/principals/${id}/role`, { json: { role } });

async function workspaceLog(owner: Agent, index: number, action: string): Promise<LoggedEvent[]> {
  await runAlarm(workspaceObject(workspaceAt(index)));
  const answer = await owner.api.get(`/api/workspaces/${workspaceAt(index)}/events`, { query: { action } });
  return answer.as<{ events: LoggedEvent[] }>(200).events.toReversed();
}

/** Aborts an object; the call that does it is never answered. */
async function abort(stub: DurableObjectStub): Promise<void> {
  await runInDurableObject(stub, (_, state) => state.abort("on purpose")).catch(() => undefined);
}

/** Does something while the first workspace cannot be told of its owner; then that life of it ends. */
async function whileDeaf(work: () => Promise<unknown>): Promise<void> {
  const stub = workspaceObject(workspaceAt(FIRST));
  // What an instance has of its own is no RPC method.
  await runInDurableObject(stub, (object) => Object.defineProperty(object, "setOwner", { value: null }) && undefined);
  await work();
  await abort(stub);
}

/** Nothing that somebody tries against another works: in the organization, and in these workspaces. */
async function expectPowerless(agent: Agent, against: Agent, inThese: number[]): Promise<void> {
  const { api } = agent;
  const tries: [string, Answer][] = [
    ["remove", await api.delete(`/api/principals/${against.id}`)],
    ["lower", await setRole(agent, against.id, "guest")],
    ["pause", await pause(agent, against.id)],
    ["deny everywhere", await api.post("/api/grants", { json: { to: against.id, effect: "deny", role: "admin" } })],
    ["make a key", await api.post("/api/keys", { json: { principalId: against.id } })],
    ["offer ownership", await askToOffer(agent)],
    ["pass ownership", await passDirectly(agent, { to: agent.id })],
  ];
  for (const index of inThese) {
    const at = `/api/workspaces/${workspaceAt(index)}`;
    tries.push(
      ["offer the workspace", await askToOffer(agent, { workspaceId: workspaceAt(index) })],
      ["pass the workspace", await passDirectly(agent, { workspaceId: workspaceAt(index), to: agent.id })],
      ["deny in it", await api.post(`${at}/grants`, { json: { to: against.id, effect: "deny", role: "viewer" } })],
      ["remove from it", await api.delete(`${at}/members/${against.id}`)],
    );
    // What is denied to a group or everyone does not touch an owner; those who may, may deny it.
    await api.post(`${at}/grants`, { json: { to: "everyone", effect: "deny", role: "viewer" } });
  }
  const done = tries.filter(([, { status }]) => status < 400);
  expect(done.map(([what]) => what)).toEqual([]);
  for (const index of inThese) (await write(against, index)).must(200);
  expect(await roleOf(against, against.id)).toBe("owner");
}

describe("handing an organization over", () => {
  test("makes the human who claims its owner, and the owner of what was built in it; the agent is admin", async () => {
    const { transfer, token } = await offer(builder);
    expect(transfer).toMatchObject({ workspaceId: null, from: builder.id, to: null, keep: "admin", state: "open" });
    const answer = await claim(null, token);
    const { principal, key } = answer.as<Claimed>(200);
    expect(principal).toMatchObject({ kind: "human", name: "owner", role: "owner" });
    expect(key).toMatch(/^hfp_/);
    const owner = newOwner(answer, builder.organization);
    expect(await ownersOf(owner)).toEqual([owner.id]);
    expect(await roleOf(owner, builder.id)).toBe("admin");
    for (const index of [FIRST, SECOND]) {
      expect(await ownerOf(owner, index)).toBe(owner.id);
      (await write(builder, index)).must(200);
    }
    await expectPowerless(builder, owner, [FIRST, SECOND]);
    expect((await logOf(owner, "claim_transfer")).at(-1)?.detail).toMatchObject({
      transfer: transfer.id,
      workspace: null,
      from: builder.id,
      to: owner.id,
      keep: "admin",
    });
    for (const index of [FIRST, SECOND]) {
      expect((await workspaceLog(owner, index, "own_workspace")).map(({ detail }) => detail)).toMatchObject([
        { from: builder.id, to: owner.id },
      ]);
    }
    // The new owner can go on to do what the old one cannot prevent.
    (await pause(owner, builder.id)).must(200);
    expect((await write(builder, FIRST)).outcome).toBe("403 paused");
  });

  test.each(["member", "guest"])("leaves the agent a %s, without access to what it has handed over", async (keep) => {
    const { token } = await offer(builder, { keep });
    (await write(builder, FIRST)).must(200);
    const owner = newOwner(await claim(null, token), builder.organization);
    expect(await roleOf(owner, builder.id)).toBe(keep);
    expect((await write(builder, FIRST)).status).toBe(404);
    expect((await builder.api.get(`/api/workspaces/${workspaceAt(SECOND)}`)).status).toBe(404);
    await expectPowerless(builder, owner, [FIRST, SECOND]);
  });

  test("with nothing kept ends the agent's part", async () => {
    const { token } = await offer(builder, { keep: "none" });
    (await write(builder, FIRST)).must(200);
    const owner = newOwner(await claim(null, token), builder.organization);
    expect(await roleOf(owner, builder.id)).toBeNull();
    expect((await write(builder, FIRST)).problem).toMatchObject({ status: 401, reason: "unknown" });
    expect((await builder.api.get("/api/me")).outcome).toBe("401 unauthenticated");
    (await write(owner, FIRST)).must(200);
  });

  test("to a human who is there takes their key beside the token", async () => {
    const ann = await human(builder, "Ann");
    // Warm, with a member's rights.
    expect((await write(ann, FIRST)).status).toBe(404);
    const { token } = await offer(builder, { to: ann.id });
    const claimed = (await claim(ann, token)).as<Claimed>(200);
    expect(claimed).toMatchObject({ principal: { id: ann.id, role: "owner" }, key: null });
    (await write(ann, FIRST)).must(200);
    await expectPowerless(builder, ann, [FIRST, SECOND]);
  });
});

describe("a token", () => {
  test("is offered by owners only, in terms that make sense", async () => {
    const admin = await world.agent(builder, "admin", "admin");
    const stranger = await world.organization("Elsewhere");
    const [workspaceId] = workspaces;
    await expectRefused(builder, "create_transfer", "403 owner_only", () => askToOffer(admin));
    await expectRefused(builder, "create_transfer", "404 not_found", () => askToOffer(admin, { workspaceId }));
    await expectRefused(stranger, "create_transfer", "404 not_found", () => askToOffer(stranger, { workspaceId }));
    await expectRefused(builder, "transfer_ownership", "403 owner_only", () => passDirectly(admin, { to: admin.id }));
    for (const to of [NOBODY, stranger.id]) {
      await expectRefused(builder, "create_transfer", "404 not_found", () => askToOffer(builder, { to }));
      await expectRefused(builder, "transfer_ownership", "404 not_found", () => passDirectly(builder, { to }));
    }
    await expectRefused(builder, "create_transfer", "403 humans_only", () => askToOffer(builder, { to: admin.id }));
    const bad = [
      { keep: "owner" },
      { keep: "steward" },
      { workspaceId, keep: "guest" },
      { expiresIn: -1 },
      { to: "x" },
    ];
    for (const terms of bad) expect((await askToOffer(builder, terms)).outcome).toBe("400 input_invalid");
    expect((await askToOffer(builder, { workspaceId: "x" })).outcome).toBe("404 not_found");
    const scoped = through(builder, (await newKey(builder, { scopes: { operations: ["create_transfer"] } })).secret);
    await expectRefused(builder, "create_transfer", "403 key_scope", () => askToOffer(scoped));
  });

  test("is refused to agents, to those it does not name, and to humans of another organization", async () => {
    const [ann, bob] = [await human(builder, "Ann"), await human(builder, "Bob")];
    const agent = await world.agent(builder, "agent");
    const stranger = await human(await world.organization("Elsewhere"), "Eve");
    const open = await offer(builder);
    const named = await offer(builder, { to: ann.id });
    const refuse = (outcome: string, who: Agent | null, token: string) =>
      expectRefused(builder, "claim_transfer", outcome, () => claim(who, token));
    await refuse("403 humans_only", agent, open.token);
    await refuse("403 humans_only", builder, open.token);
    await refuse("403 wrong_claimant", bob, named.token);
    await refuse("403 wrong_claimant", null, named.token);
    expect((await claim(stranger, open.token)).outcome).toBe("403 wrong_claimant");
    (await claim(ann, named.token)).must(200);
  });

  test("is refused with a key that is dead, paused or scoped", async () => {
    const ann = await human(builder, "Ann");
    const { token } = await offer(builder);
    const scoped = through(ann, (await newKey(ann, { scopes: { readOnly: true } })).secret);
    await expectRefused(builder, "claim_transfer", "403 key_scope", () => claim(scoped, token));
    const { key, secret } = await newKey(ann);
    (await builder.api.delete(`/api/keys/${key.id}`)).must(200);
    expect((await claim(through(ann, secret), token)).outcome).toBe("401 unauthenticated");
    (await pause(builder, ann.id)).must(200);
    expect((await claim(ann, token)).outcome).toBe("403 paused");
    expect(await ownersOf(builder)).toEqual([builder.id]);
  });

  test("is refused once it has expired, is cancelled, or was not issued", async () => {
    const short = await offer(builder, { expiresIn: 1 });
    const { transfer, token } = await offer(builder);
    const options = once();
    const cancel = () => builder.api.delete(`/api/transfers/${transfer.id}`, options);
    expect((await cancel()).as(200)).toEqual((await cancel()).as(200));
    await expectRefused(builder, "claim_transfer", "409 ticket_spent", () => claim(null, token));
    await expectRefused(builder, "cancel_transfer", "409 ticket_spent", () =>
      builder.api.delete(`/api/transfers/${transfer.id}`),
    );
    await past(Date.now() + 1000);
    await expectRefused(builder, "claim_transfer", "410 ticket_expired", () => claim(null, short.token));
    for (const forged of [`hfi_${token.slice(4)}`, `${token}=`, "hft_", "x"]) {
      expect((await claim(null, forged)).outcome).toBe("400 ticket_invalid");
    }
    const foreign = await offer(await world.organization("Elsewhere"));
    for (const id of [foreign.transfer.id, `trf_${"A".repeat(22)}`]) {
      await expectRefused(builder, "cancel_transfer", "404 not_found", () =>
        builder.api.delete(`/api/transfers/${id}`),
      );
    }
    const member = await world.agent(builder, "member");
    await expectRefused(builder, "cancel_transfer", "404 not_found", () =>
      member.api.delete(`/api/transfers/${transfer.id}`),
    );
    expect(await transfersOf(member)).toEqual([]);
  });

  test("works once: a replay changes nothing, whoever owns it by then", async () => {
    const ann = await human(builder, "Ann");
    const workspaceId = workspaceAt(FIRST);
    const { token } = await offer(builder, { workspaceId });
    const options = once();
    (await claim(ann, token, options)).must(200);
    await expectRefused(builder, "claim_transfer", "409 ticket_spent", () => claim(null, token));
    (await passDirectly(ann, { workspaceId, to: builder.id, keep: "none" })).must(200);
    expect(await ownerOf(builder, FIRST)).toBe(builder.id);
    // The one who has claimed is answered again, and gets nothing for it.
    (await claim(ann, token, options)).must(200);
    (await claim(ann, token)).must(200);
    await evictDurableObject(organizationObject(builder.organization));
    (await claim(ann, token, options)).must(200);
    await runAlarm(organizationObject(builder.organization));
    expect(await ownerOf(builder, FIRST)).toBe(builder.id);
    expect((await write(ann, FIRST)).status).toBe(404);
  });

  test("repeated with its Idempotency-Key gives the same key to the human who has joined by it", async () => {
    const { token } = await offer(builder);
    const options = once();
    const answers = await Promise.all([0, 1].map(() => claim(null, token, options)));
    const [first, second] = answers.map((answer) => answer.as<Claimed>(200));
    expect(second).toEqual(first);
    await evictDurableObject(organizationObject(builder.organization));
    expect((await claim(null, token, options)).as<Claimed>(200)).toEqual(first);
    expect(await ownersOf(builder)).toEqual([first?.principal.id]);
  });

  test("claimed by many at once makes one owner", async () => {
    const { token } = await offer(builder);
    const answers = await Promise.all(Array.from({ length: 4 }, () => claim(null, token)));
    expect(answers.map(({ outcome }) => outcome).toSorted()).toEqual([
      "200",
      "409 ticket_spent",
      "409 ticket_spent",
      "409 ticket_spent",
    ]);
    expect(await ownersOf(builder)).toHaveLength(1);
    expect((await principalsOf(builder)).filter(({ kind }) => kind === "human")).toHaveLength(1);
  });

  test("beside another for the same workspace, claimed at once, makes one owner", async () => {
    const [ann, bob] = [await human(builder, "Ann"), await human(builder, "Bob")];
    const workspaceId = workspaceAt(FIRST);
    const tokens = [await offer(builder, { workspaceId }), await offer(builder, { workspaceId })];
    const answers = await Promise.all([ann, bob].map((who, n) => claim(who, tokens[n]?.token ?? "")));
    expect(answers.map(({ outcome }) => outcome).toSorted()).toEqual(["200", "409 ticket_spent"]);
    const winner = answers.find(({ status }) => status === 200)?.as<Claimed>(200).principal.id;
    expect(await ownerOf(builder, FIRST)).toBe(winner);
    expect((await workspaceLog(builder, FIRST, "own_workspace")).map(({ detail }) => detail["to"])).toEqual([winner]);
  });

  test("ends with the right to offer it", async () => {
    const second = await human(builder, "Second", "owner");
    const ann = await human(builder, "Ann");
    const ofOrganization = await offer(second);
    const ofWorkspace = await offer(second, { workspaceId: workspaceAt(FIRST) });
    const refused = async () => {
      for (const { token } of [ofOrganization, ofWorkspace]) {
        await expectRefused(builder, "claim_transfer", "409 ticket_spent", () => claim(ann, token));
      }
    };
    // Somebody paused does nothing, neither by a token that it has given away.
    (await pause(builder, second.id)).must(200);
    await refused();
    (await builder.api.post(`/api/principals/${second.id}/resume`)).must(200);
    (await setRole(builder, second.id, "admin")).must(200);
    await refused();
    (await builder.api.delete(`/api/principals/${second.id}`)).must(200);
    await refused();
  });

  test("is void once what it is for has passed to somebody else", async () => {
    const ann = await human(builder, "Ann");
    const { token } = await offer(builder, { workspaceId: workspaceAt(FIRST) });
    const whole = await offer(builder);
    (await passDirectly(builder, { workspaceId: workspaceAt(FIRST), to: ann.id })).must(200);
    await expectRefused(builder, "claim_transfer", "409 ticket_spent", () => claim(null, token));
    (await passDirectly(builder, { to: ann.id })).must(200);
    await expectRefused(ann, "claim_transfer", "409 ticket_spent", () => claim(null, whole.token));
  });
});

describe("passing one workspace on", () => {
  test("leaves the organization and the other workspace as they were", async () => {
    const lead = await world.agent(builder, "lead", "admin");
    const apart = (await lead.api.post("/api/workspaces", { json: { name: "apart" } })).as<{
      workspace: { id: string };
    }>(201).workspace.id;
    workspaces = [apart, workspaceAt(SECOND)];
    files = [await newFile(lead, apart, "/built.txt"), fileAt(SECOND)];
    (await setRole(builder, lead.id, "member")).must(200);
    (await write(lead, FIRST)).must(200);
    const { token } = await offer(lead, { workspaceId: apart, keep: "editor" });
    const ann = newOwner(await claim(null, token), builder.organization);
    expect(await roleOf(builder, ann.id)).toBe("member");
    expect(await ownersOf(builder)).toEqual([builder.id]);
    expect(await ownerOf(ann, FIRST)).toBe(ann.id);
    (await write(lead, FIRST)).must(200);
    expect((await write(ann, SECOND)).status).toBe(404);
    const at = `/api/workspaces/${apart}`;
    expect((await lead.api.put(`${at}/members/${lead.id}`, { json: { role: "admin" } })).outcome).toBe("403 forbidden");
    for (const effect of ["allow", "deny"]) {
      const json = { to: ann.id, effect, role: "viewer" };
      expect((await lead.api.post(`${at}/grants`, { json })).outcome).toBe("403 forbidden");
    }
    expect((await workspaceLog(ann, FIRST, "own_workspace")).map(({ detail }) => detail)).toMatchObject([
      { from: lead.id, to: ann.id, keep: "editor" },
    ]);
  });

  test("takes the former owner's rights from warm leases when it is answered", async () => {
    const lead = await world.agent(builder, "lead", "admin");
    const apart = await world.workspace(lead);
    workspaces = [apart];
    files = [await newFile(lead, apart, "/built.txt")];
    (await setRole(builder, lead.id, "member")).must(200);
    (await write(lead, FIRST)).must(200);
    const ann = await human(builder, "Ann", "guest");
    (await passDirectly(lead, { workspaceId: apart, to: ann.id, keep: "none" })).must(200);
    expect((await write(lead, FIRST)).status).toBe(404);
    (await write(ann, FIRST)).must(200);
    expect(await roleOf(builder, ann.id)).toBe("guest");
  });
});

describe("passing directly", () => {
  test("makes a member the owner at once, an agent too, and is logged with both ends", async () => {
    const agent = await world.agent(builder, "agent");
    expect((await write(agent, FIRST)).status).toBe(404);
    const options = once();
    const first = (await passDirectly(builder, { to: agent.id, keep: "member" }, options)).as<{ transfer: Transfer }>(
      200,
    );
    expect(first.transfer).toMatchObject({ from: builder.id, to: agent.id, claimedBy: agent.id, state: "claimed" });
    expect((await passDirectly(builder, { to: agent.id, keep: "member" }, options)).as(200)).toEqual(first);
    expect(await ownersOf(agent)).toEqual([agent.id]);
    (await write(agent, FIRST)).must(200);
    expect((await logOf(agent, "transfer_ownership")).map(({ detail }) => detail)).toMatchObject([
      { from: builder.id, to: agent.id, workspace: null, keep: "member" },
    ]);
    await expectRefused(agent, "transfer_ownership", "403 owner_only", () => passDirectly(builder, { to: builder.id }));
  });

  test("is seen at once where others own the workspace", async () => {
    const admin = await world.agent(builder, "admin", "admin");
    const theirs = await newFile(admin, await world.workspace(admin), "/theirs.txt");
    const ann = await human(builder, "Ann");
    const reading = () => ann.api.get(byId(theirs));
    expect((await reading()).status).toBe(404);
    (await passDirectly(builder, { to: ann.id })).must(200);
    (await reading()).must(200);
  });

  test("to two at once ends with one owner whom the workspace and the organization agree on", async () => {
    const [ann, bob] = [await human(builder, "Ann"), await human(builder, "Bob")];
    const workspaceId = workspaceAt(FIRST);
    const answers = await Promise.all([ann, bob].map(({ id }) => passDirectly(builder, { workspaceId, to: id })));
    expect(answers.map(({ outcome }) => outcome)).toEqual(["200", "200"]);
    const last = (await transfersOf(builder)).find(({ from }) => from !== builder.id);
    const owner = await ownerOf(builder, FIRST);
    expect(owner).toBe(last?.claimedBy);
    // The owner's word is taken for the next step.
    (await passDirectly(owner === ann.id ? ann : bob, { workspaceId, to: builder.id })).must(200);
    expect(await ownerOf(builder, FIRST)).toBe(builder.id);
  });
});

describe("a claim that is interrupted", () => {
  test("before the workspace hears of it is finished by repeating it", async () => {
    const ann = await human(builder, "Ann");
    const { token } = await offer(builder, { workspaceId: workspaceAt(FIRST), keep: "none" });
    await whileDeaf(async () => {
      expect((await claim(ann, token)).outcome).toBe("503 unavailable");
      expect((await transfersOf(builder))[0]).toMatchObject({ state: "passing", claimedBy: ann.id });
    });
    expect((await claim(ann, token)).as<Claimed>(200).transfer).toMatchObject({ state: "claimed" });
    expect(await ownerOf(builder, FIRST)).toBe(ann.id);
    expect((await workspaceLog(builder, FIRST, "own_workspace")).map(({ detail }) => detail)).toMatchObject([
      { from: builder.id, to: ann.id },
    ]);
  });

  test("before the workspace hears of it is finished by the alarm, by another life of the organization", async () => {
    const { token } = await offer(builder, { keep: "none" });
    const options = once();
    await whileDeaf(async () => {
      expect((await claim(null, token, options)).outcome).toBe("503 unavailable");
    });
    await abort(organizationObject(builder.organization));
    expect(await runAlarm(organizationObject(builder.organization))).toBe(true);
    const owner = newOwner(await claim(null, token, options), builder.organization);
    expect(await ownersOf(owner)).toEqual([owner.id]);
    expect((await transfersOf(owner)).map(({ state }) => state)).toEqual(["claimed", "claimed", "claimed"]);
    for (const index of [FIRST, SECOND]) expect(await ownerOf(owner, index)).toBe(owner.id);
    expect((await write(builder, FIRST)).outcome).toBe("401 unauthenticated");
  });

  test("before the files hear of it is finished by repeating it", async () => {
    const lead = await world.agent(builder, "lead", "admin");
    const ann = await human(builder, "Ann");
    workspaces = [await world.workspace(lead)];
    files = [await newFile(lead, workspaceAt(FIRST), "/built.txt")];
    (await setRole(builder, lead.id, "member")).must(200);
    (await write(lead, FIRST)).must(200);
    const [file, workspace] = [fileObject(fileAt(FIRST).fileId), workspaceObject(workspaceAt(FIRST))];
    // What an instance has of its own is no RPC method.
    await runInDurableObject(file, (object) => {
      Object.defineProperty(object, "recall", { value: null, configurable: true });
    });
    const options = once();
    const pass = () => passDirectly(lead, { workspaceId: workspaceAt(FIRST), to: ann.id, keep: "none" }, options);
    const interrupted = pass();
    await until("the workspace has changed hands", 5000, async () =>
      (await ownerOf(builder, FIRST)) === ann.id ? true : null,
    );
    await abort(workspace);
    expect((await interrupted).outcome).toBe("503 unavailable");
    await runInDurableObject(file, (object) => {
      Reflect.deleteProperty(object, "recall");
    });
    (await pass()).must(200);
    expect((await write(lead, FIRST)).status).toBe(404);
  });

  test("after the workspace has heard of it is not carried out twice, though it has changed hands since", async () => {
    const ann = await human(builder, "Ann");
    const workspaceId = workspaceAt(FIRST);
    (await passDirectly(builder, { workspaceId, to: ann.id })).must(200);
    (await passDirectly(ann, { workspaceId, to: builder.id })).must(200);
    const stub = organizationObject(builder.organization);
    await runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec("UPDATE transfers SET state = 'passing' WHERE claimed_by = ?", ann.id);
    });
    await evictDurableObject(stub);
    await runAlarm(stub);
    expect((await transfersOf(builder)).map(({ state }) => state)).toEqual(["claimed", "claimed"]);
    expect(await ownerOf(builder, FIRST)).toBe(builder.id);
    expect(await workspaceLog(builder, FIRST, "own_workspace")).toHaveLength(2);
  });

  test("is finished before another begins", async () => {
    const [ann, bob] = [await human(builder, "Ann"), await human(builder, "Bob")];
    const workspaceId = workspaceAt(FIRST);
    await whileDeaf(async () => {
      expect((await passDirectly(builder, { workspaceId, to: ann.id })).outcome).toBe("503 unavailable");
      expect((await passDirectly(ann, { workspaceId, to: bob.id })).outcome).toBe("503 unavailable");
      expect(await transfersOf(builder)).toMatchObject([{ to: ann.id, state: "passing" }]);
    });
    (await passDirectly(ann, { workspaceId, to: bob.id })).must(200);
    expect(await ownerOf(bob, FIRST)).toBe(bob.id);
    expect((await workspaceLog(builder, FIRST, "own_workspace")).map(({ detail }) => detail["to"])).toEqual([
      ann.id,
      bob.id,
    ]);
  });

  test("at any moment, by the end of either object, and repeated, ends in one owner", async () => {
    const options = once();
    const { token } = await offer(builder, { keep: "member" });
    const objects = [organizationObject(builder.organization), ...workspaces.map(workspaceObject)];
    for (const [n, stub] of objects.entries()) {
      const claiming = claim(null, token, options).catch(() => null);
      for (let turns = 0; turns < n; turns++) await Promise.resolve();
      await abort(stub);
      await claiming;
    }
    const owner = await until("the claim is answered", 10_000, async () => {
      const answer = await claim(null, token, options).catch(() => null);
      return answer?.status === 200 ? newOwner(answer, builder.organization) : null;
    });
    expect(await ownersOf(owner)).toEqual([owner.id]);
    for (const index of [FIRST, SECOND]) {
      expect(await ownerOf(owner, index)).toBe(owner.id);
      expect(await workspaceLog(owner, index, "own_workspace")).toHaveLength(1);
    }
    expect((await write(builder, FIRST)).status).toBe(404);
    expect((await logOf(owner, "claim_transfer")).map(({ outcome }) => outcome)).toEqual(["accepted"]);
    (await owner.api.get(byId(fileAt(SECOND)))).must(200);
  });
});
