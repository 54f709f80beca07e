// Owns what a handoff is: finished work given to others in one step. What is asked for, what is known of it, and where
// each of its outputs goes. Pure.

import type { Subject } from "./access/grants.ts";
import type { FileId, GrantId, HandoffId, PrincipalId, WorkspaceId, WorkspacePath } from "./ids.ts";
import { ancestors, parsePath } from "./paths.ts";
import { LIMITS } from "./limits.ts";
import type { Problem } from "./problems.ts";
import { err, ok, type Result } from "./result.ts";

/**
 * preparing → committed → undoing → undone, or preparing → aborted, or undoing → committed. Only what is or was
 * committed shows outside.
 */
export type HandoffState = "preparing" | "committed" | "undoing" | "undone" | "aborted";

export type HandoffMode = "move" | "copy";

export interface NewHandoff {
  files: readonly WorkspacePath[];
  /** With its closing slash: the part of each path below it is kept; null: only the file's own name. */
  from: string | null;
  /** null: the files' own workspace. */
  target: WorkspaceId | null;
  /** With its closing slash. */
  folder: string;
  mode: HandoffMode;
  recipients: readonly { to: Subject; role: string }[];
  /** What the workspace says of its phase afterwards; null: nothing. */
  phase: string | null;
  note: string | null;
}

export interface HandoffView {
  id: HandoffId;
  state: "committed" | "undone";
  mode: HandoffMode;
  workspace: WorkspaceId;
  folder: string;
  files: { from: WorkspacePath; to: WorkspacePath; file: FileId }[];
  recipients: { to: Subject; role: string; grant: GrantId }[];
  phase: { before: string | null; after: string | null };
  note: string | null;
  by: PrincipalId;
  /** Epoch milliseconds. */
  at: number;
  undoUntil: number;
  undone: { by: PrincipalId; at: number } | null;
}

export interface HandoffPage {
  handoffs: HandoffView[];
  /** Where the next page begins; null when this is the last. */
  next: number | null;
}

/** It takes moments. */
export const BEING_HANDED_OFF: Problem = { code: "being_handed_off", retryAfterMs: LIMITS.SHIP_RETRY_MIN_MS };

export interface Way {
  from: WorkspacePath;
  to: WorkspacePath;
}

/** Where each file goes; refused if two would come to lie on the same path, or one where another needs a folder. */
export function waysOf({ files, from, folder }: Pick<NewHandoff, "files" | "from" | "folder">): Result<Way[]> {
  const ways: Way[] = [];
  for (const path of files) {
    if (from !== null && !path.startsWith(from)) {
      return err({ code: "input_invalid", issues: [{ at: "files", message: `${path} is not in ${from}` }] });
    }
    const kept = path.slice(from === null ? path.lastIndexOf("/") + 1 : from.length);
    const to = parsePath(folder + kept);
    if (!to.ok) return to;
    if (clashes(to.value, new Set(ways.map((way) => way.to)))) {
      return err({ code: "path_taken", path: to.value, by: "file" });
    }
    ways.push({ from: path, to: to.value });
  }
  return ok(ways);
}

/** Whether a file at this path would stand in the way of one of these, or one of them in its way. */
export function clashes(path: WorkspacePath, others: ReadonlySet<WorkspacePath>): boolean {
  if (others.has(path) || ancestors(path).some((above) => others.has(above))) return true;
  return [...others].some((other) => other.startsWith(`${path}/`));
}
