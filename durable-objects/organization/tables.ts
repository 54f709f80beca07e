// Owns an organization's stored state but for its grants and its event stream: its tables, their rows and the
// statements over them.

import type { Scopes } from "../../src/domain/access/scopes.ts";
import type { PrincipalKind } from "../../src/domain/access/standing.ts";
import type { Roles } from "../../src/domain/access/grants.ts";
import type {
  GroupId,
  InvitationId,
  KeyId,
  OrganizationId,
  PrincipalId,
  TransferId,
  WorkspaceId,
} from "../../src/domain/ids.ts";
import type {
  Group,
  Invitation,
  Kept,
  KeyView,
  ListedWorkspace,
  Pause,
  Principal,
  Transfer,
} from "../../src/domain/organizations.ts";
import type { OrganizationRole, Permission } from "../../src/domain/permissions.ts";
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

// Made when they are first needed.
const GROUPS = "(id TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID";
const GROUP_MEMBERS = "(grp TEXT NOT NULL, principal TEXT NOT NULL, PRIMARY KEY (grp, principal)) WITHOUT ROWID";
const ROLES = "(name TEXT PRIMARY KEY, permissions TEXT NOT NULL) WITHOUT ROWID"; // JSON Permission[]
const INVITATIONS = `(
  id          TEXT PRIMARY KEY,
  principal   TEXT NOT NULL,     -- who it will be
  kind        TEXT NOT NULL,
  name        TEXT NOT NULL,
  role        TEXT NOT NULL,
  state       TEXT NOT NULL,     -- open, claimed, cancelled
  created_at  INTEGER NOT NULL,  -- epoch ms
  created_by  TEXT NOT NULL,
  expires_at  INTEGER NOT NULL   -- epoch ms
) WITHOUT ROWID`;
const TRANSFERS = `(
  id          TEXT PRIMARY KEY,
  workspace   TEXT,              -- null: the organization itself
  from_whom   TEXT NOT NULL,
  by          TEXT NOT NULL,     -- who offered it
  to_whom     TEXT,              -- null: any human
  keep        TEXT,              -- the former owner's role; null: none
  state       TEXT NOT NULL,     -- open, passing, claimed, cancelled
  created_at  INTEGER NOT NULL,  -- epoch ms
  expires_at  INTEGER NOT NULL,  -- epoch ms
  claimed_by  TEXT
) WITHOUT ROWID`;

type Row = Record<string, string | number | null>;

