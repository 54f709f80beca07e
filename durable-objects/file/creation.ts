// Owns the making of a file: its content first, then its name.

import type { Call } from "../../src/domain/calls.ts";
import type { Announced, FileView, NewFile } from "../../src/domain/content.ts";
import type { WorkspaceId, WorkspacePath } from "../../src/domain/ids.ts";
import { err, ok, type Result } from "../../src/domain/result.ts";
import { announceBlob, answeredBefore, blankRecord, stageFile, view } from "./contents.ts";
import { takeName } from "./naming.ts";
import { beyond, type FileShell } from "./shell.ts";

/** Creates the file with its first version, or answers again if this very request has created it. */
export async function createFile(
  shell: FileShell,
  call: Call,
  file: NewFile,
  request: string,
): Promise<Result<FileView>> {
  const known = shell.record;
  if (known !== null && known.organization !== call.caller.organization)
    return err({ code: "not_found", what: "file" });
  const before = shell.replies.find<Result<FileView>>(call);
  if (!before.ok) return before;
  if (known?.status === "live") return before.value ?? err({ code: "path_taken", path: known.path, by: "file" });
  if (known !== null && known.status !== "staged")
    return err({ code: "unavailable", part: "file", retryAfterMs: 1000 });
  const announced = file.content.kind === "inline" || shell.tables.isGarbage(file.content.key);
  if (!announced) return err({ code: "upload_expired" });
  const record = known !== null && known.head > 0 ? known : stageFile(shell, call, file, request);
  shell.naming = takeName(shell, record, call);
  const named = await shell.naming.finally(() => (shell.naming = null));
  return named.ok ? view(shell, record) : named;
}

/** Announces the blob of a file that is yet to be created. The caller must be allowed to create it. */
export async function beginCreation(
  shell: FileShell,
  call: Call,
  workspace: WorkspaceId,
  path: WorkspacePath,
  request: string,
): Promise<Result<Announced>> {
  const known = shell.record;
  if (known !== null && known.organization !== call.caller.organization)
    return err({ code: "not_found", what: "file" });
  // What a staged file remembers has not come true yet.
  if (known?.status === "staged") return ok(announceBlob(shell, workspace, request));
  const before = answeredBefore(shell, call);
  if (!before.ok) return before;
  if (before.value !== null) return ok(before.value);
  if (known?.status === "live") return err({ code: "path_taken", path: known.path, by: "file" });
  if (known !== null) return err({ code: "unavailable", part: "file", retryAfterMs: 1000 });
  const blank = blankRecord(call, { workspace, path });
  const lease = await shell.askForLease(blank, call.caller);
  if (!lease.ok) return lease;
  const problem = beyond(lease.value, call);
  if (problem !== null) return err(problem);
  shell.create(blank, () => undefined);
  return ok(announceBlob(shell, workspace, request));
}
