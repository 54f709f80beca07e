// Owns the operations on a workspace: its settings, its members, its folders, its audit log.

import { z } from "zod";
import type { FileId } from "../domain/ids.ts";
import { LIMITS } from "../domain/limits.ts";
import type { LockPolicy } from "../domain/locks/policy.ts";
import { parseFolder } from "../domain/paths.ts";
import { ROLES } from "../domain/permissions.ts";
import { err, ok } from "../domain/result.ts";
import type { Member, WorkspaceView } from "../domain/workspaces.ts";
import { findEvents, type LoggedEvent } from "../platform/audit.ts";
import { Directory } from "../platform/directory.ts";
import { reach } from "../platform/objects.ts";
import { workspaceOperation } from "./operation.ts";
import { agentId, DONE, done, flag, isoTime, limit, name, time } from "./schemas.ts";

const role = z.enum(ROLES);

const lockSettings = z.object({
  maxTtl: z
    .number()
    .min(LIMITS.LOCK_TTL_MIN_MS / 1000)
    .max(LIMITS.LOCK_TTL_MAX_CEILING_MS / 1000)
    .describe("longest time to live a lock may ask for, seconds"),
  maxHold: z
    .number()
    .max(LIMITS.LOCK_HOLD_MAX_CEILING_MS / 1000)
    .describe("how long a holder may keep extending while somebody waits, seconds; the stated waits rest on it"),
  priorityStep: z
    .number()
    .min(0)
    .max(LIMITS.PRIORITY_STEP_MAX_MS / 1000)
    .describe("how much earlier one point of priority puts a request, seconds; 0 is first come, first served"),
});

const workspace = z.object({
  id: z.string(),
  name: z.string(),
  locks: lockSettings,
  createdAt: time,
  createdBy: z.string(),
  role: role.describe("yours"),
});

const showWorkspace = (id: string, view: WorkspaceView): z.infer<typeof workspace> => ({
  id,
  name: view.name,
  locks: {
    maxTtl: view.policy.maxTtlMs / 1000,
    maxHold: view.policy.maxHoldMs / 1000,
    priorityStep: view.policy.priorityStepMs / 1000,
  },
  createdAt: isoTime(view.createdAt),
  createdBy: view.createdBy,
  role: view.role,
});

const getWorkspace = workspaceOperation({
  name: "get_workspace",
  title: "Look at a workspace",
  description: "A workspace's name and settings, and your role in it.",
  method: "GET",
  path: "",
  permission: "workspace:read",
  effect: "reads",
  input: z.strictObject({}),
  output: z.object({ workspace }),
  async handle({ workspace, workspaceId, call }) {
    const view = await reach("workspace", true, () => workspace().view(call));
    return view.ok ? ok({ workspace: showWorkspace(workspaceId, view.value) }) : view;
  },
});

const updateWorkspace = workspaceOperation({
  name: "update_workspace",
  title: "Change a workspace",
  description:
    "Changes a workspace's name or lock settings. New settings hold for locks asked for from then on; files learn of them within a minute.",
  method: "PATCH",
  path: "",
  permission: "workspace:manage",
  effect: "writes",
  input: z.strictObject({ name: name.optional(), locks: lockSettings.partial().strict().optional() }),
  output: z.object({ workspace }),
  async handle({ workspace, workspaceId, call, repeatable }, input) {
    const policy: Partial<LockPolicy> = {
      ...(input.locks?.maxTtl === undefined ? {} : { maxTtlMs: input.locks.maxTtl * 1000 }),
      ...(input.locks?.maxHold === undefined ? {} : { maxHoldMs: input.locks.maxHold * 1000 }),
      ...(input.locks?.priorityStep === undefined ? {} : { priorityStepMs: input.locks.priorityStep * 1000 }),
    };
    const change = input.name === undefined ? { policy } : { name: input.name, policy };
    const view = await reach("workspace", repeatable, () => workspace().update(call, change));
    return view.ok ? ok({ workspace: showWorkspace(workspaceId, view.value) }) : view;
  },
});

const member = z.object({ agentId: z.string(), name: z.string(), role, since: time });
const showMember = ({ agent, name, role, since }: Member): z.infer<typeof member> => ({
  agentId: agent,
  name,
  role,
  since: isoTime(since),
});

const listMembers = workspaceOperation({
  name: "list_members",
  title: "List members",
  description: "Who has which role in a workspace.",
  method: "GET",
  path: "/members",
  permission: "workspace:read",
  effect: "reads",
  input: z.strictObject({}),
  output: z.object({ members: z.array(member) }),
  async handle({ workspace, call }) {
    const members = await reach("workspace", true, () => workspace().members(call));
    return members.ok ? ok({ members: members.value.map(showMember) }) : members;
  },
});

