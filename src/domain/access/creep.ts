// Owns the signs of permissions that have crept: allowed and not used, widened since they were first given, keys that
// live on and on. Pure.

import type { PrincipalId } from "../ids.ts";
import type { KeyView } from "../organizations.ts";
import type { Permission } from "../permissions.ts";
import { EVERYONE, type Grant, permissionsOf, type Roles, type Subject } from "./grants.ts";
import { isFor } from "./rights.ts";
import type { Roster } from "./standing.ts";

/** When each permission was last used, by whom; epoch milliseconds. */
export type Uses = ReadonlyMap<PrincipalId, ReadonlyMap<Permission, number>>;

export interface Unused {
  grant: Grant;
  /** Those that nobody for whom the grant is has used since. */
  permissions: Permission[];
}

/** What is allowed since before `since`, and has not been used from then on by anybody it is for. */
export function unused(grants: readonly Grant[], { principals, roles }: Roster, uses: Uses, since: number): Unused[] {
  const old = grants.filter(({ effect, at }) => effect === "allow" && at < since);
  return old.flatMap((grant) => {
    const holders = principals.filter((person) => isFor(grant.to, person)).map(({ principal }) => principal);
    const isUsed = (permission: Permission) => holders.some((who) => (uses.get(who)?.get(permission) ?? 0) >= since);
    const permissions = permissionsOf(grant.bundle, roles).filter((permission) => !isUsed(permission));
    return permissions.length === 0 ? [] : [{ grant, permissions }];
  });
}

export interface Widened {
  to: Subject;
  /** When something was first allowed, epoch milliseconds. */
  since: number;
  first: readonly Permission[];
  /** What has come since and stands. */
  added: Permission[];
}

/** Who is allowed more by now than at first, of all that was ever granted to them. `history` is in order of time. */
export function widened(history: readonly Grant[], standing: readonly Grant[], roles: Roles): Widened[] {
  const given = history.filter(({ effect, to }) => effect === "allow" && to !== EVERYONE);
  const firsts = new Map<Subject, Grant>(given.toReversed().map((grant) => [grant.to, grant]));
  return [...firsts].flatMap(([to, grant]) => {
    const first = permissionsOf(grant.bundle, roles);
    const now = standing.filter((other) => other.effect === "allow" && other.to === to);
    const held = new Set(now.flatMap(({ bundle }) => permissionsOf(bundle, roles)));
    const added = [...held].filter((permission) => !first.includes(permission));
    return added.length === 0 ? [] : [{ to, since: grant.at, first, added }];
  });
}

const isUsable = ({ revokedAt, expiresAt }: KeyView, now: number): boolean =>
  revokedAt === null && (expiresAt === null || expiresAt > now);

export const withoutEnd = (keys: readonly KeyView[], now: number): KeyView[] =>
  keys.filter((key) => isUsable(key, now) && key.expiresAt === null);

/** Keys made before `since` and not used from then on. */
export const idle = (keys: readonly KeyView[], since: number, now: number): KeyView[] =>
  keys.filter((key) => isUsable(key, now) && key.createdAt < since && (key.usedAt ?? 0) < since);
