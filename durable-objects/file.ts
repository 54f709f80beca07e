// Owns one file: its locks, its queue, its versions and its fence. The only authority over them. This class is the
// RPC surface; the rules are pure (src/domain), the state and its transactions are in file/.
//
// Every method opens the file for the caller first (organization, access lease, permission) and answers a Result.

import { DurableObject } from "cloudflare:workers";
import type { Call } from "../src/domain/calls.ts";
import type { Announced, FileContent, FileView, NewContent, NewFile, WriteTerms } from "../src/domain/content.ts";
import { accepted, type EventDetail } from "../src/domain/events.ts";
import type { AgentId, LockId, WorkspaceId, WorkspacePath } from "../src/domain/ids.ts";
import {
  type Decision,
  type LockCommand,
  type Standing,
  standingOf,
  toHolderView,
} from "../src/domain/locks/decide.ts";
import { type Request as LockRequest, NO_LOCKS } from "../src/domain/locks/state.ts";
import type { HolderView } from "../src/domain/problems.ts";
import { err, ok, type Result } from "../src/domain/result.ts";
import { CLAIM, type Turn, YOUR_TURN } from "../src/domain/turns.ts";
import type { Version } from "../src/domain/versions.ts";
import {
  announceBlob,
  blankRecord,
  commitVersion,
  contentOf,
  lockRight,
  stageFile,
  view,
  writeRight,
} from "./file/contents.ts";
import { Jobs } from "./file/jobs.ts";
import { finishCreation, finishDeletion, rename, takeName } from "./file/naming.ts";
import { FileShell, type Opened } from "./file/shell.ts";

/** A request's standing, with what surrounds it. */
export interface LockAnswer {
  standing: Standing;
  holders: HolderView[];
  queueLength: number;
}

export interface LockOverview {
  locks: (HolderView & { mine: LockId | null })[];
  queue: (Pick<LockRequest, "holder" | "level" | "priority" | "purpose" | "arrivedAt"> & { mine: LockId | null })[];
  /** No commit below this token is accepted. */
  fence: number;
}

export class FileObject extends DurableObject<Env> {
  /** Tells one life of the object from the next. */
  readonly bootId = crypto.randomUUID();
  readonly #shell: FileShell;
  readonly #jobs: Jobs;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#shell = new FileShell(ctx, env, finishCreation);
    this.#jobs = new Jobs(this.#shell, env.BLOBS);
    void ctx.blockConcurrencyWhile(() => this.#shell.alarm.load());
  }

