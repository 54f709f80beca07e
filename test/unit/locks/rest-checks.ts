// Owns the checks of what must hold whenever nobody is calling: who may hold the file together, that what is over is
// not shown, and that nobody waits for nothing, or for longer than told.

import { LIMITS } from "../../../src/domain/limits.ts";
import type { LockState } from "../../../src/domain/locks/state.ts";
import { COMPATIBLE } from "./compatible.ts";
import type { Judgement, Report } from "./invariants.ts";
import type { Entry, Ledger } from "./ledger.ts";

/** Checks what must be true of everybody whenever nothing is going on. `seen` is what a reader is shown. */
export function checkRest(ledger: Ledger, actual: LockState, seen: LockState, rest: Rest, report: Report): void {
  const { now, isOver, overdue } = rest;
  const open = [...ledger.open.values()];
  const shown = new Set([...seen.locks, ...seen.queue].map((either) => either.id));
  const held = open.filter(
    (entry) => entry.grantedAt !== null && (shown.has(entry.id) || ledger.isBelieved(entry, now)),
  );
  checkCoexistence(held, report);
  for (const entry of open) {
    if (isOver(entry) && shown.has(entry.id))
      report(entry.restarted ? "grace" : "8", `${entry.id} is shown after its end`);
  }
  for (const { id, key } of [...seen.locks, ...seen.queue]) {
    const expected = ledger.open.get(id)?.key ?? key;
    if (key !== expected) report("key", `${id} goes by ${key}, not ${expected}`);
  }
  if (overdue) return;
  checkProgress(ledger, open, actual, rest, report);
}

export interface Rest {
  now: number;
  isLive: Judgement;
  isOver: Judgement;
  /** An alarm is late: nothing can be asked of progress. */
  overdue: boolean;
}

function checkCoexistence(held: Entry[], report: Report): void {
  held.forEach((a, index) => {
    for (const b of held.slice(index + 1)) {
      if (!COMPATIBLE[a.level][b.level]) report("1", `${a.id} (${a.level}) beside ${b.id} (${b.level})`);
    }
  });
}

function checkProgress(
  ledger: Ledger,
  open: Entry[],
  actual: LockState,
  { now, isLive, isOver }: Rest,
  report: Report,
): void {
  const held = open.filter((entry) => actual.locks.some((lock) => lock.id === entry.id));
  const unclaimed = held.filter((entry) => entry.toldUntil === null && isOver(entry));
  if (unclaimed.length > 0) report("7", `${unclaimed.map((entry) => entry.id).join()} blocks without having claimed`);

  const waiting = open.filter(ledger.isWaiting);
  const live = waiting.filter(isLive);
  const barrier = waiting.some((entry) => entry.level === "exclusive" && !isOver(entry));
  const heldBack = actual.conversion !== null || (held.length > 0 && barrier);
  const stuck = live.filter((entry) => held.every((holder) => COMPATIBLE[holder.level][entry.level]));
  if (!heldBack && stuck.length > 0) report("7", `nobody alive stands in the way of ${stuck[0]?.id}`);

  for (const entry of live) {
    const late = now - ledger.boundOf(entry);
    if (late > 0) report("11", `${entry.id} still waits ${late} ms after its bound`);
    if (entry.overtakenBy > LIMITS.BYPASS_MAX) report("11", `${entry.id} was overtaken ${entry.overtakenBy} times`);
  }
}
