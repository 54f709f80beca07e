// Owns how a file gets its name and loses it, together with the workspace, which alone knows all names. A file is
// durable before its name exists, and the name goes last; a crash in between is finished from what is on disk.

import { OF_ALL } from "../../src/domain/access/standing.ts";
import { accepted } from "../../src/domain/events.ts";
import type { Call } from "../../src/domain/calls.ts";
import type { FileView, WriteTerms } from "../../src/domain/content.ts";
import type { LockId, WorkspacePath } from "../../src/domain/ids.ts";
import { NO_LOCKS } from "../../src/domain/locks/state.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import { err, ok, type Result } from "../../src/domain/result.ts";
import { plain } from "../../src/platform/objects.ts";
import { lockRight, view, writeRight } from "./contents.ts";
import { honourOnly } from "./recall.ts";
import type { FileShell } from "./shell.ts";
import type { FileRecord } from "./tables.ts";

/** Gives a staged file its name; the file is live from then on. */
export async function takeName(shell: FileShell, record: FileRecord, call: Call): Promise<Result<null>> {
  const version = shell.tables.version(record.head);
  if (version === null) return { ok: false, problem: { code: "upload_expired" } };
  const named = await plain(shell.workspace(record).register(call, { file: shell.id, path: record.path, version }));
  if (!named.ok) {
    discard(shell);
    return named;
  }
  shell.leases.accept(named.value);
  // The same request, sent twice at once, may have come first; or somebody who found the name already.
  if (shell.record?.status !== "staged") return ok(null);
  const { n, size, sha256 } = version;
  shell.commit({
    record: { status: "live" },
    events: [accepted(call.caller, call.action, { path: record.path, version: n, size, sha256, created: true })],
  });
  return ok(null);
}

/** After a crash between taking the name and saying so: the workspace knows whether the name was taken. */
export async function finishCreation(shell: FileShell, record: FileRecord): Promise<void> {
  if (record.head > 0 && (await shell.workspace(record).isRegistered(shell.id))) {
    if (shell.record?.status !== "staged") return;
    shell.commit({
      record: { status: "live" },
      events: [
        {
          action: "write_file",
          outcome: "accepted",
          code: null,
          agent: record.createdBy,
          key: null,
          detail: { path: record.path, version: record.head, created: true },
        },
      ],
    });
  } else if (record.createdAt + LIMITS.UPLOAD_DEADLINE_MS <= Date.now()) {
    discard(shell);
  }
}

/** A file that will never get a name, or has lost it for good: its bytes go, then it goes. */
export function discard(shell: FileShell): void {
  const { lastToken, fence } = shell.record?.locks ?? NO_LOCKS;
  shell.commit({
    record: { status: "deleted", head: 0, locks: { ...NO_LOCKS, lastToken, fence } },
    also: () => {
      shell.tables.discardVersions(Date.now());
      shell.replies.forgetAll();
    },
  });
}

/** Frees the name of a file that is gone. */
export async function finishDeletion(shell: FileShell, record: FileRecord): Promise<void> {
  await shell.workspace(record).unregister(shell.id);
  shell.commit({ record: { status: "deleted" } });
}

/** Moves a live file to another path; or answers again, if this very request, sent twice at once, has moved it. */
async function rename(shell: FileShell, record: FileRecord, call: Call, to: WorkspacePath): Promise<Result<FileView>> {
  const moved = await plain(shell.workspace(record).relink(call, { file: shell.id, to }));
  if (!moved.ok) return moved;
  shell.adopt(moved.value);
  await honourOnly(shell, moved.value.epoch, OF_ALL, null);
  const before = shell.replies.find<Result<FileView>>(call);
  if (!before.ok) return before;
  if (before.value !== null) return before.value;
  const answer = view(shell, { ...(shell.record ?? record), path: to });
  shell.commit({ record: { path: to }, also: () => shell.replies.remember(call, answer, Date.now()) });
  return answer;
}

/** Ends a file; answered again to those who repeat it, though it is gone. */
export async function deleteFile(shell: FileShell, call: Call, terms: WriteTerms): Promise<Result<null>> {
  const before = await shell.repliesFor<true>(call);
  if (!before.ok) return before;
  if (before.value !== null) return ok(null);
  const opened = await shell.open(call);
  if (!opened.ok) {
    // Sent twice at once, it may have been done while this one asked for a lease.
    const done = await shell.repliesFor<true>(call);
    return done.ok && done.value !== null ? ok(null) : opened;
  }
  const right = writeRight(shell, opened.value, call, terms);
  if (!right.ok) return shell.refuse(call, right.problem.problem);
  const { record } = opened.value;
  const { lastToken, fence } = right.value.decision.state;
  shell.commit({
    record: { status: "deleting", head: 0, locks: { ...NO_LOCKS, lastToken, fence } },
    events: [accepted(call.caller, call.action, { path: record.path, version: record.head, lock: terms.lock })],
    also: () => {
      shell.tables.discardVersions(Date.now());
      shell.replies.remember(call, true, Date.now());
    },
  });
  for (const lock of shell.sockets.connected()) shell.sockets.wake(lock);
  await finishDeletion(shell, record).catch(() => undefined);
  return ok(null);
}

/** Gives a file another path, if nobody else holds a lock on it. */
export async function moveFile(
  shell: FileShell,
  call: Call,
  to: WorkspacePath,
  lock: LockId | null,
): Promise<Result<FileView>> {
  // Where it comes to lie, who may not read it here might.
  const opened = await shell.open(call, "files:read");
  if (!opened.ok) return opened;
  const { record } = opened.value;
  const before = shell.replies.find<Result<FileView>>(call);
  if (!before.ok) return before;
  if (before.value !== null) return before.value;
  const head = shell.tables.version(record.head);
  if (head === null) return err({ code: "not_found", what: "file" });
  if (record.path === to) return view(shell, record);
  const right = lockRight(shell, opened.value, call, lock, head);
  if (!right.ok) return shell.refuse(call, right.problem.problem);
  shell.commit({ decision: right.value.decision });
  return rename(shell, record, call, to);
}
