// Owns the state of one organization in memory and on disk, who is let in to it, and how its word on a principal is
// given to workspaces and taken back. It knows nothing of what the operations mean.

import { isFor } from "../../src/domain/access/rights.ts";
import { wallAgainst } from "../../src/domain/access/scopes.ts";
import { type Roster, type Standing, type Whose } from "../../src/domain/access/standing.ts";
import type { Caller, OrganizationCall } from "../../src/domain/calls.ts";
import type { EventDetail } from "../../src/domain/events.ts";
import type { PrincipalId, WorkspaceId } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import type { KeyView, Principal } from "../../src/domain/organizations.ts";
import { ORGANIZATION_ROLE_PERMISSIONS } from "../../src/domain/permissions.ts";
import type { Problem } from "../../src/domain/problems.ts";
import { type Err, err, ok, type Result } from "../../src/domain/result.ts";
import { Authority } from "../authority.ts";
import { GroupTable } from "./groups.ts";
import { type OrganizationRecord, OrganizationTables } from "./tables.ts";
import { TicketTable } from "./tickets.ts";

/** An organization in which the caller may do what it asks for. */
export interface Opened {
  record: OrganizationRecord;
  /** The caller. */
  principal: Principal;
  key: KeyView;
}

const unauthenticated = (reason: "unknown" | "revoked" | "expired"): Err<Problem> =>
  err({ code: "unauthenticated", reason });

/** Everybody in the organization fits in one page. */
const ALL = LIMITS.PRINCIPALS_MAX;

/** Its word is for workspaces. */
export class OrganizationShell extends Authority<OrganizationRecord, WorkspaceId> {
  readonly tables: OrganizationTables;
  readonly groups: GroupTable;
  readonly tickets: TicketTable;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, LIMITS.STANDING_LEASE_MS);
    this.tables = new OrganizationTables(this.db);
    this.groups = new GroupTable(this.db);
    this.tickets = new TicketTable(this.db);
    this.record = this.tables.load();
  }

  workspace(id: WorkspaceId) {
    return this.env.WORKSPACES.get(this.env.WORKSPACES.idFromString(id));
  }

  /** Whom a key stands for, if it still does. */
  identify({ organization, principal, key }: Caller): Result<Opened> {
    const { record } = this;
    if (record === null || record.id !== organization) return unauthenticated("unknown");
    const found = this.tables.key(key);
    const whom = this.tables.principal(principal);
    if (found === null || found.principal !== principal || whom === null) return unauthenticated("unknown");
    if (found.revokedAt !== null) return unauthenticated("revoked");
    if (found.expiresAt !== null && found.expiresAt <= Date.now()) return unauthenticated("expired");
    if (whom.pause !== null) return err({ code: "paused", ...whom.pause });
    return ok({ record, principal: whom, key: found });
  }

  /** Lets a caller in whose role carries the operation's right and whose key reaches so far. */
  open(call: OrganizationCall): Result<Opened> {
    const opened = this.identify(call.caller);
    if (!opened.ok) return opened;
    const { principal, key } = opened.value;
    if (!ORGANIZATION_ROLE_PERMISSIONS[principal.role].includes(call.permission))
      return this.refuse(call, { code: "forbidden", permission: call.permission });
    const wall = wallAgainst(key.scopes, call) ?? (key.scopes.places === null ? null : "places");
    if (wall !== null && call.permission !== "self:read") return this.refuse(call, { code: "key_scope", wall });
    this.noteUse(key);
    return opened;
  }

  /** One operation: let in, answered again if answered before, else work and event in one transaction. */
  act<T>(call: OrganizationCall, detail: EventDetail, work: (opened: Opened) => T): Result<T> {
    const opened = this.open(call);
    return opened.ok ? this.once(call, detail, () => work(opened.value)) : opened;
  }

  /** Asked by a workspace: who calls it, on the organization's word. */
  grantStanding(caller: Caller, workspace: WorkspaceId): Result<Standing> {
    const opened = this.identify(caller);
    if (!opened.ok) return opened;
    const { record, principal, key } = opened.value;
    this.lending.note(workspace, principal.id, LIMITS.STAKE_MAX_MS);
    this.noteUse(key);
    const groups = this.groups.groupsOf(principal.id);
    return ok({
      principal: principal.id,
      key: key.id,
      name: principal.name,
      role: principal.role,
      groups,
      grants: this.grants.all().filter(({ to }) => isFor(to, { principal: principal.id, groups })),
      roles: this.groups.roles(),
      scopes: key.scopes,
      epoch: record.epoch,
      expiresAt: Math.min(Date.now() + LIMITS.STANDING_LEASE_MS, key.expiresAt ?? Infinity),
    });
  }

  roster(): Roster | null {
    if (this.record === null) return null;
    const groups = this.groups.groups();
    const principals = this.tables.principals("", ALL).map(({ id, name, kind, role }) => ({
      principal: id,
      name,
      kind,
      role,
      groups: groups.filter(({ members }) => members.includes(id)).map((group) => group.id),
    }));
    return {
      principals,
      groups: groups.map(({ id, name }) => ({ group: id, name })),
      grants: this.grants.all(),
      roles: this.groups.roles(),
    };
  }

  noteUse(key: KeyView): void {
    const now = Date.now();
    if (key.usedAt === null || key.usedAt <= now - LIMITS.KEY_USE_GRAIN_MS)
      this.tables.saveKey({ ...key, usedAt: now });
  }

  /**
   * Refuses what was done before. Its answer may have been lost before everyone had heard of it, so that comes first:
   * who is told that something has ended may rely on it.
   */
  async refuseAsDone(call: OrganizationCall, whose: Whose, problem: Problem): Promise<Err<Problem>> {
    await this.settle(whose, call.caller.principal);
    return this.refuse(call, problem);
  }

  protected override async callBack(
    workspace: WorkspaceId,
    epoch: number,
    whose: Whose,
    by: PrincipalId | null,
  ): Promise<void> {
    await this.workspace(workspace).recallStandings(epoch, whose, by);
  }
}
