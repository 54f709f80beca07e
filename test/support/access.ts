// Owns how tests give and take access: groups, roles and grants, and what is said of everybody's rights.

import type { Answer, Options } from "./http.ts";
import type { Agent } from "./world.ts";

export interface Group {
  id: string;
  name: string;
  members: string[];
}

export interface Grant {
  id: string;
  level: string;
  path: string | null;
  to: string;
  effect: string;
  role: string | null;
  permissions: string[] | null;
  until: string | null;
  by: string;
}

export interface Right {
  permission: string;
  until: string | null;
  through: string[];
}

export async function newGroup({ api }: Agent, name = "team", members: Agent[] = []): Promise<Group> {
  const { group } = (await api.post("/api/groups", { json: { name } })).as<{ group: Group }>(201);
  for (const { id } of members) (await api.put(`/api/groups/${group.id}/members/${id}`)).must(200);
  return group;
}

export const putIn = ({ api }: Agent, { id }: { id: string }, who: { id: string }, options: Options = {}) =>
  api.put(`/api/groups/${id}/members/${who.id}`, options);

export const takeOut = ({ api }: Agent, { id }: { id: string }, who: { id: string }, options: Options = {}) =>
  api.delete(`/api/groups/${id}/members/${who.id}`, options);

export const defineRole = ({ api }: Agent, name: string, permissions: string[], options: Options = {}) =>
  api.put(`/api/roles/${name}`, { json: { permissions }, ...options });

/** In a workspace, or (null) in all of the organization. */
const grantsAt = (workspace: string | null): string =>
  workspace === null ? "/api/grants" : `/api/workspaces/${workspace}/grants`;

export const askToGrant = ({ api }: Agent, workspace: string | null, terms: object, options: Options = {}) =>
  api.post(grantsAt(workspace), { json: terms, ...options });

export async function grant(agent: Agent, workspace: string | null, terms: object): Promise<Grant> {
  return (await askToGrant(agent, workspace, terms)).as<{ grant: Grant }>(201).grant;
}

export const deny = (agent: Agent, workspace: string | null, terms: object): Promise<Grant> =>
  grant(agent, workspace, { effect: "deny", ...terms });

export const endGrant = (
  { api }: Agent,
  workspace: string | null,
  { id }: { id: string },
  options: Options = {},
): Promise<Answer> => api.delete(`${grantsAt(workspace)}/${id}`, options);

export async function grantsOf({ api }: Agent, workspace: string | null, path = "/"): Promise<Grant[]> {
  const query = workspace === null ? {} : { path };
  return (await api.get(grantsAt(workspace), { query })).as<{ grants: Grant[] }>(200).grants;
}

/** What everybody may do at a path, by their ids. */
export async function whoCan({ api }: Agent, workspace: string, path = "/"): Promise<Record<string, Right[]>> {
  const answer = await api.get(`/api/workspaces/${workspace}/access`, { query: { path } });
  const { access } = answer.as<{ access: { principalId: string; rights: Right[] }[] }>(200);
  return Object.fromEntries(access.map(({ principalId, rights }) => [principalId, rights]));
}

/** What one may do, by the paths where something else was granted. */
export async function whatCan({ api }: Agent, workspace: string, who: Agent): Promise<Record<string, Right[]>> {
  const answer = await api.get(`/api/workspaces/${workspace}/access/${who.id}`);
  const { places } = answer.as<{ places: { path: string; rights: Right[] }[] }>(200);
  return Object.fromEntries(places.map(({ path, rights }) => [path, rights]));
}
