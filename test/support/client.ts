// Owns how tests inside the runtime speak to the service: as any client does, over its REST face.

import { exports } from "cloudflare:workers";

export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed JSON. */
  body: any;
}

export const OPERATOR_KEY = "hfo_test";

export async function call(
  key: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const raw = typeof body === "string" || body instanceof Uint8Array;
  const response = await exports.default.fetch(
    new Request(`http://holdfast${path}`, {
      method,
      headers: { Authorization: `Bearer ${key}`, ...headers },
      ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
    }),
  );
  const text = await response.text();
  const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

export interface Team {
  key: string;
  agent: string;
  workspace: string;
}

/** An organization with an admin and a workspace. */
export async function newTeam(name = "Acme"): Promise<Team> {
  const { body: made } = await call(OPERATOR_KEY, "POST", "/api/organizations", { name });
  const { body: opened } = await call(made.key, "POST", "/api/workspaces", { name: "work" });
  return { key: made.key, agent: made.agent.id, workspace: opened.workspace.id };
}

/** Another agent of the team, with a role in its workspace. */
export async function join(team: Team, role: string, name = role): Promise<{ key: string; agent: string }> {
  const { body } = await call(team.key, "POST", "/api/agents", { name });
  await call(team.key, "PUT", `/api/workspaces/${team.workspace}/members/${body.agent.id}`, { role });
  return { key: body.key, agent: body.agent.id };
}

/** Creates a file and answers its id. */
export async function newFile({ key, workspace }: Team, path: string, content = "content"): Promise<string> {
  const { body } = await call(key, "PUT", `/api/workspaces/${workspace}/file/content?path=${path}`, content);
  return body.fileId;
}
