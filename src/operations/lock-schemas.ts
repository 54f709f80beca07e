// Owns how locks look outside: granted, waited for, with content that travels along.

import { z } from "zod";
import type { FileId } from "../domain/ids.ts";
import { LIMITS } from "../domain/limits.ts";
import type { LockAnswer } from "../domain/locks/answers.ts";
import { LEVELS, type Lock } from "../domain/locks/state.ts";
import type { CarriedContent } from "../domain/turns.ts";
import { asText } from "../platform/encoding.ts";
import { holder, isoTime, showHolder, showVersion, time, version } from "./schemas.ts";

/** Small enough to travel with a lock; larger content is read by itself. */
const carriedContent = version.pick({ version: true, etag: true, contentType: true }).extend({
  encoding: z.enum(["utf-8", "base64"]),
  data: z.string(),
});

export const granted = z.object({
  status: z.literal("granted"),
  lockId: z.string(),
  fileId: z.string(),
  level: z.enum(LEVELS),
  fencingToken: z.number().int(),
  holder: z.string(),
  priority: z.number(),
  purpose: z.string().nullable(),
  ttl: z.number().describe("seconds"),
  grantedAt: time,
  expiresAt: time,
  expiresIn: z.number().describe("seconds from the answer on, for those whose clock drifts"),
  content: carriedContent
    .nullable()
    .optional()
    .describe("if asked for: what the file holds; null if it is over 32 KiB"),
});

const queued = z.object({
  status: z.literal("queued"),
  ticket: z.string().describe("resumes the wait; it is the lock's id once it is granted"),
  fileId: z.string(),
  position: z.number().int().describe("1 is next"),
  queueLength: z.number().int(),
  grantedBy: time.describe("the stated bound: granted by then at the latest, as long as you stay in the queue"),
  waitAtMost: z.number().describe("seconds; the same bound, from the answer on"),
  collectWithin: z
    .number()
    .describe("seconds from the grant on, then it passes on: keep a request open with `wait`, or poll more often"),
  resumeWithin: z.number().describe("seconds; ask again with the ticket by then, or the place is lost"),
  holders: z.array(holder),
});

export const standing = z.discriminatedUnion("status", [granted, queued]);
export type Standing = z.infer<typeof standing>;

export function showStanding(fileId: FileId, { standing, holders, queueLength }: LockAnswer): Standing {
  if (standing.status === "granted") return showGranted(fileId, standing.lock);
  const { waiter, position } = standing;
  return {
    status: "queued",
    ticket: waiter.id,
    fileId,
    position,
    queueLength,
    grantedBy: isoTime(waiter.promisedBy),
    waitAtMost: secondsUntil(waiter.promisedBy),
    collectWithin: LIMITS.CLAIM_WINDOW_MS / 1000,
    resumeWithin: LIMITS.WAITER_LEASE_MS / 1000,
    holders: holders.map(showHolder),
  };
}

export function showGranted(fileId: FileId, lock: Lock): z.infer<typeof granted> {
  return {
    status: "granted",
    lockId: lock.id,
    fileId,
    level: lock.level,
    fencingToken: lock.token,
    holder: lock.holder,
    priority: lock.priority,
    purpose: lock.purpose,
    ttl: lock.ttlMs / 1000,
    grantedAt: isoTime(lock.grantedAt),
    expiresAt: isoTime(lock.expiresAt),
    expiresIn: secondsUntil(lock.expiresAt),
  };
}

export function showCarried(carried: CarriedContent | null): z.infer<typeof carriedContent> | null {
  if (carried === null) return null;
  const { version, etag, contentType } = showVersion(carried.version);
  const text = asText(Uint8Array.fromBase64(carried.base64));
  return text === null
    ? { version, etag, contentType, encoding: "base64", data: carried.base64 }
    : { version, etag, contentType, encoding: "utf-8", data: text };
}

const secondsUntil = (epochMs: number): number => Math.max(0, epochMs - Date.now()) / 1000;