const setMember = workspaceOperation({
  name: "set_member",
  title: "Give an agent a role",
  description:
    "Makes an agent of your organization a member of a workspace, or changes its role. Lowering a role is answered only when the old right is honoured nowhere any more.",
  method: "PUT",
  path: "/members/{agentId}",
  permission: "workspace:manage",
  effect: "writes",
  input: z.strictObject({ agentId, role }),
  output: z.object({ member: member }),
  async handle({ env, caller, workspace, call, repeatable }, input) {
    const agent = await new Directory(env).agent(caller.organization, input.agentId);
    // The workspace answers first whether the caller may at all, so that nobody can probe for agents.
    if (agent === null) {
      return reach<never>("workspace", repeatable, () =>
        workspace().refuse(call, { code: "not_found", what: "agent" }),
      );
    }
    const set = await reach("workspace", repeatable, () =>
      workspace().setMember(call, agent.id, agent.name, input.role),
    );
    if (!set.ok) return set;
    return set.value === null ? err({ code: "not_found", what: "member" }) : ok({ member: showMember(set.value) });
  },
});

const removeMember = workspaceOperation({
  name: "remove_member",
  title: "Remove a member",
  description:
    "Takes an agent's role in a workspace away. Answered only when none of its requests is accepted anywhere any more.",
  method: "DELETE",
  path: "/members/{agentId}",
  permission: "workspace:manage",
  effect: "destroys",
  input: z.strictObject({ agentId }),
  output: done,
  async handle({ workspace, call, repeatable }, input) {
    const removed = await reach("workspace", repeatable, () => workspace().setMember(call, input.agentId, "", null));
    return removed.ok ? ok(DONE) : removed;
  },
});

const listedFile = z.object({
  fileId: z.string(),
  path: z.string(),
  version: z.number(),
  etag: z.string(),
  size: z.number().describe("bytes"),
  modifiedAt: time,
});

const listFiles = workspaceOperation({
  name: "list_files",
  title: "List files",
  description:
    "Lists a folder in pages: its files and the folders directly below, or everything below with `recursive`. Version, size and time may trail the file itself by some seconds.",
  method: "GET",
  path: "/files",
  permission: "files:read",
  effect: "reads",
  input: z.strictObject({
    folder: z.string().default("/"),
    recursive: flag,
    limit,
    cursor: z.string().optional().describe("`next` of the page before"),
  }),
  output: z.object({ files: z.array(listedFile), folders: z.array(z.string()), next: z.string().nullable() }),
  async handle({ workspace, call }, { folder, recursive, limit, cursor }) {
    const parsed = parseFolder(folder);
    if (!parsed.ok) return parsed;
    const query = { folder: parsed.value, recursive, after: cursor ?? null, limit };
    const page = await reach("workspace", true, () => workspace().list(call, query));
    if (!page.ok) return page;
    const files = page.value.files.map(({ file, updatedAt, ...rest }) => ({
      fileId: file,
      ...rest,
      modifiedAt: isoTime(updatedAt),
    }));
    return ok({ ...page.value, files });
  },
});

const event = z.object({
  seq: z.number().describe("the workspace's order, without gaps"),
  at: time,
  action: z.string().describe("an operation's name, or lock_expired or lock_lapsed"),
  outcome: z.enum(["accepted", "refused"]),
  code: z.string().nullable().describe("why it was refused"),
  agent: z.string().nullable().describe("null: time did it"),
  key: z.string().nullable(),
  fileId: z.string().nullable(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

const showEvent = (logged: LoggedEvent): z.infer<typeof event> => {
  const { seq, at, action, outcome, code, agent, key, file, detail } = logged;
  return { seq, at: isoTime(at), action, outcome, code, agent, key, fileId: file, detail };
};

const epochMs = (iso: string | undefined): number | undefined => (iso === undefined ? undefined : Date.parse(iso));

const listEvents = workspaceOperation({
  name: "list_events",
  title: "Read the audit log",
  description:
    "What was done in a workspace and what was refused, newest first, in pages; by agent, file, action and time. Events appear within about ten seconds.",
  method: "GET",
  path: "/events",
  permission: "audit:read",
  effect: "reads",
  input: z.strictObject({
    agent: agentId.optional(),
    fileId: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "is not a file id")
      .transform((id) => id as FileId)
      .optional(),
    action: z.string().max(LIMITS.NAME_MAX_CHARS).optional(),
    outcome: z.enum(["accepted", "refused"]).optional(),
    since: time.optional().describe("from this time on"),
    until: time.optional().describe("before this time"),
    limit,
    cursor: z.coerce.number().int().min(1).optional().describe("`next` of the page before"),
  }),
  output: z.object({ events: z.array(event), next: z.number().nullable() }),
  async handle({ env, workspace, call }, { agent, fileId, action, outcome, since, until, limit, cursor }) {
    const admitted = await reach("workspace", true, () => workspace().admit(call, {}));
    if (!admitted.ok) return admitted;
    const query = {
      agent,
      file: fileId,
      action,
      outcome,
      since: epochMs(since),
      until: epochMs(until),
      before: cursor,
      limit,
    };
    try {
      const events = await findEvents(env.DB, admitted.value, query);
      return ok({ events: events.map(showEvent), next: events.length === limit ? (events.at(-1)?.seq ?? null) : null });
    } catch (error) {
      console.warn({ message: "audit log not reached", error: String(error) });
      return err({ code: "unavailable", part: "audit log", retryAfterMs: LIMITS.SHIP_RETRY_MIN_MS });
    }
  },
});

export const workspaceOperations = [
  getWorkspace,
  updateWorkspace,
  listMembers,
  setMember,
  removeMember,
  listFiles,
  listEvents,
];
