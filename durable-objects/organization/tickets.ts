// Owns the rows of invitations and transfers. Their tables are made when they are first needed.

import type { PrincipalKind } from "../../src/domain/access/standing.ts";
import type { InvitationId, PrincipalId, TransferId, WorkspaceId } from "../../src/domain/ids.ts";
import type { Invitation, Kept, Transfer } from "../../src/domain/organizations.ts";
import type { OrganizationRole } from "../../src/domain/permissions.ts";
import type { Database } from "../sql.ts";
import type { Row } from "./tables.ts";

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

const INVITATION = "id, principal, kind, name, role, state, created_at, created_by, expires_at";
const TRANSFER = "id, workspace, from_whom, by, to_whom, keep, state, created_at, expires_at, claimed_by";

export class TicketTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

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
