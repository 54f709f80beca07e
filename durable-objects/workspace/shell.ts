// Owns the state of one workspace in memory and on disk, who is let in to it, and how rights are taken back. It knows
// nothing of what the operations mean.

import { isFor, type Right, rightsOn, nextEnd, type Who } from "../../src/domain/access/rights.ts";
import type { AccessLease } from "../../src/domain/access/leases.ts";
import { type Target, WHOLE_WORKSPACE } from "../../src/domain/access/grants.ts";
import { reaches, touches, wallAgainst } from "../../src/domain/access/scopes.ts";
import type { Standing, Whose } from "../../src/domain/access/standing.ts";
import type { Call, Caller } from "../../src/domain/calls.ts";
import type { EventDetail } from "../../src/domain/events.ts";
import type { FileId, PrincipalId, WorkspaceId, WorkspacePath } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import type { Permission } from "../../src/domain/permissions.ts";
import type { Problem } from "../../src/domain/problems.ts";
import { type Err, err, ok, type Result } from "../../src/domain/result.ts";
import { plain } from "../../src/platform/objects.ts";
import { Authority } from "../authority.ts";
import { Leases } from "../leases.ts";
import { Runs } from "../runs.ts";
import { HandoffTable } from "./handoff/table.ts";
import { ReservationTable } from "./handoff/reservations.ts";
import { type WorkspaceRecord, WorkspaceTables } from "./tables.ts";

/** A workspace that the caller may act in now, and what it may do where it asked to. */
export interface Opened {
  record: WorkspaceRecord;
  standing: Standing;
  rights: Right[];
}

/** Asks what has become of the handoffs that names are reserved for, and does what follows. */
export type LearnOutcomes = (shell: WorkspaceShell) => Promise<Result<true>>;

export const NOT_FOUND: Err<Problem> = err({ code: "not_found", what: "workspace" });
const NO_FILE: Err<Problem> = err({ code: "not_found", what: "file" });

/** Its word is for files. */
export class WorkspaceShell extends Authority<WorkspaceRecord, FileId> {
  readonly id: WorkspaceId;
  readonly tables: WorkspaceTables;
  /** Of files and names, to be given by handoffs that other workspaces coordinate. */
  readonly reservations: ReservationTable;
  readonly handoffs: HandoffTable;
  readonly runs = new Runs();
  /** From the organization. */
  readonly standings = new Leases<Standing>(() => this.record?.organizationEpoch ?? 0);
  readonly #learnOutcomes: LearnOutcomes;

  constructor(ctx: DurableObjectState, env: Env, learnOutcomes: LearnOutcomes) {
    super(ctx, env, LIMITS.ACCESS_LEASE_MS);
    this.#learnOutcomes = learnOutcomes;
    this.id = ctx.id.toString() as WorkspaceId;
    this.tables = new WorkspaceTables(this.db);
    this.record = this.tables.load();
    this.reservations = new ReservationTable(this.db);
    this.handoffs = new HandoffTable(this.db);
  }

  file(id: FileId) {
    return this.env.FILES.get(this.env.FILES.idFromString(id));
  }

  workspace(id: WorkspaceId) {
    return this.env.WORKSPACES.get(this.env.WORKSPACES.idFromString(id));
  }

  organization({ organization }: WorkspaceRecord) {
    return this.env.ORGANIZATIONS.get(this.env.ORGANIZATIONS.idFromName(organization));
  }

  /**
   * The organization's word on the caller. Another organization's is not asked for. Nobody is let in before it is known
   * what has become of the handoffs that names here are reserved for.
   */
  async standingOf(caller: Caller): Promise<Result<Standing>> {
    const { record } = this;
    if (record === null || record.organization !== caller.organization) return NOT_FOUND;
    const learned = await this.learn();
    if (!learned.ok) return learned;
    return this.standings.get(caller, () => plain(this.organization(record).grantStanding(caller, this.id)));
  }

  async learn(): Promise<Result<true>> {
    return this.reservations.isEmpty() ? ok(true) : this.#learnOutcomes(this);
  }

  /** Lets a caller in who holds the operation's right there. Those who hold none learn nothing, not even that it exists. */
  async open(call: Call, target: Target = WHOLE_WORKSPACE): Promise<Result<Opened>> {
    const standing = await this.standingOf(call.caller);
    return standing.ok ? this.admit(call, standing.value, target) : standing;
  }

