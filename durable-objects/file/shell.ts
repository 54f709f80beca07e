// Owns the state of one file in memory and on disk, and the way every change takes: authorise, decide (elsewhere,
// purely), one transaction with its event, then effects. It knows nothing of what the commands mean.

import type { AccessLease } from "../../src/domain/access/leases.ts";
import { wallAgainst } from "../../src/domain/access/scopes.ts";
import type { Call, Caller } from "../../src/domain/calls.ts";
import { doneByTime, refused } from "../../src/domain/events.ts";
import type { FileId } from "../../src/domain/ids.ts";
import { decide, type Decision, type LockCommand } from "../../src/domain/locks/decide.ts";
import { mustSave, restore } from "../../src/domain/locks/durability.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import type { LockPolicy, Surroundings } from "../../src/domain/locks/policy.ts";
import { type LockState, NO_LOCKS } from "../../src/domain/locks/state.ts";
import { wakes } from "../../src/domain/locks/wakes.ts";
import type { Permission } from "../../src/domain/permissions.ts";
import type { Problem } from "../../src/domain/problems.ts";
import { type Err, err, ok, type Result } from "../../src/domain/result.ts";
import { plain } from "../../src/platform/objects.ts";
import { Alarm } from "../alarm.ts";
import { Replies } from "../replies.ts";
import { Database } from "../sql.ts";
import type { Change } from "./change.ts";
import { nextDue } from "./dues.ts";
import { Leases } from "../leases.ts";
import { enqueue, spill } from "./outbox.ts";
import { Sockets } from "./sockets.ts";
import { type FileRecord, FileTables } from "./tables.ts";

/** A file that the caller may act on now. */
export interface Opened {
  record: FileRecord;
  at: Surroundings;
}

/** Why a lease does not let a call through; null when it does. */
export function beyond(lease: AccessLease, call: Call, also: readonly Permission[] = []): Problem | null {
  const missing = [call.permission, ...also].find((permission) => !lease.permissions.includes(permission));
  if (missing !== undefined) return { code: "forbidden", permission: missing };
  const wall = wallAgainst(lease.scopes, call);
  return wall === null ? null : { code: "key_scope", wall };
}

/** Makes a file live whose name was taken by a life of the object that ended before it could say so. */
export type FinishCreation = (shell: FileShell, record: FileRecord) => Promise<void>;

export class FileShell {
  readonly id: FileId;
  readonly db: Database;
  readonly tables: FileTables;
  readonly replies: Replies;
  readonly sockets: Sockets;
  readonly alarm: Alarm;
  readonly leases = new Leases<AccessLease>(() => this.#record?.epoch ?? 0);
  /** The giving of the name under way, if one is. */
  naming: Promise<Result<null>> | null = null;
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  #record: FileRecord | null;
  /** The lock state on disk; heartbeats may be ahead of it. */
  #savedLocks: LockState;
  #quietUntil = 0;
  /** The newest lease heard of. An older one, still good as a right, may tell where the file was. */
  #heard: Pick<AccessLease, "epoch" | "expiresAt"> = { epoch: 0, expiresAt: 0 };
  readonly #finishCreation: FinishCreation;

  constructor(ctx: DurableObjectState, env: Env, finishCreation: FinishCreation) {
    this.#finishCreation = finishCreation;
    this.id = ctx.id.toString() as FileId;
    this.#ctx = ctx;
    this.#env = env;
    this.db = new Database(ctx.storage);
    this.tables = new FileTables(this.db);
    this.replies = new Replies(this.db);
    this.sockets = new Sockets(ctx);
    this.alarm = new Alarm(ctx.storage);
    const record = this.tables.load();
    this.#savedLocks = record?.locks ?? NO_LOCKS;
    this.#record =
      record === null
        ? null
        : { ...record, locks: restore(record.locks, this.at(record.policy), this.sockets.witness()) };
  }

  get record(): FileRecord | null {
    return this.#record;
  }

  at(policy: LockPolicy): Surroundings {
    return { now: Date.now(), policy, connected: this.sockets.connected() };
  }

  workspace(record: FileRecord) {
    return this.#env.WORKSPACES.get(this.#env.WORKSPACES.idFromString(record.workspace));
  }

  /** Lets a caller in: the file must exist for its organization, and a lease must carry the operation's right (`also`: and these). */
  async open(call: Call, ...also: Permission[]): Promise<Result<Opened>> {
    await this.settleName();
    const first = this.#liveFor(call);
    if (!first.ok) return first;
    const lease = await this.leases.get(call.caller, () => this.askForLease(first.value, call.caller), {
      carried: call.lease,
      // One that does not carry the right may be older than one that was given since.
      suffices: ({ permissions }) => [call.permission, ...also].every((needed) => permissions.includes(needed)),
    });
    if (!lease.ok) return lease;
    const record = this.#liveFor(call);
    if (!record.ok) return record;
    this.adopt(lease.value);
    const problem = beyond(lease.value, call, also);
    if (problem !== null) return this.refuse(call, problem);
    const current = this.#record ?? record.value;
    return ok({ record: current, at: this.at(current.policy) });
  }

  /** A name may lead here before the file knows that it has it. */
  async settleName(): Promise<void> {
    const record = this.#record;
    if (record?.status !== "staged" || record.head === 0) return;
    const settled: Promise<unknown> = this.naming ?? this.#finishCreation(this, record);
    await settled.catch((error: unknown) => console.warn({ message: "name not settled", error: String(error) }));
  }

  /** The answer already given to this call, even if the file is gone since; to those who still may ask for it. */
  async repliesFor<T>(call: Call): Promise<Result<T | null>> {
    const record = this.#record;
    if (record?.organization !== call.caller.organization) return ok(null);
    const before = this.replies.find<T>(call);
    if (!before.ok || before.value === null) return before;
    const lease = await this.askForLease(record, call.caller);
    if (!lease.ok) return lease;
    const problem = beyond(lease.value, call);
    return problem === null ? before : this.refuse(call, problem);
  }

  async askForLease(record: FileRecord, caller: Caller): Promise<Result<AccessLease>> {
    return plain(this.workspace(record).grantLease(caller, this.id, record.path));
  }

  #liveFor(call: Call): Result<FileRecord> {
    const record = this.#record;
    const known = record !== null && record.organization === call.caller.organization && record.status === "live";
    return known ? ok(record) : err({ code: "not_found", what: "file" });
  }

