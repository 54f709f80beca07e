// Owns the audit log's table in D1: appending to it exactly once, and reading it. It is never on the path of a lock
// or a file operation.

import type { AuditEvent } from "../domain/events.ts";
import type { FileId, OrganizationId, PrincipalId, WorkspaceId } from "../domain/ids.ts";

/** An event in the order of its stream: a workspace's, or an organization's own. */
export interface LoggedEvent extends AuditEvent {
  seq: number;
  file: FileId | null;
}

export interface EventQuery {
  agent?: PrincipalId | undefined;
  file?: FileId | undefined;
  action?: string | undefined;
  outcome?: "accepted" | "refused" | undefined;
  /** Epoch milliseconds, inclusive. */
  since?: number | undefined;
  /** Epoch milliseconds, exclusive. */
  until?: number | undefined;
  /** Only events before this one. */
  before?: number | undefined;
  limit: number;
}

/** The short name of a stream in the log; entered when first asked for. */
export async function numberOf(db: D1Database, id: WorkspaceId | OrganizationId): Promise<number> {
  const [, found] = await db.batch<{ number: number }>([
    db.prepare("INSERT OR IGNORE INTO streams (id) VALUES (?)").bind(id),
    db.prepare("SELECT number FROM streams WHERE id = ?").bind(id),
  ]);
  const number = found?.results[0]?.number;
  if (number === undefined) throw new Error("a stream just entered has a number");
  return number;
}

/** Appends events. A repeated append writes nothing: the stream's order is the key. */
export async function appendEvents(db: D1Database, stream: number, events: LoggedEvent[]): Promise<void> {
  const rows = events.map((e) => [e.seq, e.at, e.action, e.outcome, e.code, e.agent, e.key, e.file, e.n, e.detail]);
  await db
    .prepare(
      `INSERT OR IGNORE INTO events (stream, seq, at, action, outcome, code, agent, key, file, n, detail)
       SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
              value ->> 8, value -> 9
       FROM json_each(?2)`,
    )
    .bind(stream, JSON.stringify(rows))
    .run();
}

/** The last event that the log holds of a stream; 0 when there is none. */
export async function archivedThrough(db: D1Database, stream: number): Promise<number> {
  const row = await db
    .prepare("SELECT MAX(seq) AS seq FROM events WHERE stream = ?")
    .bind(stream)
    .first<{ seq: number | null }>();
  return row?.seq ?? 0;
}

/** The number of the last event of a file's own that the log holds; 0 when there is none. */
export async function archivedOf(db: D1Database, file: FileId): Promise<number> {
  const row = await db
    .prepare("SELECT n FROM events WHERE file = ? AND n > 0 ORDER BY seq DESC LIMIT 1")
    .bind(file)
    .first<{ n: number }>();
  return row?.n ?? 0;
}

/** When each did each thing last, of all that was accepted since then. Reads every event of the stream. */
export async function lastUses(
  db: D1Database,
  stream: WorkspaceId | OrganizationId,
  since: number,
): Promise<{ agent: PrincipalId; action: string; at: number }[]> {
  const { results } = await db
    .prepare(
      `SELECT agent, action, MAX(at) AS at FROM events
       WHERE stream = (SELECT number FROM streams WHERE id = ?) AND outcome = 'accepted' AND at >= ? AND agent IS NOT NULL
       GROUP BY agent, action`,
    )
    .bind(stream, since)
    .all<{ agent: PrincipalId; action: string; at: number }>();
  return results;
}

type EventRow = Omit<LoggedEvent, "detail"> & { detail: string };

/** Newest first. */
export async function findEvents(
  db: D1Database,
  stream: WorkspaceId | OrganizationId,
  query: EventQuery,
): Promise<LoggedEvent[]> {
  const conditions: [string, string | number | undefined][] = [
    ["stream = (SELECT number FROM streams WHERE id = ?)", stream],
    ["agent = ?", query.agent],
    ["file = ?", query.file],
    ["action = ?", query.action],
    ["outcome = ?", query.outcome],
    ["at >= ?", query.since],
    ["at < ?", query.until],
    ["seq < ?", query.before],
  ];
  const given = conditions.filter(([, value]) => value !== undefined);
  const { results } = await db
    .prepare(
      `SELECT seq, at, action, outcome, code, agent, key, file, n, detail FROM events
       WHERE ${given.map(([condition]) => condition).join(" AND ")} ORDER BY seq DESC LIMIT ?`,
    )
    .bind(...given.map(([, value]) => value), query.limit)
    .all<EventRow>();
  return results.map((row) => ({ ...row, detail: JSON.parse(row.detail) as AuditEvent["detail"] }));
}
