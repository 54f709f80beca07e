// Owns one valid request for each operation of the registry, so that tests of rights can try them all. What a request
// acts on is prepared by the owner of the scene. A test holds this table against the registry: an operation without a
// sample is a failure.

import type { Route } from "../../src/faces/routes.ts";
import type { Answer, Client, Options } from "./http.ts";
import type { Scene } from "./scene.ts";
import { makeGrant, makeGroup, makeHandoff, makeInvitation, makeKey, makeTransfer, newFile } from "./world.ts";

export interface Sample extends Options {
  /** For the braces in the path that name neither workspace nor file. */
  params?: Record<string, string>;
}

const locked = ({ lockId }: Scene) => ({ "Holdfast-Lock": lockId });
const given = { role: "viewer" };

/** By somebody else, since whoever hands over gives up its locks. */
async function handedOff({ world, owner, workspace, fileFolder }: Scene, what: string): Promise<string> {
  const giver = await world.agent(owner, `giver of ${what}`, "owner");
  return makeHandoff(giver, workspace, `${fileFolder}${what}.csv`, `${fileFolder}made/`);
}

export const SAMPLES: Record<string, (scene: Scene) => Sample | Promise<Sample>> = {
  create_organization: () => ({ json: { name: "Fresh" } }),
  get_organization: () => ({}),
  create_workspace: () => ({ json: { name: "fresh" } }),
  list_workspaces: () => ({}),
  list_organization_events: () => ({}),

  who_am_i: () => ({}),
  create_agent: () => ({ json: { name: "fresh" } }),
  list_principals: () => ({}),
  set_organization_role: ({ newcomer }) => ({ params: { principalId: newcomer.id }, json: { role: "guest" } }),
  pause_principal: ({ newcomer }) => ({ params: { principalId: newcomer.id }, json: { reason: "it runs wild" } }),
  resume_principal: async ({ owner, newcomer }) => {
    (await owner.api.post(`/api/principals/${newcomer.id}/pause`, { json: { reason: "for a while" } })).must(200);
    return { params: { principalId: newcomer.id } };
  },
  remove_principal: ({ newcomer }) => ({ params: { principalId: newcomer.id } }),

  create_key: () => ({ json: { name: "fresh" } }),
  list_keys: () => ({}),
  rotate_key: async ({ owner, newcomer }) => ({ params: { keyId: (await makeKey(owner, newcomer)).keyId }, json: {} }),
  revoke_key: async ({ owner, newcomer }) => ({ params: { keyId: (await makeKey(owner, newcomer)).keyId } }),

  create_group: () => ({ json: { name: "fresh" } }),
  list_groups: () => ({}),
  delete_group: async ({ owner, newcomer }) => ({ params: { groupId: await makeGroup(owner, [newcomer]) } }),
  add_to_group: async ({ owner, newcomer }) => ({
    params: { groupId: await makeGroup(owner, []), principalId: newcomer.id },
  }),
  remove_from_group: async ({ owner, newcomer }) => ({
    params: { groupId: await makeGroup(owner, [newcomer]), principalId: newcomer.id },
  }),
  list_roles: () => ({}),
  set_role: ({ number }) => ({ params: { role: `role-${number}` }, json: { permissions: ["files:read"] } }),
  list_organization_grants: () => ({}),
  grant_everywhere: ({ newcomer }) => ({ json: { to: newcomer.id, ...given } }),
  revoke_everywhere: async ({ owner, newcomer }) => ({
    params: { grantId: await makeGrant(owner, null, { to: newcomer.id, ...given }) },
  }),

  create_invitation: () => ({ json: { name: "fresh" } }),
  list_invitations: () => ({}),
  cancel_invitation: async ({ owner }) => ({ params: { invitationId: (await makeInvitation(owner)).id } }),
  accept_invitation: async ({ owner }) => ({ json: { token: (await makeInvitation(owner)).token } }),
  create_transfer: ({ workspace }) => ({ json: { workspaceId: workspace } }),
  list_transfers: () => ({}),
  cancel_transfer: async ({ owner, workspace }) => ({
    params: { transferId: (await makeTransfer(owner, workspace)).id },
  }),
  claim_transfer: async ({ owner, workspace }) => ({ json: { token: (await makeTransfer(owner, workspace)).token } }),
  transfer_ownership: ({ workspace, newcomer }) => ({ json: { workspaceId: workspace, to: newcomer.id } }),

  get_workspace: () => ({}),
  update_workspace: () => ({ json: { name: "renamed" } }),
  list_files: ({ fileFolder }) => ({ query: { folder: fileFolder } }),
  list_events: () => ({}),

  list_members: () => ({}),
  set_member: ({ newcomer }) => ({ params: { principalId: newcomer.id }, json: { role: "viewer" } }),
  remove_member: ({ member }) => ({ params: { principalId: member.id } }),
  list_grants: ({ file }) => ({ query: { path: file.path } }),
  grant_access: ({ file, newcomer }) => ({ json: { path: file.path, to: newcomer.id, ...given } }),
  revoke_access: async ({ owner, workspace, file, newcomer }) => ({
    params: { grantId: await makeGrant(owner, workspace, { path: file.path, to: newcomer.id, ...given }) },
  }),
  who_can: ({ file }) => ({ query: { path: file.path } }),
  what_can: ({ member }) => ({ params: { principalId: member.id } }),
  access_report: () => ({}),
  organization_access_report: () => ({}),

  get_file: () => ({}),
  read_file: () => ({}),
  list_versions: () => ({}),
  write_file: (scene) => ({ headers: locked(scene), content: "two" }),
  delete_file: (scene) => ({ headers: locked(scene) }),
  move_file: (scene) => ({ headers: locked(scene), json: { to: `${scene.fileFolder}moved.csv` } }),
  copy_file: ({ fileFolder }) => ({ json: { to: `${fileFolder}copied.csv` } }),

  acquire_lock: () => ({ json: { wait: 0 } }),
  get_locks: () => ({}),
  wait_for_lock: ({ ticket }) => ({ params: { lockId: ticket } }),
  renew_lock: ({ lockId }) => ({ params: { lockId } }),
  release_lock: ({ lockId }) => ({ params: { lockId } }),
  override_lock: () => ({ json: { reason: "the report is due", take: {} } }),
  renew_locks: ({ file, lockId }) => ({ json: { locks: [{ fileId: file.fileId, lockId }] } }),

  hand_off: async ({ owner, workspace, fileFolder }) => {
    const { path } = await newFile(owner, workspace, `${fileFolder}output.csv`);
    return { json: { files: [path], to: { folder: `${fileFolder}handed/` }, mode: "copy" } };
  },
  list_handoffs: () => ({}),
  get_handoff: async (scene) => ({ params: { handoffId: await handedOff(scene, "seen") } }),
  undo_handoff: async (scene) => ({ params: { handoffId: await handedOff(scene, "taken back") }, json: {} }),
};

