// Owns the rows of the handoffs that a workspace coordinates, and of the files that they have parked. The row of a
// handoff is its commit point: what it says is what has happened, everywhere.

import type { Grant } from "../../../src/domain/access/grants.ts";
import type { Call, Caller } from "../../../src/domain/calls.ts";
import type { HandoffMode, HandoffState, HandoffView, Way } from "../../../src/domain/handoffs.ts";
import type { FileId, HandoffId, WorkspaceId } from "../../../src/domain/ids.ts";
import type { Problem } from "../../../src/domain/problems.ts";
import type { Version } from "../../../src/domain/versions.ts";
import type { Entry, Phase } from "../../../src/domain/workspaces.ts";
import type { Database } from "../../sql.ts";

/** One file of a handoff. */
export interface Output extends Way {
  source: FileId;
  sourceVersion: number;
  /** The file at the target: the source itself when it is moved within its workspace. */
  file: FileId;
  /** The newest of the file at the target when it is handed off. */
  version: Version;
}

export interface Handoff {
  id: HandoffId;
  state: HandoffState;
  /** Who asked for it under which Idempotency-Key, and the key's fingerprint; null without a key. */
  asked: { id: string; fingerprint: string } | null;
  /** When it has something to do by itself, epoch milliseconds; null: never. While preparing or undoing: its deadline. */
  dueAt: number | null;
  /** Whether everyone concerned has heard of its state. */
  told: boolean;
  caller: Caller;
  mode: HandoffMode;
  /** null: this workspace. */
  target: WorkspaceId | null;
  folder: string;
  outputs: Output[];
  grants: Grant[];
  phase: { before: Phase | null; after: Phase | null };
  note: string | null;
  /** When it was committed, until then when it was begun; epoch milliseconds. */
  at: number;
  undoUntil: number;
  undone: HandoffView["undone"];
  /** Whether an undoing that did not come about may have left files frozen. */
  frozen: boolean;
  /** Files whose locks are released, in order of their ids, up to this one. */
  releasedThrough: FileId | null;
}

const HANDOFFS = `(
  n       INTEGER PRIMARY KEY,  -- in order of their beginnings
  id      TEXT NOT NULL UNIQUE,
  state   TEXT NOT NULL,
  asked   TEXT,                 -- principal and Idempotency-Key; null without one
  due_at  INTEGER,              -- epoch ms; null: nothing to do
  body    TEXT NOT NULL         -- JSON Handoff
)`;
/** Files without a name, kept until their handoff cannot be undone any more. */
const PARKED = "(file TEXT PRIMARY KEY, handoff TEXT NOT NULL, entry TEXT NOT NULL) WITHOUT ROWID";

const toHandoff = ({ body }: { body: string }): Handoff => JSON.parse(body) as Handoff;

export class HandoffTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(id: HandoffId): Handoff | null {
    return this.#all("WHERE id = ?", id)[0] ?? null;
  }

  /** Not yet decided, and asked for by this very caller under this very key. */
  preparing(call: Call): Handoff | null {
    const asked = askedBy(call);
    return asked === null ? null : (this.#all("WHERE state = 'preparing' AND asked = ?", asked.id)[0] ?? null);
  }

  /** Those that have something to do. */
  due(now: number): Handoff[] {
    return this.#all("WHERE due_at <= ? ORDER BY due_at", now);
  }

  nextDue(): number | null {
    if (!this.#db.has("handoffs")) return null;
    return this.#db.first<{ due: number | null }>("SELECT MIN(due_at) AS due FROM handoffs")?.due ?? null;
  }

  /** Those that are or were committed, newest first, with their numbers; older than `before`. */
  page(before: number, limit: number): { n: number; handoff: Handoff }[] {
    if (!this.#db.has("handoffs")) return [];
    return this.#db
      .all<{ n: number; body: string }>(
        `SELECT n, body FROM handoffs WHERE n < ? AND state IN ('committed', 'undoing', 'undone') ORDER BY n DESC LIMIT ?`,
        before,
        limit,
      )
      .map((row) => ({ n: row.n, handoff: toHandoff(row) }));
  }

  save(handoff: Handoff): void {
    this.#db.ensure("handoffs", HANDOFFS);
    this.#db.run(
      `INSERT INTO handoffs (id, state, asked, due_at, body) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET state = excluded.state, due_at = excluded.due_at, body = excluded.body`,
      handoff.id,
      handoff.state,
      handoff.asked?.id ?? null,
      handoff.dueAt,
      JSON.stringify(handoff),
    );
  }

  remove(id: HandoffId): void {
    this.#db.run("DELETE FROM handoffs WHERE id = ?", id);
  }

  park(handoff: HandoffId, entry: Entry): void {
    this.#db.ensure("parked", PARKED);
    this.#db.run(
      "INSERT INTO parked (file, handoff, entry) VALUES (?, ?, ?)",
      entry.file,
      handoff,
      JSON.stringify(entry),
    );
  }

  parked(handoff: HandoffId): Entry[] {
    if (!this.#db.has("parked")) return [];
    return this.#db
      .all<{ entry: string }>("SELECT entry FROM parked WHERE handoff = ?", handoff)
      .map(({ entry }) => JSON.parse(entry) as Entry);
  }

  isParked(file: FileId): boolean {
    return this.#db.has("parked") && this.#db.first("SELECT 1 AS one FROM parked WHERE file = ?", file) !== null;
  }

  unpark(handoff: HandoffId): void {
    if (this.#db.has("parked")) this.#db.run("DELETE FROM parked WHERE handoff = ?", handoff);
  }

  #all(where: string, ...params: (string | number)[]): Handoff[] {
    if (!this.#db.has("handoffs")) return [];
    return this.#db.all<{ body: string }>(`SELECT body FROM handoffs ${where}`, ...params).map(toHandoff);
  }
}

/** What may be tried again, and goes on then. */
export const UNAVAILABLE: Problem = { code: "unavailable", part: "workspace", retryAfterMs: 1000 };

export function askedBy({ caller, idempotency }: Call): Handoff["asked"] {
  if (idempotency === null) return null;
  return { id: `${caller.principal} ${idempotency.key}`, fingerprint: idempotency.fingerprint };
}

export const isCopying = ({ mode, target }: Pick<Handoff, "mode" | "target">): boolean =>
  mode === "copy" || target !== null;

/** Null for what has not happened. */
export function viewOf(handoff: Handoff, here: WorkspaceId): HandoffView | null {
  const { id, state, mode, target, folder, outputs, grants, phase, note, caller, at, undoUntil, undone } = handoff;
  if (state === "preparing" || state === "aborted") return null;
  return {
    id,
    state: state === "undone" ? "undone" : "committed",
    mode,
    workspace: target ?? here,
    folder,
    files: outputs.map(({ from, to, file }) => ({ from, to, file })),
    recipients: grants.map(({ id: grant, to, bundle }) => ({ to, role: "role" in bundle ? bundle.role : "", grant })),
    phase: { before: phase.before?.name ?? null, after: phase.after?.name ?? null },
    note,
    by: caller.principal,
    at,
    undoUntil,
    undone,
  };
}
