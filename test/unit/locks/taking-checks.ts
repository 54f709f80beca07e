// Owns the checks of locks that others end: that an override or a revocation ends what it says and nothing else, is
// refused exactly if it must be, and leaves the queue in order; and that nothing else moves a promise.

import type { LockCommand } from "../../../src/domain/locks/decide.ts";
import type { LockPolicy } from "../../../src/domain/locks/policy.ts";
import type { Lock, LockState } from "../../../src/domain/locks/state.ts";
import { COMPATIBLE } from "./compatible.ts";
import { isNamed } from "./endings.ts";
import type { Report } from "./invariants.ts";
import type { Change } from "./ledger.ts";

type Override = Extract<LockCommand, { type: "override" }>;

/** `idle` is what would have been listed without the call. */
export function checkTaking(change: Change, idle: LockState, policy: LockPolicy, report: Report): void {
  const { command } = change;
  if (command.type === "revoke") checkGone(change, command.ids, report);
  if (command.type === "override") checkOverride(command, change, idle, policy, report);
  checkQueue(change, idle, policy, report);
}

function checkGone({ state }: Change, ids: string[], report: Report): void {
  const left = [...state.locks, ...state.queue].filter(({ id }) => ids.includes(id));
  if (left.length > 0) report("taken", `${left.map(({ id }) => id).join()} is still there`);
}

function checkOverride(command: Override, change: Change, idle: LockState, policy: LockPolicy, report: Report): void {
  const { outcome, state } = change;
  const code = outcome.ok ? "success" : outcome.problem.code;
  const expected = answerTo(command, idle, policy);
  if (code !== expected) report("taken", `an override got ${code}, not ${expected}`);
  if (!outcome.ok) {
    if (JSON.stringify(state) !== JSON.stringify(idle)) report("taken", "a refused override changed the locks");
    return;
  }
  const { by, take } = command;
  const mustEnd = idle.locks.filter((lock) => isNamed(command, lock.holder) || isInTheWay(command, lock, idle));
  checkGone(
    change,
    mustEnd.map(({ id }) => id),
    report,
  );
  const kept = idle.locks.filter((lock) => !mustEnd.includes(lock));
  const lost = kept.filter(({ id }) => !state.locks.some((lock) => lock.id === id));
  if (lost.length > 0) report("taken", `${lost.map(({ id }) => id).join()} was ended, which nobody asked for`);
  const taken = state.locks.find((lock) => lock.id === take?.id);
  if (take !== null && !(taken?.holder === by && taken.claimed && taken.level === take.level))
    report("taken", `${take.id} was not taken`);
}

function answerTo(command: Override, idle: LockState, policy: LockPolicy): string {
  const { by, take } = command;
  if (take !== null && take.ttlMs > policy.maxTtlMs) return "lock_ttl_too_long";
  const foreign = idle.locks.filter(({ holder }) => holder !== by && !isNamed(command, holder));
  if (foreign.some((lock) => isInTheWay(command, lock, idle))) return "locked";
  const ends = idle.locks.some(({ holder }) => isNamed(command, holder));
  return take !== null || ends ? "success" : "not_locked";
}

/** A lock that is converting admits nothing beside it. */
function isInTheWay({ take }: Override, { id, level }: Lock, { conversion }: LockState): boolean {
  return take !== null && (!COMPATIBLE[level][take.level] || conversion?.lock === id);
}

/** Nobody who waits is passed by a call, or promised anything else, except by a lock that is taken out of turn. */
function checkQueue({ command, outcome, state }: Change, idle: LockState, policy: LockPolicy, report: Report): void {
  const taken = command.type === "override" && command.take !== null && outcome.ok;
  const before = idle.queue.map(({ id }) => id);
  const order = state.queue.map(({ id }) => before.indexOf(id)).filter((index) => index !== -1);
  if (order.some((index, i) => index < (order[i - 1] ?? 0))) report("taken", "the queue is in another order");
  for (const { id, promisedBy } of state.queue) {
    const was = idle.queue.find((waiter) => waiter.id === id);
    const moved = promisedBy - (was?.promisedBy ?? promisedBy);
    if (moved !== 0 && !(taken && moved === policy.maxHoldMs)) report("11", `the bound of ${id} moved by ${moved} ms`);
  }
}
