// Owns what may be allowed or denied: the permissions on workspaces and files, those on the organization, and the
// roles that bundle them. docs/access.md shows both as tables. Pure.

/** On a workspace, and on the folders and files in it. */
export const PERMISSIONS = [
  "workspace:read",
  "workspace:manage",
  "files:read",
  "files:write",
  "gold:write",
  "locks:read",
  "locks:acquire",
  "locks:override",
  "access:read",
  "access:manage",
  "audit:read",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

export const ROLES = ["viewer", "editor", "steward", "admin"] as const;
export type Role = (typeof ROLES)[number];

const VIEWER: readonly Permission[] = ["workspace:read", "files:read", "locks:read"];
const EDITOR: readonly Permission[] = [...VIEWER, "files:write", "locks:acquire"];
const STEWARD: readonly Permission[] = [...EDITOR, "gold:write", "locks:override"];

export const ROLE_PERMISSIONS: Record<Role, readonly Permission[]> = {
  viewer: VIEWER,
  editor: EDITOR,
  steward: STEWARD,
  admin: PERMISSIONS,
};

/** On the organization. They come with the role in it, and cannot be granted one by one. */
export const ORGANIZATION_PERMISSIONS = [
  "self:read",
  "self:manage",
  "organization:read",
  "organization:audit",
  "organization:manage",
  "workspaces:create",
] as const;
export type OrganizationPermission = (typeof ORGANIZATION_PERMISSIONS)[number];

/** From most to least. */
export const ORGANIZATION_ROLES = ["owner", "admin", "member", "guest"] as const;
export type OrganizationRole = (typeof ORGANIZATION_ROLES)[number];

export const ORGANIZATION_ROLE_PERMISSIONS: Record<OrganizationRole, readonly OrganizationPermission[]> = {
  owner: ORGANIZATION_PERMISSIONS,
  admin: ORGANIZATION_PERMISSIONS,
  member: ["self:read", "self:manage", "organization:read"],
  guest: ["self:read", "self:manage"],
};

/** Whether one role in the organization is above another, or the same. */
export const reachesUpTo = (role: OrganizationRole, other: OrganizationRole): boolean =>
  ORGANIZATION_ROLES.indexOf(role) <= ORGANIZATION_ROLES.indexOf(other);

export type AnyPermission = Permission | OrganizationPermission;

/** What only looks at the work itself: all that a read-only key can have without naming the operation. */
export const READING: readonly AnyPermission[] = [...VIEWER, "self:read", "organization:read"];
