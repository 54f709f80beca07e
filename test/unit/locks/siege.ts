// Owns hostile crowds: a stream of agents that never stops, of any level and priority, that come back as often as
// they like and hold what they get for as long as they are let. One waiter among them must be granted in its bound.

import * as fc from "fast-check";
import type { PrincipalId } from "../../../src/domain/ids.ts";
import { LIMITS } from "../../../src/domain/limits.ts";
import { LEVELS, type Level } from "../../../src/domain/locks/state.ts";
import type { Rules } from "./file.ts";
import type { Entry } from "./ledger.ts";
import type { Care } from "./care.ts";
import { World, type Setting } from "./model.ts";
import { setting } from "./operations.ts";

interface Arrival {
  agent: number;
  level: Level;
  priority: number;
}

export interface Siege {
  setting: Setting;
  /** Comes round and round. */
  crowd: Assault[];
  /** How many of the crowd come before the victim. */
  headStart: number;
  victim: Arrival;
}

interface Assault extends Arrival {
  /** Time before it, as a share of the longest hold. */
  gap: number;
  /** Whether it never answers when its turn comes. */
  absent: boolean;
  /** What befalls the file when it arrives. */
  fault: "kept" | "lost" | null;
  /** Whether it takes the lock from whoever has it (all of them or one agent), instead of asking for its own. */
  override: { of: number | null } | null;
}

/** The crowd holds back when so many wait: a longer queue only makes for a longer bound. */
const CROWD_MAX = 8;
/** Each override puts the bound off, so a crowd that never stopped overriding would never be done. */
const OVERRIDES_MAX = 6;
const HOGGING: Care = { connected: true, diligent: true, hogging: true };
const ABSENT: Care = { connected: false, diligent: false, hogging: false };

const arrival = {
  agent: fc.nat(5),
  level: fc.constantFrom(...LEVELS),
  priority: fc.oneof(fc.constantFrom(0, LIMITS.PRIORITY_MAX), fc.nat(LIMITS.PRIORITY_MAX)),
};

const assault: fc.Arbitrary<Assault> = fc.record({
  ...arrival,
  gap: fc.integer({ min: 1, max: 20 }).map((twentieths) => twentieths / 20),
  absent: fc.constantFrom(false, false, false, true),
  fault: fc.constantFrom(null, null, null, null, "kept", "lost"),
  override: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.record({ of: fc.option(arrival.agent) }) },
  ),
});

export const siege: fc.Arbitrary<Siege> = fc.record({
  setting,
  crowd: fc.array(assault, { minLength: 1, maxLength: 16, size: "max" }),
  headStart: fc.nat(20),
  victim: fc.record(arrival),
});

/** Lets the crowd have its way until the victim is granted, or its bound is past. Answers how much of it was used. */
export function besiege(
  { setting: where, crowd, headStart, victim }: Siege,
  rules?: Rules,
): { world: World; used: number } {
  const world = new World(where, rules);
  let overrides = 0;
  const press = (next: Assault | undefined): void => {
    if (next === undefined) return;
    const override = overrides < OVERRIDES_MAX ? next.override : null;
    if (override !== null) overrides++;
    assail(world, { ...next, override });
  };
  let turn = 0;
  for (; turn < headStart; turn++) press(crowd[turn % crowd.length]);
  const entry = arrive(world, victim, HOGGING);
  if (entry === undefined || entry.promisedBy === null) return { world, used: 0 };
  const inVain = (): boolean => entry.grantedAt === null && world.now <= (entry.promisedBy ?? 0);
  for (; inVain(); turn++) press(crowd[turn % crowd.length]);
  return { world, used: ((entry.grantedAt ?? world.now) - entry.askedAt) / (entry.promisedBy - entry.askedAt) };
}

function assail(world: World, next: Assault): void {
  world.advance(Math.round(next.gap * world.policy.maxHoldMs));
  if (next.fault !== null) world.evict(next.fault);
  const care = next.absent ? ABSENT : HOGGING;
  if (next.override !== null) force(world, next, next.override.of, care);
  else if (world.waiting() < CROWD_MAX) arrive(world, next, care);
}

function force(world: World, { agent, level }: Arrival, of: number | null, care: Care): void {
  const take = { level, ttlMs: world.policy.maxTtlMs, care };
  world.override({ by: agentOf(agent), of: of === null ? null : agentOf(of), take });
}

const agentOf = (agent: number): PrincipalId => `agt_${agent}` as PrincipalId;

function arrive(world: World, { agent, level, priority }: Arrival, care: Care): Entry | undefined {
  const holder = agentOf(agent);
  const ticket = world.acquire({ holder, level, priority, ttlMs: world.policy.maxTtlMs, queue: true, care });
  return ticket === null ? undefined : world.ledger.entries.get(ticket.id);
}
