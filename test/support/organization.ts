// Owns what tests of an organization share: keys, its log, everything that is known of it, and refusals that change
// nothing of that.

import { expect } from "vitest";
import type { Answer, Options } from "./http.ts";
import { operator, organizationObject, runAlarm } from "./workerd.ts";
import type { Agent, LoggedEvent, OrganizationRole } from "./world.ts";

export interface Principal {
  id: string;
  kind: "agent" | "human";
  name: string;
  role: OrganizationRole;
  paused: { by: string; reason: string; at: string } | null;
  createdBy: string | null;
}

export interface Key {
  id: string;
  principal: string;
  name: string;
  scopes: unknown;
  createdBy: string | null;
  expiresAt: string | null;
  revokedAt: string | null;
  revokedBy: string | null;
  usedAt: string | null;
}

/** A key and its secret. */
export interface Minted {
  key: Key;
  secret: string;
}

/** Of a well-formed id that nothing has. */
export const NOBODY = `agt_${"A".repeat(22)}`;

export const once = (key: string = crypto.randomUUID()): Options => ({ headers: { "Idempotency-Key": key } });

/** The same one, calling with another key. */
export const through = (agent: Agent, secret: string): Agent => ({ ...agent, api: agent.api.with(secret) });

export const askForKey = ({ api }: Agent, terms: object = {}, options: Options = {}): Promise<Answer> =>
  api.post("/api/keys", { json: terms, ...options });

export async function newKey(agent: Agent, terms: object = {}): Promise<Minted> {
  return (await askForKey(agent, terms)).as<Minted>(201);
}

export async function keysOf(agent: Agent, principalId: string = agent.id): Promise<Key[]> {
  return (await agent.api.get("/api/keys", { query: { principalId } })).as<{ keys: Key[] }>(200).keys;
}

/** The key that a caller calls with. */
export async function inHand({ api }: Agent): Promise<Key> {
  return (await api.get("/api/me")).as<{ key: Key }>(200).key;
}

export const revoke = ({ api }: Agent, id: string, options: Options = {}): Promise<Answer> =>
  api.delete(`/api/keys/${id}`, options);

export async function principalsOf({ api }: Agent): Promise<Principal[]> {
  return (await api.get("/api/principals", { query: { limit: 1000 } })).as<{ principals: Principal[] }>(200).principals;
}

export async function roleOf(asked: Agent, id: string): Promise<OrganizationRole | null> {
  return (await principalsOf(asked)).find((principal) => principal.id === id)?.role ?? null;
}

/** What is logged of an operation in an owner's organization, oldest first. */
export async function logOf(
  owner: Agent,
  action: string,
  outcome: LoggedEvent["outcome"] = "accepted",
): Promise<LoggedEvent[]> {
  await runAlarm(organizationObject(owner.organization));
  const page = await owner.api.get("/api/events", { query: { action, outcome, limit: 1000 } });
  return page.as<{ events: LoggedEvent[] }>(200).events.toReversed();
}

/** Everything that an owner can learn of its organization, but for the last use of keys. */
async function everything(owner: Agent): Promise<unknown> {
  const principals = await principalsOf(owner);
  const keys = await Promise.all(principals.map(({ id }) => keysOf(owner, id)));
  const lists = await Promise.all(
    ["groups", "roles", "grants", "invitations", "transfers"].map((list) => owner.api.get(`/api/${list}`)),
  );
  return [principals, keys.flat().map((key) => ({ ...key, usedAt: null })), lists.map((list) => list.as<unknown>(200))];
}

/** Tries something that must be refused with this outcome, change nothing, and be logged once. */
export async function expectRefused(
  owner: Agent,
  action: string,
  outcome: string,
  attempt: () => Promise<Answer>,
): Promise<Answer> {
  const [known, logged] = [await everything(owner), await logOf(owner, action, "refused")];
  const answer = await attempt();
  expect(answer.outcome).toBe(outcome);
  expect(await everything(owner)).toEqual(known);
  const code = outcome.slice(outcome.indexOf(" ") + 1);
  expect((await logOf(owner, action, "refused")).slice(logged.length)).toMatchObject([{ action, code }]);
  return answer;
}

export interface Invitation {
  id: string;
  principalId: string;
  kind: "agent" | "human";
  name: string;
  role: OrganizationRole;
  state: string;
}

export interface Joined {
  organizationId: string;
  principal: Principal;
  key: string;
}

/** Somebody to join: an open invitation and its token. */
export interface Invited {
  invitation: Invitation;
  token: string;
}

export const askToInvite = ({ api }: Agent, terms: object, options: Options = {}): Promise<Answer> =>
  api.post("/api/invitations", { json: { name: "somebody", ...terms }, ...options });

export async function invite(agent: Agent, terms: object = {}): Promise<Invited> {
  return (await askToInvite(agent, terms)).as<Invited>(201);
}

/** As somebody who has nothing but the token. */
export const accept = (token: string, terms: object = {}, options: Options = {}): Promise<Answer> =>
  operator.with(null).post("/api/invitations/accept", { json: { token, ...terms }, ...options });

export const joined = (answer: Answer): Agent => {
  const { organizationId, principal, key } = answer.as<Joined>(201);
  return { id: principal.id, organization: organizationId, name: principal.name, api: operator.with(key) };
};

/** A human who has joined. */
export async function human(inviter: Agent, name: string, role: OrganizationRole = "member"): Promise<Agent> {
  return joined(await accept((await invite(inviter, { name, role })).token));
}

export interface Transfer {
  id: string;
  workspaceId: string | null;
  from: string;
  by: string;
  to: string | null;
  keep: string | null;
  state: string;
  claimedBy: string | null;
}

export interface Offered {
  transfer: Transfer;
  token: string;
}

export interface Claimed {
  transfer: Transfer;
  principal: Principal;
  key: string | null;
}

export const askToOffer = ({ api }: Agent, terms: object = {}, options: Options = {}): Promise<Answer> =>
  api.post("/api/transfers", { json: terms, ...options });

export async function offer(agent: Agent, terms: object = {}): Promise<Offered> {
  return (await askToOffer(agent, terms)).as<Offered>(201);
}

/** By one who is known, or (null) by somebody who has nothing but the token. */
export const claim = (who: Agent | null, token: string, options: Options = {}): Promise<Answer> =>
  (who?.api ?? operator.with(null)).post("/api/transfers/claim", { json: { token }, ...options });

/** A human who has joined by claiming. */
export const newOwner = (answer: Answer, organization: string): Agent => {
  const { principal, key } = answer.as<Claimed>(200);
  return { id: principal.id, organization, name: principal.name, api: operator.with(key) };
};
