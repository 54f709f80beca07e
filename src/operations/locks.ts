// Owns the operations on a file's locks.

import { z } from "zod";
import type { LockAnswer, LockOverview, OverrideAnswer } from "../domain/locks/answers.ts";
import { type Call, READING } from "../domain/calls.ts";
import type { FileId, LockId } from "../domain/ids.ts";
import { LIMITS } from "../domain/limits.ts";
import { type Level, LEVELS } from "../domain/locks/state.ts";
import type { ProblemCode } from "../domain/problems.ts";
import { ok, type Result } from "../domain/result.ts";
import type { CarriedContent, Claimed } from "../domain/turns.ts";
import { isFileId, newLockId } from "../platform/ids.ts";
import { fileStub, reach } from "../platform/objects.ts";
import { TurnSocket } from "../platform/turns.ts";
import { granted, showCarried, showGranted, showStanding, standing, type Standing } from "./lock-schemas.ts";
import { type FileContext, fileOperation, organizationOperation } from "./operation.ts";
import {
  DONE,
  done,
  flag,
  holder,
  isoTime,
  lockId,
  principalId,
  purpose,
  reason,
  showHolder,
  time,
  ttl,
  wait,
} from "./schemas.ts";

/** The answer, with the content if it was asked for: as it came along, or read now. */
async function showClaimed(
  context: FileContext,
  { answer, content }: Claimed,
  wanted: boolean,
): Promise<Result<Standing>> {
  if (!answer.ok) return answer;
  const standing = showStanding(context.fileId, answer.value);
  if (!wanted || standing.status !== "granted") return ok(standing);
  // If it cannot be read, the lock is granted all the same; its holder can read by itself.
  return ok({ ...standing, content: showCarried(content ?? (await read(context))) });
}

async function read({ file, call }: FileContext): Promise<CarriedContent | null> {
  const found = await reach("file", true, () => file().read({ ...call, ...READING }, null));
  if (!found.ok || found.value.source.kind === "blob") return null;
  return { version: found.value.version, base64: found.value.source.bytes.toBase64() };
}

const acquireLock = fileOperation({
  name: "acquire_lock",
  title: "Acquire a lock",
  description:
    "Locks a file. `read` is shared; `write` excludes other writers while readers go on; `exclusive` excludes everybody. If the file is busy: without `wait` you are refused and told who holds it; with `wait` you join the queue and the request stays open that many seconds, then answers with a ticket that resumes the wait. Send a heartbeat before the lock expires.",
  method: "POST",
  path: "/lock",
  permission: "locks:acquire",
  effect: "writes",
  input: z.strictObject({
    level: z.enum(LEVELS).default("exclusive"),
    ttl: ttl.default(LIMITS.LOCK_TTL_DEFAULT_MS / 1000).describe("seconds until it is released by itself"),
    priority: z.number().int().min(0).max(LIMITS.PRIORITY_MAX).default(0),
    purpose: purpose.optional().describe("what you plan to do, shown to those who find the file busy"),
    content: z.boolean().default(false).describe("answer the file's content along with the lock, up to 32 KiB"),
    wait: z
      .number()
      .min(0)
      .max(LIMITS.WAIT_MAX_SECONDS)
      .optional()
      .describe("seconds to wait in the queue; 0 takes a place and answers at once"),
  }),
  output: standing,
  status: ({ status }) => (status === "granted" ? 201 : 202),
  async handle(context, { level, ttl, priority, purpose, content, wait }) {
    const { file, call, repeatable } = context;
    const request = { id: newLockId(), level, ttlMs: ttl * 1000, priority, purpose: purpose ?? null };
    const asked = await reach("file", repeatable, () => file().acquireLock(call, request, wait !== undefined));
    const claimed = await waitForTurn(context, asked, { seconds: wait ?? 0, content });
    return showClaimed(context, claimed, content);
  },
});

const waitForLock = fileOperation({
  name: "wait_for_lock",
  title: "Resume the wait for a lock",
  description:
    "Asks again with a ticket: keeps your place in the queue, and collects the lock once it is granted. Waits up to `wait` seconds. Of a lock that you hold, it answers the lock.",
  method: "GET",
  path: "/lock/{lockId}",
  permission: "locks:acquire",
  effect: "writes",
  input: z.strictObject({ lockId, content: flag.describe("as for acquire_lock"), wait: wait.default(0) }),
  output: standing,
  status: ({ status }) => (status === "granted" ? 200 : 202),
  async handle(context, input) {
    const { file, call } = context;
    const claimed = await reach("file", true, () => file().claimLock({ ...call, idempotency: null }, input.lockId));
    const turned = await waitForTurn(context, claimed, { seconds: input.wait, content: input.content });
    return showClaimed(context, turned, input.content);
  },
});

