// Owns one workspace: who may do what in it, which path names which file, and the order of its events. The only
// authority over them. It is asked by files for access leases, and receives their events; it relies itself on its
// organization's word on who is who.
//
// This class is the RPC surface; the state and its parts are in workspace/.

import { DurableObject } from "cloudflare:workers";
import type { AccessLease } from "../src/domain/access/leases.ts";
import type { Roster, Whose } from "../src/domain/access/standing.ts";
import type { Call, Caller } from "../src/domain/calls.ts";
import { accepted, type EventBatch, type EventDetail } from "../src/domain/events.ts";
import type { HandoffPage, HandoffState, HandoffView, NewHandoff } from "../src/domain/handoffs.ts";
import type { FileId, GrantId, HandoffId, PrincipalId, WorkspacePath } from "../src/domain/ids.ts";
import { DEFAULT_POLICY, policyFault } from "../src/domain/locks/policy.ts";
import type { Role } from "../src/domain/permissions.ts";
import type { Problem } from "../src/domain/problems.ts";
import { err, type Result } from "../src/domain/result.ts";
import type {
  Access,
  AccessAt,
  GrantView,
  ListPage,
  ListQuery,
  Member,
  NewGrant,
  NewWorkspace,
  WorkspaceChange,
  WorkspaceView,
} from "../src/domain/workspaces.ts";
import { grant, listGrants, revokeGrant } from "./workspace/access.ts";
import { grantHistory, whatCan, whoCan } from "./workspace/audits.ts";
import { attendToHandoffs } from "./workspace/handoff/due.ts";
import { handOff } from "./workspace/handoff/handoff.ts";
import type { Reservation } from "./workspace/handoff/reservations.ts";
import { listHandoffs, showHandoff } from "./workspace/handoff/show.ts";
import { decided, learnOutcomes, reserve } from "./workspace/handoff/target.ts";
import { undoHandoff } from "./workspace/handoff/undo.ts";
import { list } from "./workspace/listing.ts";
import { members, removeMember, setMember, setOwner } from "./workspace/members.ts";
import { type Naming, register, relink, resolve, type Resolved } from "./workspace/names.ts";
import { receive } from "./workspace/receipt.ts";
import { type Opened, WorkspaceShell } from "./workspace/shell.ts";
import type { WorkspaceRecord } from "./workspace/tables.ts";

export class WorkspaceObject extends DurableObject<Env> {
  /** Tells one life of the object from the next. */
  readonly bootId = crypto.randomUUID();
  readonly #shell: WorkspaceShell;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#shell = new WorkspaceShell(ctx, env, learnOutcomes);
    void ctx.blockConcurrencyWhile(() => this.#shell.alarm.load());
  }

  // ── the workspace itself ───────────────────────────────────────────────────────────────────────────────────────

  /** Creates the workspace, which its creator owns. Repeating it changes nothing. */
  async initialize(caller: Caller, { organization, name }: NewWorkspace): Promise<void> {
    const shell = this.#shell;
    if (shell.record !== null) return;
    const record: WorkspaceRecord = {
      organization,
      name,
      owner: caller.principal,
      policy: DEFAULT_POLICY,
      phase: null,
      epoch: 1,
      organizationEpoch: 0,
      createdAt: Date.now(),
      createdBy: caller.principal,
    };
    shell.commit([accepted(caller, "create_workspace", { name })], () => {
      shell.tables.create();
      shell.save(record);
    });
  }

  async view(call: Call): Promise<Result<WorkspaceView>> {
    return this.#shell.act(call, {}, viewOf);
  }

  async update(call: Call, change: WorkspaceChange): Promise<Result<WorkspaceView>> {
    const shell = this.#shell;
    const opened = await shell.open(call);
    if (!opened.ok) return opened;
    const { record } = opened.value;
    const policy = { ...record.policy, ...change.policy };
    const fault = policyFault(policy);
    if (fault !== null) return err({ code: "input_invalid", issues: [{ at: "locks.maxHold", message: fault }] });
    const { name, phase } = change;
    const by = call.caller.principal;
    const said = phase === undefined || phase === null ? null : { name: phase, by, since: Date.now() };
    const detail = {
      ...(name === undefined ? {} : { name }),
      ...(phase === undefined ? {} : { phase }),
      ...change.policy,
    };
    return shell.once(call, detail, () => {
      const next = { ...record, name: name ?? record.name, policy, phase: phase === undefined ? record.phase : said };
      shell.save(next);
      return viewOf({ ...opened.value, record: next });
    });
  }

  // ── access ─────────────────────────────────────────────────────────────────────────────────────────────────────
  // A change that takes something away is answered only when no file honours the old right any more.

