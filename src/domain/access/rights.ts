// Owns the evaluation of access, the one function that says who may do what where:
//
// An owner (of the organization, or of the workspace asked about) may do everything and cannot be locked out. Anybody
// else holds a permission on a resource if a grant that is in force allows it and none denies it, of all the grants
// on the resource itself and on everything above it (folders, workspace, organization), to the principal, to a group
// it is in, or to everyone. Deny beats allow at whatever level either stands; the nearest does not hide the farther.
// An admin of the organization counts as allowed everything at the level of the organization.
//
// Pure.

import type { GrantId, GroupId, PrincipalId } from "../ids.ts";
import { type OrganizationRole, type Permission, PERMISSIONS } from "../permissions.ts";
import {
  covers,
  EVERYONE,
  type Grant,
  isInForce,
  permissionsOf,
  type Roles,
  type Subject,
  type Target,
} from "./grants.ts";

/** The one whose access is asked about. */
export interface Who {
  principal: PrincipalId;
  role: OrganizationRole;
  groups: readonly GroupId[];
  /** Of the organization, or of the workspace. */
  isOwner: boolean;
}

/** Where a right comes from. */
export type Source = "ownership" | "organization admin" | GrantId;

export interface Right {
  permission: Permission;
  /** Until when it is held at least, epoch milliseconds; null: for good. */
  until: number | null;
  /** Everything that gives it. */
  through: Source[];
}

/** All that could bear on an answer; what does not apply is sorted out here. */
export interface Grounds {
  grants: readonly Grant[];
  roles: Roles;
}

/** What someone may do there now, in the order of PERMISSIONS, and through what. */
export function rightsOn(target: Target, who: Who, { grants, roles }: Grounds, now: number): Right[] {
  if (who.isOwner) return PERMISSIONS.map((permission) => ({ permission, until: null, through: ["ownership"] }));
  const bearing = grants.filter((grant) => isInForce(grant, now) && isFor(grant.to, who) && covers(grant.on, target));
  const denied = new Set(bearing.flatMap((g) => (g.effect === "deny" ? permissionsOf(g.bundle, roles) : [])));
  const allowing = [
    ...(who.role === "admin" ? [ORGANIZATION_ADMIN] : []),
    ...bearing
      .filter(({ effect }) => effect === "allow")
      .map(({ id, until, bundle }) => ({ source: id, until, permissions: permissionsOf(bundle, roles) })),
  ];
  return PERMISSIONS.flatMap((permission) => {
    const by = denied.has(permission) ? [] : allowing.filter(({ permissions }) => permissions.includes(permission));
    return by.length === 0 ? [] : [{ permission, until: latest(by), through: by.map(({ source }) => source) }];
  });
}

const ORGANIZATION_ADMIN: { source: Source; until: number | null; permissions: readonly Permission[] } = {
  source: "organization admin",
  until: null,
  permissions: PERMISSIONS,
};

export const isFor = (to: Subject, { principal, groups }: Pick<Who, "principal" | "groups">): boolean =>
  to === EVERYONE || to === principal || groups.some((group) => group === to);

function latest(held: { until: number | null }[]): number | null {
  return held.some(({ until }) => until === null) ? null : Math.max(...held.map(({ until }) => until ?? 0));
}

/** What of these permissions is not held there, or not as long as asked for. Nobody gives or takes more than they hold. */
export function notHeld(rights: Right[], permissions: readonly Permission[], until: number | null): Permission[] {
  return permissions.filter((permission) => {
    const right = rights.find((held) => held.permission === permission);
    if (right === undefined) return true;
    return right.until !== null && (until === null || until > right.until);
  });
}

/** When the next right could end by time alone; null when none does. Epoch milliseconds. */
export function nextEnd(rights: Right[]): number | null {
  const ends = rights.flatMap(({ until }) => (until === null ? [] : [until]));
  return ends.length === 0 ? null : Math.min(...ends);
}
