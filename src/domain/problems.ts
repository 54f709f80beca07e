// Owns the closed union of expected failures. Each variant carries the data a caller needs to do better next time;
// its status, words and headers are given in one exhaustive switch (faces/words.ts). Codes are stable: they are
// part of the API.

import type { PrincipalId, LockId, WorkspacePath } from "./ids.ts";
import type { EndCause, Level } from "./locks/state.ts";
import type { Wall } from "./access/scopes.ts";
import type { TicketState } from "./organizations.ts";
import type { AnyPermission, Permission } from "./permissions.ts";

/** What a lock no longer held, or a place in the queue no longer kept, was used for. */
export type LateUse = "write" | "renewal" | "release" | "claim";
type LateCode = `${LateUse}_after_${EndCause}`;

/** What others may know about a lock that stands in their way. Its id is the holder's secret. */
export interface HolderView {
  holder: PrincipalId;
  level: Level;
  purpose: string | null;
  priority: number;
  /** Epoch milliseconds. */
  grantedAt: number;
  /** Epoch milliseconds; a heartbeat may move it. */
  expiresAt: number;
}

type Thing =
  | "workspace"
  | "file"
  | "lock"
  | "principal"
  | "member"
  | "version"
  | "grant"
  | "group"
  | "role"
  | "key"
  | "invitation"
  | "transfer"
  | "handoff"
  | "route";

export type Problem =
  | { code: "unauthenticated"; reason: "missing" | "invalid" | "unknown" | "revoked" | "expired" }
  | { code: "forbidden"; permission: AnyPermission }
  | { code: "key_scope"; wall: Wall }
  | { code: "paused"; by: PrincipalId; reason: string; at: number }
  | { code: "exceeds_own_rights"; permissions: Permission[] }
  | { code: "above_own_role" }
  | { code: "not_oneself" }
  | { code: "owner_only" }
  | { code: "owner_stays" }
  | { code: "humans_only" }
  | { code: "wrong_claimant" }
  | { code: "ticket_invalid" }
  | { code: "ticket_spent"; state: TicketState }
  | { code: "ticket_expired"; at: number }
  | { code: "key_outlives" }
  | { code: "key_ended" }
  | { code: "role_built_in" }
  | { code: "too_many"; what: "grants" | "principals" | "groups" | "roles" | "keys"; limit: number }
  | { code: "operator_only" }
  | { code: "not_found"; what: Thing }
  | { code: "method_not_allowed"; allowed: string[] }
  | { code: "input_invalid"; issues: { at: string; message: string }[] }
  | { code: "path_invalid"; reason: string }
  | { code: "path_taken"; path: WorkspacePath; by: "file" | "folder" }
  | { code: "lock_ttl_too_long"; maxMs: number }
  | { code: "lock_unknown" }
  | { code: "lock_not_granted" }
  | { code: "not_locked" }
  | { code: "locked"; holders: HolderView[]; queueLength: number; retryAfterMs: number }
  | { code: "queue_full"; limit: number }
  | { code: "upgrade_conflict"; holders: HolderView[] }
  | { code: "readers_present"; holders: HolderView[]; retryAfterMs: number }
  | { code: LateCode; at: number; by: PrincipalId | null; reason: string | null; lock: LockId }
  | { code: "precondition_required"; etag: string | null }
  | { code: "precondition_failed"; etag: string | null }
  | { code: "range_not_satisfiable"; size: number }
  | { code: "length_required" }
  | { code: "content_too_large"; maxBytes: number }
  | { code: "content_incomplete" }
  | { code: "digest_mismatch" }
  | { code: "upload_expired" }
  /** A handoff is about to move the file away, or to take it back. */
  | { code: "being_handed_off"; retryAfterMs: number }
  /** What was to be handed off, or was, is not as it was any more. */
  | { code: "handoff_changed"; path: WorkspacePath }
  | { code: "handoff_final"; at: number }
  | { code: "idempotency_key_reused" }
  | {
      code: "unavailable";
      part: "file" | "workspace" | "organization" | "audit log" | "blob store";
      retryAfterMs: number;
    }
  | { code: "internal" };

export type ProblemCode = Problem["code"];
