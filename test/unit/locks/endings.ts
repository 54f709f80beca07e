// Owns what a successful call ends, and how: the request that it names, or those whom an override takes from. Told from
// the command and the public list of locks alone.

import type { LockCommand } from "../../../src/domain/locks/decide.ts";
import type { PrincipalId, LockId } from "../../../src/domain/ids.ts";
import type { EndCause, LockState } from "../../../src/domain/locks/state.ts";

export interface End {
  cause: EndCause;
  at: number;
  by: PrincipalId | null;
  reason: string | null;
}

type Override = Extract<LockCommand, { type: "override" }>;

/** Whether an override names this holder. */
export const isNamed = ({ by, holder: named }: Override, holder: string): boolean =>
  named === null ? holder !== by : holder === named;

/** How the call ended a request that was there before it; null when it did not. */
export function endBy(
  command: LockCommand,
  { id, holder }: { id: LockId; holder: PrincipalId },
  { locks, queue }: LockState,
): Omit<End, "at"> | null {
  const release = { cause: "release", by: holder, reason: null } as const;
  if (command.type === "release") return id === command.id ? release : null;
  if (command.type === "revoke") {
    const wasThere = [...locks, ...queue].some((either) => either.id === id);
    return wasThere && command.ids.includes(id) ? { cause: "revocation", by: command.by, reason: null } : null;
  }
  if (command.type !== "override" || !locks.some((lock) => lock.id === id)) return null;
  if (isNamed(command, holder)) return { cause: "override", by: command.by, reason: command.reason };
  return holder === command.by ? release : null;
}
