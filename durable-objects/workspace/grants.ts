// Owns the access leases that a workspace has given, and their recall. A recall is acknowledged only when every file
// that may hold a recalled lease has confirmed, or its lease has run out. In memory it is known exactly who holds
// what; on disk only which files may hold leases until when, so that eviction forgets nothing.

import type { AccessLease } from "../../src/domain/calls.ts";
import type { PrincipalId, FileId } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import { ROLE_PERMISSIONS } from "../../src/domain/permissions.ts";
import type { Member } from "../../src/domain/workspaces.ts";
import type { WorkspaceRecord, WorkspaceTables } from "./tables.ts";

/** Tells a file to give up an agent's leases; resolves when it has. */
export type CallBack = (file: FileId, epoch: number, agent: PrincipalId) => Promise<void>;

/** Leases noted for an agent between two removals of those that have run out. */
const PRUNE_EVERY = 1000;

export class Grants {
  readonly #tables: WorkspaceTables;
  readonly #bootedAt = Date.now();
  /** For each agent, until when each file may hold a lease of it. */
  readonly #given = new Map<PrincipalId, Map<FileId, number>>();
  /** Newest epoch whose recall every holder has confirmed, by agent. */
  readonly #confirmed = new Map<PrincipalId, number>();

  constructor(tables: WorkspaceTables) {
    this.#tables = tables;
  }

  give(record: WorkspaceRecord, member: Member, file: FileId): AccessLease {
    const now = Date.now();
    const expiresAt = now + LIMITS.ACCESS_LEASE_MS;
    this.#note(member.agent, file, expiresAt);
    if (this.#tables.holderUntil(file) < expiresAt) {
      this.#tables.saveHolder(file, expiresAt + LIMITS.LEASE_RECORD_MS);
    }
    return {
      principal: member.agent,
      role: member.role,
      permissions: ROLE_PERMISSIONS[member.role],
      policy: record.policy,
      path: this.#tables.entryOf(file)?.path ?? null,
      epoch: record.epoch,
      expiresAt,
    };
  }

  #note(agent: PrincipalId, file: FileId, expiresAt: number): void {
    const given = this.#given.get(agent) ?? new Map<FileId, number>();
    this.#given.set(agent, given.set(file, expiresAt));
    if (given.size % PRUNE_EVERY !== 0) return;
    for (const [held, until] of given) if (until <= Date.now()) given.delete(held);
  }

  /** Whether a recall of this agent's leases has been begun and may not yet have reached everyone. */
  isUnconfirmed(agent: PrincipalId): boolean {
    const recall = this.#tables.recall(agent);
    if (recall === null || recall.at + LIMITS.ACCESS_LEASE_MS <= Date.now()) return false;
    return (this.#confirmed.get(agent) ?? 0) < recall.epoch;
  }

  /** Takes back an agent's leases; resolves when none given before can be used any more. */
  async recall(agent: PrincipalId, epoch: number, callBack: CallBack): Promise<void> {
    const begun = Date.now();
    const files = this.#holdersOf(agent, begun);
    if (files.length > LIMITS.RECALL_FANOUT_MAX) await waitUntil(begun + LIMITS.ACCESS_LEASE_MS);
    else await Promise.all(files.map((file) => this.#takeBack(file, epoch, agent, begun, callBack)));
    this.#confirmed.set(agent, epoch);
  }

  async #takeBack(file: FileId, epoch: number, agent: PrincipalId, begun: number, callBack: CallBack): Promise<void> {
    try {
      await callBack(file, epoch, agent);
    } catch (error) {
      console.warn({ message: "holder not reached, its lease is waited out", file, error: String(error) });
      await waitUntil(begun + LIMITS.ACCESS_LEASE_MS);
    }
  }

  /** Exactly those that hold a lease, once memory reaches back a whole lease; until then all that may hold any. */
  #holdersOf(agent: PrincipalId, now: number): FileId[] {
    if (this.#bootedAt + LIMITS.ACCESS_LEASE_MS > now) return this.#tables.holders(now);
    const given = this.#given.get(agent) ?? new Map<FileId, number>();
    return [...given].filter(([, until]) => until > now).map(([file]) => file);
  }
}

async function waitUntil(time: number): Promise<void> {
  await scheduler.wait(Math.max(0, time - Date.now()));
}
