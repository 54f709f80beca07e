// Owns the rows of grants, as a workspace and an organization store them. Read whole into memory: they are few
// (LIMITS.GRANTS_MAX) and bear on every question about access. What has ended stays as history, for reports.

import {
  type Bundle,
  type Effect,
  type Grant,
  isInForce,
  type Resource,
  type Subject,
} from "../src/domain/access/grants.ts";
import type { FileId, GrantId, PrincipalId } from "../src/domain/ids.ts";
import type { Permission } from "../src/domain/permissions.ts";
import type { Database } from "./sql.ts";

export const GRANTS_SCHEMA = `CREATE TABLE grants (
     id           TEXT PRIMARY KEY,
     level        TEXT NOT NULL,     -- organization, workspace, folder, file
     target       TEXT NOT NULL,     -- the folder with its closing slash, or the file's id; else empty
     subject      TEXT NOT NULL,     -- a principal, a group, or everyone
     effect       TEXT NOT NULL,     -- allow, deny
     role         TEXT,              -- null: the permissions are listed
     permissions  TEXT,              -- JSON Permission[]; null: those of the role
     until        INTEGER,           -- epoch ms; null: for good
     by           TEXT NOT NULL,
     at           INTEGER NOT NULL,  -- epoch ms
     ended_at     INTEGER            -- epoch ms; null: it stands
   ) WITHOUT ROWID;`;

type GrantRow = {
  id: string;
  level: string;
  target: string;
  subject: string;
  effect: string;
  role: string | null;
  permissions: string | null;
  until: number | null;
  by: string;
  at: number;
};

const COLUMNS = "id, level, target, subject, effect, role, permissions, until, by, at";

export class GrantTable {
  readonly #db: Database;
  #all: readonly Grant[] | null = null;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Those that stand, in order of their making. */
  all(): readonly Grant[] {
    this.#all ??= this.#db
      .all<GrantRow>(`SELECT ${COLUMNS} FROM grants WHERE ended_at IS NULL ORDER BY at, id`)
      .map(toGrant);
    return this.#all;
  }

  inForce(now: number): readonly Grant[] {
    return this.all().filter((grant) => isInForce(grant, now));
  }

  /** Those that stand and those that have ended, in order of their making. */
  history(): Grant[] {
    return this.#db.all<GrantRow>(`SELECT ${COLUMNS} FROM grants ORDER BY at, id`).map(toGrant);
  }

  find(id: GrantId): Grant | null {
    return this.all().find((grant) => grant.id === id) ?? null;
  }

  /** To be called within a transaction, as `end`. What has run out by then becomes history, lest it pile up. */
  save(grant: Grant): void {
    const { on, bundle } = grant;
    this.#db.run("UPDATE grants SET ended_at = until WHERE ended_at IS NULL AND until <= ?", grant.at);
    this.#db.run(
      `INSERT INTO grants (${COLUMNS})
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      grant.id,
      on.level,
      targetOf(on),
      grant.to,
      grant.effect,
      "role" in bundle ? bundle.role : null,
      "permissions" in bundle ? JSON.stringify(bundle.permissions) : null,
      grant.until,
      grant.by,
      grant.at,
    );
    this.#all = null;
  }

  end(id: GrantId, now: number): void {
    this.#db.run("UPDATE grants SET ended_at = ? WHERE id = ?", now, id);
    this.#all = null;
  }
}

function targetOf(on: Resource): string {
  if (on.level === "folder") return on.folder;
  return on.level === "file" ? on.file : "";
}

function resourceOf(level: string, target: string): Resource {
  if (level === "folder") return { level, folder: target };
  if (level === "file") return { level, file: target as FileId };
  return { level: level === "organization" ? "organization" : "workspace" };
}

function toGrant({ id, level, target, subject, effect, role, permissions, until, by, at }: GrantRow): Grant {
  const bundle: Bundle = role === null ? { permissions: JSON.parse(permissions ?? "[]") as Permission[] } : { role };
  return {
    id: id as GrantId,
    on: resourceOf(level, target),
    to: subject as Subject,
    effect: effect as Effect,
    bundle,
    until,
    by: by as PrincipalId,
    at,
  };
}
