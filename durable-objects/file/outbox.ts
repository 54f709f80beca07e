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

const PACKETS = Math.floor(LIMITS.SHIP_BATCH_MAX / LIMITS.OUTBOX_ROW_MAX) - 1;

/** The events to ship next, oldest first; empty when there are none. */
export function nextBatch({ outbox }: FileRecord, tables: FileTables): AuditEvent[] {
  const spilled = tables.spilled(PACKETS);
  const [oldest] = outbox;
  const isNext = oldest !== undefined && (spilled.length === 0 || spilled.at(-1)?.n === oldest.n - 1);
  return isNext ? [...spilled, ...outbox] : spilled;
}

/** When the events want to be shipped; null when there are none. */
export function shipDue({ nextEvent, outbox }: FileRecord, tables: FileTables): number | null {
  const oldest = tables.spilledFrom() ?? outbox[0];
  if (oldest === undefined) return null;
  return nextEvent - oldest.n >= LIMITS.SHIP_EARLY_AT ? oldest.at : oldest.at + LIMITS.SHIP_DELAY_MS;
}

/** The change that forgets what the workspace has confirmed. */
export function acknowledged(record: FileRecord, tables: FileTables, through: number): Change {
  return {
    record: { outbox: record.outbox.filter((event) => event.n > through) },
    also: () => {
      if (tables.spilledFrom() !== null) tables.removeSpill(through);
    },
  };
}
