// Owns how a drawn sequence of operations is played in a world: who the workers are, what each remembers, and which
// call an operation stands for. Picks that fit nothing do nothing.

import type { PrincipalId, KeyId } from "../../../src/domain/ids.ts";
import type { Rules } from "./file.ts";
import type { Ticket } from "./care.ts";
import { World, type Setting } from "./model.ts";
import type { Operation } from "./operations.ts";

/** Two agents with a sibling each, and one alone. */
const AGENTS = ["agt_ada", "agt_ada", "agt_bob", "agt_bob", "agt_cyd"] as PrincipalId[];

interface Worker {
  holder: PrincipalId;
  /** Newest first. */
  tickets: Ticket[];
}

/** Plays a whole sequence and answers the world it leads to. */
export function play(setting: Setting, operations: Operation[], rules?: Rules): World {
  const world = new World(setting, rules);
  const workers = AGENTS.map((holder): Worker => ({ holder, tickets: [] }));
  for (const operation of operations) {
    if ("worker" in operation) act(world, workers, operation);
    else happen(world, operation);
    world.checkRest();
  }
  return world;
}

function happen(world: World, operation: Exclude<Operation, { worker: number }>): void {
  switch (operation.type) {
    case "pass":
      return world.advance(Math.round(operation.share * world.policy.maxHoldMs));
    case "lateAlarm":
      return world.delayAlarm(operation.byMs);
    case "duplicateAlarm":
      return world.duplicateAlarm();
    case "evict":
      return world.evict(operation.connections);
  }
}

function act(world: World, workers: Worker[], operation: Extract<Operation, { worker: number }>): void {
  const worker = workers[operation.worker];
  if (worker === undefined) return;
  switch (operation.type) {
    case "acquire": {
      const { level, priority, ttlShare, queue, care } = operation;
      const ttlMs = ttlOf(world, ttlShare);
      const ticket = world.acquire({ holder: worker.holder, level, priority, ttlMs, queue, care });
      if (ticket !== null) worker.tickets.unshift(ticket);
      return;
    }
    case "crash":
      worker.tickets.forEach((ticket) => world.crash(ticket));
      worker.tickets = [];
      return;
    case "override": {
      const { of, take } = operation;
      const terms = take === null ? null : { ...take, ttlMs: ttlOf(world, take.ttlShare) };
      const ticket = world.override({ by: worker.holder, of: holderOf(workers, of), take: terms });
      if (ticket !== null) worker.tickets.unshift(ticket);
      return;
    }
    case "revoke": {
      const picked = operation.picks.flatMap((index) => pick(worker.tickets, index)?.id ?? []);
      return world.revoke(picked, holderOf(workers, operation.by));
    }
    case "writeWithoutLock":
      return world.writeWithoutLock(worker.holder);
    case "trespass": {
      const foreign = workers.filter((other) => other.holder !== worker.holder).flatMap((other) => other.tickets);
      const ticket = pick(foreign, operation.pick);
      if (ticket !== undefined) world.use(operation.use, { ...ticket, holder: worker.holder });
      return;
    }
    case "use":
    case "endConversion":
    case "connect":
    case "disconnect":
    case "changeKey": {
      const ticket = pick(worker.tickets, operation.pick);
      if (ticket !== undefined) useTicket(world, ticket, operation);
    }
  }
}

type TicketOperation = Extract<Operation, { type: "use" | "endConversion" | "connect" | "disconnect" | "changeKey" }>;

function useTicket(world: World, ticket: Ticket, operation: TicketOperation): void {
  switch (operation.type) {
    case "use":
      world.use(operation.use, ticket, operation.ttlShare === null ? null : ttlOf(world, operation.ttlShare));
      return;
    case "endConversion":
      return world.endConversion(ticket);
    case "connect":
      return world.connect(ticket);
    case "disconnect":
      return world.disconnect(ticket);
    case "changeKey":
      ticket.key = operation.key as KeyId;
  }
}

const holderOf = (workers: Worker[], index: number | null): PrincipalId | null =>
  index === null ? null : (workers[index]?.holder ?? null);

const ttlOf = (world: World, share: number): number => Math.ceil(share * world.policy.maxTtlMs);

function pick<T>(from: T[], index: number): T | undefined {
  return from[index % Math.max(1, from.length)];
}
