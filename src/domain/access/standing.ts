// Owns the organization's word on a principal and one of its keys. It is a lease like those that files hold, one level
// up: a workspace may rely on it by itself until `expiresAt`, unless it is recalled. Pure data.

import type { GroupId, KeyId, PrincipalId } from "../ids.ts";
import type { OrganizationRole } from "../permissions.ts";
import { EVERYONE, type Grant, type Roles, type Subject } from "./grants.ts";
import type { Scopes } from "./scopes.ts";

export type PrincipalKind = "agent" | "human";

export interface Standing {
  principal: PrincipalId;
  key: KeyId;
  name: string;
  role: OrganizationRole;
  groups: readonly GroupId[];
  /** Those at the level of the organization that are for this principal. */
  grants: readonly Grant[];
  roles: Roles;
  scopes: Scopes;
  /** The organization's rights epoch when it was given. */
  epoch: number;
  /** Epoch milliseconds; never beyond the end of the key. */
  expiresAt: number;
}

/** Everybody in an organization, as needed to say who can do what. */
export interface Roster {
  principals: {
    principal: PrincipalId;
    name: string;
    kind: PrincipalKind;
    role: OrganizationRole;
    groups: GroupId[];
  }[];
  groups: { group: GroupId; name: string }[];
  grants: readonly Grant[];
  roles: Roles;
}

/** Whose leases a recall takes back: those of one key, of one principal with all its keys, or (neither) of all. */
export interface Whose {
  principal: PrincipalId | null;
  key: KeyId | null;
}

export const OF_ALL: Whose = { principal: null, key: null };

export const ofPrincipal = (principal: PrincipalId): Whose => ({ principal, key: null });
export const ofKey = (principal: PrincipalId, key: KeyId): Whose => ({ principal, key });

/** Whose leases a change to a grant for these bears on. */
export const whoseOf = (to: Subject): Whose =>
  to === EVERYONE || to.startsWith("grp_") ? OF_ALL : ofPrincipal(to as PrincipalId);

export function concerns({ principal, key }: Whose, lease: { principal: PrincipalId; key: KeyId }): boolean {
  return (principal === null || principal === lease.principal) && (key === null || key === lease.key);
}
