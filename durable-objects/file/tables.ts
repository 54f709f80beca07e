// Owns a file's stored state: its tables, their rows and the statements over them. No decisions, no I/O but SQLite.
// What each row costs and how long it lives: docs/storage-schema.md.

import type { AuditEvent } from "../../src/domain/events.ts";
import type { HandoffId, PrincipalId, OrganizationId, WorkspaceId, WorkspacePath } from "../../src/domain/ids.ts";
import type { LockPolicy } from "../../src/domain/locks/policy.ts";
import type { LockState } from "../../src/domain/locks/state.ts";
import type { Version } from "../../src/domain/versions.ts";
import type { Database } from "../sql.ts";

/**
 * staged: durable, but without a name yet · live · deleting: gone for everyone, its name not yet free · deleted.
 */
type FileStatus = "staged" | "live" | "deleting" | "deleted";

export interface FileRecord {
  workspace: WorkspaceId;
  organization: OrganizationId;
  /** As last told by the workspace, which alone decides it. */
  path: WorkspacePath;
  status: FileStatus;
  createdAt: number;
  createdBy: PrincipalId;
  /** Epoch of the newest recall acknowledged. */
  epoch: number;
  /** Number of the newest version; 0 before the first. */
  head: number;
  policy: LockPolicy;
  locks: LockState;
  /** Number of the next event. */
  nextEvent: number;
  /** Events not yet shipped, newest last; older ones may lie in `spill`. */
  outbox: AuditEvent[];
}

/** Append-only; entry k leads from schema k to k + 1. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE file (
     id            INTEGER PRIMARY KEY CHECK (id = 1),
     schema        INTEGER NOT NULL,  -- migrations applied
     workspace     TEXT NOT NULL,
     organization  TEXT NOT NULL,
     path          TEXT NOT NULL,
     status        TEXT NOT NULL,
     created_at    INTEGER NOT NULL,  -- epoch ms
     created_by    TEXT NOT NULL,
     epoch         INTEGER NOT NULL,
     head          INTEGER NOT NULL,
     policy        TEXT NOT NULL,     -- JSON LockPolicy
     locks         TEXT NOT NULL,     -- JSON LockState
     next_event    INTEGER NOT NULL,
     outbox        TEXT NOT NULL      -- JSON AuditEvent[]
   );
   CREATE TABLE versions (
     n             INTEGER PRIMARY KEY,
     request       TEXT NOT NULL,     -- id of the request that committed it
     size          INTEGER NOT NULL,  -- bytes
     sha256        TEXT NOT NULL,     -- hex
     content_type  TEXT NOT NULL,
     token         INTEGER NOT NULL,  -- fencing token
     at            INTEGER NOT NULL,  -- epoch ms
     by            TEXT NOT NULL,
     bytes         BLOB,              -- null: in the blob store
     blob_key      TEXT               -- null: in this row
   );`,
  // What was `key` in a waiter is `place`; `key` is the API key now, which is not known of earlier locks and waiters.
  `UPDATE file SET locks = json_set(locks,
     '$.locks', json((SELECT json_group_array(json_set(value, '$.key', '')) FROM json_each(locks, '$.locks'))),
     '$.queue', json((SELECT json_group_array(json_set(value, '$.place', value ->> '$.key', '$.key', ''))
                        FROM json_each(locks, '$.queue'))),
     '$.ended', json((SELECT json_group_array(json_set(value, '$.reason', NULL)) FROM json_each(locks, '$.ended'))));`,
];

/** Blobs that must go at `due_at` unless a commit takes them up first: pending uploads, and what a deletion leaves. */
const GARBAGE = "(blob_key TEXT PRIMARY KEY, due_at INTEGER NOT NULL) WITHOUT ROWID";
/** Events that did not fit in the file's row any more while they waited to be shipped. */
const SPILL = `(
  through  INTEGER PRIMARY KEY,  -- number of the packet's last event
  first    INTEGER NOT NULL,     -- number of its first
  at       INTEGER NOT NULL,     -- time of its first, epoch ms
  events   TEXT NOT NULL         -- JSON AuditEvent[]
)`;

