// Owns the commands on a file's locks: open, answer again if answered before, decide, commit with the event.

import type { Call } from "../../src/domain/calls.ts";
import { accepted, type EventDetail } from "../../src/domain/events.ts";
import type { PrincipalId, LockId } from "../../src/domain/ids.ts";
import type { LockAnswer, LockOverview } from "../../src/domain/locks/answers.ts";
import {
  type Decision,
  type LockCommand,
  type Standing,
  standingOf,
  toHolderView,
} from "../../src/domain/locks/decide.ts";
import { type LockState, NO_LOCKS } from "../../src/domain/locks/state.ts";
import { ok, type Result } from "../../src/domain/result.ts";
import type { FileShell, Opened } from "./shell.ts";

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
  const decision = shell.decide(opened.value, asked);
  if (!decision.outcome.ok) return shell.refuse(call, decision.outcome.problem, decision);
  const reply = answer(decision);
  const event = describe(asked, decision, opened.value);
  shell.commit({
    decision,
    events: event === null ? [] : [accepted(call.caller, call.action, event)],
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

/** What the event of an accepted command says; null for what leaves no trace (heartbeats, polls). */
function describe(command: LockCommand, { outcome, events }: Decision, { record, at }: Opened): EventDetail | null {
  if (!outcome.ok) return null;
  if (command.type === "release") return { lock: command.id };
  if (command.type === "tick") return { path: record.path };
  const changed = events.some((event) => event.type === "joined" || event.type === "claimed");
  if (outcome.value.type !== "standing" || !changed) return null;
  const { standing } = outcome.value;
  if (standing.status === "granted") {
    const { id, level, token, purpose, arrivedAt } = standing.lock;
    return { lock: id, level, token, purpose, waitedMs: at.now - arrivedAt };
  }
  const { id, level, purpose } = standing.waiter;
  return command.type === "acquire" ? { lock: id, level, position: standing.position, purpose } : null;
}
