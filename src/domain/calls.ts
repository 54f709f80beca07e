// Owns what travels with every request from the Worker to an object: who calls, what for, with which right. Pure data.

import type { PrincipalId, KeyId, OrganizationId, WorkspacePath } from "./ids.ts";
import type { LockPolicy } from "./locks/policy.ts";
import type { Permission, Role } from "./permissions.ts";

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

export interface Call {
  caller: Caller;
  /** The operation's name; it becomes the event's action. */
  action: string;
  /** The right that the operation needs, from the registry. */
  permission: Permission;
  idempotency: Idempotency | null;
  /** An access lease that came along from resolving a path, so that the file need not ask for one. */
  lease: AccessLease | null;
}

/**
 * The workspace's word that a file may act for an agent by itself until `expiresAt`.
 * (Gray & Cheriton 1989; NFSv4 delegations.)
 */
export interface AccessLease {
  principal: PrincipalId;
  role: Role;
  permissions: readonly Permission[];
  policy: LockPolicy;
  /** Where the file is now; null for a file that has no name yet. */
  path: WorkspacePath | null;
  /** The workspace's rights epoch when it was given; see `honours`. */
  epoch: number;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** What a recall has taken back so far, as the file remembers it durably. */
export interface RecallMark {
  epoch: number;
}

/**
 * Whether a file may act on a lease: unexpired, and not older than the newest recall the file has acknowledged.
 * The second half settles the race between a lease on its way and a recall that overtakes it.
 */
export function honours(lease: AccessLease, mark: RecallMark, now: number): boolean {
  return lease.expiresAt > now && lease.epoch >= mark.epoch;
}

/** What a call becomes when it reads the file that it has just locked. */
export const READING = { action: "read_file", permission: "files:read", idempotency: null } as const;
