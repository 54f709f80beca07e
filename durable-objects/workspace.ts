// Owns one workspace: who may do what in it, which path names which file, and the order of its events. The only
// authority over them. It is asked by files for access leases, and receives their events.
//
// This class is the RPC surface; the state and its parts are in workspace/.

import { DurableObject } from "cloudflare:workers";
import type { AccessLease, Call, Caller } from "../src/domain/calls.ts";
import { accepted, type EventBatch, type EventDetail, refused, type Unnumbered } from "../src/domain/events.ts";
import type { AgentId, FileId, OrganizationId, WorkspacePath } from "../src/domain/ids.ts";
import { LIMITS } from "../src/domain/limits.ts";
import { DEFAULT_POLICY, type LockPolicy, policyFault } from "../src/domain/locks/policy.ts";
import { ancestors } from "../src/domain/paths.ts";
import { reduces, type Role, ROLE_PERMISSIONS } from "../src/domain/permissions.ts";
import type { Problem } from "../src/domain/problems.ts";
import { type Err, err, ok, type Result } from "../src/domain/result.ts";
import { etagOf, type Version } from "../src/domain/versions.ts";
import { archivedOf } from "../src/platform/audit.ts";
import { Alarm } from "./alarm.ts";
import { Replies } from "./replies.ts";
import { Database } from "./sql.ts";
import { Archive } from "./workspace/archive.ts";
import { Grants } from "./workspace/grants.ts";
import { listFolder, type ListPage, type ListQuery } from "./workspace/listing.ts";
import { mayBeRepeated, Stream } from "./workspace/stream.ts";
import { type Member, type WorkspaceRecord, WorkspaceTables } from "./workspace/tables.ts";

export interface NewWorkspace {
  number: number;
  organization: OrganizationId;
  name: string;
  creator: { agent: AgentId; name: string };
}

export interface WorkspaceView {
  name: string;
  policy: LockPolicy;
  createdAt: number;
  createdBy: AgentId;
  /** The caller's own. */
  role: Role;
}

/** What a path leads to, and the lease to use it with. */
export interface Resolved {
  file: FileId;
  lease: AccessLease;
}

/** A name that a file asks for. */
export interface Naming {
  file: FileId;
  path: WorkspacePath;
  version: Version;
}

interface Opened {
  record: WorkspaceRecord;
  member: Member;
}

const NOT_FOUND: Err<Problem> = err({ code: "not_found", what: "workspace" });

export class WorkspaceObject extends DurableObject<Env> {
  /** Tells one life of the object from the next. */
  readonly bootId = crypto.randomUUID();
  readonly #db: Database;
  readonly #tables: WorkspaceTables;
  readonly #replies: Replies;
  readonly #grants: Grants;
  readonly #stream: Stream;
  readonly #alarm: Alarm;
  #archive: Archive | null = null;
  #record: WorkspaceRecord | null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#db = new Database(ctx.storage);
    this.#tables = new WorkspaceTables(this.#db);
    this.#replies = new Replies(this.#db);
    this.#grants = new Grants(this.#tables);
    this.#stream = new Stream(this.#db);
    this.#alarm = new Alarm(ctx.storage);
    this.#record = this.#tables.load();
    void ctx.blockConcurrencyWhile(() => this.#alarm.load());
  }

  // ── the workspace itself ───────────────────────────────────────────────────────────────────────────────────────

