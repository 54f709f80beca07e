// Owns a file's versions in its object: reading them, and committing new ones under lock, fence and precondition.

import type { Call } from "../../src/domain/calls.ts";
import type {
  Announced,
  ContentSource,
  FileContent,
  FileView,
  NewContent,
  NewFile,
  WriteTerms,
} from "../../src/domain/content.ts";
import { accepted } from "../../src/domain/events.ts";
import { BEING_HANDED_OFF } from "../../src/domain/handoffs.ts";
import type { LockId, WorkspaceId } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import { decide, type Decision } from "../../src/domain/locks/decide.ts";
import { toHolderView } from "../../src/domain/locks/standing.ts";
import { NO_LOCKS } from "../../src/domain/locks/state.ts";
import { DEFAULT_POLICY } from "../../src/domain/locks/policy.ts";
import type { Problem } from "../../src/domain/problems.ts";
import { type Err, err, ok, type Result } from "../../src/domain/result.ts";
import { checkPreconditions, etagOf, mayOverwrite, type Version } from "../../src/domain/versions.ts";
import type { FileShell, Opened } from "./shell.ts";
import type { FileRecord } from "./tables.ts";

/** The right to change the file now, with the token it is changed under; or why not. */
export type WriteRight = Result<{ token: number; decision: Decision; head: Version }, Refused>;
interface Refused {
  problem: Problem;
  decision: Decision | null;
}

/** Checks precondition, lock and fence together, at one moment. */
export function writeRight(shell: FileShell, opened: Opened, call: Call, terms: WriteTerms): WriteRight {
  const head = shell.tables.version(opened.record.head);
  if (head === null) return err({ problem: { code: "not_found", what: "file" }, decision: null });
  const met = checkPreconditions(head, terms);
  if (!met.ok) return err({ problem: met.problem, decision: null });
  if (!mayOverwrite(terms, terms.lock !== null)) {
    return err({
      problem: { code: "precondition_required", etag: etagOf(head) },
      decision: null,
    });
  }
  return lockRight(shell, opened, call, terms.lock, head);
}

/** Checks lock and fence (and that no handoff has frozen the file) alone, for changes that overwrite nothing. */
export function lockRight(
  shell: FileShell,
  opened: Opened,
  call: Call,
  lock: WriteTerms["lock"],
  head: Version,
): WriteRight {
  if (shell.tables.frozenBy(Date.now()) !== null) return err({ problem: BEING_HANDED_OFF, decision: null });
  const decision = shell.decide(opened, { type: "authorizeWrite", lock, holder: call.caller.principal });
  const { outcome } = decision;
  if (!outcome.ok) return err({ problem: outcome.problem, decision });
  if (outcome.value.type !== "token") throw new Error("authorizeWrite answers a token");
  return ok({ token: outcome.value.token, decision, head });
}

/** Commits new content as the next version. `request` makes a repeated call find its own commit. */
export function commitVersion(
  shell: FileShell,
  opened: Opened,
  call: Call,
  content: NewContent,
  terms: WriteTerms,
  request: string,
): Result<FileView> {
  const { record } = opened;
  if (shell.tables.requestOf(record.head) === request) return view(shell, record);
  const right = writeRight(shell, opened, call, terms);
  if (!right.ok) return refuseWrite(shell, call, right.problem);
  if (content.kind === "blob" && !shell.tables.isGarbage(content.key)) {
    return shell.refuse(call, { code: "upload_expired" }, right.value.decision);
  }
  const { token } = right.value;
  const decision = terms.release ? released(right.value.decision, opened, call, terms.lock) : right.value.decision;
  const version = newVersion(content, record.head + 1, token, call);
  shell.commit({
    decision,
    record: { head: version.n },
    events: [
      accepted(call.caller, call.action, {
        path: record.path,
        version: version.n,
        size: version.size,
        sha256: version.sha256,
        lock: terms.lock,
        released: terms.release && terms.lock !== null,
        token,
      }),
    ],
    also: () => {
      store(shell, version, content, request);
      shell.replies.remember(call, view(shell, { ...record, head: version.n }), Date.now());
    },
  });
  return view(shell, shell.record ?? record);
}

