// Owns a workspace's stored state but for its event stream: its tables, their rows and the statements over them.

import type { PrincipalId, FileId, OrganizationId, WorkspacePath } from "../../src/domain/ids.ts";
import type { LockPolicy } from "../../src/domain/locks/policy.ts";
import type { Role } from "../../src/domain/permissions.ts";
import type { Entry, Member } from "../../src/domain/workspaces.ts";
import type { Database } from "../sql.ts";

export interface WorkspaceRecord {
  /** Its short name in the audit log. */
  number: number;
  organization: OrganizationId;
  name: string;
  policy: LockPolicy;
  /** Grows with every recall. */
  epoch: number;
  createdAt: number;
  createdBy: PrincipalId;
}

/** Append-only; entry k leads from schema k to k + 1. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE workspace (
     id            INTEGER PRIMARY KEY CHECK (id = 1),
     schema        INTEGER NOT NULL,  -- migrations applied
     number        INTEGER NOT NULL,
     organization  TEXT NOT NULL,
     name          TEXT NOT NULL,
     policy        TEXT NOT NULL,     -- JSON LockPolicy
     epoch         INTEGER NOT NULL,
     created_at    INTEGER NOT NULL,  -- epoch ms
     created_by    TEXT NOT NULL
   );
   CREATE TABLE members (
     agent  TEXT PRIMARY KEY,
     name   TEXT NOT NULL,
     role   TEXT NOT NULL,
     since  INTEGER NOT NULL          -- epoch ms
   ) WITHOUT ROWID;
   CREATE TABLE entries (
     path        TEXT PRIMARY KEY,
     file        TEXT NOT NULL,
     version     INTEGER NOT NULL,
     size        INTEGER NOT NULL,    -- bytes
     etag        TEXT NOT NULL,
     updated_at  INTEGER NOT NULL     -- epoch ms
   ) WITHOUT ROWID;
   CREATE INDEX entries_by_file ON entries (file);
   CREATE TABLE holders (
     file   TEXT PRIMARY KEY,
     until  INTEGER NOT NULL          -- epoch ms; the file may hold leases until then
   ) WITHOUT ROWID;
   CREATE TABLE recalls (
     agent  TEXT PRIMARY KEY,
     epoch  INTEGER NOT NULL,
     at     INTEGER NOT NULL          -- epoch ms; by then + one lease, every older lease has run out
   ) WITHOUT ROWID;`,
];

type WorkspaceRow = {
  schema: number;
  number: number;
  organization: string;
  name: string;
  policy: string;
  epoch: number;
  created_at: number;
  created_by: string;
};
type MemberRow = { agent: string; name: string; role: string; since: number };
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
      "SELECT schema, number, organization, name, policy, epoch, created_at, created_by FROM workspace",
    );
    if (row === null) return null;
    if (row.schema < MIGRATIONS.length) this.#migrate(row.schema);
    return {
      number: row.number,
      organization: row.organization as OrganizationId,
      name: row.name,
      policy: JSON.parse(row.policy) as LockPolicy,
      epoch: row.epoch,
      createdAt: row.created_at,
      createdBy: row.created_by as PrincipalId,
    };
  }

  #migrate(from: number): void {
    this.#db.transaction(() => {
      this.#db.migrate(MIGRATIONS.slice(from));
      this.#db.run("UPDATE workspace SET schema = ?", MIGRATIONS.length);
    });
  }

  create(): void {
    this.#db.migrate(MIGRATIONS);
  }

  save(record: WorkspaceRecord): void {
    this.#db.run(
      `INSERT INTO workspace (id, schema, number, organization, name, policy, epoch, created_at, created_by)
       VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, policy = excluded.policy, epoch = excluded.epoch`,
      MIGRATIONS.length,
      record.number,
      record.organization,
      record.name,
      JSON.stringify(record.policy),
      record.epoch,
      record.createdAt,
      record.createdBy,
    );
  }

  member(agent: PrincipalId): Member | null {
    const row = this.#db.first<MemberRow>("SELECT agent, name, role, since FROM members WHERE agent = ?", agent);
    return row === null ? null : toMember(row);
  }

  members(): Member[] {
    return this.#db.all<MemberRow>("SELECT agent, name, role, since FROM members ORDER BY agent").map(toMember);
  }

  saveMember({ agent, name, role, since }: Member): void {
    this.#db.run(
      `INSERT INTO members (agent, name, role, since) VALUES (?, ?, ?, ?)
       ON CONFLICT (agent) DO UPDATE SET name = excluded.name, role = excluded.role`,
      agent,
      name,
      role,
      since,
    );
  }

  removeMember(agent: PrincipalId): void {
    this.#db.run("DELETE FROM members WHERE agent = ?", agent);
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

  holderUntil(file: FileId): number {
    return this.#db.first<{ until: number }>("SELECT until FROM holders WHERE file = ?", file)?.until ?? 0;
  }

  saveHolder(file: FileId, until: number): void {
    this.#db.run(
      "INSERT INTO holders (file, until) VALUES (?, ?) ON CONFLICT (file) DO UPDATE SET until = excluded.until",
      file,
      until,
    );
  }

  holders(now: number): FileId[] {
    return this.#db
      .all<{ file: string }>("SELECT file FROM holders WHERE until > ?", now)
      .map((row) => row.file as FileId);
  }

  recall(agent: PrincipalId): { epoch: number; at: number } | null {
    return this.#db.first<{ epoch: number; at: number }>("SELECT epoch, at FROM recalls WHERE agent = ?", agent);
  }

  saveRecall(agent: PrincipalId, epoch: number, at: number): void {
    this.#db.run(
      `INSERT INTO recalls (agent, epoch, at) VALUES (?, ?, ?)
       ON CONFLICT (agent) DO UPDATE SET epoch = excluded.epoch, at = excluded.at`,
      agent,
      epoch,
      at,
    );
  }
}

function toMember({ agent, name, role, since }: MemberRow): Member {
  return { agent: agent as PrincipalId, name, role: role as Role, since };
}

function toEntry({ path, file, version, size, etag, updated_at }: EntryRow): Entry {
  return { path: path as WorkspacePath, file: file as FileId, version, size, etag, updatedAt: updated_at };
}
