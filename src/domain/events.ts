// Owns the shape of an event: one accepted or refused action, or one thing that time did. Pure.

import type { Caller } from "./calls.ts";
import type { PrincipalId, FileId, KeyId } from "./ids.ts";
import type { EndCause, LockEvent, LockState } from "./locks/state.ts";
import type { ProblemCode } from "./problems.ts";

export type EventDetail = Record<string, string | number | boolean | null>;

export interface AuditEvent {
  /** Strictly increasing within the source that recorded it. */
  n: number;
  /** Epoch milliseconds, by the source's clock. */
  at: number;
  /** An operation's name, or the end of a lock that was not asked for by its holder; see `ENDS`. */
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

/** What the end of a lock is called in the log. */
const ENDS: Record<EndCause, string> = {
  expiry: "lock_expired",
  lapse: "lock_lapsed",
  release: "lock_released",
  revocation: "lock_revoked",
  override: "lock_overridden",
};

/** What time did to a file's locks, as events. `before` is the state the lock events were decided on. */
export function doneByTime(before: LockState, events: LockEvent[]): Unnumbered[] {
  return ends(before, events)
    .filter(({ cause }) => cause === "expiry" || cause === "lapse")
    .map(({ cause, detail }) => ({ ...BY_NOBODY, action: ENDS[cause], detail }));
}

/** The locks that a caller ended, one event for each, so that each former holder is found. */
export function doneByCaller(caller: Caller, before: LockState, events: LockEvent[]): Unnumbered[] {
  return ends(before, events)
    .filter(({ cause }) => cause !== "expiry" && cause !== "lapse")
    .map(({ cause, detail }) => accepted(caller, ENDS[cause], detail));
}

const BY_NOBODY = { outcome: "accepted", code: null, agent: null, key: null } as const;

function ends({ locks, queue }: LockState, events: LockEvent[]): { cause: EndCause; detail: EventDetail }[] {
  return events.flatMap((event) => {
    if (event.type !== "ended") return [];
    const entry = locks.find((l) => l.id === event.id) ?? queue.find((w) => w.id === event.id);
    return [{ cause: event.cause, detail: { lock: event.id, holder: entry?.holder ?? null } }];
  });
}
