// Owns the operations on a workspace: its settings, its folders, its audit log.

import { z } from "zod";
import type { FileId } from "../domain/ids.ts";
import { LIMITS } from "../domain/limits.ts";
import type { LockPolicy } from "../domain/locks/policy.ts";
import { parseFolder } from "../domain/paths.ts";
import { ok } from "../domain/result.ts";
import type { WorkspaceChange, WorkspaceView } from "../domain/workspaces.ts";
import { reach } from "../platform/objects.ts";
import { event, eventFilters, readEvents } from "./events.ts";
import { workspaceOperation } from "./operation.ts";
import { flag, isoTime, limit, name, time } from "./schemas.ts";

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
  owner: z.string(),
  phase: z
    .object({ name: z.string(), by: z.string(), since: time })
    .nullable()
    .describe("what the team is at, if anybody has said so"),
  permissions: z.array(z.string()).describe("yours, on the workspace as a whole"),
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
  owner: view.owner,
  phase: view.phase === null ? null : { ...view.phase, since: isoTime(view.phase.since) },
  permissions: view.permissions,
});

const getWorkspace = workspaceOperation({
  name: "get_workspace",
  title: "Look at a workspace",
  description: "A workspace's name, settings and phase, and what you may do in it.",
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
    "Changes a workspace's name, phase or lock settings. New settings hold for locks asked for from then on; files learn of them within a minute.",
  method: "PATCH",
  path: "",
  permission: "workspace:manage",
  effect: "writes",
  input: z.strictObject({
    name: name.optional(),
    phase: name.nullable().optional().describe("what the team is at from now on; null: nothing in particular"),
    locks: lockSettings.partial().strict().optional(),
  }),
  output: z.object({ workspace }),
  async handle({ workspace, workspaceId, call, repeatable }, input) {
    const policy: Partial<LockPolicy> = {
      ...(input.locks?.maxTtl === undefined ? {} : { maxTtlMs: input.locks.maxTtl * 1000 }),
      ...(input.locks?.maxHold === undefined ? {} : { maxHoldMs: input.locks.maxHold * 1000 }),
      ...(input.locks?.priorityStep === undefined ? {} : { priorityStepMs: input.locks.priorityStep * 1000 }),
    };
    const change: WorkspaceChange = {
      policy,
      ...(input.name === undefined ? {} : { name: input.name }),
      ...(input.phase === undefined ? {} : { phase: input.phase }),
    };
    const view = await reach("workspace", repeatable, () => workspace().update(call, change));
    return view.ok ? ok({ workspace: showWorkspace(workspaceId, view.value) }) : view;
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
    ...eventFilters,
    fileId: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "is not a file id")
      .transform((id) => id as FileId)
      .optional(),
  }),
  output: z.object({ events: z.array(event), next: z.number().nullable() }),
  async handle({ env, workspace, workspaceId, call }, { fileId, ...filters }) {
    const admitted = await reach("workspace", true, () => workspace().admit(call, {}));
    return admitted.ok ? readEvents(env, workspaceId, { ...filters, file: fileId }) : admitted;
  },
});

export const workspaceOperations = [getWorkspace, updateWorkspace, listFiles, listEvents];
