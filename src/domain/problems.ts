// Owns the closed union of expected failures. Each variant carries the data a caller needs to do better next time;
// its status, words and headers are given in one exhaustive switch (faces/problems.ts). Codes are stable: they are
// part of the API.

import type { PrincipalId, LockId, WorkspacePath } from "./ids.ts";
import type { EndCause, Level } from "./locks/state.ts";
import type { Permission, Role } from "./permissions.ts";

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

export type Problem =
  | { code: "unauthenticated"; reason: "missing" | "malformed" | "invalid" }
  | { code: "forbidden"; permission: Permission; role: Role }
  | { code: "operator_only" }
  | { code: "organization_admin_only" }
  | { code: "not_found"; what: "workspace" | "file" | "lock" | "agent" | "member" | "version" | "route" }
  | { code: "method_not_allowed"; allowed: string[] }
  | { code: "input_invalid"; issues: { at: string; message: string }[] }
  | { code: "path_invalid"; reason: string }
  | { code: "path_taken"; path: WorkspacePath; by: "file" | "folder" }
  | { code: "last_admin" }
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
  | { code: "idempotency_key_reused" }
  | { code: "unavailable"; part: "file" | "workspace" | "audit log" | "directory" | "blob store"; retryAfterMs: number }
  | { code: "internal" };

export type ProblemCode = Problem["code"];
