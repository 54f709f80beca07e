// Owns how a decision is drafted: its events are collected, together with the state they lead to. Pure.

import { LIMITS } from "../limits.ts";
import type { Surroundings } from "./policy.ts";
import { admissible } from "./queue.ts";
import { evolve, type LockEvent, type LockState } from "./state.ts";

/** Collects events and the state they lead to. */
export interface Draft {
  state: LockState;
  events: LockEvent[];
  emit: (event: LockEvent) => void;
}

export function draftOf(state: LockState): Draft {
  const draft: Draft = {
    state,
    events: [],
    emit(event) {
      draft.events.push(event);
      draft.state = evolve(draft.state, event);
    },
  };
  return draft;
}

export function grantWhatCanBe(draft: Draft, { now }: Surroundings): void {
  for (let next = admissible(draft.state); next.length > 0; next = admissible(draft.state)) {
    for (const waiter of next)
      draft.emit({ type: "offered", id: waiter.id, at: now, claimBy: now + LIMITS.CLAIM_WINDOW_MS });
  }
}
