// Owns the scenery of tests: organizations, agents, workspaces and files, made through the API alone.

import type { Answer, Client, Options } from "./http.ts";

export interface Agent {
  id: string;
  organization: string;
  name: string;
  api: Client;
}

export interface FileView {
  fileId: string;
  workspaceId: string;
  path: string;
  version: number;
  etag: string;
  size: number;
  sha256: string;
  contentType: string;
  fencingToken: number;
  modifiedAt: string;
  modifiedBy: string;
  writer: Holder | null;
}

export interface Holder {
  holder: string;
  level: string;
  purpose: string | null;
  priority: number;
  grantedAt: string;
  expiresAt: string;
}

export interface Granted {
  status: "granted";
  lockId: string;
  fileId: string;
  level: string;
  fencingToken: number;
  holder: string;
  priority: number;
  purpose: string | null;
  ttl: number;
  grantedAt: string;
  expiresAt: string;
  expiresIn: number;
}

export interface Queued {
  status: "queued";
  ticket: string;
  fileId: string;
  position: number;
  queueLength: number;
  grantedBy: string;
  waitAtMost: number;
  resumeWithin: number;
  holders: Holder[];
}

export interface Overview {
  fileId: string;
  locks: (Holder & { mine: string | null })[];
  queue: { holder: string; level: string; priority: number; purpose: string | null; mine: string | null }[];
  fence: number;
}

export interface LoggedEvent {
  seq: number;
  at: string;
  action: string;
  outcome: "accepted" | "refused";
  code: string | null;
  agent: string | null;
  key: string | null;
  fileId: string | null;
  detail: Record<string, string | number | boolean | null>;
}

export type Role = "viewer" | "editor" | "steward" | "admin";

export interface LockTerms {
  level?: "read" | "write" | "exclusive";
  ttl?: number;
  priority?: number;
  purpose?: string;
  wait?: number;
}

interface Made {
  agent: { id: string; name: string };
  key: string;
}

/** In the organization. */
export type OrganizationRole = "owner" | "admin" | "member" | "guest";

export class World {
  readonly operator: Client;

  constructor(operator: Client) {
    this.operator = operator;
  }

  /** A new organization's first agent, which owns it. */
  async organization(name = "Acme"): Promise<Agent> {
    const made = (await this.operator.post("/api/organizations", { json: { name } })).as<
      Made & { organization: { id: string } }
    >(201);
    return this.#agent(made, made.organization.id);
  }

  async agent(admin: Agent, name: string, role: OrganizationRole = "member"): Promise<Agent> {
    const made = (await admin.api.post("/api/agents", { json: { name, role } })).as<Made>(201);
    return this.#agent(made, admin.organization);
  }

  #agent({ agent, key }: Made, organization: string): Agent {
    return { id: agent.id, organization, name: agent.name, api: this.operator.with(key) };
  }

  /** A new workspace's id, with these members besides its creator. */
  async workspace(admin: Agent, members: [Agent, Role][] = [], name = "reports"): Promise<string> {
    const { workspace } = (await admin.api.post("/api/workspaces", { json: { name } })).as<{
      workspace: { id: string };
    }>(201);
    for (const [agent, role] of members) await this.setRole(admin, workspace.id, agent, role);
    return workspace.id;
  }

  async setRole(admin: Agent, workspace: string, agent: Agent, role: Role): Promise<void> {
    (await admin.api.put(`/api/workspaces/${workspace}/members/${agent.id}`, { json: { role } })).must(200);
  }
}

export const byPath = (workspace: string, rest = ""): string => `/api/workspaces/${workspace}/file${rest}`;
export const byId = ({ fileId }: { fileId: string }, rest = ""): string => `/api/files/${fileId}${rest}`;

/** Writes content under a path. */
export function put(
  { api }: Agent,
  workspace: string,
  path: string,
  content: Options["content"],
  options: Options = {},
): Promise<Answer> {
  return api.put(byPath(workspace, "/content"), { ...options, query: { ...options.query, path }, content });
}

/** A new file. */
export async function newFile(agent: Agent, workspace: string, path: string, content = "one"): Promise<FileView> {
  return (await put(agent, workspace, path, content)).as<FileView>(201);
}

/** Overwrites a file's content by its id. */
export function overwrite(
  { api }: Agent,
  file: { fileId: string },
  content: Options["content"],
  headers: Record<string, string>,
  query: NonNullable<Options["query"]> = {},
): Promise<Answer> {
  return api.put(byId(file, "/content"), { content, headers, query });
}