  /** As `open`, for a caller whose standing is known; to be called in the same turn as what it admits to. */
  admit(call: Call, standing: Standing, target: Target): Result<Opened> {
    const present = this.present(call, standing);
    if (!present.ok) return present;
    const rights = this.rightsOf(standing, target);
    if (rights.length === 0 && target.path !== null) return NO_FILE;
    if (!holds(rights, call.permission)) {
      return this.refuse(call, { code: "forbidden", permission: call.permission });
    }
    if (!reaches(standing.scopes, this.id, target)) return this.refuse(call, { code: "key_scope", wall: "places" });
    return ok({ record: present.value, standing, rights });
  }

  /** Lets a caller in who holds any right anywhere in the workspace, if its key may do this operation at all. */
  present(call: Call, standing: Standing): Result<WorkspaceRecord> {
    const { record } = this;
    if (record === null || !touches(standing.scopes, this.id) || !this.#isPresent(standing)) return NOT_FOUND;
    const wall = wallAgainst(standing.scopes, call);
    return wall === null ? ok(record) : this.refuse(call, { code: "key_scope", wall });
  }

  #isPresent(standing: Standing): boolean {
    if (this.rightsOf(standing, WHOLE_WORKSPACE).length > 0) return true;
    return this.grants
      .all()
      .filter(({ effect, to }) => effect === "allow" && isFor(to, standing))
      .some(({ on }) => this.rightsOf(standing, this.targetOf(on)).length > 0);
  }

  targetOf(on: { level: string; folder?: string; file?: FileId }): Target {
    if (on.file !== undefined) return { path: this.tables.entryOf(on.file)?.path ?? null, file: on.file };
    return { path: on.folder ?? null, file: null };
  }

  rightsOf(standing: Pick<Standing, "principal" | "role" | "groups" | "grants" | "roles">, target: Target): Right[] {
    const isOwner = standing.role === "owner" || standing.principal === this.record?.owner;
    const who: Who = { principal: standing.principal, role: standing.role, groups: standing.groups, isOwner };
    const grounds = { grants: [...standing.grants, ...this.grants.all()], roles: standing.roles };
    return rightsOn(target, who, grounds, Date.now());
  }

  /** A lease for a file, which may not have its name yet; not found for those who hold no right on it. */
  lease(standing: Standing, file: FileId, unnamed: WorkspacePath | null = null): Result<AccessLease> {
    const { record } = this;
    const path = this.tables.entryOf(file)?.path ?? null;
    const target = { path: path ?? unnamed, file };
    if (path === null && this.handoffs.isParked(file)) return NO_FILE;
    if (record === null || !reaches(standing.scopes, this.id, target)) return NO_FILE;
    const rights = this.rightsOf(standing, target);
    if (rights.length === 0) return NO_FILE;
    const { principal, key, scopes } = standing;
    this.lending.note(file, principal, stakeOf(record));
    return ok({
      principal,
      key,
      permissions: rights.map(({ permission }) => permission),
      scopes,
      policy: record.policy,
      path,
      epoch: record.epoch,
      expiresAt: Math.min(Date.now() + LIMITS.ACCESS_LEASE_MS, standing.expiresAt, nextEnd(rights) ?? Infinity),
    });
  }

  /** One operation: let in, answered again if answered before, else work and event in one transaction. */
  async act<T>(
    call: Call,
    detail: EventDetail,
    work: (opened: Opened) => T,
    target: Target = WHOLE_WORKSPACE,
  ): Promise<Result<T>> {
    const opened = await this.open(call, target);
    return opened.ok ? this.once(call, detail, () => work(opened.value)) : opened;
  }

  /** The organization takes back its word on some; resolves when no file relies on it any more. */
  async recallStandings(epoch: number, whose: Whose, by: PrincipalId | null): Promise<void> {
    this.standings.drop(whose);
    const { record } = this;
    if (record === null) return;
    const organizationEpoch = Math.max(record.organizationEpoch, epoch);
    this.db.transaction(() => {
      this.save({ ...record, organizationEpoch });
      this.beginRecall(whose);
    });
    await this.settle(whose, by);
  }

  protected override async callBack(file: FileId, epoch: number, whose: Whose, by: PrincipalId | null): Promise<void> {
    await this.file(file).recall(epoch, whose, by);
  }
}

export const holds = (rights: Right[], permission: Permission): boolean =>
  rights.some((right) => right.permission === permission);

/** How long what is begun under a lease may last: a lock's longest time to live and one grace, or a wait. */
function stakeOf({ policy }: WorkspaceRecord): number {
  return 2 * policy.maxTtlMs + LIMITS.WAIT_MAX_SECONDS * 1000 + LIMITS.WAITER_LEASE_MS;
}
