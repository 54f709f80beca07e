// Owns a file's part in a handoff. The workspace alone has decided that it may happen and for whom; the file looks at
// its locks, holds still, and makes copies. Each step may be repeated.

import type { Caller } from "../../src/domain/calls.ts";
import type { ContentSource, NewContent } from "../../src/domain/content.ts";
import { doneByCaller } from "../../src/domain/events.ts";
import { BEING_HANDED_OFF, type HandoffMode } from "../../src/domain/handoffs.ts";
import type { HandoffId, PrincipalId, WorkspaceId, WorkspacePath } from "../../src/domain/ids.ts";
import { decide, type Decision } from "../../src/domain/locks/decide.ts";
import { locked } from "../../src/domain/locks/standing.ts";
import { NO_LOCKS } from "../../src/domain/locks/state.ts";
import { err, ok, type Result } from "../../src/domain/result.ts";
import type { Version } from "../../src/domain/versions.ts";
import { openContent, putBlob } from "../../src/platform/blobs.ts";
import { announceBlob, blankRecord, contentOf, store } from "./contents.ts";
import { discard, finishCreation } from "./naming.ts";
import type { FileShell } from "./shell.ts";

/** A file that is to be: a copy, durable before it has its name. */
export interface StagedCopy {
  handoff: HandoffId;
  workspace: WorkspaceId;
  path: WorkspacePath;
  caller: Caller;
  version: Version;
  source: ContentSource;
}

/** What is there to be handed off, unless somebody else's lock stands in the way. Copies are let through by readers. */
export async function offer(shell: FileShell, by: PrincipalId, mode: HandoffMode): Promise<Result<Version>> {
  await shell.settleName();
  const { record } = shell;
  const head = record?.status === "live" ? shell.tables.version(record.head) : null;
  if (record === null || head === null) return err({ code: "not_found", what: "file" });
  if (shell.tables.frozenBy(Date.now()) !== null) return err(BEING_HANDED_OFF);
  const at = shell.at(record.policy);
  const { state } = shell.decide({ record, at }, { type: "tick" });
  const others = state.locks.filter(({ holder, level }) => holder !== by && (mode === "move" || level !== "read"));
  return others.length === 0 ? ok(head) : err(locked({ ...state, locks: others }, at.now));
}

export interface Freeze {
  handoff: HandoffId;
  by: PrincipalId;
  path: WorkspacePath;
  /** The version that must be the newest. */
  version: number;
  /** Epoch milliseconds. */
  until: number;
}

/** From now on nobody changes the file or locks it anew, until it is thawed or the time is over. */
export async function freeze(shell: FileShell, { handoff, by, path, version, until }: Freeze): Promise<Result<true>> {
  if (shell.tables.frozenBy(Date.now()) !== handoff) {
    const offered = await offer(shell, by, "move");
    if (!offered.ok) return offered.problem.code === "not_found" ? err({ code: "handoff_changed", path }) : offered;
    if (offered.value.n !== version) return err({ code: "handoff_changed", path });
  }
  shell.commit({ also: () => shell.tables.freeze(handoff, until) });
  return ok(true);
}

export function thaw(shell: FileShell, handoff: HandoffId): void {
  if (shell.tables.frozenBy(Date.now()) === handoff) shell.commit({ also: () => shell.tables.thaw() });
}

/** The bytes of a version, or where they are. */
export function carry(shell: FileShell, n: number): Result<ContentSource> {
  const { record } = shell;
  if (record?.status !== "live") return err({ code: "not_found", what: "file" });
  const content = contentOf(shell, record, n);
  return content.ok ? ok(content.value.source) : content;
}

/** Makes a copy durable. Large contents are put under a key that is announced before, so that leftovers are swept. */
export async function stage(shell: FileShell, blobs: R2Bucket, copy: StagedCopy): Promise<Result<true>> {
  if (shell.record !== null && shell.record.status !== "staged")
    return err({ code: "unavailable", part: "file", retryAfterMs: 1000 });
  if (isStaged(shell)) return ok(true);
  const content = await contentFor(shell, blobs, copy);
  if (!content.ok) return content;
  // Asked twice at once, it may have been staged meanwhile.
  if (isStaged(shell)) return ok(true);
  if (content.value.kind === "blob" && !shell.tables.isGarbage(content.value.key))
    return err({ code: "upload_expired" });
  const { token, n } = copy.version;
  const locks = { ...NO_LOCKS, lastToken: token, fence: token };
  shell.create({ ...blankRecord(copy, copy), head: n, locks }, () =>
    store(shell, copy.version, content.value, copy.handoff),
  );
  return ok(true);
}

const isStaged = ({ record }: FileShell): boolean => record !== null && record.head > 0;

async function contentFor(shell: FileShell, blobs: R2Bucket, copy: StagedCopy): Promise<Result<NewContent>> {
  const { version, source } = copy;
  const { size, sha256, contentType } = version;
  if (source.kind === "inline") return ok({ ...source, size, sha256, contentType });
  if (shell.record === null) shell.create(blankRecord(copy, copy), () => undefined);
  const { key } = announceBlob(shell, copy.workspace, copy.handoff);
  const body = await openContent(blobs, source, null);
  if (!body.ok) return body;
  const stream = body.value instanceof ReadableStream ? body.value : new Blob([body.value]).stream();
  return putBlob(blobs, key, { body: stream, length: size, sha256, contentType }, size);
}

/** Goes live if its name has been given to it; another time, if not. */
export async function goLive(shell: FileShell): Promise<void> {
  if (shell.record?.status === "staged") await finishCreation(shell, shell.record);
}

/** The file is not wanted any more, and has no name to be freed. */
export function abandon(shell: FileShell): void {
  if (shell.record === null || shell.record.status === "deleted") return;
  discard(shell);
  for (const lock of shell.sockets.connected()) shell.sockets.wake(lock);
}

/** Ends all locks of a principal and all its places in the queue that were asked for by then. Others come next at once. */
export function releaseAll(shell: FileShell, caller: Caller, askedBy: number): void {
  const { record } = shell;
  if (record === null) return;
  const at = shell.at(record.policy);
  const holder = caller.principal;
  const theirs = [...record.locks.locks, ...record.locks.queue].filter(
    (entry) => entry.holder === holder && entry.arrivedAt <= askedBy,
  );
  if (theirs.length === 0) return;
  let decision: Decision = shell.decide({ record, at }, { type: "tick" });
  for (const { id } of theirs) {
    const next = decide(decision.state, { type: "release", id, holder }, at);
    decision = { ...next, events: [...decision.events, ...next.events] };
  }
  shell.commit({ decision, events: doneByCaller(caller, record.locks, decision.events) });
}
