// Owns a workspace's stored state but for its event stream: its tables, their rows and the statements over them.

import type { PrincipalId, FileId, OrganizationId, WorkspacePath } from "../../src/domain/ids.ts";
import type { LockPolicy } from "../../src/domain/locks/policy.ts";
import type { Entry, Phase } from "../../src/domain/workspaces.ts";
import { GRANTS_SCHEMA } from "../grants.ts";
import { LENDING_SCHEMA } from "../lending.ts";
import type { Database } from "../sql.ts";

export interface WorkspaceRecord {
  organization: OrganizationId;
  name: string;
  /** May do everything here. */
  owner: PrincipalId;
  policy: LockPolicy;
  /** What the team is at, if anybody has said so. */
  phase: Phase | null;
  /** Grows with every recall of the leases that files hold. */
  epoch: number;
  /** Of the organization's newest recall acknowledged. */
  organizationEpoch: number;
  createdAt: number;
  createdBy: PrincipalId;
}

/** Append-only; entry k leads from schema k to k + 1. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE workspace (
     id            INTEGER PRIMARY KEY CHECK (id = 1),
     schema        INTEGER NOT NULL,  -- migrations applied
     organization  TEXT NOT NULL,
     name          TEXT NOT NULL,
     owner         TEXT NOT NULL,
     policy        TEXT NOT NULL,     -- JSON LockPolicy
     phase         TEXT,              -- JSON Phase; null: nobody has said
     epoch         INTEGER NOT NULL,
     organization_epoch INTEGER NOT NULL,
     created_at    INTEGER NOT NULL,  -- epoch ms
     created_by    TEXT NOT NULL
   );
   CREATE TABLE entries (
     path        TEXT PRIMARY KEY,
     file        TEXT NOT NULL,
     version     INTEGER NOT NULL,
     size        INTEGER NOT NULL,    -- bytes
     etag        TEXT NOT NULL,
     updated_at  INTEGER NOT NULL     -- epoch ms
   ) WITHOUT ROWID;
   CREATE INDEX entries_by_file ON entries (file);
   ${LENDING_SCHEMA}
   ${GRANTS_SCHEMA}`,
];

type WorkspaceRow = {
  schema: number;
  organization: string;
  name: string;
  owner: string;
  policy: string;
  phase: string | null;
  epoch: number;
  organization_epoch: number;
  created_at: number;
  created_by: string;
};
type EntryRow = { path: string; file: string; version: number; size: number; etag: string; updated_at: number };

const ENTRY_COLUMNS = "path, file, version, size, etag, updated_at";
/** Sorts after every path that begins with a given folder. */
const AFTER_ALL = "\u{10FFFF}";

export class WorkspaceTables {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Brings the schema up to date; a workspace that was never created stays empty. */
  load(): WorkspaceRecord | null {
    if (!this.#db.has("workspace")) return null;
    const row = this.#db.first<WorkspaceRow>(
      `SELECT schema, organization, name, owner, policy, phase, epoch, organization_epoch, created_at, created_by
       FROM workspace`,
    );
    if (row === null) return null;
    if (row.schema < MIGRATIONS.length) this.#db.upgrade("workspace", MIGRATIONS, row.schema);
    return {
      organization: row.organization as OrganizationId,
      name: row.name,
      owner: row.owner as PrincipalId,
      policy: JSON.parse(row.policy) as LockPolicy,
      phase: row.phase === null ? null : (JSON.parse(row.phase) as Phase),
      epoch: row.epoch,
      organizationEpoch: row.organization_epoch,
      createdAt: row.created_at,
      createdBy: row.created_by as PrincipalId,
    };
  }

  create(): void {
    this.#db.migrate(MIGRATIONS);
  }

  save(record: WorkspaceRecord): void {
    this.#db.run(
      `INSERT INTO workspace (id, schema, organization, name, owner, policy, phase, epoch, organization_epoch, created_at,
                              created_by)
       VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, owner = excluded.owner, policy = excluded.policy,
         phase = excluded.phase, epoch = excluded.epoch, organization_epoch = excluded.organization_epoch`,
      MIGRATIONS.length,
      record.organization,
      record.name,
      record.owner,
      JSON.stringify(record.policy),
      record.phase === null ? null : JSON.stringify(record.phase),
      record.epoch,
      record.organizationEpoch,
      record.createdAt,
      record.createdBy,
    );
  }

  entryAt(path: WorkspacePath): Entry | null {
    const row = this.#db.first<EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM entries WHERE path = ?`, path);
    return row === null ? null : toEntry(row);
  }

  entryOf(file: FileId): Entry | null {
    const row = this.#db.first<EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM entries WHERE file = ?`, file);
    return row === null ? null : toEntry(row);
  }

  /** The first entries of a folder (closing slash included) whose path sorts after `after`. */
  entriesIn(folder: string, after: string, limit: number): Entry[] {
    return this.#db
      .all<EntryRow>(
        `SELECT ${ENTRY_COLUMNS} FROM entries WHERE path > ? AND path < ? ORDER BY path LIMIT ?`,
        after > folder ? after : folder,
        folder + AFTER_ALL,
        limit,
      )
      .map(toEntry);
  }

  addEntry(entry: Entry): void {
    this.#db.run(
      `INSERT INTO entries (${ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`,
      entry.path,
      entry.file,
      entry.version,
      entry.size,
      entry.etag,
      entry.updatedAt,
    );
  }

  /** Takes over what is newer. */
  updateEntry(file: FileId, { version, size, etag, updatedAt }: Omit<Entry, "path" | "file">): void {
    this.#db.run(
      "UPDATE entries SET version = ?, size = ?, etag = ?, updated_at = ? WHERE file = ? AND version < ?",
      version,
      size,
      etag,
      updatedAt,
      file,
      version,
    );
  }

  removeEntry(path: WorkspacePath): void {
    this.#db.run("DELETE FROM entries WHERE path = ?", path);
  }
}

function toEntry({ path, file, version, size, etag, updated_at }: EntryRow): Entry {
  return { path: path as WorkspacePath, file: file as FileId, version, size, etag, updatedAt: updated_at };
}