const PRINCIPAL = "id, kind, name, role, pause, created_at, created_by";
const KEY = "id, principal, name, scopes, created_at, created_by, expires_at, revoked_at, revoked_by, used_at";
const INVITATION = "id, principal, kind, name, role, state, created_at, created_by, expires_at";
const TRANSFER = "id, workspace, from_whom, by, to_whom, keep, state, created_at, expires_at, claimed_by";

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
    if (Number(row["schema"]) < MIGRATIONS.length) this.#migrate(Number(row["schema"]));
    return {
      id: row["id"] as OrganizationId,
      name: String(row["name"]),
      epoch: Number(row["epoch"]),
      createdAt: Number(row["created_at"]),
    };
  }

  #migrate(from: number): void {
    this.#db.transaction(() => {
      this.#db.migrate(MIGRATIONS.slice(from));
      this.#db.run("UPDATE organization SET schema = ?", MIGRATIONS.length);
    });
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

  // ── groups and roles ───────────────────────────────────────────────────────────────────────────────────────────

  groups(): Group[] {
    if (!this.#db.has("groups")) return [];
    const members = this.#db.all<Row>("SELECT grp, principal FROM group_members ORDER BY principal");
    return this.#db.all<Row>("SELECT id, name FROM groups ORDER BY name, id").map(({ id, name }) => ({
      id: id as GroupId,
      name: String(name),
      members: members.filter(({ grp }) => grp === id).map(({ principal }) => principal as PrincipalId),
    }));
  }

  groupsOf(principal: PrincipalId): GroupId[] {
    if (!this.#db.has("group_members")) return [];
    return this.#db
      .all<Row>("SELECT grp FROM group_members WHERE principal = ?", principal)
      .map(({ grp }) => grp as GroupId);
  }

  addGroup(id: GroupId, name: string): void {
    this.#db.ensure("groups", GROUPS);
    this.#db.ensure("group_members", GROUP_MEMBERS);
    this.#db.run("INSERT INTO groups (id, name) VALUES (?, ?)", id, name);
  }

  removeGroup(id: GroupId): void {
    this.#db.run("DELETE FROM group_members WHERE grp = ?", id);
    this.#db.run("DELETE FROM groups WHERE id = ?", id);
  }

  addToGroup(group: GroupId, principal: PrincipalId): void {
    this.#db.run("INSERT OR IGNORE INTO group_members (grp, principal) VALUES (?, ?)", group, principal);
  }

  removeFromGroup(group: GroupId, principal: PrincipalId): void {
    this.#db.run("DELETE FROM group_members WHERE grp = ? AND principal = ?", group, principal);
  }

  roles(): Roles {
    if (!this.#db.has("roles")) return {};
    const rows = this.#db.all<Row>("SELECT name, permissions FROM roles ORDER BY name");
    return Object.fromEntries(
      rows.map(({ name, permissions }) => [String(name), JSON.parse(String(permissions)) as Permission[]]),
    );
  }

  saveRole(name: string, permissions: readonly Permission[]): void {
    this.#db.ensure("roles", ROLES);
    this.#db.run(
      "INSERT INTO roles (name, permissions) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET permissions = excluded.permissions",
      name,
      JSON.stringify(permissions),
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

  // ── invitations and transfers ──────────────────────────────────────────────────────────────────────────────────

  invitation(id: InvitationId): Invitation | null {
    if (!this.#db.has("invitations")) return null;
    const row = this.#db.first<Row>(`SELECT ${INVITATION} FROM invitations WHERE id = ?`, id);
    return row === null ? null : toInvitation(row);
  }

  invitations(): Invitation[] {
    if (!this.#db.has("invitations")) return [];
    return this.#db.all<Row>(`SELECT ${INVITATION} FROM invitations ORDER BY created_at, id`).map(toInvitation);
  }

  saveInvitation(i: Invitation): void {
    this.#db.ensure("invitations", INVITATIONS);
    this.#db.run(
      `INSERT INTO invitations (${INVITATION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET state = excluded.state`,
      i.id,
      i.principal,
      i.kind,
      i.name,
      i.role,
      i.state,
      i.createdAt,
      i.createdBy,
      i.expiresAt,
    );
  }

  removeInvitation(id: InvitationId): void {
    this.#db.run("DELETE FROM invitations WHERE id = ?", id);
  }

  transfer(id: TransferId): Transfer | null {
    if (!this.#db.has("transfers")) return null;
    const row = this.#db.first<Row>(`SELECT ${TRANSFER} FROM transfers WHERE id = ?`, id);
    return row === null ? null : toTransfer(row);
  }

  /** Claimed, and not yet carried out everywhere. */
  passing(): Transfer[] {
    if (!this.#db.has("transfers")) return [];
    return this.#db
      .all<Row>(`SELECT ${TRANSFER} FROM transfers WHERE state = 'passing' ORDER BY created_at, id`)
      .map(toTransfer);
  }

  transfers(): Transfer[] {
    if (!this.#db.has("transfers")) return [];
    return this.#db.all<Row>(`SELECT ${TRANSFER} FROM transfers ORDER BY created_at, id`).map(toTransfer);
  }

  saveTransfer(t: Transfer): void {
    this.#db.ensure("transfers", TRANSFERS);
    this.#db.run(
      `INSERT INTO transfers (${TRANSFER}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET state = excluded.state, claimed_by = excluded.claimed_by`,
      t.id,
      t.workspace,
      t.from,
      t.by,
      t.to,
      t.keep,
      t.state,
      t.createdAt,
      t.expiresAt,
      t.claimedBy,
    );
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

const toInvitation = (row: Row): Invitation => ({
  id: row["id"] as InvitationId,
  principal: row["principal"] as PrincipalId,
  kind: row["kind"] as PrincipalKind,
  name: String(row["name"]),
  role: row["role"] as OrganizationRole,
  state: row["state"] as Invitation["state"],
  createdAt: Number(row["created_at"]),
  createdBy: row["created_by"] as PrincipalId,
  expiresAt: Number(row["expires_at"]),
});

const toTransfer = (row: Row): Transfer => ({
  id: row["id"] as TransferId,
  workspace: row["workspace"] as WorkspaceId | null,
  from: row["from_whom"] as PrincipalId,
  by: row["by"] as PrincipalId,
  to: row["to_whom"] as PrincipalId | null,
  keep: row["keep"] as Kept,
  state: row["state"] as Transfer["state"],
  createdAt: Number(row["created_at"]),
  expiresAt: Number(row["expires_at"]),
  claimedBy: row["claimed_by"] as PrincipalId | null,
});
