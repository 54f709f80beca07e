// Owns an object's recent events in their one order. Files' packets and the object's own events are appended as
// one row each; whole segments are dropped when they are old and archived, because dropping a table writes no row.
// What is kept also answers whether a packet was received before.

import type { AuditEvent, EventBatch } from "../../src/domain/events.ts";
import type { FileId } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import type { LoggedEvent } from "../../src/platform/audit.ts";
import type { Database } from "../sql.ts";

const PREFIX = "stream_";

/** A segment's name ends in the time it was begun, epoch milliseconds. */
const COLUMNS = `(
  first   INTEGER PRIMARY KEY, -- seq of the first event in this row
  last    INTEGER NOT NULL,    -- seq of the last
  file    TEXT,                -- whose packet it is; null: the object's own
  through INTEGER NOT NULL,    -- number of the last event within its source
  events  TEXT NOT NULL        -- JSON AuditEvent[]
)`;

export class Stream {
  readonly #db: Database;
  /** Names of the segments, oldest first. */
  #segments: string[];
  #nextSeq: number;
  /** For each file heard of in the segments kept, the number of its newest event; read when first asked for. */
  #heard: Map<string, number> | null = null;

  constructor(db: Database) {
    this.#db = db;
    this.#segments = db
      .tables()
      .filter((table) => table.startsWith(PREFIX))
      .toSorted((a, b) => begunAt(a) - begunAt(b));
    const newest = this.#segments.at(-1);
    this.#nextSeq = newest === undefined ? 1 : this.#lastOf(newest) + 1;
  }

  /** The number of the newest event received of a file, if any was received in the time kept. */
  heardOf(file: FileId): number | null {
    this.#heard ??= this.#readHeard();
    return this.#heard.get(file) ?? null;
  }

  /** Everything received since then is still here; epoch milliseconds. */
  keptSince(): number {
    const [oldest] = this.#segments;
    if (oldest === undefined) return -Infinity;
    const first = this.#db.first<{ first: number }>(`SELECT first FROM ${oldest} ORDER BY first LIMIT 1`)?.first;
    return first === 1 ? -Infinity : begunAt(oldest);
  }

  /** Appends a packet as one row; to be called within a transaction. */
  append(file: FileId | null, events: AuditEvent[], now: number): void {
    const segment = this.#segmentFor(now);
    const last = this.#nextSeq + events.length - 1;
    const through = events.at(-1)?.n ?? 0;
    this.#db.run(
      `INSERT INTO ${segment} (first, last, file, through, events) VALUES (?, ?, ?, ?, ?)`,
      this.#nextSeq,
      last,
      file,
      through,
      JSON.stringify(events),
    );
    this.#nextSeq = last + 1;
    if (file !== null) this.#heard?.set(file, through);
  }

  get lastSeq(): number {
    return this.#nextSeq - 1;
  }

  /** Whole packets after `seq`, oldest first, until there are `limit` events or more. */
  after(seq: number, limit: number): LoggedEvent[] {
    const found: LoggedEvent[] = [];
    for (const segment of this.#segments) {
      if (found.length >= limit) break;
      const rows = this.#db.all<{ first: number; file: string | null; events: string }>(
        `SELECT first, file, events FROM ${segment} WHERE first > ? ORDER BY first LIMIT ?`,
        seq,
        limit,
      );
      for (const row of rows) {
        if (found.length >= limit) break;
        const events = JSON.parse(row.events) as AuditEvent[];
        found.push(...events.map((e, index) => ({ ...e, file: fileOf(e, row.file), seq: row.first + index })));
      }
    }
    return found;
  }

  /** Drops segments that are archived and old; the newest two always stay. */
  trim(archivedThrough: number, now: number): void {
    while (this.#segments.length > 2) {
      const [oldest, next] = this.#segments;
      if (oldest === undefined || next === undefined || begunAt(next) > now - LIMITS.STREAM_SEGMENT_MS) return;
      if (this.#lastOf(oldest) > archivedThrough) return;
      this.#db.drop(oldest);
      this.#segments = this.#segments.slice(1);
    }
  }

  #segmentFor(now: number): string {
    const newest = this.#segments.at(-1);
    if (newest !== undefined && begunAt(newest) > now - LIMITS.STREAM_SEGMENT_MS) return newest;
    const segment = `${PREFIX}${now}`;
    this.#db.ensure(segment, COLUMNS);
    this.#segments = [...this.#segments, segment];
    return segment;
  }

  #lastOf(segment: string): number {
    return this.#db.first<{ last: number }>(`SELECT last FROM ${segment} ORDER BY first DESC LIMIT 1`)?.last ?? 0;
  }

  #readHeard(): Map<string, number> {
    const heard = new Map<string, number>();
    for (const segment of this.#segments) {
      const rows = this.#db.all<{ file: string; through: number }>(
        `SELECT file, MAX(through) AS through FROM ${segment} WHERE file IS NOT NULL GROUP BY file`,
      );
      for (const { file, through } of rows) heard.set(file, through);
    }
    return heard;
  }
}

/**
 * Whether a packet may have been received before although nothing is remembered of its file: only if one of its events
 * is older than what is kept, since nothing is received before it happens.
 */
export function mayBeRepeated(batch: EventBatch, stream: Stream): boolean {
  return batch.events.some((event) => event.at <= stream.keptSince() + LIMITS.CLOCK_SKEW_MS);
}

/** An event of the workspace's own that is about a file (a move) is found with that file. */
const fileOf = ({ detail }: AuditEvent, source: string | null): FileId | null =>
  (source ?? detail["file"] ?? null) as FileId | null;

const begunAt = (segment: string): number => Number(segment.slice(PREFIX.length));
