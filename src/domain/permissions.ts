// Owns what may be allowed or denied: the permissions on workspaces and files, those on the organization, and the
// roles that bundle them. Pure.

/** On a workspace, a folder or a file. */
const PERMISSIONS = [
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

/** Whether changing from one role to another takes something away, and so needs a recall. */
export function reduces(from: Role, to: Role | null): boolean {
  if (to === null) return true;
  return ROLE_PERMISSIONS[from].some((permission) => !ROLE_PERMISSIONS[to].includes(permission));
}