  // ── locks ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async acquireLock(
    call: Call,
    request: Omit<LockRequest, "holder" | "arrivedAt">,
    queue: boolean,
  ): Promise<Result<LockAnswer>> {
    const answer = await this.#lockCommand(call, ({ at }) => ({
      type: "acquire",
      request: { ...request, holder: call.caller.agent, arrivedAt: at.now },
      queue,
    }));
    return answer.ok ? this.#asOfNow(call, answer.value) : answer;
  }

  /** A repeated request names the same lock, as it stands now; if its turn has come since, it collects it. */
  async #asOfNow(call: Call, answer: LockAnswer): Promise<Result<LockAnswer>> {
    const id = idOf(answer.standing);
    const standing = standingOf(this.#shell.record?.locks ?? NO_LOCKS, id) ?? answer.standing;
    const isOffered = standing.status === "granted" && !standing.lock.claimed;
    return isOffered ? this.claimLock({ ...call, idempotency: null }, id) : ok({ ...answer, standing });
  }

  async claimLock(call: Call, id: LockId): Promise<Result<LockAnswer>> {
    return this.#lockCommand(call, () => ({ type: "claim", id, holder: call.caller.agent }));
  }

  async renewLock(call: Call, id: LockId, ttlMs: number | null): Promise<Result<LockAnswer>> {
    const answer = await this.#lockCommand(call, () => ({ type: "renew", id, holder: call.caller.agent, ttlMs }));
    if (answer.ok && this.#shell.record !== null) this.#shell.sockets.remember(this.#shell.record.locks);
    return answer;
  }

  async releaseLock(call: Call, id: LockId): Promise<Result<null>> {
    const released = await this.#command(
      call,
      () => ({ type: "release", id, holder: call.caller.agent }),
      // Not null, which a remembered answer must not be.
      () => true,
    );
    return released.ok ? ok(null) : released;
  }

  /** Ends a commit's wait for readers. */
  async endConversion(call: Call, id: LockId): Promise<Result<null>> {
    const opened = await this.#shell.open(call);
    if (!opened.ok) return opened;
    const decision = this.#shell.decide(opened.value, { type: "endConversion", id, holder: call.caller.agent });
    this.#shell.commit({ decision });
    return ok(null);
  }

  async viewLocks(call: Call): Promise<Result<LockOverview>> {
    return this.#command(
      call,
      () => ({ type: "tick" }),
      () => {
        const { locks, queue, fence } = this.#shell.record?.locks ?? NO_LOCKS;
        return {
          locks: locks.map((lock) => ({ ...toHolderView(lock), mine: mine(call, lock) })),
          queue: queue.map((waiter) => {
            const { holder, level, priority, purpose, arrivedAt } = waiter;
            return { holder, level, priority, purpose, arrivedAt, mine: mine(call, waiter) };
          }),
          fence,
        };
      },
    );
  }

  #lockCommand(call: Call, command: (opened: Opened) => LockCommand): Promise<Result<LockAnswer>> {
    return this.#command(call, command, ({ outcome, state }) => {
      if (!outcome.ok || outcome.value.type !== "standing") throw new Error("the command answers a standing");
      const { standing } = outcome.value;
      const others = state.locks.filter((lock) => lock.id !== idOf(standing));
      return { standing, holders: others.map(toHolderView), queueLength: state.queue.length };
    });
  }

  /** One command on the locks: open, answer again if answered before, decide, commit with its event. */
  async #command<T>(
    call: Call,
    command: (opened: Opened) => LockCommand,
    answer: (decision: Decision) => T,
  ): Promise<Result<T>> {
    const opened = await this.#shell.open(call);
    if (!opened.ok) return opened;
    const before = this.#shell.replies.find<T>(call);
    if (!before.ok) return before;
    if (before.value !== null) return ok(before.value);

    const asked = command(opened.value);
    const decision = this.#shell.decide(opened.value, asked);
    if (!decision.outcome.ok) return this.#shell.refuse(call, decision.outcome.problem, decision);
    const event = describe(asked, decision, opened.value);
    const remember = call.idempotency !== null;
    let reply: T | undefined;
    this.#shell.commit({
      decision,
      events: event === null ? [] : [accepted(call.caller, call.action, event)],
      ...(remember ? { also: () => this.#shell.replies.remember(call, (reply = answer(decision)), Date.now()) } : {}),
    });
    return ok(reply ?? answer(decision));
  }

  // ── contents ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** The bytes of the head, or of version `n`, or where they are. */
  async read(call: Call, n: number | null): Promise<Result<FileContent>> {
    const opened = await this.#shell.open(call);
    if (!opened.ok) return opened;
    const content = contentOf(this.#shell, opened.value.record, n);
    if (content.ok) this.#record(call, { path: content.value.path, version: content.value.version.n });
    return content;
  }

  async view(call: Call): Promise<Result<FileView>> {
    const opened = await this.#shell.open(call);
    if (!opened.ok) return opened;
    this.#record(call, { path: opened.value.record.path });
    return view(this.#shell, opened.value.record);
  }

  /** Versions older than `before` (null: from the newest), newest first. */
  async versions(call: Call, before: number | null, limit: number): Promise<Result<Version[]>> {
    const opened = await this.#shell.open(call);
    if (!opened.ok) return opened;
    this.#record(call, { path: opened.value.record.path });
    return ok(this.#shell.tables.versions(before ?? Number.MAX_SAFE_INTEGER, limit));
  }

  /** Commits content as the next version. `request` is the id of this request, the same when it is repeated. */
  async write(call: Call, content: NewContent, terms: WriteTerms, request: string): Promise<Result<FileView>> {
    const opened = await this.#shell.open(call);
    if (!opened.ok) return opened;
    const before = this.#shell.replies.find<Result<FileView>>(call);
    if (!before.ok) return before;
    return before.value ?? commitVersion(this.#shell, opened.value, call, content, terms, request);
  }

  /** Says whether a write would be let in now, and announces its blob. */
  async beginUpload(call: Call, terms: WriteTerms, request: string): Promise<Result<Announced>> {
    const opened = await this.#shell.open(call);
    if (!opened.ok) return opened;
    const before = this.#answered(call);
    if (!before.ok) return before;
    if (before.value !== null) return ok(before.value);
    const right = writeRight(this.#shell, opened.value, call, terms);
    const mayWait = !right.ok && right.problem.problem.code === "readers_present";
    if (!right.ok && !mayWait) return this.#shell.refuse(call, right.problem.problem);
    return ok(this.#announce(opened.value.record.workspace, request));
  }

  async delete(call: Call, terms: WriteTerms): Promise<Result<null>> {
    const opened = await this.#shell.open(call);
    const before = this.#shell.repliesFor<true>(call);
    if (!before.ok) return before;
    if (before.value !== null) return ok(null);
    if (!opened.ok) return opened;
    const right = writeRight(this.#shell, opened.value, call, terms);
    if (!right.ok) return this.#shell.refuse(call, right.problem.problem);
    const { record } = opened.value;
    const { lastToken, fence } = right.value.decision.state;
    this.#shell.commit({
      record: { status: "deleting", head: 0, locks: { ...NO_LOCKS, lastToken, fence } },
      events: [accepted(call.caller, call.action, { path: record.path, version: record.head, lock: terms.lock })],
      also: () => {
        this.#shell.tables.discardVersions(Date.now());
        this.#shell.replies.remember(call, true, Date.now());
      },
    });
    for (const lock of this.#shell.sockets.connected()) this.#shell.sockets.wake(lock);
    await finishDeletion(this.#shell, record, call).catch(() => undefined);
    return ok(null);
  }

  async move(call: Call, to: WorkspacePath, lock: LockId | null): Promise<Result<FileView>> {
    const opened = await this.#shell.open(call);
    if (!opened.ok) return opened;
    const { record } = opened.value;
    const before = this.#shell.replies.find<Result<FileView>>(call);
    if (!before.ok) return before;
    if (before.value !== null) return before.value;
    const head = this.#shell.tables.version(record.head);
    if (head === null) return err({ code: "not_found", what: "file" });
    if (record.path === to) return view(this.#shell, record);
    const right = lockRight(this.#shell, opened.value, call, lock, head);
    if (!right.ok) return this.#shell.refuse(call, right.problem.problem);
    this.#shell.commit({ decision: right.value.decision });
    return rename(this.#shell, record, call, to);
  }

  // ── creation ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Creates this file with its first version, or answers again if this very request has created it. */
  async create(call: Call, file: NewFile, request: string): Promise<Result<FileView>> {
    const shell = this.#shell;
    const known = shell.record;
    if (known !== null && known.organization !== call.caller.organization)
      return err({ code: "not_found", what: "file" });
    const before = shell.replies.find<Result<FileView>>(call);
    if (!before.ok) return before;
    if (known?.status === "live") return before.value ?? err({ code: "path_taken", path: known.path, by: "file" });
    if (known !== null && known.status !== "staged") {
      return err({ code: "unavailable", part: "file", retryAfterMs: 1000 });
    }
    const announced = file.content.kind === "inline" || shell.tables.isGarbage(file.content.key);
    if (!announced) return err({ code: "upload_expired" });
    const record = known !== null && known.head > 0 ? known : stageFile(shell, call, file, request);
    const naming = takeName(shell, record, call);
    shell.naming = naming;
    const named = await naming.finally(() => (shell.naming = null));
    return named.ok ? view(shell, record) : named;
  }

  /** Announces the blob of a file that is yet to be created. The caller must be allowed to create it. */
  async beginCreation(
    call: Call,
    workspace: WorkspaceId,
    path: WorkspacePath,
    request: string,
  ): Promise<Result<Announced>> {
    const shell = this.#shell;
    const known = shell.record;
    if (known !== null && known.organization !== call.caller.organization)
      return err({ code: "not_found", what: "file" });
    // What a staged file remembers has not come true yet.
    if (known?.status === "staged") return ok(this.#announce(workspace, request));
    const before = this.#answered(call);
    if (!before.ok) return before;
    if (before.value !== null) return ok(before.value);
    if (known?.status === "live") return err({ code: "path_taken", path: known.path, by: "file" });
    if (known !== null) return err({ code: "unavailable", part: "file", retryAfterMs: 1000 });
    const blank = blankRecord(call, { workspace, path });
    const lease = await shell.askForLease(blank, call);
    if (!lease.ok) return lease;
    if (!lease.value.permissions.includes(call.permission)) {
      return err({ code: "forbidden", permission: call.permission, role: lease.value.role });
    }
    shell.create(blank, () => undefined);
    return ok(this.#announce(workspace, request));
  }

  #announce(workspace: WorkspaceId, request: string): Announced {
    const key = `${workspace}/${this.#shell.id}/${request}`;
    announceBlob(this.#shell, key);
    return { key };
  }

  /** The answer already given to a write or a creation, before its content is taken in again. */
  #answered(call: Call): Result<Extract<Announced, { answered: FileView }> | null> {
    const before = this.#shell.replies.find<Result<FileView>>(call);
    if (!before.ok || before.value === null) return before.ok ? ok(null) : before;
    return before.value.ok ? ok({ answered: before.value.value }) : before.value;
  }

  // ── rights, waiting, time ──────────────────────────────────────────────────────────────────────────────────────

  /** Takes back the leases of an agent (null: of all). Once this answers, no older right is honoured here. */
  async recall(epoch: number, agent: AgentId | null): Promise<void> {
    this.#shell.leases.drop(agent);
    const { record } = this.#shell;
    if (record !== null && record.epoch < epoch) this.#shell.commit({ record: { epoch } });
  }

  /** Connects a waiter (a `Turn` in the header `turn`): the socket says "turn" when it is worth asking again. */
  override async fetch(request: Request): Promise<Response> {
    const turn = JSON.parse(request.headers.get("turn") ?? "null") as Turn | null;
    if (turn === null || this.#shell.record === null) return new Response(null, { status: 404 });
    const { 0: client, 1: server } = new WebSocketPair();
    const { locks } = this.#shell.record;
    this.#shell.sockets.accept(server, turn, locks);
    const standing = standingOf(locks, turn.lock);
    if (standing?.status !== "waiting" && locks.conversion?.lock !== turn.lock) server.send(YOUR_TURN);
    return new Response(null, { status: 101, webSocket: client });
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    if (message !== CLAIM) return;
    const { call, lock } = this.#shell.sockets.turnOf(socket);
    socket.send(JSON.stringify(await this.claimLock({ ...call, lease: null }, lock)));
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    const { record } = this.#shell;
    const { lock } = this.#shell.sockets.turnOf(socket);
    if (record === null) return;
    const at = this.#shell.at(record.policy);
    this.#shell.commit({ decision: this.#shell.decide({ record, at }, { type: "disconnect", id: lock }) });
  }

  override async alarm(): Promise<void> {
    await this.#jobs.run();
  }

  /** Records a reading. */
  #record(call: Call, detail: EventDetail): void {
    this.#shell.commit({ events: [accepted(call.caller, call.action, detail)] });
  }
}

const idOf = (standing: Standing): LockId => (standing.status === "granted" ? standing.lock.id : standing.waiter.id);

const mine = ({ caller }: Call, { id, holder }: { id: LockId; holder: AgentId }): LockId | null =>
  holder === caller.agent ? id : null;

/** What the event of an accepted command says; null for what leaves no trace (heartbeats, polls). */
function describe(command: LockCommand, { outcome, events }: Decision, { record, at }: Opened): EventDetail | null {
  if (!outcome.ok) return null;
  if (command.type === "release") return { lock: command.id };
  if (command.type === "tick") return { path: record.path };
  const changed = events.some((event) => event.type === "joined" || event.type === "claimed");
  if (outcome.value.type !== "standing" || !changed) return null;
  const { standing } = outcome.value;
  if (standing.status === "granted") {
    const { id, level, token, purpose, arrivedAt } = standing.lock;
    return { lock: id, level, token, purpose, waitedMs: at.now - arrivedAt };
  }
  const { id, level, purpose } = standing.waiter;
  return command.type === "acquire" ? { lock: id, level, position: standing.position, purpose } : null;
}
