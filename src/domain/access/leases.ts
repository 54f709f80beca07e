// Owns what a lease is: somebody's word, good until it runs out or is recalled (Gray & Cheriton 1989; NFSv4
// delegations). A workspace holds them from its organization, a file from its workspace. Pure.

import type { KeyId, PrincipalId, WorkspacePath } from "../ids.ts";
import type { LockPolicy } from "../locks/policy.ts";
import type { Permission } from "../permissions.ts";
import type { Scopes } from "./scopes.ts";

export interface Lease {
  principal: PrincipalId;
  key: KeyId;
  /** The giver's rights epoch when it was given; see `honours`. */
  epoch: number;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** The workspace's word that a file may act for a principal, through this key, by itself until `expiresAt`. */
export interface AccessLease extends Lease {
  permissions: readonly Permission[];
  scopes: Scopes;
  policy: LockPolicy;
  /** Where the file is now; null for a file that has no name yet. */
  path: WorkspacePath | null;
}

/**
 * Whether a lease may be acted on: unexpired, and not older than the newest recall acknowledged (`mark`). The second
 * half settles the race between a lease on its way and a recall that overtakes it.
 */
export function honours(lease: Lease, mark: number, now: number): boolean {
  return lease.expiresAt > now && lease.epoch >= mark;
}
