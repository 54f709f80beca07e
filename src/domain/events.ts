// Owns the shape of an event: one accepted or refused action, or one thing that time did. Pure.

import type { Caller } from "./calls.ts";
import type { PrincipalId, FileId, KeyId } from "./ids.ts";
import type { LockEvent, LockState } from "./locks/state.ts";
import type { ProblemCode } from "./problems.ts";

export type EventDetail = Record<string, string | number | boolean | null>;

export interface AuditEvent {
  /** Strictly increasing within the source that recorded it. */
  n: number;
  /** Epoch milliseconds, by the source's clock. */
  at: number;
  /** An operation's name, or `lock_expired` or `lock_lapsed`, which time does. */
  action: string;
  outcome: "accepted" | "refused";
  /** Why it was refused; null when accepted. */
  code: ProblemCode | null;
  agent: PrincipalId | null;
  key: KeyId | null;
  detail: EventDetail;
}

/** An event before its source has numbered it. */
export type Unnumbered = Omit<AuditEvent, "n" | "at">;

/** A file's events on their way to the workspace, in order and without gaps. */
export interface EventBatch {
  file: FileId;
  events: AuditEvent[];
}

export function accepted(caller: Caller, action: string, detail: EventDetail): Unnumbered {
  return { action, outcome: "accepted", code: null, agent: caller.principal, key: caller.key, detail };
}

export function refused(caller: Caller, action: string, code: ProblemCode, detail: EventDetail = {}): Unnumbered {
  return { action, outcome: "refused", code, agent: caller.principal, key: caller.key, detail };
}

/** What time did to a file's locks, as events. `before` is the state the lock events were decided on. */
export function doneByTime(before: LockState, events: LockEvent[]): Unnumbered[] {
  return events.flatMap((event) => {
    if (event.type !== "ended" || event.by !== null) return [];
    const entry = before.locks.find((l) => l.id === event.id) ?? before.queue.find((w) => w.id === event.id);
    const action = event.cause === "expiry" ? "lock_expired" : "lock_lapsed";
    const detail = { lock: event.id, holder: entry?.holder ?? null };
    return [{ action, outcome: "accepted", code: null, agent: null, key: null, detail }];
  });
}
