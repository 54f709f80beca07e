// Owns the rows of groups, who is in them, and the organization's own roles. Their tables are made when they are first
// needed.

import type { Roles } from "../../src/domain/access/grants.ts";
import type { GroupId, PrincipalId } from "../../src/domain/ids.ts";
import type { Group } from "../../src/domain/organizations.ts";
import type { Permission } from "../../src/domain/permissions.ts";
import type { Database } from "../sql.ts";
import type { Row } from "./tables.ts";

const GROUPS = "(id TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID";
const GROUP_MEMBERS = "(grp TEXT NOT NULL, principal TEXT NOT NULL, PRIMARY KEY (grp, principal)) WITHOUT ROWID";
const ROLES = "(name TEXT PRIMARY KEY, permissions TEXT NOT NULL) WITHOUT ROWID"; // JSON Permission[]

export class GroupTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

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
}