/** A write that finds readers goes on waiting for them; it is refused, and recorded so, when that wait ends in vain. */
function refuseWrite(shell: FileShell, call: Call, { problem, decision }: Refused): Err<Problem> {
  if (problem.code !== "readers_present" || decision === null)
    return shell.refuse(call, problem, decision ?? undefined);
  shell.commit({ decision });
  return err(problem);
}

/** The same decision, and the end of the lock it was made under: whoever waits comes next in the same moment. */
function released(decision: Decision, { at }: Opened, call: Call, lock: LockId | null): Decision {
  if (lock === null) return decision;
  const after = decide(decision.state, { type: "release", id: lock, holder: call.caller.principal }, at);
  return { ...after, events: [...decision.events, ...after.events] };
}

/** Makes the first version durable, with the answer it will have, before the file has a name. */
export function stageFile(shell: FileShell, call: Call, file: NewFile, request: string): FileRecord {
  const version = newVersion(file.content, 1, 1, call);
  const record: FileRecord = { ...blankRecord(call, file), head: 1, locks: { ...NO_LOCKS, lastToken: 1, fence: 1 } };
  shell.create(record, () => {
    store(shell, version, file.content, request);
    shell.replies.remember(call, view(shell, record), version.at);
  });
  return record;
}

/** A record for a file whose first bytes are still being uploaded. */
export function blankRecord(
  call: Pick<Call, "caller">,
  { workspace, path }: Pick<NewFile, "workspace" | "path">,
): FileRecord {
  return {
    workspace,
    organization: call.caller.organization,
    path,
    status: "staged",
    createdAt: Date.now(),
    createdBy: call.caller.principal,
    epoch: 0,
    head: 0,
    policy: DEFAULT_POLICY,
    locks: NO_LOCKS,
    nextEvent: 1,
    outbox: [],
  };
}

function newVersion({ size, sha256, contentType }: NewContent, n: number, token: number, call: Call): Version {
  return { n, size, sha256, contentType, token, at: Date.now(), by: call.caller.principal };
}

/** Stores a version's bytes, or where they are; to be called within a transaction. */
export function store(shell: FileShell, version: Version, content: NewContent, request: string): void {
  if (content.kind === "inline") {
    const { buffer, byteOffset, byteLength } = content.bytes;
    shell.tables.addVersion(version, request, buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer, null);
  } else {
    shell.tables.addVersion(version, request, null, content.key);
    shell.tables.removeGarbage([content.key]);
  }
}

/** Announces a blob before it is put, so that it is known whatever happens next. */
export function announceBlob(shell: FileShell, workspace: WorkspaceId, request: string): { key: string } {
  const key = `${workspace}/${shell.id}/${request}`;
  shell.commit({ also: () => shell.tables.addGarbage(key, Date.now() + LIMITS.UPLOAD_DEADLINE_MS) });
  return { key };
}

export function view(shell: FileShell, record: FileRecord): Result<FileView> {
  const version = shell.tables.version(record.head);
  if (version === null) return err({ code: "not_found", what: "version" });
  const writer = record.locks.locks.find((lock) => lock.level !== "read" && lock.expiresAt > Date.now());
  return ok({
    file: shell.id,
    workspace: record.workspace,
    path: record.path,
    version,
    writer: writer === undefined ? null : toHolderView(writer),
  });
}

export function contentOf(shell: FileShell, record: FileRecord, n: number | null): Result<FileContent> {
  const at = view(shell, n === null ? record : { ...record, head: n });
  if (!at.ok) return at;
  const stored = shell.tables.contentOf(at.value.version.n);
  const source = stored === null ? null : sourceOf(stored);
  return source === null ? err({ code: "not_found", what: "version" }) : ok({ ...at.value, source });
}

function sourceOf({ bytes, blobKey }: { bytes: ArrayBuffer | null; blobKey: string | null }): ContentSource | null {
  if (bytes !== null) return { kind: "inline", bytes: new Uint8Array(bytes) };
  return blobKey === null ? null : { kind: "blob", key: blobKey };
}

/** The answer already given to this write or creation, to be known before its content is taken in again. */
export function answeredBefore(
  shell: FileShell,
  call: Call,
): Result<Extract<Announced, { answered: FileView }> | null> {
  const before = shell.replies.find<Result<FileView>>(call);
  if (!before.ok) return before;
  if (before.value === null) return ok(null);
  return before.value.ok ? ok({ answered: before.value.value }) : before.value;
}
