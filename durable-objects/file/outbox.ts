// Owns a file's events between the transaction that recorded them and the workspace's receipt. They ride in the
// file's own row, so that a command and its event are one row written; when many pile up they spill into rows of
// their own, each holding a packet.

import type { AuditEvent, Unnumbered } from "../../src/domain/events.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import type { Change } from "./change.ts";
import type { FileRecord, FileTables } from "./tables.ts";

type Queued = Pick<FileRecord, "nextEvent" | "outbox">;

/** Numbers and appends events. */
export function enqueue({ nextEvent, outbox }: Queued, events: Unnumbered[], now: number): Queued {
  const numbered = events.map((event, index): AuditEvent => ({ ...event, n: nextEvent + index, at: now }));
  return { nextEvent: nextEvent + numbered.length, outbox: [...outbox, ...numbered] };
}

/** Moves an overfull outbox into a spill row; within the transaction that saves the record. */
export function spill(record: FileRecord, tables: FileTables): FileRecord {
  if (record.outbox.length <= LIMITS.OUTBOX_ROW_MAX) return record;
  tables.addSpill(record.outbox);
  return { ...record, outbox: [] };
}

/** The events to ship next, oldest first; empty when there are none. */
export function nextBatch(record: FileRecord, tables: FileTables): AuditEvent[] {
  return tables.oldestSpill()?.events ?? record.outbox;
}

/** When the events want to be shipped; null when there are none. */
export function shipDue(record: FileRecord, tables: FileTables): number | null {
  const oldest = nextBatch(record, tables)[0];
  if (oldest === undefined) return null;
  return record.nextEvent - oldest.n >= LIMITS.SHIP_EARLY_AT ? oldest.at : oldest.at + LIMITS.SHIP_DELAY_MS;
}

/** The change that forgets what the workspace has confirmed. */
export function acknowledged(record: FileRecord, tables: FileTables, through: number): Change {
  return {
    record: { outbox: record.outbox.filter((event) => event.n > through) },
    also: () => {
      if (tables.oldestSpill() !== null) tables.removeSpill(through);
    },
  };
}
