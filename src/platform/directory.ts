// Owns the directory in D1: organizations, their agents, keys and workspaces. Every change and its event are one
// batch, which D1 runs as one transaction. Never on the path of a lock or a file operation.

import type { Caller, Idempotency } from "../domain/calls.ts";
import type { EventDetail } from "../domain/events.ts";
import type { PrincipalId, KeyId, OrganizationId, WorkspaceId } from "../domain/ids.ts";
import { LIMITS } from "../domain/limits.ts";
import type { ProblemCode } from "../domain/problems.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { matchesHash, mintKey } from "./keys.ts";
import { sha256Hex } from "./encoding.ts";

export type OrganizationRole = "admin" | "member";

export interface Agent {
  id: PrincipalId;
  organization: OrganizationId;
  name: string;
  role: OrganizationRole;
  /** Epoch milliseconds. */
  createdAt: number;
}

export interface DirectoryEvent {
  seq: number;
  at: number;
  action: string;
  outcome: "accepted" | "refused";
  code: ProblemCode | null;
  agent: PrincipalId | null;
  key: KeyId | null;
  detail: EventDetail;
}

export interface ListedWorkspace {
  id: WorkspaceId;
  name: string;
  createdAt: number;
}

/** Who does something in the directory: an agent, or (null) the operator. */
export interface Actor {
  caller: Caller | null;
  action: string;
  idempotency: Idempotency | null;
}

type AgentRow = { id: string; organization: string; name: string; role: string; created_at: number };
const AGENT_COLUMNS = "id, organization, name, role, created_at";

const toAgent = ({ id, organization, name, role, created_at }: AgentRow): Agent => ({
  id: id as PrincipalId,
  organization: organization as OrganizationId,
  name,
  role: role as OrganizationRole,
  createdAt: created_at,
});

export class Directory {
  readonly #db: D1Database;
  readonly #secret: string;

  constructor(env: Pick<Env, "DB" | "SIGNING_SECRET">) {
    this.#db = env.DB;
    this.#secret = env.SIGNING_SECRET;
  }

  /** The agent a key belongs to, if the directory knows this very key. */
  async authenticate(caller: Caller, key: string): Promise<Agent | null> {
    const row = await this.#db
      .prepare(
        `SELECT a.id, a.organization, a.name, a.role, a.created_at, k.hash FROM api_keys k JOIN agents a ON a.id = k.agent
         WHERE k.id = ? AND a.id = ? AND a.organization = ?`,
      )
      .bind(caller.key, caller.principal, caller.organization)
      .first<AgentRow & { hash: string }>();
    return row !== null && (await matchesHash(key, row.hash)) ? toAgent(row) : null;
  }

  async agent(organization: OrganizationId, id: PrincipalId): Promise<Agent | null> {
    const row = await this.#db
      .prepare(`SELECT ${AGENT_COLUMNS} FROM agents WHERE id = ? AND organization = ?`)
      .bind(id, organization)
      .first<AgentRow>();
    return row === null ? null : toAgent(row);
  }

  async agents(organization: OrganizationId, after: string, limit: number): Promise<Agent[]> {
    const { results } = await this.#db
      .prepare(`SELECT ${AGENT_COLUMNS} FROM agents WHERE organization = ? AND id > ? ORDER BY id LIMIT ?`)
      .bind(organization, after, limit)
      .all<AgentRow>();
    return results.map(toAgent);
  }

