// Owns which path names which file. A name is given, moved and freed here, in one transaction each.

import type { AccessLease } from "../../src/domain/access/leases.ts";
import type { Call } from "../../src/domain/calls.ts";
import { accepted } from "../../src/domain/events.ts";
import type { FileId, WorkspacePath } from "../../src/domain/ids.ts";
import { BEING_HANDED_OFF, clashes } from "../../src/domain/handoffs.ts";
import { ancestors } from "../../src/domain/paths.ts";
import { err, ok, type Result } from "../../src/domain/result.ts";
import { etagOf, type Version } from "../../src/domain/versions.ts";
import { carriedBeyond } from "./access.ts";
import type { WorkspaceShell } from "./shell.ts";

/** What a path leads to, and the lease to use it with. */
export interface Resolved {
  file: FileId;
  lease: AccessLease;
}

/** A name that a file asks for. */
export interface Naming {
  file: FileId;
  path: WorkspacePath;
  version: Version;
}

/** Which file a path names; null when it names none. */
export async function resolve(
  shell: WorkspaceShell,
  call: Call,
  path: WorkspacePath,
): Promise<Result<Resolved | null>> {
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const there = shell.tables.entryAt(path)?.file ?? null;
  const opened = shell.admit(call, standing.value, { path, file: there });
  if (!opened.ok) return opened;
  const file = meant(shell, call, there);
  if (!file.ok) return file;
  if (file.value === null) return ok(null);
  const lease = shell.lease(standing.value, file.value);
  return lease.ok ? ok({ file: file.value, lease: lease.value }) : lease;
}

/** A repeated request means the file that it meant first, though that may be moved or deleted since. */
function meant({ replies }: WorkspaceShell, call: Call, there: FileId | null): Result<FileId | null> {
  const before = replies.find<FileId>(call);
  if (!before.ok || before.value !== null) return before;
  if (there !== null) replies.remember(call, there, Date.now());
  return ok(there);
}

/** Gives a new file its name. Repeating it for the same file changes nothing. */
export async function register(
  shell: WorkspaceShell,
  call: Call,
  { file, path, version }: Naming,
): Promise<Result<AccessLease>> {
  const opened = await shell.open(call, { path, file });
  if (!opened.ok) return opened;
  const taken = occupant(shell, path);
  if (taken !== null && taken.file !== file) return shell.refuse(call, { code: "path_taken", path, by: taken.by });
  if (taken === null) {
    const { n, size, at } = version;
    shell.tables.addEntry({ path, file, version: n, size, etag: etagOf(version), updatedAt: at });
  }
  return shell.lease(opened.value.standing, file);
}

/**
 * Moves a file's name, and tells so with a lease. The move and its event are one transaction: here it happens. Rights
 * may differ where it comes to lie, so the lease is of a new epoch, and the file honours no older one.
 */
export async function relink(
  shell: WorkspaceShell,
  call: Call,
  file: FileId,
  to: WorkspacePath,
): Promise<Result<AccessLease>> {
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const entry = shell.tables.entryOf(file);
  if (entry === null) return err({ code: "not_found", what: "file" });
  // A right on the file alone is none on the place where it is to be.
  for (const target of [
    { path: entry.path, file },
    { path: to, file: null },
  ]) {
    const opened = shell.admit(call, standing.value, target);
    if (!opened.ok) return opened;
  }
  if (entry.path === to) return shell.lease(standing.value, file);
  const beyond = carriedBeyond(shell, standing.value, file, to);
  if (beyond.length > 0) return shell.refuse(call, { code: "exceeds_own_rights", permissions: beyond }, { file });
  if (shell.reservations.isLeaving(file)) return shell.refuse(call, BEING_HANDED_OFF, { file });
  const taken = occupant(shell, to, new Set([entry.path]));
  if (taken !== null) return shell.refuse(call, { code: "path_taken", path: to, by: taken.by }, { file });
  shell.commit([accepted(call.caller, call.action, { file, from: entry.path, to })], () => {
    shell.tables.removeEntry(entry.path);
    shell.tables.addEntry({ ...entry, path: to });
    shell.raiseEpoch();
  });
  return shell.lease(standing.value, file);
}

/**
 * What stands in the way of a name: a file there, a file where a folder would have to be, a folder there, or a name
 * that a handoff has reserved. What leaves in the same moment does not.
 */
export function occupant(
  { tables, reservations }: WorkspaceShell,
  path: WorkspacePath,
  leaving: ReadonlySet<WorkspacePath> = NONE,
): { by: "file" | "folder"; file: FileId | null } | null {
  const there = tables.entryAt(path);
  if (there !== null && !leaving.has(path)) return { by: "file", file: there.file };
  const above = ancestors(path).some((folder) => !leaving.has(folder) && tables.entryAt(folder) !== null);
  if (above || clashes(path, reservations.names())) return { by: "file", file: null };
  const below = tables.entriesIn(`${path}/`, `${path}/`, leaving.size + 1).some((entry) => !leaving.has(entry.path));
  return below ? { by: "folder", file: null } : null;
}

const NONE: ReadonlySet<WorkspacePath> = new Set();