  /** Creates the workspace; its creator is its first admin. Repeating it changes nothing. */
  async initialize(caller: Caller, { number, organization, name, creator }: NewWorkspace): Promise<void> {
    if (this.#record !== null) return;
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
    this.#db.transaction(() => {
      this.#tables.create();
      this.#tables.save(record);
      this.#tables.saveMember({ ...creator, role: "admin", since: now });
    });
    this.#record = record;
    this.#commit([accepted(caller, "create_workspace", { name })]);
  }

  async view(call: Call): Promise<Result<WorkspaceView>> {
    return this.#act(call, {}, ({ record, member }) => viewOf(record, member));
  }

  async update(call: Call, change: { name?: string; policy?: Partial<LockPolicy> }): Promise<Result<WorkspaceView>> {
    const policy = { ...(this.#record?.policy ?? DEFAULT_POLICY), ...change.policy };
    const fault = policyFault(policy);
    if (fault !== null) return err({ code: "input_invalid", issues: [{ at: "locks.maxHold", message: fault }] });
    const detail = { ...(change.name === undefined ? {} : { name: change.name }), ...change.policy };
    return this.#act(call, detail, ({ record, member }) => {
      const changed = { ...record, name: change.name ?? record.name, policy };
      this.#tables.save(changed);
      this.#record = changed;
      return viewOf(changed, member);
    });
  }

  // ── members ────────────────────────────────────────────────────────────────────────────────────────────────────

  async members(call: Call): Promise<Result<Member[]>> {
    return this.#act(call, {}, () => this.#tables.members());
  }

  /**
   * Gives an agent of the organization a role here, or (null) takes away the one it has. A change that takes
   * something away is answered only when no file honours the old right any more.
   */
  async setMember(call: Call, agent: AgentId, name: string, role: Role | null): Promise<Result<Member | null>> {
    const opened = this.#open(call);
    if (!opened.ok) return opened;
    const { record } = opened.value;
    const answered = this.#replies.find<{ member: Member | null }>(call);
    if (!answered.ok) return answered;
    if (answered.value !== null) {
      await this.#recallFrom(agent);
      return ok(answered.value.member);
    }
    const before = this.#tables.member(agent);
    const taken = before !== null && reduces(before.role, role);
    if (before === null && role === null && !this.#grants.isUnconfirmed(agent)) {
      return this.#refuse(call, { code: "not_found", what: "member" });
    }
    if (before?.role === "admin" && role !== "admin" && this.#admins() === 1) {
      return this.#refuse(call, { code: "last_admin" });
    }

    const now = Date.now();
    const after = role === null ? null : { agent, name, role, since: before?.since ?? now };
    const next = taken ? { ...record, epoch: record.epoch + 1 } : record;
    this.#commit([accepted(call.caller, call.action, { member: agent, role, before: before?.role ?? null })], () => {
      if (after === null) this.#tables.removeMember(agent);
      else this.#tables.saveMember(after);
      this.#replies.remember(call, { member: after }, now);
      if (!taken) return;
      this.#tables.save(next);
      this.#tables.saveRecall(agent, next.epoch, now);
    });
    this.#record = next;
    await this.#recallFrom(agent);
    return ok(after);
  }

  /** Resolves when what was taken from an agent is honoured nowhere any more. */
  async #recallFrom(agent: AgentId): Promise<void> {
    if (!this.#grants.isUnconfirmed(agent)) return;
    const epoch = this.#record?.epoch ?? 0;
    await this.#grants.recall(agent, epoch, (file, newest, whose) => this.#file(file).recall(newest, whose));
  }

  #admins(): number {
    return this.#tables.members().filter((member) => member.role === "admin").length;
  }

  // ── access ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Asked by a file: may it act for this caller, and under which rights? */
  async grantLease(caller: Caller, file: FileId): Promise<Result<AccessLease>> {
    const record = this.#record;
    const member = record?.organization === caller.organization ? this.#tables.member(caller.agent) : null;
    if (record === null || member === null) return err({ code: "not_found", what: "file" });
    return ok(this.#grants.give(record, member, file));
  }

  /**
   * Which file a path names, with a lease for it; null when it names none. For the repetition of a request that took
   * the name away, it still names the file that it named.
   */
  async resolve(call: Call, path: WorkspacePath): Promise<Result<Resolved | null>> {
    const opened = this.#open(call);
    if (!opened.ok) return opened;
    const repeated = this.#replies.find<{ file: FileId }>(call);
    if (!repeated.ok) return repeated;
    const file = repeated.value?.file ?? this.#tables.entryAt(path)?.file;
    if (file === undefined) return ok(null);
    const { record, member } = opened.value;
    return ok({ file, lease: this.#grants.give(record, member, file) });
  }

  /** Lets a caller in who is served elsewhere (the audit log). Answers the workspace's number. */
  async admit(call: Call, detail: EventDetail): Promise<Result<number>> {
    return this.#act(call, detail, ({ record }) => record.number);
  }

  #open(call: Call): Result<Opened> {
    const record = this.#record;
    if (record === null || record.organization !== call.caller.organization) return NOT_FOUND;
    const member = this.#tables.member(call.caller.agent);
    if (member === null) return NOT_FOUND;
    if (!ROLE_PERMISSIONS[member.role].includes(call.permission)) {
      return this.#refuse(call, { code: "forbidden", permission: call.permission, role: member.role });
    }
    return ok({ record, member });
  }

  // ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async list(call: Call, query: ListQuery): Promise<Result<ListPage>> {
    return this.#act(call, { folder: query.folder }, () => listFolder(this.#tables, query));
  }

  /** Gives a new file its name. Repeating it for the same file changes nothing. */
  async register(call: Call, { file, path, version }: Naming): Promise<Result<AccessLease>> {
    const opened = this.#open(call);
    if (!opened.ok) return opened;
    const taken = this.#occupied(path);
    if (taken !== null && taken.file !== file) return this.#refuse(call, { code: "path_taken", path, by: taken.by });
    if (taken === null) {
      this.#db.transaction(() => this.#tables.addEntry({ path, file, ...summary(version) }));
    }
    return ok(this.#grants.give(opened.value.record, opened.value.member, file));
  }

  async isRegistered(file: FileId): Promise<boolean> {
    return this.#record !== null && this.#tables.entryOf(file) !== null;
  }

  /** Frees a deleted file's name. `call` is null when it is freed late, after a crash. */
  async unregister(file: FileId, call: Call | null): Promise<void> {
    const entry = this.#tables.entryOf(file);
    if (entry === null) return;
    this.#db.transaction(() => {
      this.#tables.removeEntry(entry.path);
      if (call !== null) this.#replies.remember(call, { file }, Date.now());
    });
  }

  /** Moves a file's name, and tells with a lease that it did. The move and its event are one transaction: it happens here. */
  async relink(call: Call, { file, to }: { file: FileId; to: WorkspacePath }): Promise<Result<AccessLease>> {
    const opened = this.#open(call);
    if (!opened.ok) return opened;
    const entry = this.#tables.entryOf(file);
    if (entry === null) return err({ code: "not_found", what: "file" });
    const { record, member } = opened.value;
    if (entry.path === to) return ok(this.#grants.give(record, member, file));
    const taken = this.#occupied(to, entry.path);
    if (taken !== null) return this.#refuse(call, { code: "path_taken", path: to, by: taken.by });
    this.#commit([accepted(call.caller, call.action, { file, from: entry.path, to })], () => {
      this.#tables.removeEntry(entry.path);
      this.#tables.addEntry({ ...entry, path: to });
      this.#replies.remember(call, { file }, Date.now());
    });
    return ok(this.#grants.give(record, member, file));
  }

  /** What stands in the way of a name: a file there, a file where a folder would have to be, or a folder there. */
  #occupied(path: WorkspacePath, except?: WorkspacePath): { by: "file" | "folder"; file: FileId | null } | null {
    const there = this.#tables.entryAt(path);
    if (there !== null) return { by: "file", file: there.file };
    const above = ancestors(path).some((folder) => folder !== except && this.#tables.entryAt(folder) !== null);
    if (above) return { by: "file", file: null };
    const below = this.#tables.entriesIn(`${path}/`, `${path}/`, 2).some((entry) => entry.path !== except);
    return below ? { by: "folder", file: null } : null;
  }

  // ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Receives a file's packet: puts it in the workspace's order, once, and into the audit log if that can be reached.
   * Answers the number of the last event received, so that the file may forget them.
   */
  async ship(batch: EventBatch): Promise<Result<number>> {
    const last = batch.events.at(-1);
    if (this.#record === null || last === undefined) return NOT_FOUND;
    const heard = this.#stream.heardOf(batch.file) ?? (await this.#heardLongAgo(batch));
    if (heard === null) return err({ code: "unavailable", part: "audit log", retryAfterMs: LIMITS.SHIP_RETRY_MIN_MS });

    const fresh = batch.events.filter((event) => event.n > Math.max(heard, this.#stream.heardOf(batch.file) ?? 0));
    if (fresh.length > 0) {
      this.#db.transaction(() => {
        this.#stream.append(batch.file, fresh, Date.now());
        this.#takeOver(batch.file, fresh);
      });
    }
    if (!(await this.#archiveNow().catchUp())) this.#alarm.wakeBy(this.#archiveNow().retryAt);
    return ok(last.n);
  }

  /** What the log holds of a file whose packet is older than memory; 0 for a packet that must be new; null: unknown. */
  async #heardLongAgo(batch: EventBatch): Promise<number | null> {
    if (!mayBeRepeated(batch, this.#stream)) return 0;
    return archivedOf(this.env.DB, batch.file).catch(() => null);
  }

  /** Lists show what the newest commit among these events said. */
  #takeOver(file: FileId, events: EventBatch["events"]): void {
    const commit = events.findLast((e) => e.outcome === "accepted" && e.detail["sha256"] !== undefined);
    if (commit === undefined) return;
    const { version, size, sha256 } = commit.detail;
    const n = Number(version);
    const etag = etagOf({ n, sha256: String(sha256) });
    this.#tables.updateEntry(file, { version: n, size: Number(size), etag, updatedAt: commit.at });
  }

  #archiveNow(): Archive {
    this.#archive ??= new Archive(this.env.DB, this.#record?.number ?? 0, this.#stream);
    return this.#archive;
  }

  override async alarm(): Promise<void> {
    this.#alarm.fired();
    if (this.#record !== null && !(await this.#archiveNow().catchUp())) this.#alarm.wakeBy(this.#archiveNow().retryAt);
  }

  // ── every change ───────────────────────────────────────────────────────────────────────────────────────────────

  /** One synchronous operation: open, answer again if answered before, then work and event in one transaction. */
  #act<T>(call: Call, detail: EventDetail, work: (opened: Opened) => T): Result<T> {
    const opened = this.#open(call);
    if (!opened.ok) return opened;
    const before = this.#replies.find<T>(call);
    if (!before.ok) return before;
    if (before.value !== null) return ok(before.value);
    return ok(
      this.#commit([accepted(call.caller, call.action, detail)], () => {
        const reply = work(opened.value);
        this.#replies.remember(call, reply, Date.now());
        return reply;
      }),
    );
  }

  #refuse(call: Call, problem: Problem): Err<Problem> {
    this.#commit([refused(call.caller, call.action, problem.code)]);
    return err(problem);
  }

  #commit(events: Unnumbered[]): void;
  #commit<T>(events: Unnumbered[], work: () => T): T;
  #commit(events: Unnumbered[], work?: () => unknown): unknown {
    const now = Date.now();
    const result = this.#db.transaction(() => {
      this.#stream.append(
        null,
        events.map((event) => ({ ...event, n: 0, at: now })),
        now,
      );
      return work?.();
    });
    this.#alarm.wakeBy(now + LIMITS.SHIP_DELAY_MS);
    return result;
  }

  #file(id: FileId) {
    return this.env.FILES.get(this.env.FILES.idFromString(id));
  }
}

function viewOf({ name, policy, createdAt, createdBy }: WorkspaceRecord, { role }: Member): WorkspaceView {
  return { name, policy, createdAt, createdBy, role };
}

function summary(version: Version) {
  return { version: version.n, size: version.size, etag: etagOf(version), updatedAt: version.at };
}
