// Owns how an agent looks after what it asked for by itself, and when it next does.

import type { PrincipalId, KeyId, LockId } from "../../../src/domain/ids.ts";
import { LIMITS } from "../../../src/domain/limits.ts";
import type { Entry } from "./ledger.ts";

/** A waiter without a connection must poll within the claim window, or its turn passes. */
const POLL_EVERY_MS = LIMITS.CLAIM_WINDOW_MS - 1000;

export interface Care {
  /** Keeps a connection open while it waits. */
  connected: boolean;
  /** Claims when woken; without a connection, polls often enough not to miss its turn. */
  diligent: boolean;
  /** Renews for as long as it is let. */
  hogging: boolean;
}

/** What an agent remembers of a request: a place in the queue, then a lock, in the end nothing of use. */
export interface Ticket {
  id: LockId;
  holder: PrincipalId;
  /** The key it goes by from its next use on. */
  key: KeyId;
  care: Care;
  lastCall: number;
}

/** When the agent next calls on its own account: to renew, to poll, or because it was woken; null if never. */
export function careDue({ care, lastCall }: Ticket, entry: Entry, connected: boolean): number | null {
  if (entry.toldUntil !== null) return care.hogging ? lastCall + Math.ceil(entry.ttlMs / 2) : null;
  if (!care.diligent) return null;
  if (!connected) return lastCall + POLL_EVERY_MS;
  if (entry.grantedAt === null) return null;
  return lastCall < entry.grantedAt ? entry.grantedAt : lastCall + POLL_EVERY_MS;
}
