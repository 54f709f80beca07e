// Owns the scopes of an API key: walls that hold whatever its principal may do. They only ever take away, and a key
// that has any never carries a power over rights, so no key can make a wider one. Pure.

import type { WorkspaceId } from "../ids.ts";
import { type AnyPermission, READING } from "../permissions.ts";
import type { Target } from "./grants.ts";

/** A folder of a workspace, with its closing slash; `/` is the whole workspace. */
interface Place {
  workspace: WorkspaceId;
  folder: string;
}

export interface Scopes {
  readOnly: boolean;
  /** Names of operations; null: all. */
  operations: readonly string[] | null;
  /** null: everywhere. */
  places: readonly Place[] | null;
}

export const UNSCOPED: Scopes = { readOnly: false, operations: null, places: null };

export type Wall = "read-only" | "operations" | "places" | "powers";

/** Never through a scoped key. */
const POWERS: ReadonlySet<AnyPermission> = new Set([
  "access:manage",
  "self:manage",
  "organization:manage",
  "workspaces:create",
] as const);
/** Through a scoped key only if it names the operation. */
const CONFIDENTIAL: ReadonlySet<AnyPermission> = new Set(["audit:read", "access:read", "organization:audit"] as const);

const isScoped = ({ readOnly, operations, places }: Scopes): boolean =>
  readOnly || operations !== null || places !== null;

/** The wall that keeps a key from an operation, wherever it is tried; null when none does. */
export function wallAgainst(
  scopes: Scopes,
  { action, permission }: { action: string; permission: AnyPermission },
): Wall | null {
  if (!isScoped(scopes)) return null;
  const isNamed = scopes.operations?.includes(action) ?? false;
  if (scopes.operations !== null && !isNamed) return "operations";
  if (POWERS.has(permission)) return "powers";
  if (CONFIDENTIAL.has(permission)) return isNamed ? null : "powers";
  return scopes.readOnly && !READING.includes(permission) ? "read-only" : null;
}

/** Whether a key reaches what is asked about. A whole workspace is reached only through a place that is it. */
export function reaches({ places }: Scopes, workspace: WorkspaceId, { path }: Target): boolean {
  if (places === null) return true;
  return places.some((place) => place.workspace === workspace && (path ?? "/").startsWith(place.folder));
}

/** Whether a key reaches anything of a workspace. */
export function touches({ places }: Scopes, workspace: WorkspaceId): boolean {
  return places === null || places.some((place) => place.workspace === workspace);
}
