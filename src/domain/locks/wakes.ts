// Owns who must hear of a change: whose turn has come, and whose wait is over. Pure.

import type { LockId } from "../ids.ts";
import type { LockEvent, LockState } from "./state.ts";

export function wakes(events: LockEvent[], { conversion, locks }: LockState): LockId[] {
  const told = events.flatMap((event) => (event.type === "offered" || event.type === "ended" ? [event.id] : []));
  const mayCommit = conversion !== null && locks.every((lock) => lock.id === conversion.lock);
  return mayCommit ? [...told, conversion.lock] : told;
}
