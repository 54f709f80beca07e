// Owns the operations on handoffs: finished work given to others in one step, and taken back.

import { z } from "zod";
import type { HandoffView, NewHandoff } from "../domain/handoffs.ts";
import type { WorkspaceId } from "../domain/ids.ts";
import { LIMITS } from "../domain/limits.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { isWorkspaceId } from "../platform/ids.ts";
import { reach } from "../platform/objects.ts";
import { roleName, subject } from "./access-schemas.ts";
import { workspaceOperation } from "./operation.ts";
import { folder, handoffId, isoTime, limit, name, path, reason, time } from "./schemas.ts";

const handoff = z.object({
  id: z.string(),
  state: z.enum(["committed", "undone"]),
  mode: z.enum(["move", "copy"]),
  to: z.object({ workspaceId: z.string(), folder: z.string() }),
  files: z.array(z.object({ from: z.string(), to: z.string(), fileId: z.string() })),
  recipients: z.array(z.object({ to: z.string(), role: z.string(), grantId: z.string() })),
  phase: z.object({ before: z.string().nullable(), after: z.string().nullable() }),
  note: z.string().nullable(),
  by: z.string(),
  at: time,
  undoUntil: time,
  undone: z.object({ by: z.string(), at: time }).nullable(),
});

const showHandoff = (view: HandoffView): z.infer<typeof handoff> => ({
  id: view.id,
  state: view.state,
  mode: view.mode,
  to: { workspaceId: view.workspace, folder: view.folder },
  files: view.files.map(({ file, ...way }) => ({ ...way, fileId: file })),
  recipients: view.recipients.map(({ grant, ...rest }) => ({ ...rest, grantId: grant })),
  phase: view.phase,
  note: view.note,
  by: view.by,
  at: isoTime(view.at),
  undoUntil: isoTime(view.undoUntil),
  undone: view.undone === null ? null : { by: view.undone.by, at: isoTime(view.undone.at) },
});

const show = (result: Result<HandoffView>): Result<{ handoff: z.infer<typeof handoff> }> =>
  result.ok ? ok({ handoff: showHandoff(result.value) }) : result;

const asked = z.strictObject({
  files: z.array(path).min(1).max(LIMITS.HANDOFF_FILES_MAX),
  from: folder.optional().describe("the part of each path below this folder is kept; without it, only the file's name"),
  to: z.strictObject({
    workspaceId: z.string().optional().describe("another workspace; without it, this one"),
    folder,
  }),
  mode: z.enum(["move", "copy"]).default("move"),
  recipients: z
    .array(z.strictObject({ to: subject, role: roleName }))
    .max(LIMITS.HANDOFF_RECIPIENTS_MAX)
    .default([])
    .describe("who gets which role in the target folder"),
  phase: name.nullable().default(null).describe("what the team is at afterwards; null: nothing in particular"),
  note: reason.optional().describe("for those who receive it"),
});

function toNewHandoff(env: Env, here: WorkspaceId, input: z.infer<typeof asked>): Result<NewHandoff> {
  const { to, from = null, note = null, ...rest } = input;
  const { workspaceId: target = here, folder } = to;
  if (!isWorkspaceId(env, target)) return err({ code: "not_found", what: "workspace" });
  return ok({ ...rest, from, note, folder, target: target === here ? null : target });
}

const handOff = workspaceOperation({
  name: "hand_off",
  title: "Hand finished work over",
  description:
    "Moves or copies files to a folder, here or in another workspace, gives the recipients access to it, releases all your locks and places in queues in this workspace, and says what it is at next. All of it happens in one moment or not at all, and can be undone for a day. Refused if a file is missing, not yours to take, or locked by somebody else, or if a name is taken. Send an Idempotency-Key: after a failure, the same request goes on where it stopped.",
  method: "POST",
  path: "/handoffs",
  permission: "files:write",
  effect: "writes",
  input: asked,
  output: z.object({ handoff }),
  status: () => 201,
  async handle({ env, workspace, workspaceId, call, repeatable }, input) {
    const wanted = toNewHandoff(env, workspaceId, input);
    if (!wanted.ok) return wanted;
    return show(await reach("workspace", repeatable, () => workspace().handOff(call, wanted.value)));
  },
});

const undoHandoff = workspaceOperation({
  name: "undo_handoff",
  title: "Undo a handoff",
  description:
    "Takes back what was handed over, with the access that was given, and brings the former phase back. For a day, by whoever handed over or somebody with workspace:manage, and only while nobody has changed the files at the target. Released locks are not given back.",
  method: "POST",
  path: "/handoffs/{handoffId}/undo",
  permission: "files:write",
  effect: "writes",
  input: z.strictObject({ handoffId }),
  output: z.object({ handoff }),
  async handle({ workspace, call }, input) {
    return show(await reach("workspace", true, () => workspace().undoHandoff(call, input.handoffId)));
  },
});

const getHandoff = workspaceOperation({
  name: "get_handoff",
  title: "Look at a handoff",
  description: "What was handed over, from where to where, and to whom.",
  method: "GET",
  path: "/handoffs/{handoffId}",
  permission: "files:read",
  effect: "reads",
  input: z.strictObject({ handoffId }),
  output: z.object({ handoff }),
  async handle({ workspace, call }, input) {
    return show(await reach("workspace", true, () => workspace().handoff(call, input.handoffId)));
  },
});

const listHandoffs = workspaceOperation({
  name: "list_handoffs",
  title: "List handoffs",
  description: "What was handed over from this workspace, newest first, in pages; undone since or not.",
  method: "GET",
  path: "/handoffs",
  permission: "files:read",
  effect: "reads",
  input: z.strictObject({
    limit,
    cursor: z.coerce.number().int().min(1).optional().describe("`next` of the page before"),
  }),
  output: z.object({ handoffs: z.array(handoff), next: z.number().nullable() }),
  async handle({ workspace, call }, { limit, cursor }) {
    const before = cursor ?? Number.MAX_SAFE_INTEGER;
    const page = await reach("workspace", true, () => workspace().handoffs(call, { before, limit }));
    return page.ok ? ok({ ...page.value, handoffs: page.value.handoffs.map(showHandoff) }) : page;
  },
});

export const handoffOperations = [handOff, listHandoffs, getHandoff, undoHandoff];
