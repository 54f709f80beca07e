// Owns the state of one workspace in memory and on disk, and the way every change takes: open, decide, one transaction
// with its event. It knows nothing of what the operations mean.

import type { Call } from "../../src/domain/calls.ts";
import { accepted, type EventDetail, refused, type Unnumbered } from "../../src/domain/events.ts";
import type { FileId } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import { ROLE_PERMISSIONS } from "../../src/domain/permissions.ts";
import type { Problem } from "../../src/domain/problems.ts";
import { type Err, err, ok, type Result } from "../../src/domain/result.ts";
import type { Member } from "../../src/domain/workspaces.ts";
import { Alarm } from "../alarm.ts";
import { Replies } from "../replies.ts";
import { Database } from "../sql.ts";
import { Grants } from "./grants.ts";
import { Stream } from "./stream.ts";
import { type WorkspaceRecord, WorkspaceTables } from "./tables.ts";

/** A workspace that the caller may act in now. */
export interface Opened {
  record: WorkspaceRecord;
  member: Member;
}

export const NOT_FOUND: Err<Problem> = err({ code: "not_found", what: "workspace" });

export class WorkspaceShell {
  readonly db: Database;
  readonly tables: WorkspaceTables;
  readonly replies: Replies;
  readonly grants: Grants;
  readonly stream: Stream;
  readonly alarm: Alarm;
  readonly env: Env;
  /** Null until the workspace is created. */
  record: WorkspaceRecord | null;

  constructor(ctx: DurableObjectState, env: Env) {
    this.env = env;
    this.db = new Database(ctx.storage);
    this.tables = new WorkspaceTables(this.db);
    this.replies = new Replies(this.db);
    this.grants = new Grants(this.tables);
    this.stream = new Stream(this.db);
    this.alarm = new Alarm(ctx.storage);
    this.record = this.tables.load();
  }

  file(id: FileId) {
    return this.env.FILES.get(this.env.FILES.idFromString(id));
  }

  /** Lets a member in whose role carries the operation's right. Others learn nothing, not even that it exists. */
  open(call: Call): Result<Opened> {
    const { record } = this;
    if (record === null || record.organization !== call.caller.organization) return NOT_FOUND;
    const member = this.tables.member(call.caller.principal);
    if (member === null) return NOT_FOUND;
    if (!ROLE_PERMISSIONS[member.role].includes(call.permission)) {
      return this.refuse(call, { code: "forbidden", permission: call.permission, role: member.role });
    }
    return ok({ record, member });
  }

  /** One synchronous operation: open, answer again if answered before, then work and event in one transaction. */
  act<T>(call: Call, detail: EventDetail, work: (opened: Opened) => T): Result<T> {
    const opened = this.open(call);
    if (!opened.ok) return opened;
    const before = this.replies.find<T>(call);
    if (!before.ok) return before;
    if (before.value !== null) return ok(before.value);
    return ok(
      this.commit([accepted(call.caller, call.action, detail)], () => {
        const reply = work(opened.value);
        this.replies.remember(call, reply, Date.now());
        return reply;
      }),
    );
  }

  refuse(call: Call, problem: Problem, detail: EventDetail = {}): Err<Problem> {
    this.commit([refused(call.caller, call.action, problem.code, detail)], () => undefined);
    return err(problem);
  }

  /** Events and work become durable together. */
  commit<T>(events: Unnumbered[], work: () => T): T {
    const now = Date.now();
    const numbered = events.map((event) => ({ ...event, n: 0, at: now }));
    const result = this.db.transaction(() => {
      this.stream.append(null, numbered, now);
      return work();
    });
    this.alarm.wakeBy(now + LIMITS.SHIP_DELAY_MS);
    return result;
  }
}
