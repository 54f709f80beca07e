// Owns the memory of answers by Idempotency-Key: the same key gives the same answer for a day. Only what was done is
// remembered; a refusal changed nothing, so the same key may try again.

import type { Called } from "../src/domain/calls.ts";
import { LIMITS } from "../src/domain/limits.ts";
import { err, ok, type Result } from "../src/domain/result.ts";
import type { Database } from "./sql.ts";

const COLUMNS = `(
  id          TEXT PRIMARY KEY,  -- agent and key
  fingerprint TEXT NOT NULL,     -- digest of what the key was used for
  at          INTEGER NOT NULL,  -- epoch ms
  reply       TEXT NOT NULL      -- JSON
) WITHOUT ROWID`;

export class Replies {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The answer already given under this call's key, null when there is none. */
  find<T>(call: Called): Result<T | null> {
    if (call.idempotency === null || !this.#db.has("replies")) return ok(null);
    const found = this.#db.first<{ fingerprint: string; reply: string }>(
      "SELECT fingerprint, reply FROM replies WHERE id = ?",
      idOf(call, call.idempotency.key),
    );
    if (found === null) return ok(null);
    if (found.fingerprint !== call.idempotency.fingerprint) return err({ code: "idempotency_key_reused" });
    return ok(JSON.parse(found.reply) as T);
  }

  /** Until when an answer must be remembered; null when there is none. */
  neededUntil(): number | null {
    if (!this.#db.has("replies")) return null;
    const newest = this.#db.first<{ at: number | null }>("SELECT MAX(at) AS at FROM replies")?.at ?? null;
    return newest === null ? null : newest + LIMITS.IDEMPOTENCY_WINDOW_MS;
  }

  /** Remembers an answer; to be called in the transaction that made it true. Forgets what is older than a day. */
  remember(call: Called, reply: unknown, now: number): void {
    if (call.idempotency === null) return;
    this.#db.ensure("replies", COLUMNS);
    this.#db.run("DELETE FROM replies WHERE at < ?", now - LIMITS.IDEMPOTENCY_WINDOW_MS);
    this.#db.run(
      "INSERT INTO replies (id, fingerprint, at, reply) VALUES (?, ?, ?, ?)",
      idOf(call, call.idempotency.key),
      call.idempotency.fingerprint,
      now,
      JSON.stringify(reply),
    );
  }

  /** What was answered has been undone; to be called in the transaction that undoes it. */
  forget(call: Called): void {
    if (call.idempotency === null || !this.#db.has("replies")) return;
    this.#db.run("DELETE FROM replies WHERE id = ?", idOf(call, call.idempotency.key));
  }

  /** What they said has not come true. */
  forgetAll(): void {
    this.#db.drop("replies");
  }
}

const idOf = (call: Called, key: string): string => `${call.caller.principal} ${key}`;
