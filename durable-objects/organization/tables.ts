// Owns the heart of an organization's stored state: itself, its principals, their keys, its workspaces.

import type { Scopes } from "../../src/domain/access/scopes.ts";
import type { PrincipalKind } from "../../src/domain/access/standing.ts";
import type { KeyId, OrganizationId, PrincipalId, WorkspaceId } from "../../src/domain/ids.ts";
import type { KeyView, ListedWorkspace, Pause, Principal } from "../../src/domain/organizations.ts";
import type { OrganizationRole } from "../../src/domain/permissions.ts";
import { GRANTS_SCHEMA } from "../grants.ts";
import { LENDING_SCHEMA } from "../lending.ts";
import type { Database } from "../sql.ts";

export interface OrganizationRecord {
  id: OrganizationId;
  name: string;
  /** Grows with every recall of the standings that workspaces hold. */
  epoch: number;
  createdAt: number;
}

/** Append-only; entry k leads from schema k to k + 1. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE organization (
     row         INTEGER PRIMARY KEY CHECK (row = 1),
     schema      INTEGER NOT NULL,  -- migrations applied
     id          TEXT NOT NULL,
     name        TEXT NOT NULL,
     epoch       INTEGER NOT NULL,
     created_at  INTEGER NOT NULL   -- epoch ms
   );
   CREATE TABLE principals (
     id          TEXT PRIMARY KEY,
     kind        TEXT NOT NULL,     -- agent, human
     name        TEXT NOT NULL,
     role        TEXT NOT NULL,     -- owner, admin, member, guest
     pause       TEXT,              -- JSON Pause; null: active
     created_at  INTEGER NOT NULL,  -- epoch ms
     created_by  TEXT               -- null: the operator
   ) WITHOUT ROWID;
   CREATE TABLE keys (
     id          TEXT PRIMARY KEY,
     principal   TEXT NOT NULL,
     name        TEXT NOT NULL,
     scopes      TEXT NOT NULL,     -- JSON Scopes
     created_at  INTEGER NOT NULL,  -- epoch ms
     created_by  TEXT,              -- null: the operator
     expires_at  INTEGER,           -- epoch ms; null: never
     revoked_at  INTEGER,           -- epoch ms; null: it is not
     revoked_by  TEXT,
     used_at     INTEGER            -- epoch ms, to the hour; null: not yet
   ) WITHOUT ROWID;
   CREATE INDEX keys_by_principal ON keys (principal);
   CREATE TABLE workspaces (
     number      INTEGER PRIMARY KEY,
     id          TEXT NOT NULL UNIQUE,
     name        TEXT NOT NULL,     -- as it was created
     owner       TEXT NOT NULL,     -- what counts; the workspace is told of it
     created_at  INTEGER NOT NULL   -- epoch ms
   );
   ${LENDING_SCHEMA}
   ${GRANTS_SCHEMA}`,
];

export type Row = Record<string, string | number | null>;

const PRINCIPAL = "id, kind, name, role, pause, created_at, created_by";
const KEY = "id, principal, name, scopes, created_at, created_by, expires_at, revoked_at, revoked_by, used_at";

export class OrganizationTables {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Brings the schema up to date; an organization that was never created stays empty. */
  load(): OrganizationRecord | null {
    if (!this.#db.has("organization")) return null;
    const row = this.#db.first<Row>("SELECT schema, id, name, epoch, created_at FROM organization");
    if (row === null) return null;
    if (Number(row["schema"]) < MIGRATIONS.length) this.#db.upgrade("organization", MIGRATIONS, Number(row["schema"]));
    return {
      id: row["id"] as OrganizationId,
      name: String(row["name"]),
      epoch: Number(row["epoch"]),
      createdAt: Number(row["created_at"]),
    };
  }

  create(): void {
    this.#db.migrate(MIGRATIONS);
  }

  save({ id, name, epoch, createdAt }: OrganizationRecord): void {
    this.#db.run(
      `INSERT INTO organization (row, schema, id, name, epoch, created_at) VALUES (1, ?, ?, ?, ?, ?)
       ON CONFLICT (row) DO UPDATE SET name = excluded.name, epoch = excluded.epoch`,
      MIGRATIONS.length,
      id,
      name,
      epoch,
      createdAt,
    );
  }

  // ── principals ─────────────────────────────────────────────────────────────────────────────────────────────────

  principal(id: PrincipalId): Principal | null {
    const row = this.#db.first<Row>(`SELECT ${PRINCIPAL} FROM principals WHERE id = ?`, id);
    return row === null ? null : toPrincipal(row);
  }

  /** After an id, in their order. */
  principals(after: string, limit: number): Principal[] {
    return this.#db
      .all<Row>(`SELECT ${PRINCIPAL} FROM principals WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
      .map(toPrincipal);
  }

  countPrincipals(): number {
    return this.#db.first<{ n: number }>("SELECT COUNT(*) AS n FROM principals")?.n ?? 0;
  }

  countOwners(): number {
    return this.#db.first<{ n: number }>("SELECT COUNT(*) AS n FROM principals WHERE role = 'owner'")?.n ?? 0;
  }

  savePrincipal({ id, kind, name, role, pause, createdAt, createdBy }: Principal): void {
    this.#db.run(
      `INSERT INTO principals (${PRINCIPAL}) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, pause = excluded.pause`,
      id,
      kind,
      name,
      role,
      pause === null ? null : JSON.stringify(pause),
      createdAt,
      createdBy,
    );
  }

  removePrincipal(id: PrincipalId): void {
    this.#db.run("DELETE FROM principals WHERE id = ?", id);
    if (this.#db.has("group_members")) this.#db.run("DELETE FROM group_members WHERE principal = ?", id);
  }

  // ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────

  key(id: KeyId): KeyView | null {
    const row = this.#db.first<Row>(`SELECT ${KEY} FROM keys WHERE id = ?`, id);
    return row === null ? null : toKey(row);
  }

  keysOf(principal: PrincipalId): KeyView[] {
    return this.#db
      .all<Row>(`SELECT ${KEY} FROM keys WHERE principal = ? ORDER BY created_at, id`, principal)
      .map(toKey);
  }

  allKeys(): KeyView[] {
    return this.#db.all<Row>(`SELECT ${KEY} FROM keys ORDER BY principal, created_at, id`).map(toKey);
  }

  saveKey(key: KeyView): void {
    this.#db.run(
      `INSERT INTO keys (${KEY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, revoked_at = excluded.revoked_at,
         revoked_by = excluded.revoked_by, used_at = excluded.used_at`,
      key.id,
      key.principal,
      key.name,
      JSON.stringify(key.scopes),
      key.createdAt,
      key.createdBy,
      key.expiresAt,
      key.revokedAt,
      key.revokedBy,
      key.usedAt,
    );
  }

  // ── workspaces ─────────────────────────────────────────────────────────────────────────────────────────────────

  enterWorkspace(id: WorkspaceId, name: string, owner: PrincipalId, at: number): void {
    this.#db.run(
      "INSERT OR IGNORE INTO workspaces (id, name, owner, created_at) VALUES (?, ?, ?, ?)",
      id,
      name,
      owner,
      at,
    );
  }

  /** Null when there is no such workspace. */
  ownerOf(id: WorkspaceId): PrincipalId | null {
    const row = this.#db.first<{ owner: string }>("SELECT owner FROM workspaces WHERE id = ?", id);
    return row === null ? null : (row.owner as PrincipalId);
  }

  ownedBy(owner: PrincipalId): WorkspaceId[] {
    return this.#db
      .all<{ id: string }>("SELECT id FROM workspaces WHERE owner = ? ORDER BY number", owner)
      .map(({ id }) => id as WorkspaceId);
  }

  setOwnerOf(id: WorkspaceId, owner: PrincipalId): void {
    this.#db.run("UPDATE workspaces SET owner = ? WHERE id = ?", owner, id);
  }

  workspaces(after: number, limit: number): ListedWorkspace[] {
    return this.#db
      .all<Row>(
        "SELECT number, id, name, created_at FROM workspaces WHERE number > ? ORDER BY number LIMIT ?",
        after,
        limit,
      )
      .map((row) => ({
        number: Number(row["number"]),
        id: row["id"] as WorkspaceId,
        name: String(row["name"]),
        createdAt: Number(row["created_at"]),
      }));
  }
}

const optional = (value: string | number | null | undefined): number | null =>
  value === null || value === undefined ? null : Number(value);

const toPrincipal = (row: Row): Principal => ({
  id: row["id"] as PrincipalId,
  kind: row["kind"] as PrincipalKind,
  name: String(row["name"]),
  role: row["role"] as OrganizationRole,
  pause: row["pause"] === null ? null : (JSON.parse(String(row["pause"])) as Pause),
  createdAt: Number(row["created_at"]),
  createdBy: row["created_by"] as PrincipalId | null,
});

const toKey = (row: Row): KeyView => ({
  id: row["id"] as KeyId,
  principal: row["principal"] as PrincipalId,
  name: String(row["name"]),
  scopes: JSON.parse(String(row["scopes"])) as Scopes,
  createdAt: Number(row["created_at"]),
  createdBy: row["created_by"] as PrincipalId | null,
  expiresAt: optional(row["expires_at"]),
  revokedAt: optional(row["revoked_at"]),
  revokedBy: row["revoked_by"] as PrincipalId | null,
  usedAt: optional(row["used_at"]),
});
