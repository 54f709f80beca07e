// Owns what the Worker and an organization's object tell each other. Pure data.

import type { Bundle, Effect, Grant, Roles, Subject } from "./access/grants.ts";
import type { Scopes } from "./access/scopes.ts";
import type { PrincipalKind } from "./access/standing.ts";
import type { GroupId, InvitationId, KeyId, OrganizationId, PrincipalId, TransferId, WorkspaceId } from "./ids.ts";
import type { OrganizationRole, Permission, Role } from "./permissions.ts";

export interface NewOrganization {
  organization: OrganizationId;
  name: string;
  /** Its first agent, which owns it. */
  owner: { principal: PrincipalId; name: string; key: KeyId };
}

export interface OrganizationView {
  id: OrganizationId;
  name: string;
  /** Epoch milliseconds. */
  createdAt: number;
}

export interface Pause {
  by: PrincipalId;
  reason: string;
  /** Epoch milliseconds. */
  at: number;
}

export interface Principal {
  id: PrincipalId;
  kind: PrincipalKind;
  name: string;
  role: OrganizationRole;
  pause: Pause | null;
  /** Epoch milliseconds. */
  createdAt: number;
  /** null: the operator. */
  createdBy: PrincipalId | null;
}

/** A key, without being it. Times are epoch milliseconds. */
export interface KeyView {
  id: KeyId;
  principal: PrincipalId;
  name: string;
  scopes: Scopes;
  createdAt: number;
  createdBy: PrincipalId | null;
  expiresAt: number | null;
  revokedAt: number | null;
  revokedBy: PrincipalId | null;
  /** To the hour; null: not yet. */
  usedAt: number | null;
}

export interface NewKey {
  name: string;
  scopes: Scopes;
  expiresAt: number | null;
}

export interface Group {
  id: GroupId;
  name: string;
  members: PrincipalId[];
}

export interface NewOrganizationGrant {
  to: Subject;
  effect: Effect;
  bundle: Bundle;
  /** Epoch milliseconds; null: for good. */
  until: number | null;
}

export interface RoleView {
  name: string;
  permissions: readonly Permission[];
  builtIn: boolean;
}

/** `passing`: claimed, and not yet carried out everywhere. */
export type TicketState = "open" | "passing" | "claimed" | "cancelled";

/** Someone who is to join. Who it will be is known beforehand, so that access can be given beforehand. */
export interface Invitation {
  id: InvitationId;
  principal: PrincipalId;
  kind: PrincipalKind;
  name: string;
  role: OrganizationRole;
  state: TicketState;
  createdAt: number;
  createdBy: PrincipalId;
  expiresAt: number;
}

/** What its former owner keeps: a role, or nothing. */
export type Kept = Role | OrganizationRole | null;

/** An ownership on its way: of a workspace, or (null) of the organization. */
export interface Transfer {
  id: TransferId;
  workspace: WorkspaceId | null;
  /** Who owned it when it was offered. */
  from: PrincipalId;
  /** Who offered it: its owner, or of a workspace an owner of the organization. */
  by: PrincipalId;
  /** The only one who may claim it; null: any human. */
  to: PrincipalId | null;
  keep: Kept;
  state: TicketState;
  createdAt: number;
  expiresAt: number;
  claimedBy: PrincipalId | null;
}

export interface ListedWorkspace {
  id: WorkspaceId;
  name: string;
  createdAt: number;
  number: number;
}

/** Everything a report on creeping permissions needs of the organization. */
export interface OrganizationAudit {
  keys: KeyView[];
  roles: Roles;
  grants: readonly Grant[];
  history: readonly Grant[];
}
