// Owns which path names which file. A name is given, moved and freed here, in one transaction each.

import type { AccessLease, Call } from "../../src/domain/calls.ts";
import { accepted } from "../../src/domain/events.ts";
import type { FileId, WorkspacePath } from "../../src/domain/ids.ts";
import { ancestors } from "../../src/domain/paths.ts";
import { err, ok, type Result } from "../../src/domain/result.ts";
import { etagOf, type Version } from "../../src/domain/versions.ts";
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
export function resolve(shell: WorkspaceShell, call: Call, path: WorkspacePath): Result<Resolved | null> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const file = meant(shell, call, path);
  if (!file.ok) return file;
  if (file.value === null) return ok(null);
  const { record, member } = opened.value;
  return ok({ file: file.value, lease: shell.grants.give(record, member, file.value) });
}

/** A repeated request means the file that it meant first, though that may be moved or deleted since. */
function meant({ replies, tables }: WorkspaceShell, call: Call, path: WorkspacePath): Result<FileId | null> {
  const before = replies.find<FileId>(call);
  if (!before.ok || before.value !== null) return before;
  const file = tables.entryAt(path)?.file ?? null;
  if (file !== null) replies.remember(call, file, Date.now());
  return ok(file);
}

/** Gives a new file its name. Repeating it for the same file changes nothing. */
export function register(shell: WorkspaceShell, call: Call, { file, path, version }: Naming): Result<AccessLease> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const taken = occupant(shell, path);
  if (taken !== null && taken.file !== file) return shell.refuse(call, { code: "path_taken", path, by: taken.by });
  if (taken === null) {
    const { n, size, at } = version;
    shell.tables.addEntry({ path, file, version: n, size, etag: etagOf(version), updatedAt: at });
  }
  return ok(shell.grants.give(opened.value.record, opened.value.member, file));
}

/** Moves a file's name, and tells so with a lease. The move and its event are one transaction: here it happens. */
export function relink(shell: WorkspaceShell, call: Call, file: FileId, to: WorkspacePath): Result<AccessLease> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const entry = shell.tables.entryOf(file);
  if (entry === null) return err({ code: "not_found", what: "file" });
  const { record, member } = opened.value;
  if (entry.path === to) return ok(shell.grants.give(record, member, file));
  const taken = occupant(shell, to, entry.path);
  if (taken !== null) return shell.refuse(call, { code: "path_taken", path: to, by: taken.by }, { file });
  shell.commit([accepted(call.caller, call.action, { file, from: entry.path, to })], () => {
    shell.tables.removeEntry(entry.path);
    shell.tables.addEntry({ ...entry, path: to });
  });
  return ok(shell.grants.give(record, member, file));
}

/** What stands in the way of a name: a file there, a file where a folder would have to be, or a folder there. */
function occupant(
  { tables }: WorkspaceShell,
  path: WorkspacePath,
  except?: WorkspacePath,
): { by: "file" | "folder"; file: FileId | null } | null {
  const there = tables.entryAt(path);
  if (there !== null) return { by: "file", file: there.file };
  const above = ancestors(path).some((folder) => folder !== except && tables.entryAt(folder) !== null);
  if (above) return { by: "file", file: null };
  const below = tables.entriesIn(`${path}/`, `${path}/`, 2).some((entry) => entry.path !== except);
  return below ? { by: "folder", file: null } : null;
}
