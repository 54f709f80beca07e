// Owns one workspace: who may do what in it, which path names which file, and the order of its events. The only
// authority over them. It is asked by files for access leases, and receives their events.
//
// This class is the RPC surface; the state and its parts are in workspace/.

import { DurableObject } from "cloudflare:workers";
import type { AccessLease, Call, Caller } from "../src/domain/calls.ts";
import { accepted, type EventBatch, type EventDetail } from "../src/domain/events.ts";
import type { PrincipalId, FileId, WorkspacePath } from "../src/domain/ids.ts";
import { DEFAULT_POLICY, type LockPolicy, policyFault } from "../src/domain/locks/policy.ts";
import type { Role } from "../src/domain/permissions.ts";
import type { Problem } from "../src/domain/problems.ts";
import { err, ok, type Result } from "../src/domain/result.ts";
import type { ListPage, ListQuery, Member, NewWorkspace, WorkspaceView } from "../src/domain/workspaces.ts";
import { Archive } from "./workspace/archive.ts";
import { listFolder } from "./workspace/listing.ts";
import { setMember } from "./workspace/members.ts";
import { type Naming, register, relink, resolve, type Resolved } from "./workspace/names.ts";
import { receive } from "./workspace/receipt.ts";
import { WorkspaceShell } from "./workspace/shell.ts";
import type { WorkspaceRecord } from "./workspace/tables.ts";

export class WorkspaceObject extends DurableObject<Env> {
  /** Tells one life of the object from the next. */
  readonly bootId = crypto.randomUUID();
  readonly #shell: WorkspaceShell;
  #archive: Archive | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#shell = new WorkspaceShell(ctx, env);
    void ctx.blockConcurrencyWhile(() => this.#shell.alarm.load());
  }

  // ── the workspace itself ───────────────────────────────────────────────────────────────────────────────────────

  /** Creates the workspace; its creator is its first admin. Repeating it changes nothing. */
  async initialize(caller: Caller, { number, organization, name, creator }: NewWorkspace): Promise<void> {
    const shell = this.#shell;
    if (shell.record !== null) return;
    const now = Date.now();
    const record: WorkspaceRecord = {
      number,
      organization,
      name,
      policy: DEFAULT_POLICY,
      epoch: 1,
      createdAt: now,
      createdBy: creator.agent,
    };
    shell.commit([accepted(caller, "create_workspace", { name })], () => {
      shell.tables.create();
      shell.tables.save(record);
      shell.tables.saveMember({ ...creator, role: "admin", since: now });
    });
    shell.record = record;
  }

  async view(call: Call): Promise<Result<WorkspaceView>> {
    return this.#shell.act(call, {}, ({ record, member }) => viewOf(record, member));
  }

  async update(call: Call, change: { name?: string; policy: Partial<LockPolicy> }): Promise<Result<WorkspaceView>> {
    const shell = this.#shell;
    const opened = shell.open(call);
    if (!opened.ok) return opened;
    const policy = { ...opened.value.record.policy, ...change.policy };
    const detail = { ...(change.name === undefined ? {} : { name: change.name }), ...change.policy };
    const fault = policyFault(policy);
    if (fault !== null) return err({ code: "input_invalid", issues: [{ at: "locks.maxHold", message: fault }] });
    return shell.act(call, detail, ({ record, member }) => {
      const changed = { ...record, name: change.name ?? record.name, policy };
      shell.tables.save(changed);
      shell.record = changed;
      return viewOf(changed, member);
    });
  }

  async members(call: Call): Promise<Result<Member[]>> {
    return this.#shell.act(call, {}, () => this.#shell.tables.members());
  }

  /**
   * Gives an agent of the organization a role here, or (null) takes away the one it has. A change that takes
   * something away is answered only when no file honours the old right any more.
   */
  async setMember(call: Call, agent: PrincipalId, name: string, role: Role | null): Promise<Result<Member | null>> {
    return setMember(this.#shell, call, { agent, name, role });
  }

  // ── access ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Asked by a file: may it act for this caller, and under which rights? */
  async grantLease(caller: Caller, file: FileId): Promise<Result<AccessLease>> {
    const { record, tables, grants } = this.#shell;
    const member = record?.organization === caller.organization ? tables.member(caller.principal) : null;
    if (record === null || member === null) return err({ code: "not_found", what: "file" });
    return ok(grants.give(record, member, file));
  }

  /** Lets a caller in who is served elsewhere (the audit log). Answers the workspace's number. */
  async admit(call: Call, detail: EventDetail): Promise<Result<number>> {
    return this.#shell.act(call, detail, ({ record }) => record.number);
  }

  /** Refuses what was found out elsewhere; a caller who may not even ask learns only that. */
  async refuse(call: Call, problem: Problem): Promise<Result<never>> {
    const opened = this.#shell.open(call);
    return opened.ok ? this.#shell.refuse(call, problem) : opened;
  }

  // ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async list(call: Call, query: ListQuery): Promise<Result<ListPage>> {
    return this.#shell.act(call, { folder: query.folder }, () => listFolder(this.#shell.tables, query));
  }

  /** Which file a path names, with a lease for it; null when it names none. */
  async resolve(call: Call, path: WorkspacePath): Promise<Result<Resolved | null>> {
    return resolve(this.#shell, call, path);
  }

  async register(call: Call, naming: Naming): Promise<Result<AccessLease>> {
    return register(this.#shell, call, naming);
  }

  async isRegistered(file: FileId): Promise<boolean> {
    return this.#shell.record !== null && this.#shell.tables.entryOf(file) !== null;
  }

  async unregister(file: FileId): Promise<void> {
    const entry = this.#shell.record === null ? null : this.#shell.tables.entryOf(file);
    if (entry !== null) this.#shell.tables.removeEntry(entry.path);
  }

  async relink(call: Call, { file, to }: { file: FileId; to: WorkspacePath }): Promise<Result<AccessLease>> {
    return relink(this.#shell, call, file, to);
  }

  // ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Receives a file's packet, and brings the audit log up to it if that can be reached. */
  async ship(batch: EventBatch): Promise<Result<number>> {
    const received = await receive(this.#shell, batch);
    if (received.ok && !(await this.#log().catchUp())) this.#shell.alarm.wakeBy(this.#log().retryAt);
    return received;
  }

  override async alarm(): Promise<void> {
    const { alarm, record } = this.#shell;
    if (record === null) return;
    await alarm.ring(async () => void (await this.#log().catchUp()));
    if (this.#log().isBehind()) alarm.wakeBy(this.#log().retryAt);
  }

  #log(): Archive {
    this.#archive ??= new Archive(this.env.DB, this.#shell.record?.number ?? 0, this.#shell.stream);
    return this.#archive;
  }
}

function viewOf({ name, policy, createdAt, createdBy }: WorkspaceRecord, { role }: Member): WorkspaceView {
  return { name, policy, createdAt, createdBy, role };
}
