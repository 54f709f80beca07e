// Owns the fields that several operations share, and how domain values look outside: camelCase, ISO 8601 times,
// durations in seconds.

import { z } from "zod";
import type {
  GrantId,
  GroupId,
  HandoffId,
  InvitationId,
  KeyId,
  LockId,
  PrincipalId,
  TransferId,
  WorkspacePath,
} from "../domain/ids.ts";
import type { FileView } from "../domain/content.ts";
import { LIMITS } from "../domain/limits.ts";
import { parseFolder, parsePath } from "../domain/paths.ts";
import type { HolderView } from "../domain/problems.ts";
import { etagOf, type Version } from "../domain/versions.ts";
import {
  GRANT_ID_PATTERN,
  GROUP_ID_PATTERN,
  HANDOFF_ID_PATTERN,
  INVITATION_ID_PATTERN,
  KEY_ID_PATTERN,
  LOCK_ID_PATTERN,
  PRINCIPAL_ID_PATTERN,
  TRANSFER_ID_PATTERN,
} from "../platform/ids.ts";

export const isoTime = (epochMs: number): string => new Date(epochMs).toISOString();

/** Control characters, those that change the direction of what follows, and those that cannot be seen. */
const UNSEEN =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Co}\u00AD\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]/u;

/** Text that a person reads, trimmed. */
const visible = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .refine((text) => !UNSEEN.test(text), "must not contain control characters or others that cannot be seen");

export const name = visible(LIMITS.NAME_MAX_CHARS);
export const purpose = visible(LIMITS.PURPOSE_MAX_CHARS);
export const reason = visible(LIMITS.REASON_MAX_CHARS);
export const time = z.iso.datetime({ offset: true });
const id = <Id extends string>(pattern: RegExp, what: string) =>
  z
    .string()
    .regex(pattern, `is not ${what}`)
    .transform((text) => text as Id);
export const principalId = id<PrincipalId>(PRINCIPAL_ID_PATTERN, "the id of an agent or a human");
export const groupId = id<GroupId>(GROUP_ID_PATTERN, "a group's id");
export const grantId = id<GrantId>(GRANT_ID_PATTERN, "a grant's id");
export const keyId = id<KeyId>(KEY_ID_PATTERN, "a key's id");
export const invitationId = id<InvitationId>(INVITATION_ID_PATTERN, "an invitation's id");
export const transferId = id<TransferId>(TRANSFER_ID_PATTERN, "a transfer's id");
export const handoffId = id<HandoffId>(HANDOFF_ID_PATTERN, "a handoff's id");
export const lockId = id<LockId>(LOCK_ID_PATTERN, "a lock id");

/** A path as callers write it, normalized. */
export const path = z.string().transform((raw, context): WorkspacePath => {
  const parsed = parsePath(raw);
  if (parsed.ok) return parsed.value;
  context.addIssue({ code: "custom", message: parsed.problem.reason });
  return z.NEVER;
});

/** A folder (with its closing slash), or a file; `/` is the workspace as a whole, and null from here on. */
export const place = z.string().transform((raw, context): string | null => {
  const parsed = raw.endsWith("/") ? parseFolder(raw) : parsePath(raw);
  if (parsed.ok) return parsed.value === "/" ? null : parsed.value;
  context.addIssue({ code: "custom", message: parsed.problem.reason });
  return z.NEVER;
});

/** A folder with its closing slash, `/` being the root. */
export const folder = z.string().transform((raw, context): string => {
  const parsed = parseFolder(raw);
  if (parsed.ok) return parsed.value;
  context.addIssue({ code: "custom", message: parsed.problem.reason });
  return z.NEVER;
});

/** Numbers that arrive as text in a query. */
export const limit = z.coerce.number().int().min(1).max(LIMITS.PAGE_MAX).default(LIMITS.PAGE_DEFAULT);
export const wait = z.coerce.number().min(0).max(LIMITS.WAIT_MAX_SECONDS);
export const flag = z.stringbool().or(z.boolean()).default(false);
export const ttl = z
  .number()
  .min(LIMITS.LOCK_TTL_MIN_MS / 1000)
  .max(LIMITS.LOCK_TTL_MAX_CEILING_MS / 1000);

export const holder = z.object({
  holder: z.string(),
  level: z.enum(["read", "write", "exclusive"]),
  purpose: z.string().nullable(),
  priority: z.number(),
  grantedAt: time,
  expiresAt: time,
});

export const showHolder = ({ grantedAt, expiresAt, ...rest }: HolderView): z.infer<typeof holder> => ({
  ...rest,
  grantedAt: isoTime(grantedAt),
  expiresAt: isoTime(expiresAt),
});

export const version = z.object({
  version: z.number().int(),
  etag: z.string(),
  size: z.number().int().describe("bytes"),
  sha256: z.string(),
  contentType: z.string(),
  fencingToken: z.number().int().describe("the token it was committed under"),
  modifiedAt: time,
  modifiedBy: z.string(),
});

export const showVersion = (v: Version): z.infer<typeof version> => ({
  version: v.n,
  etag: etagOf(v),
  size: v.size,
  sha256: v.sha256,
  contentType: v.contentType,
  fencingToken: v.token,
  modifiedAt: isoTime(v.at),
  modifiedBy: v.by,
});

export const file = version.extend({
  fileId: z.string(),
  workspaceId: z.string(),
  path: z.string(),
  writer: holder.nullable().describe("who holds a lock that excludes other writers, if anyone"),
});

export const showFile = (view: FileView): z.infer<typeof file> => ({
  fileId: view.file,
  workspaceId: view.workspace,
  path: view.path,
  ...showVersion(view.version),
  writer: view.writer === null ? null : showHolder(view.writer),
});

export const done = z.object({ done: z.literal(true) });
export const DONE: z.infer<typeof done> = { done: true };
