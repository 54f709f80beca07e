// Owns the receiving of files' events: each is put into the workspace's order once, whatever is repeated.

import type { AuditEvent, EventBatch } from "../../src/domain/events.ts";
import type { FileId } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import { err, ok, type Result } from "../../src/domain/result.ts";
import { etagOf } from "../../src/domain/versions.ts";
import { archivedOf } from "../../src/platform/audit.ts";
import { NOT_FOUND, type WorkspaceShell } from "./shell.ts";
import { mayBeRepeated } from "../journal/stream.ts";

/** Appends what is new of a packet. Answers the number of its last event, which the file may forget from then on. */
export async function receive(shell: WorkspaceShell, batch: EventBatch): Promise<Result<number>> {
  const last = batch.events.at(-1);
  if (shell.record === null || last === undefined) return NOT_FOUND;
  const heard = shell.stream.heardOf(batch.file) ?? (await heardLongAgo(shell, batch));
  if (heard === null) return err({ code: "unavailable", part: "audit log", retryAfterMs: LIMITS.SHIP_RETRY_MIN_MS });

  // The packet may have been received by another call while the log was asked.
  const known = Math.max(heard, shell.stream.heardOf(batch.file) ?? 0);
  const fresh = batch.events.filter((event) => event.n > known);
  if (fresh.length > 0) {
    shell.db.transaction(() => {
      shell.stream.append(batch.file, fresh, Date.now());
      noteCommit(shell, batch.file, fresh);
    });
  }
  return ok(last.n);
}

/** What the log holds of a file whose packet is older than memory; 0 for a packet that must be new; null: unknown. */
async function heardLongAgo({ env, stream }: WorkspaceShell, batch: EventBatch): Promise<number | null> {
  if (!mayBeRepeated(batch, stream)) return 0;
  return archivedOf(env.DB, batch.file).catch(() => null);
}

/** Lists show what the newest commit among these events said. */
function noteCommit({ tables }: WorkspaceShell, file: FileId, events: AuditEvent[]): void {
  const commit = events.findLast((event) => event.outcome === "accepted" && event.detail["sha256"] !== undefined);
  if (commit === undefined) return;
  const { version, size, sha256 } = commit.detail;
  const n = Number(version);
  const etag = etagOf({ n, sha256: String(sha256) });
  tables.updateEntry(file, { version: n, size: Number(size), etag, updatedAt: commit.at });
}