/** While a handoff is about to move the file away, or to take it back, nobody changes it. */
const FROZEN = `(
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  handoff  TEXT NOT NULL,
  until    INTEGER NOT NULL      -- epoch ms; from then on it is over by itself
)`;

type FileRow = {
  schema: number;
  workspace: string;
  organization: string;
  path: string;
  status: string;
  created_at: number;
  created_by: string;
  epoch: number;
  head: number;
  policy: string;
  locks: string;
  next_event: number;
  outbox: string;
};

type VersionRow = {
  n: number;
  size: number;
  sha256: string;
  content_type: string;
  token: number;
  at: number;
  by: string;
};

const VERSION_COLUMNS = "n, size, sha256, content_type, token, at, by";

export class FileTables {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Brings the schema up to date; a file that was never created stays empty. */
  load(): FileRecord | null {
    if (!this.#db.has("file")) return null;
    const row = this.#db.first<FileRow>(
      `SELECT schema, workspace, organization, path, status, created_at, created_by, epoch, head, policy, locks,
              next_event, outbox FROM file`,
    );
    if (row === null) return null;
    if (row.schema < MIGRATIONS.length) {
      this.#db.upgrade("file", MIGRATIONS, row.schema);
      return this.load();
    }
    return {
      workspace: row.workspace as WorkspaceId,
      organization: row.organization as OrganizationId,
      path: row.path as WorkspacePath,
      status: row.status as FileStatus,
      createdAt: row.created_at,
      createdBy: row.created_by as PrincipalId,
      epoch: row.epoch,
      head: row.head,
      policy: JSON.parse(row.policy) as LockPolicy,
      locks: JSON.parse(row.locks) as LockState,
      nextEvent: row.next_event,
      outbox: JSON.parse(row.outbox) as AuditEvent[],
    };
  }

  create(): void {
    this.#db.migrate(MIGRATIONS);
  }

