// Owns the permissions and the roles that bundle them. Pure.

const PERMISSIONS = [
  "files:read",
  "files:write",
  "locks:read",
  "locks:acquire",
  "audit:read",
  "workspace:read",
  "workspace:manage",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

export const ROLES = ["viewer", "editor", "admin"] as const;
export type Role = (typeof ROLES)[number];

const VIEWER: readonly Permission[] = ["files:read", "locks:read", "workspace:read"];
const EDITOR: readonly Permission[] = [...VIEWER, "files:write", "locks:acquire"];

export const ROLE_PERMISSIONS: Record<Role, readonly Permission[]> = {
  viewer: VIEWER,
  editor: EDITOR,
  admin: PERMISSIONS,
};

/** Whether changing from one role to another takes something away, and so needs a recall. */
export function reduces(from: Role, to: Role | null): boolean {
  if (to === null) return true;
  return ROLE_PERMISSIONS[from].some((permission) => !ROLE_PERMISSIONS[to].includes(permission));
}
