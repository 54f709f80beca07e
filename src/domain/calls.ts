// Owns what travels with every request from the Worker to an object: who calls, what for, with which right. Pure data.

import type { AccessLease } from "./access/leases.ts";
import type { KeyId, OrganizationId, PrincipalId } from "./ids.ts";
import type { OrganizationPermission, Permission } from "./permissions.ts";

/** Who a valid API key speaks for. */
export interface Caller {
  organization: OrganizationId;
  principal: PrincipalId;
  key: KeyId;
}

/** The caller's Idempotency-Key, with a digest of what it was used for. */
export interface Idempotency {
  key: string;
  fingerprint: string;
}

export interface Called {
  caller: Caller;
  /** The operation's name; it becomes the event's action. */
  action: string;
  idempotency: Idempotency | null;
}

/** To a workspace or a file. */
export interface Call extends Called {
  /** The right that the operation needs, from the registry. */
  permission: Permission;
  /** An access lease that came along from resolving a path, so that the file need not ask for one. */
  lease: AccessLease | null;
}

/** To an organization. */
export interface OrganizationCall extends Called {
  permission: OrganizationPermission;
}

/** What a call becomes when it reads the file that it has just locked. */
export const READING = { action: "read_file", permission: "files:read", idempotency: null } as const;
