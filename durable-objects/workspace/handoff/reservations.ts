// Owns the rows of what a handoff that another workspace coordinates is about to change here: names that will arrive,
// and names that will leave again. While there is none there is no table, and asking costs nothing.

import type { Grant } from "../../../src/domain/access/grants.ts";
import type { Caller } from "../../../src/domain/calls.ts";
import type { FileId, HandoffId, WorkspaceId, WorkspacePath } from "../../../src/domain/ids.ts";
import type { Entry } from "../../../src/domain/workspaces.ts";
import type { Database } from "../../sql.ts";

export interface Reservation {
  handoff: HandoffId;
  /** The workspace that coordinates it. */
  source: WorkspaceId;
  /** arriving: occupied for others, not there for readers · leaving: there, and cannot be changed. */
  kind: "arriving" | "leaving";
  caller: Caller;
  entries: Entry[];
  /** To be made when they arrive, ended when they leave. */
  grants: Grant[];
}

const RESERVATIONS = "(handoff TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID";

export class ReservationTable {
  readonly #db: Database;
  #all: readonly Reservation[] | null = null;

  constructor(db: Database) {
    this.#db = db;
  }

  isEmpty(): boolean {
    return !this.#db.has("reservations");
  }

  all(): readonly Reservation[] {
    if (this.isEmpty()) return [];
    this.#all ??= this.#db
      .all<{ body: string }>("SELECT body FROM reservations")
      .map(({ body }) => JSON.parse(body) as Reservation);
    return this.#all;
  }

  find(handoff: HandoffId): Reservation | null {
    return this.all().find((reservation) => reservation.handoff === handoff) ?? null;
  }

  /** Paths that are occupied although nothing is there for readers. */
  names(): ReadonlySet<WorkspacePath> {
    const arriving = this.all().filter(({ kind }) => kind === "arriving");
    return new Set(arriving.flatMap(({ entries }) => entries.map(({ path }) => path)));
  }

  isLeaving(file: FileId): boolean {
    return this.all().some(({ kind, entries }) => kind === "leaving" && entries.some((entry) => entry.file === file));
  }

  save(reservation: Reservation): void {
    this.#db.ensure("reservations", RESERVATIONS);
    this.#db.run(
      "INSERT OR REPLACE INTO reservations (handoff, body) VALUES (?, ?)",
      reservation.handoff,
      JSON.stringify(reservation),
    );
    this.#all = null;
  }

  remove(handoff: HandoffId): void {
    this.#db.run("DELETE FROM reservations WHERE handoff = ?", handoff);
    this.#all = null;
    if (this.all().length === 0) this.#db.drop("reservations");
  }
}
