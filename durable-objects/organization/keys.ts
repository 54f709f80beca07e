// Owns the keys of an organization: minting, rotating with overlap, revoking. Those who manage the organization look
// after everybody's; others after their own, and make none that outlives the key in hand.

import { ofKey } from "../../src/domain/access/standing.ts";
import type { OrganizationCall } from "../../src/domain/calls.ts";
import type { KeyId, PrincipalId } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import type { KeyView, NewKey } from "../../src/domain/organizations.ts";
import { ORGANIZATION_ROLE_PERMISSIONS, reachesUpTo } from "../../src/domain/permissions.ts";
import type { Problem } from "../../src/domain/problems.ts";
import { ok, type Result } from "../../src/domain/result.ts";
import { addKey } from "./principals.ts";
import { type Opened, type OrganizationShell } from "./shell.ts";

const manages = ({ principal }: Opened): boolean =>
  ORGANIZATION_ROLE_PERMISSIONS[principal.role].includes("organization:manage");

/** Lets a caller in who may look after the keys of this principal: itself, or one that it manages. */
function openFor(shell: OrganizationShell, call: OrganizationCall, whose: PrincipalId): Result<Opened> {
  if (whose === call.caller.principal) return shell.open(call);
  const opened = shell.open({ ...call, permission: "organization:manage" });
  if (!opened.ok) return opened;
  const other = shell.tables.principal(whose);
  if (other === null) return shell.refuse(call, { code: "not_found", what: "principal" });
  return reachesUpTo(opened.value.principal.role, other.role) ? opened : shell.refuse(call, { code: "above_own_role" });
}

/** The key itself, and the one to look after; not found also for those who may not know. */
function openKey(
  shell: OrganizationShell,
  call: OrganizationCall,
  id: KeyId,
): Result<{ opened: Opened; key: KeyView }> {
  const caller = shell.open(call);
  if (!caller.ok) return caller;
  const key = shell.tables.key(id);
  const isTheirs = key !== null && (key.principal === call.caller.principal || manages(caller.value));
  if (key === null || !isTheirs) return shell.refuse(call, { code: "not_found", what: "key" });
  const opened = openFor(shell, call, key.principal);
  return opened.ok ? ok({ opened: opened.value, key }) : opened;
}

export function createKey(
  shell: OrganizationShell,
  call: OrganizationCall,
  { principal, id, asked }: { principal: PrincipalId; id: KeyId; asked: NewKey },
): Result<KeyView> {
  const opened = openFor(shell, call, principal);
  if (!opened.ok) return opened;
  const fault = shell.isRepeated(call) ? null : newKeyFault(shell, opened.value, principal, asked.expiresAt);
  if (fault !== null) return shell.refuse(call, fault);
  return shell.once(call, { principal, key: id, expiresAt: asked.expiresAt }, () => {
    addKey(shell, principal, id, asked, call.caller.principal);
    return keyOf(shell, id);
  });
}

/** Why a principal may have no further key with this end; `replaced` is a key in whose place it would come. */
function newKeyFault(
  { tables }: OrganizationShell,
  opened: Opened,
  principal: PrincipalId,
  expiresAt: number | null,
  replaced: KeyId | null = null,
): Problem | null {
  if (outlives(expiresAt, opened)) return { code: "key_outlives" };
  const others = tables.keysOf(principal).filter((key) => key.id !== replaced && isUsable(key, Date.now()));
  return others.length < LIMITS.KEYS_MAX ? null : { code: "too_many", what: "keys", limit: LIMITS.KEYS_MAX };
}

function outlives(expiresAt: number | null, opened: Opened): boolean {
  const limit = opened.key.expiresAt;
  return !manages(opened) && limit !== null && (expiresAt === null || expiresAt > limit);
}

const isUsable = ({ revokedAt, expiresAt }: KeyView, now: number): boolean =>
  revokedAt === null && (expiresAt === null || expiresAt > now);

function keyOf({ tables }: OrganizationShell, id: KeyId): KeyView {
  const key = tables.key(id);
  if (key === null) throw new Error("a key just saved is there");
  return key;
}

export function listKeys(shell: OrganizationShell, call: OrganizationCall, principal: PrincipalId): Result<KeyView[]> {
  const opened = openFor(shell, call, principal);
  return opened.ok ? shell.once(call, { principal }, () => shell.tables.keysOf(principal)) : opened;
}

/**
 * Puts a new key in the place of one: with the same scopes, and the same end unless a manager gives it another. The
 * old one goes on for `overlapMs`, and is dead when this answers if that is 0.
 */
export async function rotateKey(
  shell: OrganizationShell,
  call: OrganizationCall,
  {
    id,
    next,
    overlapMs,
    expiresAt,
  }: { id: KeyId; next: KeyId; overlapMs: number; expiresAt: number | null | undefined },
): Promise<Result<KeyView>> {
  const found = openKey(shell, call, id);
  if (!found.ok) return found;
  const { opened, key } = found.value;
  const now = Date.now();
  const end = expiresAt === undefined ? key.expiresAt : expiresAt;
  const fault = shell.isRepeated(call) ? null : rotationFault(shell, opened, key, end);
  if (fault !== null) return shell.refuse(call, fault);
  const oldEnd = Math.min(now + overlapMs, key.expiresAt ?? Infinity);
  const detail = { key: id, next, overlapMs };
  const work = () => {
    const { name, scopes, principal } = key;
    shell.tables.saveKey({ ...key, expiresAt: oldEnd });
    addKey(shell, principal, next, { name, scopes, expiresAt: end }, call.caller.principal);
    return keyOf(shell, next);
  };
  // What others hold of the old key is over by then.
  if (overlapMs >= LIMITS.STANDING_LEASE_MS) return shell.once(call, detail, work);
  return shell.change(call, detail, ofKey(key.principal, id), work);
}

function rotationFault(shell: OrganizationShell, opened: Opened, key: KeyView, end: number | null): Problem | null {
  if (!isUsable(key, Date.now())) return { code: "key_ended" };
  if (end !== key.expiresAt && !manages(opened)) return { code: "key_outlives" };
  return newKeyFault(shell, opened, key.principal, end, key.id);
}

/** Answered only when the key is honoured nowhere any more, and what was locked with it has been let go. */
export async function revokeKey(shell: OrganizationShell, call: OrganizationCall, id: KeyId): Promise<Result<KeyView>> {
  const found = openKey(shell, call, id);
  if (!found.ok) return found;
  const { key } = found.value;
  if (!shell.isRepeated(call) && key.revokedAt !== null)
    return shell.refuseAsDone(call, ofKey(key.principal, id), { code: "key_ended" });
  return shell.change(call, { key: id, principal: key.principal }, ofKey(key.principal, id), () => {
    const revoked = { ...key, revokedAt: Date.now(), revokedBy: call.caller.principal };
    shell.tables.saveKey(revoked);
    return revoked;
  });
}