  /** Takes over what the workspace decides: the path and the policy. They reach the disk with the next change. */
  adopt({ path, policy, epoch, expiresAt }: AccessLease): void {
    const heard = this.#heard;
    // A path changes only with the epoch. Within one, what is given later mostly ends later.
    const isNews = epoch > heard.epoch || (epoch === heard.epoch && expiresAt > heard.expiresAt);
    if (this.#record === null || !isNews) return;
    this.#heard = { epoch, expiresAt };
    this.#record = { ...this.#record, policy, path: path ?? this.#record.path };
  }

  /** Decides a command on the locks, by the state of this moment. */
  decide({ at }: Opened, command: LockCommand): Decision {
    return decide(this.#record?.locks ?? NO_LOCKS, command, at);
  }

  /** Records a refusal, with whatever time did meanwhile. */
  refuse(call: Call, problem: Problem, decision?: Decision): Err<Problem> {
    this.commit({
      ...(decision === undefined ? {} : { decision }),
      events: [refused(call.caller, call.action, problem.code)],
    });
    return err(problem);
  }

  commit(change: Change): void {
    const before = this.#record;
    if (before === null) return;
    const now = Date.now();
    const { decision, events = [] } = change;
    const locks = decision?.state ?? before.locks;
    const recorded = [...doneByTime(before.locks, decision?.events ?? []), ...events];
    const changed = { ...before, locks, ...change.record };
    const next: FileRecord = { ...changed, ...enqueue(changed, recorded, now) };

    const asks = recorded.length > 0 || change.record !== undefined || change.also !== undefined;
    if (asks || mustSave(this.#savedLocks, next.locks, now)) this.#save(next, change.also);
    else this.#hold(next, this.#savedLocks);
    for (const lock of wakes(decision?.events ?? [], next.locks)) this.sockets.wake(lock);
  }

  /** Creates the file's tables and its record. */
  create(record: FileRecord, also: () => void): void {
    this.db.transaction(() => {
      if (!this.db.has("file")) this.tables.create();
      this.tables.save(record);
      also();
    });
    this.#hold(record);
  }

  #save(record: FileRecord, also?: () => void): void {
    let saved = record;
    this.db.transaction(() => {
      saved = spill(record, this.tables);
      this.tables.save(saved);
      also?.();
    });
    this.#hold(saved);
  }

  #hold(record: FileRecord, savedLocks = record.locks): void {
    this.#record = record;
    this.#savedLocks = savedLocks;
    this.alarm.wakeBy(this.due());
  }

  /** When the file next has something to do by itself. */
  due(): number | null {
    if (this.#record === null) return null;
    const { tables, replies } = this;
    const connected = this.sockets.connected();
    return nextDue(this.#record, { tables, replies, connected, quietUntil: this.#quietUntil, now: Date.now() });
  }

  /** Puts off what depends on others (shipping, sweeping) after one of them has failed; locks are not put off. */
  backOff(failures: number): void {
    this.#quietUntil = Date.now() + Math.min(LIMITS.SHIP_RETRY_MAX_MS, LIMITS.SHIP_RETRY_MIN_MS * 2 ** failures);
  }

  isQuiet(): boolean {
    return this.#quietUntil > Date.now();
  }

  /** The file leaves nothing behind, and may be created anew by a request that names it so. */
  async destroy(): Promise<void> {
    await this.#ctx.storage.deleteAlarm();
    await this.#ctx.storage.deleteAll();
    this.db.forgetTables();
    this.#record = null;
    this.#savedLocks = NO_LOCKS;
  }
}
