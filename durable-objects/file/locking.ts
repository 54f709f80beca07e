// Owns the commands on a file's locks: open, answer again if answered before, decide, commit with the event.

import type { Call } from "../../src/domain/calls.ts";
import { accepted, doneByCaller, type EventDetail, type Unnumbered } from "../../src/domain/events.ts";
import { BEING_HANDED_OFF } from "../../src/domain/handoffs.ts";
import type { PrincipalId, LockId } from "../../src/domain/ids.ts";
import type { LockAnswer, LockOverview, OverrideAnswer } from "../../src/domain/locks/answers.ts";
import type { Decision, LockCommand } from "../../src/domain/locks/decide.ts";
import type { Surroundings } from "../../src/domain/locks/policy.ts";
import { type Standing, standingOf, toHolderView } from "../../src/domain/locks/standing.ts";
import { type Lock, type LockState, NO_LOCKS, type Request } from "../../src/domain/locks/state.ts";
import { ok, type Result } from "../../src/domain/result.ts";
import type { FileShell, Opened } from "./shell.ts";

/** What a caller says about the lock it asks for. */
export type LockTerms = Omit<Request, "holder" | "key" | "arrivedAt">;

export const requestOf = ({ caller }: Call, terms: LockTerms, { now }: Surroundings): Request => ({
  ...terms,
  holder: caller.principal,
  key: caller.key,
  arrivedAt: now,
});

/** Performs a command. Its answer is remembered under the call's Idempotency-Key, so it must not be null. */
export async function perform<T extends object | true>(
  shell: FileShell,
  call: Call,
  command: (opened: Opened) => LockCommand,
  answer: (decision: Decision) => T,
): Promise<Result<T>> {
  const opened = await shell.open(call);
  if (!opened.ok) return opened;
  const before = shell.replies.find<T>(call);
  if (!before.ok) return before;
  if (before.value !== null) return ok(before.value);

  const asked = command(opened.value);
  const takes = asked.type === "acquire" || asked.type === "override";
  if (takes && shell.tables.frozenBy(Date.now()) !== null) return shell.refuse(call, BEING_HANDED_OFF);
  const decision = shell.decide(opened.value, asked);
  if (!decision.outcome.ok) return shell.refuse(call, decision.outcome.problem, decision);
  const reply = answer(decision);
  shell.commit({
    decision,
    events: eventsOf(call, asked, decision, opened.value),
    ...(call.idempotency === null ? {} : { also: () => shell.replies.remember(call, reply, Date.now()) }),
  });
  return ok(reply);
}

export function toAnswer({ outcome, state }: Decision): LockAnswer {
  if (!outcome.ok || outcome.value.type !== "standing") throw new Error("the command answers a standing");
  const { standing } = outcome.value;
  const others = state.locks.filter((lock) => lock.id !== idOf(standing));
  return { standing, holders: others.map(toHolderView), queueLength: state.queue.length };
}

export function toOverridden({ outcome }: Decision): OverrideAnswer {
  if (!outcome.ok || outcome.value.type !== "overridden") throw new Error("override answers what it ended");
  const { ended, lock } = outcome.value;
  return { ended: ended.map(toHolderView), lock };
}

/** A repeated request names the same lock, as it stands now. */
export function asOfNow({ record }: FileShell, answer: LockAnswer): LockAnswer {
  return { ...answer, standing: standingOf(record?.locks ?? NO_LOCKS, idOf(answer.standing)) ?? answer.standing };
}

export function toOverview({ locks, queue, fence }: LockState, { caller }: Call): LockOverview {
  const mine = ({ id, holder }: { id: LockId; holder: PrincipalId }) => (holder === caller.principal ? id : null);
  return {
    locks: locks.map((lock) => ({ ...toHolderView(lock), mine: mine(lock) })),
    queue: queue.map((waiter) => {
      const { holder, level, priority, purpose, arrivedAt } = waiter;
      return { holder, level, priority, purpose, arrivedAt, mine: mine(waiter) };
    }),
    fence,
  };
}

const idOf = (standing: Standing): LockId => (standing.status === "granted" ? standing.lock.id : standing.waiter.id);

/** The event of an accepted command, and those of the locks that an override ended. */
function eventsOf({ caller, action }: Call, command: LockCommand, decision: Decision, opened: Opened): Unnumbered[] {
  const detail = describe(command, decision, opened);
  if (detail === null) return [];
  const ended = command.type === "override" ? doneByCaller(caller, opened.record.locks, decision.events) : [];
  return [accepted(caller, action, detail), ...ended];
}

/** What the event of an accepted command says; null for what leaves no trace (heartbeats, polls). */
function describe(command: LockCommand, { outcome, events }: Decision, { record, at }: Opened): EventDetail | null {
  if (!outcome.ok) return null;
  if (command.type === "release") return { lock: command.id };
  if (command.type === "tick") return { path: record.path };
  if (outcome.value.type === "overridden" && command.type === "override") {
    return describeOverride(outcome.value.ended, outcome.value.lock, command.reason);
  }
  const held = new Set(record.locks.locks.filter((lock) => lock.claimed).map((lock) => lock.id));
  const isNew = events.some((event) => event.type === "joined" || (event.type === "claimed" && !held.has(event.id)));
  if (outcome.value.type !== "standing" || !isNew) return null;
  const { standing } = outcome.value;
  if (standing.status === "granted") {
    const { id, level, token, purpose, arrivedAt } = standing.lock;
    return { lock: id, level, token, purpose, waitedMs: at.now - arrivedAt };
  }
  const { id, level, purpose } = standing.waiter;
  return command.type === "acquire" ? { lock: id, level, position: standing.position, purpose } : null;
}

function describeOverride(ended: Lock[], lock: Lock | null, reason: string): EventDetail {
  const holders = [...new Set(ended.map(({ holder }) => holder))].join(" ");
  if (lock === null) return { holders, reason };
  const { id, level, token, purpose } = lock;
  return { holders, reason, lock: id, level, token, purpose };
}
