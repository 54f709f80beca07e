// Owns how an object that orders events changes anything: work and its event in one transaction, answered again when
// repeated, and from there into the audit log. It knows nothing of what the operations mean.

import type { Called } from "../../src/domain/calls.ts";
import { accepted, type EventDetail, refused, type Unnumbered } from "../../src/domain/events.ts";
import type { OrganizationId, WorkspaceId } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import type { Problem } from "../../src/domain/problems.ts";
import { type Err, err, ok, type Result } from "../../src/domain/result.ts";
import { Alarm } from "../alarm.ts";
import { Replies } from "../replies.ts";
import { Database } from "../sql.ts";
import { Archive } from "./archive.ts";
import { Stream } from "./stream.ts";

export class Journal {
  readonly db: Database;
  readonly replies: Replies;
  readonly stream: Stream;
  readonly alarm: Alarm;
  readonly #log: D1Database;
  #archive: Archive | null = null;

  constructor({ storage }: DurableObjectState, { DB }: Pick<Env, "DB">) {
    this.db = new Database(storage);
    this.replies = new Replies(this.db);
    this.stream = new Stream(this.db);
    this.alarm = new Alarm(storage);
    this.#log = DB;
  }

  /** One synchronous change: answered again if it was before, else work and event in one transaction. */
  once<T>(call: Called, detail: EventDetail, work: () => T): Result<T> {
    const before = this.replies.find<T>(call);
    if (!before.ok) return before;
    if (before.value !== null) return ok(before.value);
    return ok(
      this.commit([accepted(call.caller, call.action, detail)], () => {
        const reply = work();
        this.replies.remember(call, reply, Date.now());
        return reply;
      }),
    );
  }

  /**
   * Whether this very request was done before, so that it is answered again whatever has changed since. An
   * Idempotency-Key used for something else counts too: `once` refuses it.
   */
  isRepeated(call: Called): boolean {
    const before = this.replies.find(call);
    return !before.ok || before.value !== null;
  }

  refuse(call: Called, problem: Problem, detail: EventDetail = {}): Err<Problem> {
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

  /** Brings the audit log up to the present, now or as soon as it can be reached. */
  async archive(owner: WorkspaceId | OrganizationId): Promise<void> {
    this.#archive ??= new Archive(this.#log, owner, this.stream);
    await this.#archive.catchUp();
    this.#wakeIfBehind();
  }

  /** What the alarm rings for; `also` goes along with it. */
  async ring(owner: WorkspaceId | OrganizationId, also: () => Promise<void> = async () => undefined): Promise<void> {
    await this.alarm.ring(async () => {
      await also();
      await this.archive(owner);
    });
    this.#wakeIfBehind();
  }

  #wakeIfBehind(): void {
    if (this.#archive?.isBehind() === true) this.alarm.wakeBy(this.#archive.retryAt);
  }
}
