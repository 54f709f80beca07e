// Owns when a file has something to do by itself.

import { LIMITS } from "../../src/domain/limits.ts";
import { nextDeadline } from "../../src/domain/locks/durability.ts";
import type { LockId } from "../../src/domain/ids.ts";
import type { Replies } from "../replies.ts";
import { shipDue } from "./outbox.ts";
import type { FileRecord, FileTables } from "./tables.ts";

interface Surroundings {
  tables: FileTables;
  replies: Replies;
  connected: ReadonlySet<LockId>;
  /** What depends on others waits until then, because one of them has failed. Epoch milliseconds. */
  quietUntil: number;
  now: number;
}

/** Epoch milliseconds; null when there is nothing to do. */
export function nextDue(
  record: FileRecord,
  { tables, replies, connected, quietUntil, now }: Surroundings,
): number | null {
  const notBefore = (due: number | null) => (due === null ? null : Math.max(due, quietUntil));
  const dues = [
    nextDeadline(record.locks, connected),
    notBefore(shipDue(record, tables)),
    notBefore(tables.nextGarbageAt()),
    notBefore(nameDue(record, now)),
    notBefore(endDue(record, tables, replies, now)),
  ].filter((due) => due !== null);
  return dues.length === 0 ? null : Math.min(...dues);
}

/** A file that is gone, told and swept, ends when nobody may repeat the request that deleted it. */
function endDue(record: FileRecord, tables: FileTables, replies: Replies, now: number): number | null {
  if (record.status !== "deleted" || shipDue(record, tables) !== null || tables.nextGarbageAt() !== null) return null;
  return replies.neededUntil() ?? now;
}

/** A name that is half given or half taken away wants to be looked after. */
function nameDue({ status, createdAt }: FileRecord, now: number): number | null {
  if (status === "deleting") return now + LIMITS.SHIP_DELAY_MS;
  if (status !== "staged") return null;
  const soon = createdAt + LIMITS.SHIP_DELAY_MS;
  return now < soon ? soon : createdAt + LIMITS.UPLOAD_DEADLINE_MS;
}