  async members(call: Call): Promise<Result<Member[]>> {
    return members(this.#shell, call);
  }

  async setMember(call: Call, member: { principal: PrincipalId; role: Role }): Promise<Result<Member>> {
    return setMember(this.#shell, call, member);
  }

  async removeMember(call: Call, principal: PrincipalId): Promise<Result<true>> {
    return removeMember(this.#shell, call, principal);
  }

  async listGrants(call: Call, path: string | null): Promise<Result<GrantView[]>> {
    return listGrants(this.#shell, call, path);
  }

  async grant(call: Call, asked: NewGrant): Promise<Result<GrantView>> {
    return grant(this.#shell, call, asked);
  }

  async revokeGrant(call: Call, id: GrantId): Promise<Result<GrantView>> {
    return revokeGrant(this.#shell, call, id);
  }

  async whoCan(call: Call, path: string | null): Promise<Result<Access[]>> {
    return whoCan(this.#shell, call, path);
  }

  async whatCan(call: Call, principal: PrincipalId): Promise<Result<AccessAt[]>> {
    return whatCan(this.#shell, call, principal);
  }

  async grantHistory(call: Call): Promise<Result<{ standing: GrantView[]; history: GrantView[]; people: Roster }>> {
    return grantHistory(this.#shell, call);
  }

  /** Asked by the organization: who owns it, and that it is somebody else from now on. */
  async owner(): Promise<PrincipalId | null> {
    return this.#shell.record?.owner ?? null;
  }
  async setOwner(call: Call, change: { from: PrincipalId; to: PrincipalId; keep: Role | null }): Promise<Result<true>> {
    return setOwner(this.#shell, call, change);
  }

  /** Asked by the organization: some of its word does not hold any more. */
  async recallStandings(epoch: number, whose: Whose, by: PrincipalId | null): Promise<void> {
    await this.#shell.recallStandings(epoch, whose, by);
  }

  /** Asked by a file: may it act for this caller, and under which rights? `unnamed`: where it will be, if nowhere yet. */
  async grantLease(caller: Caller, file: FileId, unnamed: WorkspacePath): Promise<Result<AccessLease>> {
    const standing = await this.#shell.standingOf(caller);
    if (!standing.ok)
      return standing.problem.code === "not_found" ? err({ code: "not_found", what: "file" }) : standing;
    return this.#shell.lease(standing.value, file, unnamed);
  }

  /** Lets a caller in who is served elsewhere (the audit log). */
  async admit(call: Call, detail: EventDetail): Promise<Result<true>> {
    return this.#shell.act(call, detail, () => true as const);
  }

  /** Refuses what was found out elsewhere; a caller who may not even ask learns only that. */
  async refuse(call: Call, problem: Problem): Promise<Result<never>> {
    const opened = await this.#shell.open(call);
    return opened.ok ? this.#shell.refuse(call, problem) : opened;
  }

  // ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async list(call: Call, query: ListQuery): Promise<Result<ListPage>> {
    return list(this.#shell, call, query);
  }

  /** Which file a path names, with a lease for it; null when it names none. */
  async resolve(call: Call, path: WorkspacePath): Promise<Result<Resolved | null>> {
    return resolve(this.#shell, call, path);
  }

  async register(call: Call, naming: Naming): Promise<Result<AccessLease>> {
    return register(this.#shell, call, naming);
  }

  async isRegistered(file: FileId): Promise<boolean> {
    if (this.#shell.record === null) return false;
    const learned = await this.#shell.learn();
    if (!learned.ok) throw new Error(`cannot tell yet: ${learned.problem.code}`);
    return this.#shell.tables.entryOf(file) !== null;
  }

  async unregister(file: FileId): Promise<void> {
    const entry = this.#shell.record === null ? null : this.#shell.tables.entryOf(file);
    if (entry !== null) this.#shell.tables.removeEntry(entry.path);
  }

  async relink(call: Call, { file, to }: { file: FileId; to: WorkspacePath }): Promise<Result<AccessLease>> {
    return relink(this.#shell, call, file, to);
  }

  // ── handing over ───────────────────────────────────────────────────────────────────────────────────────────────

  async handOff(call: Call, asked: NewHandoff): Promise<Result<HandoffView>> {
    return handOff(this.#shell, call, asked);
  }

  async undoHandoff(call: Call, id: HandoffId): Promise<Result<HandoffView>> {
    return undoHandoff(this.#shell, call, id);
  }

  async handoff(call: Call, id: HandoffId): Promise<Result<HandoffView>> {
    return showHandoff(this.#shell, call, id);
  }

  async handoffs(call: Call, page: { before: number; limit: number }): Promise<Result<HandoffPage>> {
    return listHandoffs(this.#shell, call, page);
  }

  /** Asked by the workspace that coordinates a handoff to here: may these names come, or leave again? */
  async reserve(call: Call, reservation: Reservation): Promise<Result<true>> {
    return reserve(this.#shell, call, reservation);
  }

  /** Told by the workspace that coordinates a handoff to here. */
  async decided(id: HandoffId, state: HandoffState, whose: Whose | null): Promise<void> {
    await decided(this.#shell, id, state, whose);
  }

  /** Asked by the target of a handoff that this workspace coordinates; null for one that has not happened. */
  async handoffOutcome(id: HandoffId): Promise<HandoffState | null> {
    return this.#shell.handoffs.find(id)?.state ?? null;
  }

  // ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Receives a file's packet, and brings the audit log up to it if that can be reached. */
  async ship(batch: EventBatch): Promise<Result<number>> {
    const received = await receive(this.#shell, batch);
    if (received.ok) await this.#shell.archive(this.#shell.id);
    return received;
  }

  override async alarm(): Promise<void> {
    const shell = this.#shell;
    if (shell.record === null) return;
    await shell.ring(shell.id, () => attendToHandoffs(shell));
    shell.alarm.wakeBy(shell.handoffs.nextDue());
  }
}

function viewOf({ record, rights }: Opened): WorkspaceView {
  const { name, owner, policy, phase, createdAt, createdBy } = record;
  return { name, owner, policy, phase, createdAt, createdBy, permissions: rights.map(({ permission }) => permission) };
}