  /** Statements that create an agent with its first key. */
  async newAgent(agent: Agent, key: KeyId, by: PrincipalId | null): Promise<D1PreparedStatement[]> {
    const text = await mintKey(this.#secret, { organization: agent.organization, principal: agent.id, key });
    return [
      this.#db
        .prepare("INSERT INTO agents (id, organization, name, role, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(agent.id, agent.organization, agent.name, agent.role, agent.createdAt, by),
      this.#db
        .prepare("INSERT INTO api_keys (id, agent, hash, created_at) VALUES (?, ?, ?, ?)")
        .bind(key, agent.id, await sha256Hex(text), agent.createdAt),
    ];
  }

  newOrganization(id: OrganizationId, name: string, at: number): D1PreparedStatement {
    return this.#db.prepare("INSERT INTO organizations (id, name, created_at) VALUES (?, ?, ?)").bind(id, name, at);
  }

  /** Enters a workspace; its number is its short name in the audit log. Entering it again changes nothing. */
  async enterWorkspace(caller: Caller, id: WorkspaceId, name: string, at: number): Promise<number> {
    const [, found] = await this.#db.batch<{ number: number }>([
      this.#db
        .prepare(
          "INSERT OR IGNORE INTO workspaces (id, organization, name, created_at, created_by) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(id, caller.organization, name, at, caller.principal),
      this.#db.prepare("SELECT number FROM workspaces WHERE id = ?").bind(id),
    ]);
    const number = found?.results[0]?.number;
    if (number === undefined) throw new Error("a workspace just entered has a number");
    return number;
  }

  async workspaces(
    organization: OrganizationId,
    after: number,
    limit: number,
  ): Promise<(ListedWorkspace & { number: number })[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT number, id, name, created_at AS createdAt FROM workspaces
         WHERE organization = ? AND number > ? ORDER BY number LIMIT ?`,
      )
      .bind(organization, after, limit)
      .all<ListedWorkspace & { number: number }>();
    return results;
  }

  /**
   * Does it, with its event and its answer for repetitions, all or nothing. Answers that answer; or, when the same
   * request was sent twice at once and the other was first, the other's.
   */
  async commit<T>(
    actor: Actor,
    organization: OrganizationId,
    detail: EventDetail,
    reply: T,
    statements: D1PreparedStatement[],
  ): Promise<Result<T>> {
    const now = Date.now();
    const remembered = actor.idempotency === null ? [] : this.#remember(actor, actor.idempotency, reply, now);
    try {
      await this.#db.batch([...statements, this.#event(actor, organization, null, detail, now), ...remembered]);
      return ok(reply);
    } catch (error) {
      const first = await this.replyTo<T>(actor);
      if (!first.ok) return first;
      if (first.value === null) throw error;
      return ok(first.value);
    }
  }

  async refuse(actor: Actor, organization: OrganizationId, code: ProblemCode): Promise<void> {
    await this.#event(actor, organization, code, {}, Date.now()).run();
  }

  /** The answer already given under this Idempotency-Key, null when there is none. */
  async replyTo<T>(actor: Actor): Promise<Result<T | null>> {
    if (actor.idempotency === null) return ok(null);
    const row = await this.#db
      .prepare("SELECT fingerprint, reply FROM directory_replies WHERE id = ? AND at > ?")
      .bind(replyId(actor, actor.idempotency), Date.now() - LIMITS.IDEMPOTENCY_WINDOW_MS)
      .first<{ fingerprint: string; reply: string }>();
    if (row === null) return ok(null);
    if (row.fingerprint !== actor.idempotency.fingerprint) return err({ code: "idempotency_key_reused" });
    return ok(JSON.parse(row.reply) as T);
  }

  /** Newest first. */
  async events(organization: OrganizationId, before: number, limit: number): Promise<DirectoryEvent[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT seq, at, action, outcome, code, agent, key, detail FROM directory_events
         WHERE organization = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
      )
      .bind(organization, before, limit)
      .all<Omit<DirectoryEvent, "detail"> & { detail: string }>();
    return results.map((row) => ({ ...row, detail: JSON.parse(row.detail) as EventDetail }));
  }

  #event(
    actor: Actor,
    organization: OrganizationId,
    code: ProblemCode | null,
    detail: EventDetail,
    at: number,
  ): D1PreparedStatement {
    return this.#db
      .prepare(
        `INSERT INTO directory_events (organization, at, action, outcome, code, agent, key, detail)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .bind(
        organization,
        at,
        actor.action,
        code === null ? "accepted" : "refused",
        code,
        actor.caller?.principal ?? null,
        actor.caller?.key ?? null,
        JSON.stringify(detail),
      );
  }

  #remember(actor: Actor, idempotency: Idempotency, reply: unknown, now: number): D1PreparedStatement[] {
    return [
      this.#db.prepare("DELETE FROM directory_replies WHERE at <= ?").bind(now - LIMITS.IDEMPOTENCY_WINDOW_MS),
      this.#db
        .prepare("INSERT INTO directory_replies (id, fingerprint, reply, at) VALUES (?, ?, ?, ?)")
        .bind(replyId(actor, idempotency), idempotency.fingerprint, JSON.stringify(reply), now),
    ];
  }
}

const replyId = (actor: Actor, { key }: Idempotency): string => `${actor.caller?.principal ?? "operator"} ${key}`;