  /** Writes the whole record: one row. */
  save(record: FileRecord): void {
    this.#db.run(
      `INSERT INTO file (id, schema, workspace, organization, path, status, created_at, created_by, epoch, head, policy,
                         locks, next_event, outbox)
       VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET path = excluded.path, status = excluded.status, epoch = excluded.epoch,
         head = excluded.head, policy = excluded.policy, locks = excluded.locks, next_event = excluded.next_event,
         outbox = excluded.outbox`,
      MIGRATIONS.length,
      record.workspace,
      record.organization,
      record.path,
      record.status,
      record.createdAt,
      record.createdBy,
      record.epoch,
      record.head,
      JSON.stringify(record.policy),
      JSON.stringify(record.locks),
      record.nextEvent,
      JSON.stringify(record.outbox),
    );
  }

  version(n: number): Version | null {
    const row = this.#db.first<VersionRow>(`SELECT ${VERSION_COLUMNS} FROM versions WHERE n = ?`, n);
    return row === null ? null : toVersion(row);
  }

  /** Versions older than `before`, newest first. */
  versions(before: number, limit: number): Version[] {
    return this.#db
      .all<VersionRow>(`SELECT ${VERSION_COLUMNS} FROM versions WHERE n < ? ORDER BY n DESC LIMIT ?`, before, limit)
      .map(toVersion);
  }

  contentOf(n: number): { bytes: ArrayBuffer | null; blobKey: string | null } | null {
    const row = this.#db.first<{ bytes: ArrayBuffer | null; blob_key: string | null }>(
      "SELECT bytes, blob_key FROM versions WHERE n = ?",
      n,
    );
    return row === null ? null : { bytes: row.bytes, blobKey: row.blob_key };
  }

  requestOf(n: number): string | null {
    return this.#db.first<{ request: string }>("SELECT request FROM versions WHERE n = ?", n)?.request ?? null;
  }

  addVersion(version: Version, request: string, bytes: ArrayBuffer | null, blobKey: string | null): void {
    this.#db.run(
      `INSERT INTO versions (${VERSION_COLUMNS}, request, bytes, blob_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      version.n,
      version.size,
      version.sha256,
      version.contentType,
      version.token,
      version.at,
      version.by,
      request,
      bytes,
      blobKey,
    );
  }

  /** Forgets all versions and leaves their blobs to be swept. */
  discardVersions(now: number): void {
    const blobs = this.#db.all<{ blob_key: string }>("SELECT blob_key FROM versions WHERE blob_key IS NOT NULL");
    for (const { blob_key } of blobs) this.addGarbage(blob_key, now);
    this.#db.drop("versions");
  }

  addGarbage(blobKey: string, dueAt: number): void {
    this.#db.ensure("garbage", GARBAGE);
    this.#db.run(
      "INSERT INTO garbage (blob_key, due_at) VALUES (?, ?) ON CONFLICT (blob_key) DO UPDATE SET due_at = excluded.due_at",
      blobKey,
      dueAt,
    );
  }

  garbageDue(now: number): string[] {
    if (!this.#db.has("garbage")) return [];
    return this.#db
      .all<{ blob_key: string }>("SELECT blob_key FROM garbage WHERE due_at <= ? LIMIT 1000", now)
      .map((row) => row.blob_key);
  }

  nextGarbageAt(): number | null {
    if (!this.#db.has("garbage")) return null;
    return this.#db.first<{ due: number | null }>("SELECT MIN(due_at) AS due FROM garbage")?.due ?? null;
  }

  isGarbage(blobKey: string): boolean {
    return (
      this.#db.has("garbage") && this.#db.first("SELECT 1 AS one FROM garbage WHERE blob_key = ?", blobKey) !== null
    );
  }

  removeGarbage(blobKeys: string[]): void {
    for (const key of blobKeys) this.#db.run("DELETE FROM garbage WHERE blob_key = ?", key);
  }

  freeze(handoff: HandoffId, until: number): void {
    this.#db.ensure("frozen", FROZEN);
    this.#db.run("INSERT OR REPLACE INTO frozen (id, handoff, until) VALUES (1, ?, ?)", handoff, until);
  }

  /** The handoff that has frozen the file; null when none has. */
  frozenBy(now: number): HandoffId | null {
    if (!this.#db.has("frozen")) return null;
    const row = this.#db.first<{ handoff: string }>("SELECT handoff FROM frozen WHERE until > ?", now);
    return row === null ? null : (row.handoff as HandoffId);
  }

  thaw(): void {
    this.#db.drop("frozen");
  }

  addSpill(events: AuditEvent[]): void {
    const [first, last] = [events.at(0), events.at(-1)];
    if (first === undefined || last === undefined) return;
    this.#db.ensure("spill", SPILL);
    this.#db.run(
      "INSERT INTO spill (through, first, at, events) VALUES (?, ?, ?, ?)",
      last.n,
      first.n,
      first.at,
      JSON.stringify(events),
    );
  }

  /** Number and time of the oldest event spilled. */
  spilledFrom(): { n: number; at: number } | null {
    if (!this.#db.has("spill")) return null;
    return this.#db.first<{ n: number; at: number }>("SELECT first AS n, at FROM spill ORDER BY through LIMIT 1");
  }

  /** The oldest packets spilled. */
  spilled(packets: number): AuditEvent[] {
    if (!this.#db.has("spill")) return [];
    return this.#db
      .all<{ events: string }>("SELECT events FROM spill ORDER BY through LIMIT ?", packets)
      .flatMap((row) => JSON.parse(row.events) as AuditEvent[]);
  }

  removeSpill(through: number): void {
    this.#db.run("DELETE FROM spill WHERE through <= ?", through);
  }
}

function toVersion({ n, size, sha256, content_type, token, at, by }: VersionRow): Version {
  return { n, size, sha256, contentType: content_type, token, at, by: by as PrincipalId };
}