export function askForLock({ api }: Agent, file: { fileId: string }, terms: LockTerms = {}): Promise<Answer> {
  return api.post(byId(file, "/lock"), { json: terms });
}

/** Takes a lock that is free. */
export async function lock(agent: Agent, file: { fileId: string }, terms: LockTerms = {}): Promise<Granted> {
  return (await askForLock(agent, file, terms)).as<Granted>(201);
}

/** Takes a place in the queue. */
export async function queue(agent: Agent, file: { fileId: string }, terms: LockTerms = {}): Promise<Queued> {
  return (await askForLock(agent, file, { ...terms, wait: 0 })).as<Queued>(202);
}

/** Asks again with a ticket. */
export function resume(
  { api }: Agent,
  file: { fileId: string },
  ticket: string,
  wait = 0,
  options: Options = {},
): Promise<Answer> {
  return api.get(byId(file, `/lock/${ticket}`), { ...options, query: { wait } });
}

export function release({ api }: Agent, file: { fileId: string }, lockId: string): Promise<Answer> {
  return api.delete(byId(file, `/lock/${lockId}`));
}

export function renew(
  { api }: Agent,
  file: { fileId: string },
  lockId: string,
  terms: { ttl?: number } = {},
): Promise<Answer> {
  return api.post(byId(file, `/lock/${lockId}/renew`), { json: terms });
}

export async function locksOf({ api }: Agent, file: { fileId: string }): Promise<Overview> {
  return (await api.get(byId(file, "/lock"))).as<Overview>(200);
}

/** Walls around a key. */
export interface Scopes {
  readOnly?: boolean;
  operations?: string[];
  places?: { workspaceId: string; folder?: string }[];
}

/** Another key: its id, and its principal with it in hand. */
export async function makeKey(
  by: Agent,
  whose: Agent,
  terms: { scopes?: Scopes; expiresAt?: string } = {},
): Promise<Agent & { keyId: string }> {
  const json = { principalId: whose.id, ...terms };
  const made = (await by.api.post("/api/keys", { json })).as<{ key: { id: string }; secret: string }>(201);
  return { ...whose, api: whose.api.with(made.secret), keyId: made.key.id };
}

/** A new group's id. */
export async function makeGroup({ api }: Agent, members: Agent[]): Promise<string> {
  const { group } = (await api.post("/api/groups", { json: { name: "a group" } })).as<{ group: { id: string } }>(201);
  for (const { id } of members) (await api.put(`/api/groups/${group.id}/members/${id}`)).must(200);
  return group.id;
}

export interface GrantTerms {
  to: string;
  effect?: "allow" | "deny";
  role?: string;
  permissions?: string[];
  until?: string;
  /** Of a folder or a file; without, the whole workspace. */
  path?: string;
}

/** A new grant's id: in a workspace, or (null) in all. */
export async function makeGrant({ api }: Agent, workspace: string | null, terms: GrantTerms): Promise<string> {
  const path = workspace === null ? "/api/grants" : `/api/workspaces/${workspace}/grants`;
  return (await api.post(path, { json: terms })).as<{ grant: { id: string } }>(201).grant.id;
}

export async function makeInvitation({ api }: Agent): Promise<{ id: string; token: string }> {
  const { invitation, token } = (await api.post("/api/invitations", { json: { name: "invited" } })).as<{
    invitation: { id: string };
    token: string;
  }>(201);
  return { id: invitation.id, token };
}

/** A new file, handed over as a copy; the handoff's id. */
export async function makeHandoff(agent: Agent, workspaceId: string, path: string, folder: string): Promise<string> {
  await newFile(agent, workspaceId, path);
  const json = { files: [path], to: { folder }, mode: "copy" };
  const made = await agent.api.post(`/api/workspaces/${workspaceId}/handoffs`, { json });
  return made.as<{ handoff: { id: string } }>(201).handoff.id;
}

/** An offer of a workspace. */
export async function makeTransfer({ api }: Agent, workspaceId: string): Promise<{ id: string; token: string }> {
  const { transfer, token } = (await api.post("/api/transfers", { json: { workspaceId } })).as<{
    transfer: { id: string };
    token: string;
  }>(201);
  return { id: transfer.id, token };
}
