// Owns one valid request for each operation of the registry, so that tests of rights can try them all. A test holds
// this table against the registry: an operation without a sample is a failure.

import type { Route } from "../../src/faces/routes.ts";
import type { Answer, Client, Options } from "./http.ts";
import type { Agent, FileView } from "./world.ts";

/** What the samples act on: a file that `holder` has locked exclusively, with a second request of its own waiting. */
export interface Scene {
  workspace: string;
  file: FileView;
  lockId: string;
  ticket: string;
  /** A member that may be removed. */
  member: Agent;
  /** An agent of the organization that is not a member yet. */
  newcomer: Agent;
  /** Different in each scene; part of every new name. */
  number: number;
}

interface Sample extends Options {
  /** For the braces in the path that name neither workspace nor file. */
  params?: Record<string, string>;
}

export const SAMPLES: Record<string, (scene: Scene) => Sample> = {
  create_organization: () => ({ json: { name: "Fresh" } }),
  create_agent: () => ({ json: { name: "fresh" } }),
  list_agents: () => ({}),
  who_am_i: () => ({}),
  create_workspace: () => ({ json: { name: "fresh" } }),
  list_workspaces: () => ({}),
  list_organization_events: () => ({}),

  get_workspace: () => ({}),
  update_workspace: () => ({ json: { name: "renamed" } }),
  list_members: () => ({}),
  set_member: ({ newcomer }) => ({ params: { principalId: newcomer.id }, json: { role: "viewer" } }),
  remove_member: ({ member }) => ({ params: { principalId: member.id } }),
  list_files: () => ({}),
  list_events: () => ({}),

  get_file: () => ({}),
  read_file: () => ({}),
  list_versions: () => ({}),
  write_file: ({ lockId }) => ({ headers: { "Holdfast-Lock": lockId }, content: "two" }),
  delete_file: ({ lockId }) => ({ headers: { "Holdfast-Lock": lockId } }),
  move_file: ({ lockId, number }) => ({ headers: { "Holdfast-Lock": lockId }, json: { to: `/moved/${number}` } }),
  copy_file: ({ number }) => ({ json: { to: `/copied/${number}` } }),

  acquire_lock: () => ({ json: { wait: 0 } }),
  get_locks: () => ({}),
  wait_for_lock: ({ ticket }) => ({ params: { lockId: ticket } }),
  renew_lock: ({ lockId }) => ({ params: { lockId } }),
  release_lock: ({ lockId }) => ({ params: { lockId } }),
  override_lock: () => ({ json: { reason: "the report is due", take: {} } }),
  renew_locks: ({ file, lockId }) => ({ json: { locks: [{ fileId: file.fileId, lockId }] } }),
};

/** Sends the sample of a route's operation, with further headers, or with other contents. */
export function trySample(
  client: Client,
  { operation, pattern, byPath }: Route,
  scene: Scene,
  headers: Record<string, string> = {},
  instead: Options = {},
): Promise<Answer> {
  const { params = {}, ...sample } = SAMPLES[operation.name]?.(scene) ?? {};
  const options = { ...sample, ...instead };
  const all: Record<string, string> = { workspaceId: scene.workspace, fileId: scene.file.fileId, ...params };
  const path = pattern.replaceAll(/\{(\w+)\}/g, (_, name: string) => all[name] ?? `no-${name}`);
  const query = byPath ? { path: scene.file.path } : {};
  return client.ask(operation.method, path, { ...options, query, headers: { ...options.headers, ...headers } });
}
