// Owns the way of events from an object's stream into the audit log in D1. The log's key is the stream's own order, so
// a repeated append writes nothing; what the log already holds is asked of it once after each start.

import { appendEvents, archivedThrough, numberOf } from "../../src/platform/audit.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import type { OrganizationId, WorkspaceId } from "../../src/domain/ids.ts";
import { doneWithin } from "../patience.ts";
import type { Stream } from "./stream.ts";

/** Where the log stands: the stream's short name in it, and its last event there. */
interface Mark {
  number: number;
  through: number;
}

export class Archive {
  readonly #db: D1Database;
  readonly #owner: WorkspaceId | OrganizationId;
  readonly #stream: Stream;
  #mark: Mark | null = null;
  #running: Promise<boolean> | null = null;
  #failures = 0;
  #quietUntil = 0;

  constructor(db: D1Database, owner: WorkspaceId | OrganizationId, stream: Stream) {
    this.#db = db;
    this.#owner = owner;
    this.#stream = stream;
  }

  /** Brings the log up to the stream's end; false when it could not, or has just failed and is left alone a while. */
  async catchUp(): Promise<boolean> {
    if (this.#quietUntil > Date.now()) return false;
    // One at a time; who arrives meanwhile has its events taken along by the next round.
    while (this.#running !== null) await this.#running;
    if (!this.isBehind()) return true;
    this.#running = this.#append();
    const done = await this.#running;
    this.#running = null;
    return done;
  }

  /** Whether events have come since the log was last brought up to the end. */
  isBehind(): boolean {
    return this.#mark?.through !== this.#stream.lastSeq;
  }

  /** When to try again after a failure. */
  get retryAt(): number {
    return Math.max(this.#quietUntil, Date.now());
  }

  async #append(): Promise<boolean> {
    try {
      this.#mark ??= await withinPatience(this.#find());
      for (;;) {
        const events = this.#stream.after(this.#mark.through, LIMITS.SHIP_BATCH_MAX);
        const last = events.at(-1);
        if (last === undefined) break;
        await withinPatience(appendEvents(this.#db, this.#mark.number, events));
        this.#mark = { ...this.#mark, through: last.seq };
      }
      this.#failures = 0;
      this.#stream.trim(this.#mark.through, Date.now());
      return true;
    } catch (error) {
      this.#failures++;
      this.#quietUntil =
        Date.now() + Math.min(LIMITS.SHIP_RETRY_MAX_MS, LIMITS.SHIP_RETRY_MIN_MS * 2 ** this.#failures);
      const { message } = error as Error;
      console.warn({ message: "audit log put off", stream: this.#owner, failures: this.#failures, error: message });
      return false;
    }
  }

  async #find(): Promise<Mark> {
    const number = await numberOf(this.#db, this.#owner);
    return { number, through: await archivedThrough(this.#db, number) };
  }
}

/** A database that hangs is as good as one that fails; whatever it does in the end, the append is idempotent. */
async function withinPatience<T>(work: Promise<T>): Promise<T> {
  if (await doneWithin(work, LIMITS.D1_PATIENCE_MS)) return work;
  throw new Error(`no answer within ${LIMITS.D1_PATIENCE_MS} ms`);
}
