// Owns what a recall does to a file: leases are forgotten, older ones are refused from now on, and those who hold or
// wait for a lock without the right to it any more are put out.

import { concerns, type Whose } from "../../src/domain/access/standing.ts";
import type { Caller } from "../../src/domain/calls.ts";
import type { KeyId, PrincipalId } from "../../src/domain/ids.ts";
import type { Result } from "../../src/domain/result.ts";
import type { AccessLease } from "../../src/domain/access/leases.ts";
import type { FileShell } from "./shell.ts";
import type { FileRecord } from "./tables.ts";

/** What holding a lock, or waiting for one, needs. */
const NEEDED = "locks:acquire";

/**
 * Honours only leases of this epoch and newer ones of those concerned. Throws when it cannot be told who still has a
 * right: the recall then counts as not confirmed.
 */
export async function honourOnly(shell: FileShell, epoch: number, whose: Whose, by: PrincipalId | null): Promise<void> {
  shell.leases.drop(whose);
  const { record } = shell;
  if (record === null) return;
  if (record.epoch < epoch) shell.commit({ record: { epoch } });
  for (const caller of holdersOf(record, whose)) {
    const lease = await shell.leases.get(caller, () => shell.askForLease(record, caller));
    if (hasLost(lease)) putOut(shell, caller, by);
  }
}

/** Who holds or waits for a lock, by the keys they did it with. */
function holdersOf({ organization, locks }: FileRecord, whose: Whose): Caller[] {
  const callers = [...locks.locks, ...locks.queue]
    .map(({ holder, key }): Caller => ({ organization, principal: holder, key }))
    .filter((caller) => concerns(whose, caller));
  return [...new Map<KeyId, Caller>(callers.map((caller) => [caller.key, caller])).values()];
}

function hasLost(lease: Result<AccessLease>): boolean {
  if (lease.ok) return !lease.value.permissions.includes(NEEDED);
  if (lease.problem.code === "unavailable") throw new Error("whether the right is left cannot be told now");
  return true;
}

/** Those who waited come next in the same moment. */
function putOut(shell: FileShell, caller: Caller, by: PrincipalId | null): void {
  const { record } = shell;
  if (record === null) return;
  const theirs = [...record.locks.locks, ...record.locks.queue].filter(({ key }) => key === caller.key);
  const ids = theirs.map(({ id }) => id);
  const decision = shell.decide({ record, at: shell.at(record.policy) }, { type: "revoke", ids, by });
  const event = { action: "lock_revoked", outcome: "accepted" as const, code: null, agent: by, key: null };
  shell.commit({
    decision,
    events: ids.map((lock) => ({ ...event, detail: { lock, holder: caller.principal } })),
  });
}