const renewLock = fileOperation({
  name: "renew_lock",
  title: "Send a heartbeat",
  description:
    "Extends a lock by its time to live, or by a new one. While nobody waits this may go on for ever; once somebody does, up to the workspace's longest hold.",
  method: "POST",
  path: "/lock/{lockId}/renew",
  permission: "locks:acquire",
  effect: "writes",
  input: z.strictObject({ lockId, ttl: ttl.optional() }),
  output: granted,
  async handle({ file, fileId, call, repeatable }, input) {
    const ttlMs = input.ttl === undefined ? null : input.ttl * 1000;
    const renewed = await reach("file", repeatable, () => file().renewLock(call, input.lockId, ttlMs));
    return renewed.ok ? ok(showRenewed(fileId, renewed.value)) : renewed;
  },
});

function showRenewed(fileId: FileId, { standing }: LockAnswer): z.infer<typeof granted> {
  if (standing.status !== "granted") throw new Error("only a granted lock is renewed");
  return showGranted(fileId, standing.lock);
}

const releaseLock = fileOperation({
  name: "release_lock",
  title: "Release a lock",
  description:
    "Releases a lock, or leaves the queue. Releasing what is not held is an error that says what happened to it.",
  method: "DELETE",
  path: "/lock/{lockId}",
  permission: "locks:acquire",
  effect: "writes",
  input: z.strictObject({ lockId }),
  output: done,
  async handle({ file, call, repeatable }, input) {
    const released = await reach("file", repeatable, () => file().releaseLock(call, input.lockId));
    return released.ok ? ok(DONE) : released;
  },
});

const overridden = z.object({
  ended: z.array(holder).describe("the locks that were ended, as they were"),
  lock: granted.nullable().describe("the lock you took; null if you asked for none"),
});

const showOverridden = (fileId: FileId, { ended, lock }: OverrideAnswer): z.infer<typeof overridden> => ({
  ended: ended.map(showHolder),
  lock: lock === null ? null : showGranted(fileId, lock),
});

const overrideLock = fileOperation({
  name: "override_lock",
  title: "Override a lock",
  description:
    "Ends the locks of others on a file, at once and with a reason that each of them is told. With `take` you get a lock in the same moment, before all who wait; they keep their order, and may wait one longest hold more than they were told. Without `take`, whoever waits comes next.",
  method: "POST",
  path: "/lock/override",
  permission: "locks:override",
  effect: "destroys",
  input: z.strictObject({
    reason: reason.describe("why, told to those whose locks end and kept in the audit log"),
    holder: principalId.optional().describe("whose locks to end; everybody else's if left out"),
    take: z
      .strictObject({
        level: z.enum(LEVELS).default("exclusive"),
        ttl: ttl.default(LIMITS.LOCK_TTL_DEFAULT_MS / 1000).describe("seconds until it is released by itself"),
        purpose: purpose.optional().describe("what you plan to do, shown to those who find the file busy"),
      })
      .optional()
      .describe("the lock that you want instead"),
  }),
  output: overridden,
  status: ({ lock }) => (lock === null ? 200 : 201),
  async handle({ file, fileId, call, repeatable }, { reason, holder, take }) {
    const terms = { reason, holder: holder ?? null, take: take === undefined ? null : toTake(take) };
    const answer = await reach("file", repeatable, () => file().overrideLock(call, terms));
    return answer.ok ? ok(showOverridden(fileId, answer.value)) : answer;
  },
});

const toTake = ({ level, ttl, purpose }: { level: Level; ttl: number; purpose?: string | undefined }) => ({
  id: newLockId(),
  level,
  ttlMs: ttl * 1000,
  priority: 0,
  purpose: purpose ?? null,
});

const overview = z.object({
  fileId: z.string(),
  locks: z.array(holder.extend({ mine: z.string().nullable().describe("the lock's id, if it is yours") })),
  queue: z.array(
    z.object({
      holder: z.string(),
      level: z.enum(LEVELS),
      priority: z.number(),
      purpose: z.string().nullable(),
      arrivedAt: time,
      mine: z.string().nullable().describe("the ticket, if it is yours"),
    }),
  ),
  fence: z.number().int().describe("no commit below this fencing token is accepted"),
});

