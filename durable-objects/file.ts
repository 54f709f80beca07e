// Owns one file: its locks, its queue, its versions and its fence. The only authority over them. This class is the
// RPC surface; the rules are pure (src/domain), the state and its transactions are in file/.
//
// Every method opens the file for the caller first (organization, access lease, permission) and answers a Result.

import { DurableObject } from "cloudflare:workers";
import type { Whose } from "../src/domain/access/standing.ts";
import { type Call, type Caller, READING } from "../src/domain/calls.ts";
import type {
  Announced,
  ContentSource,
  FileContent,
  FileView,
  NewContent,
  NewFile,
  WriteTerms,
} from "../src/domain/content.ts";
import { accepted, type EventDetail, refused } from "../src/domain/events.ts";
import type { HandoffMode } from "../src/domain/handoffs.ts";
import type { HandoffId, PrincipalId, LockId, WorkspaceId, WorkspacePath } from "../src/domain/ids.ts";
import type { LockAnswer, LockOverview, OverrideAnswer } from "../src/domain/locks/answers.ts";
import { standingOf } from "../src/domain/locks/standing.ts";
import { ok, type Result } from "../src/domain/result.ts";
import { type CarriedContent, CLAIM, type Claimed, type Turn, YOUR_TURN } from "../src/domain/turns.ts";
import type { Version } from "../src/domain/versions.ts";
import { announceBlob, answeredBefore, commitVersion, contentOf, view, writeRight } from "./file/contents.ts";
import { beginCreation, createFile } from "./file/creation.ts";
import {
  abandon,
  carry,
  type Freeze,
  freeze,
  goLive,
  offer,
  releaseAll,
  stage,
  type StagedCopy,
  thaw,
} from "./file/handoff.ts";
import { Jobs } from "./file/jobs.ts";
import { asOfNow, type LockTerms, perform, requestOf, toAnswer, toOverridden, toOverview } from "./file/locking.ts";
import { deleteFile, finishCreation, moveFile } from "./file/naming.ts";
import { honourOnly } from "./file/recall.ts";
import { FileShell } from "./file/shell.ts";

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

  async acquireLock(call: Call, terms: LockTerms, queue: boolean): Promise<Result<LockAnswer>> {
    const asked = await perform(
      this.#shell,
      call,
      ({ at }) => ({ type: "acquire", request: requestOf(call, terms, at), queue }),
      toAnswer,
    );
    if (!asked.ok) return asked;
    const answer = asOfNow(this.#shell, asked.value);
    const { standing } = answer;
    const isOffered = standing.status === "granted" && !standing.lock.claimed;
    return isOffered ? this.claimLock({ ...call, idempotency: null }, standing.lock.id) : ok(answer);
  }

  async claimLock(call: Call, id: LockId): Promise<Result<LockAnswer>> {
    const { principal: holder, key } = call.caller;
    return perform(this.#shell, call, () => ({ type: "claim", id, holder, key }), toAnswer);
  }

  async renewLock(call: Call, id: LockId, ttlMs: number | null): Promise<Result<LockAnswer>> {
    const { principal: holder, key } = call.caller;
    const renewed = await perform(this.#shell, call, () => ({ type: "renew", id, holder, key, ttlMs }), toAnswer);
    if (renewed.ok && this.#shell.record !== null) this.#shell.sockets.remember(this.#shell.record.locks);
    return renewed;
  }

  async releaseLock(call: Call, id: LockId): Promise<Result<true>> {
    return perform(
      this.#shell,
      call,
      () => ({ type: "release", id, holder: call.caller.principal }),
      () => true,
    );
  }

  /** Ends the locks of `holder` (null: of everybody else), and takes one instead if `take` says so. */
  async overrideLock(
    call: Call,
    { holder, reason, take }: { holder: PrincipalId | null; reason: string; take: LockTerms | null },
  ): Promise<Result<OverrideAnswer>> {
    const by = call.caller.principal;
    return perform(
      this.#shell,
      call,
      ({ at }) => ({ type: "override", by, reason, holder, take: take && requestOf(call, take, at) }),
      toOverridden,
    );
  }

  /** Ends a commit's wait for readers, which was in vain. */
  async endConversion(call: Call, id: LockId): Promise<Result<null>> {
    const opened = await this.#shell.open(call);
    if (!opened.ok) return opened;
    const decision = this.#shell.decide(opened.value, { type: "endConversion", id, holder: call.caller.principal });
    this.#shell.commit({ decision, events: [refused(call.caller, call.action, "readers_present", { lock: id })] });
    return ok(null);
  }

  async viewLocks(call: Call): Promise<Result<LockOverview>> {
    return perform(
      this.#shell,
      call,
      () => ({ type: "tick" }),
      ({ state }) => toOverview(state, call),
    );
  }

  // ── contents ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** The bytes of the head, or of version `n`, or where they are. */
  async read(call: Call, n: number | null): Promise<Result<FileContent>> {
    // Copying reads too.
    const opened = await this.#shell.open(call, "files:read");
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
    const before = answeredBefore(this.#shell, call);
    if (!before.ok) return before;
    if (before.value !== null) return ok(before.value);
    const right = writeRight(this.#shell, opened.value, call, terms);
    const mayWait = !right.ok && right.problem.problem.code === "readers_present";
    if (!right.ok && !mayWait) return this.#shell.refuse(call, right.problem.problem);
    return ok(announceBlob(this.#shell, opened.value.record.workspace, request));
  }

  async delete(call: Call, terms: WriteTerms): Promise<Result<null>> {
    return deleteFile(this.#shell, call, terms);
  }

  async move(call: Call, to: WorkspacePath, lock: LockId | null): Promise<Result<FileView>> {
    return moveFile(this.#shell, call, to, lock);
  }

  // ── creation ───────────────────────────────────────────────────────────────────────────────────────────────────

  async create(call: Call, file: NewFile, request: string): Promise<Result<FileView>> {
    return createFile(this.#shell, call, file, request);
  }

  async beginCreation(
    call: Call,
    workspace: WorkspaceId,
    path: WorkspacePath,
    request: string,
  ): Promise<Result<Announced>> {
    return beginCreation(this.#shell, call, workspace, path, request);
  }

  // ── handoffs, asked by the workspace that coordinates them ─────────────────────────────────────────────────────

  async offer(by: PrincipalId, mode: HandoffMode): Promise<Result<Version>> {
    return offer(this.#shell, by, mode);
  }

  async freeze(freezing: Freeze): Promise<Result<true>> {
    return freeze(this.#shell, freezing);
  }

  async thaw(handoff: HandoffId): Promise<void> {
    thaw(this.#shell, handoff);
  }

  async carry(n: number): Promise<Result<ContentSource>> {
    return carry(this.#shell, n);
  }

  async stage(copy: StagedCopy): Promise<Result<true>> {
    return stage(this.#shell, this.env.BLOBS, copy);
  }

  async goLive(): Promise<void> {
    await goLive(this.#shell);
  }

  async abandon(): Promise<void> {
    abandon(this.#shell);
  }

  async releaseAll(caller: Caller, askedBy: number): Promise<void> {
    releaseAll(this.#shell, caller, askedBy);
  }

  // ── rights, waiting, time ──────────────────────────────────────────────────────────────────────────────────────

  /** Takes back some leases. Once this answers, no older right is honoured here, and whoever lost it has lost its locks. */
  async recall(epoch: number, whose: Whose, by: PrincipalId | null): Promise<void> {
    await honourOnly(this.#shell, epoch, whose, by);
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
    const { call, lock, content } = this.#shell.sockets.turnOf(socket);
    const answer = await this.claimLock({ ...call, lease: null }, lock);
    const isGranted = answer.ok && answer.value.standing.status === "granted";
    const claimed: Claimed = { answer, content: content && isGranted ? await this.#carry(call) : null };
    socket.send(JSON.stringify(claimed));
  }

  /** Reads for the new holder of a lock what it has locked; null if that is too large to travel with it. */
  async #carry(call: Call): Promise<CarriedContent | null> {
    const read = await this.read({ ...call, ...READING, lease: null }, null);
    if (!read.ok || read.value.source.kind === "blob") return null;
    return { version: read.value.version, base64: read.value.source.bytes.toBase64() };
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    const { record } = this.#shell;
    const { lock } = this.#shell.sockets.turnOf(socket);
    this.#shell.sockets.close(socket);
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
