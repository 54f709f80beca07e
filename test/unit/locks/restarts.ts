// Owns the two stories of a lock and a file that restarts all the time: a holder that heartbeats keeps its lock
// through everything, and a holder that has died loses it in bounded time.

import * as fc from "fast-check";
import type { PrincipalId } from "../../../src/domain/ids.ts";
import { LEVELS, type Level } from "../../../src/domain/locks/state.ts";
import type { Rules } from "./file.ts";
import type { Care, Ticket } from "./care.ts";
import { World, type Setting } from "./model.ts";
import { setting } from "./operations.ts";

export interface Ordeal {
  setting: Setting;
  level: Level;
  restarts: Restart[];
}

interface Restart {
  /** Time before it, as a share of the longest time to live. */
  gap: number;
  /** Whether somebody waits on a connection meanwhile, which then may remember the heartbeats. */
  witness: boolean;
  connections: "kept" | "lost";
}

const HEARTBEATING: Care = { connected: false, diligent: false, hogging: true };
const DEAD: Care = { connected: false, diligent: false, hogging: false };
const WAITING: Care = { connected: true, diligent: false, hogging: false };

const restart: fc.Arbitrary<Restart> = fc.record({
  gap: fc.integer({ min: 0, max: 20 }).map((twentieths) => twentieths / 20),
  witness: fc.boolean(),
  connections: fc.constantFrom("kept", "lost"),
});

export const ordeal: fc.Arbitrary<Ordeal> = fc.record({
  setting,
  level: fc.constantFrom(...LEVELS),
  restarts: fc.array(restart, { minLength: 1, maxLength: 30, size: "max" }),
});

/** The holder heartbeats and nobody waits: it must still hold its lock after everything. */
export function keepAlive({ setting: where, level, restarts }: Ordeal, rules?: Rules): World {
  const world = new World(where, rules);
  const ticket = ask(world, "agt_holder", level, HEARTBEATING);
  for (const { gap, connections } of restarts) {
    world.advance(Math.round(gap * world.policy.maxTtlMs));
    world.evict(connections);
  }
  if (ticket === null || !world.use("release", ticket).ok) {
    world.violations.push({ invariant: "told", detail: "a lock was lost in spite of its heartbeats" });
  }
  return world;
}

/** The holder is dead from the start; others come, wait on a connection, and leave again. */
export function outlive({ setting: where, level, restarts }: Ordeal, rules?: Rules): World {
  const world = new World(where, rules);
  ask(world, "agt_holder", level, DEAD);
  for (const { gap, witness, connections } of restarts) {
    const waiter = witness ? ask(world, "agt_waiter", "exclusive", WAITING) : null;
    world.evict(connections);
    world.duplicateAlarm();
    world.advance(Math.round(gap * world.policy.maxTtlMs));
    if (waiter !== null) world.use("release", waiter);
  }
  return world;
}

function ask(world: World, agent: string, level: Level, care: Care): Ticket | null {
  const holder = agent as PrincipalId;
  return world.acquire({ holder, level, priority: 0, ttlMs: world.policy.maxTtlMs, queue: true, care });
}