const showOverview = (fileId: FileId, { locks, queue, fence }: LockOverview): z.infer<typeof overview> => ({
  fileId,
  locks: locks.map((lock) => ({ ...showHolder(lock), mine: lock.mine })),
  queue: queue.map((waiter) => ({ ...waiter, arrivedAt: isoTime(waiter.arrivedAt) })),
  fence,
});

const getLocks = fileOperation({
  name: "get_locks",
  title: "Look at a file's locks",
  description: "Who holds a file, at which level, until when and what for, and who waits, in order.",
  method: "GET",
  path: "/lock",
  permission: "locks:read",
  effect: "reads",
  input: z.strictObject({}),
  output: overview,
  async handle({ file, fileId, call }) {
    const view = await reach("file", true, () => file().viewLocks(call));
    return view.ok ? ok(showOverview(fileId, view.value)) : view;
  },
});

const renewLocks = organizationOperation({
  name: "renew_locks",
  title: "Send heartbeats for many locks",
  description:
    "Extends up to 64 locks at once. Each is answered for itself, under the right to it; one that is lost does not hinder the others.",
  method: "POST",
  path: "/api/locks/renew",
  permission: "self:read",
  effect: "writes",
  input: z.strictObject({
    locks: z
      .array(z.strictObject({ fileId: z.string(), lockId, ttl: ttl.optional() }))
      .min(1)
      .max(LIMITS.RENEW_MANY_MAX),
  }),
  output: z.object({
    renewed: z.array(granted),
    failed: z.array(z.object({ fileId: z.string(), lockId: z.string(), code: z.string() })),
  }),
  async handle({ env, caller, call }, input) {
    const { action, idempotency } = call;
    // One key, many locks: each remembers its own answer.
    const each = (lock: LockId) => idempotency && { ...idempotency, key: `${idempotency.key} ${lock}` };
    const answers = await Promise.all(
      input.locks.map(async ({ fileId, lockId, ttl }) => {
        const failed = (code: ProblemCode) => ({ fileId, lockId, code });
        if (!isFileId(env, fileId)) return failed("not_found");
        const renewal: Call = { caller, action, permission: "locks:acquire", idempotency: each(lockId), lease: null };
        const ttlMs = ttl === undefined ? null : ttl * 1000;
        const renewed = await reach("file", true, () => fileStub(env, fileId).renewLock(renewal, lockId, ttlMs));
        return renewed.ok ? showRenewed(fileId, renewed.value) : failed(renewed.problem.code);
      }),
    );
    return ok({
      renewed: answers.filter((answer) => "status" in answer),
      failed: answers.filter((answer) => "code" in answer),
    });
  },
});

/** Stays in the queue for up to `seconds`, and collects the lock as soon as its turn comes. */
async function waitForTurn(
  { file, call, signal }: FileContext,
  asked: Result<LockAnswer>,
  { seconds, content }: { seconds: number; content: boolean },
): Promise<Claimed> {
  const unclaimed = { answer: asked, content: null };
  if (!asked.ok || asked.value.standing.status === "granted" || seconds === 0) return unclaimed;
  const deadline = Date.now() + seconds * 1000;
  const lock: LockId = asked.value.standing.waiter.id;
  const plain = { ...call, idempotency: null, lease: null };
  const socket = await TurnSocket.open(file(), { call: plain, lock, content }, signal);
  if (socket === null) return { ...unclaimed, answer: await reach("file", true, () => file().claimLock(plain, lock)) };
  try {
    for (;;) {
      await socket.turn(deadline);
      const message = await socket.claim(Date.now() + ANSWER_MS);
      if (message === null) return unclaimed;
      const claimed = JSON.parse(message) as Claimed;
      const waits = claimed.answer.ok && claimed.answer.value.standing.status === "waiting";
      if (!waits || Date.now() >= deadline || signal.aborted) return claimed;
    }
  } finally {
    socket.close();
  }
}

/** How long the file's own answer is waited for. */
const ANSWER_MS = 10_000;

export const lockOperations = [acquireLock, getLocks, waitForLock, renewLock, releaseLock, overrideLock, renewLocks];