const prepared = new WeakMap<Scene, Map<string, Promise<Sample>>>();

/** The sample of an operation in a scene; what it acts on is prepared once, so that it may be sent again. */
export function sampleOf(name: string, scene: Scene): Promise<Sample> {
  const known = prepared.get(scene) ?? new Map<string, Promise<Sample>>();
  prepared.set(scene, known);
  const sample = known.get(name) ?? Promise.resolve(SAMPLES[name]?.(scene) ?? {});
  known.set(name, sample);
  return sample;
}

export interface Instead extends Options {
  /** What to put in the place of each id that the request names. */
  rename?: (id: string) => string;
  /** What to put in the place of the file's path. */
  path?: string;
}

const ID = /\b(?:(?:agt|hum|grp|grt|key|inv|trf|hnd|lk)_[\w-]{22}|[0-9a-f]{64})(?![\w-])/g;

/** Sends the sample of a route's operation, with further headers, with other contents, or about other things. */
export async function trySample(
  client: Client,
  { operation, pattern, byPath }: Route,
  scene: Scene,
  headers: Record<string, string> = {},
  { rename = (id) => id, path = scene.file.path, ...instead }: Instead = {},
): Promise<Answer> {
  const { params = {}, ...sample } = await sampleOf(operation.name, scene);
  const renamed = <T>(value: T): T =>
    JSON.parse(JSON.stringify(value).replaceAll(ID, rename).replaceAll(scene.file.path, path)) as T;
  const { json, query, ...options } = { ...sample, ...instead };
  const all: Record<string, string> = { workspaceId: scene.workspace, fileId: scene.file.fileId, ...params };
  const url = pattern.replaceAll(/\{(\w+)\}/g, (_, name: string) => all[name] ?? `no-${name}`);
  return client.ask(operation.method, renamed(url), {
    ...options,
    ...(json === undefined ? {} : { json: renamed(json) }),
    query: renamed({ ...query, ...(byPath ? { path: scene.file.path } : {}) }),
    headers: { ...options.headers, ...headers },
  });
}
