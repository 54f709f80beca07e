// Owns who is in an organization: joining, roles, pausing, leaving. Nobody raises anybody above themselves, nobody
// changes what they themselves are, and the last owner stays.

import { ofPrincipal } from "../../src/domain/access/standing.ts";
import type { OrganizationCall } from "../../src/domain/calls.ts";
import type { KeyId, PrincipalId } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import type { NewKey, Principal } from "../../src/domain/organizations.ts";
import { type OrganizationRole, reachesUpTo } from "../../src/domain/permissions.ts";
import { ok, type Result } from "../../src/domain/result.ts";
import { type OrganizationShell } from "./shell.ts";

/** Creates an agent with its first key. The ids are the Worker's; of a repeated request the first ones count. */
export function createAgent(
  shell: OrganizationShell,
  call: OrganizationCall,
  asked: { principal: PrincipalId; key: KeyId; name: string; role: OrganizationRole; newKey: NewKey },
): Result<{ principal: Principal; key: KeyId }> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  if (!reachesUpTo(opened.value.principal.role, asked.role)) return shell.refuse(call, { code: "above_own_role" });
  const fault = shell.isRepeated(call) ? null : isFull(shell);
  if (fault !== null) return shell.refuse(call, fault);
  const { id: by } = opened.value.principal;
  const { name, role } = asked;
  return shell.once(call, { principal: asked.principal, name, role, key: asked.key }, () => {
    const made = enter(shell, { id: asked.principal, kind: "agent", name, role, createdBy: by });
    addKey(shell, made.id, asked.key, asked.newKey, by);
    return { principal: made, key: asked.key };
  });
}

export const isFull = ({ tables }: OrganizationShell) =>
  tables.countPrincipals() < LIMITS.PRINCIPALS_MAX
    ? null
    : ({ code: "too_many", what: "principals", limit: LIMITS.PRINCIPALS_MAX } as const);

/** To be called within a transaction, as `addKey`. */
export function enter(
  { tables }: OrganizationShell,
  who: Pick<Principal, "id" | "kind" | "name" | "role" | "createdBy">,
): Principal {
  const principal = { ...who, pause: null, createdAt: Date.now() };
  tables.savePrincipal(principal);
  return principal;
}

export function addKey(
  { tables }: OrganizationShell,
  principal: PrincipalId,
  id: KeyId,
  asked: NewKey,
  createdBy: PrincipalId | null,
): void {
  const unused = { revokedAt: null, revokedBy: null, usedAt: null };
  tables.saveKey({ id, principal, ...asked, createdAt: Date.now(), createdBy, ...unused });
}

/** Another principal that the caller may change: it is not above the caller, and not the caller. */
function someoneElse(shell: OrganizationShell, call: OrganizationCall, id: PrincipalId): Result<Principal> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const other = shell.tables.principal(id);
  if (other === null) return shell.refuse(call, { code: "not_found", what: "principal" });
  if (id === call.caller.principal) return shell.refuse(call, { code: "not_oneself" });
  const own = opened.value.principal.role;
  return reachesUpTo(own, other.role) ? ok(other) : shell.refuse(call, { code: "above_own_role" });
}

/** Gives another role in the organization. Ownership is given by owners alone. */
export async function setRole(
  shell: OrganizationShell,
  call: OrganizationCall,
  id: PrincipalId,
  role: OrganizationRole,
): Promise<Result<Principal>> {
  const other = someoneElse(shell, call, id);
  if (!other.ok) return other;
  const own = shell.tables.principal(call.caller.principal)?.role ?? "guest";
  if (!reachesUpTo(own, role)) return shell.refuse(call, { code: "above_own_role" });
  return shell.change(call, { principal: id, role, before: other.value.role }, ofPrincipal(id), () => {
    const changed = { ...other.value, role };
    shell.tables.savePrincipal(changed);
    return changed;
  });
}

/** Stops a principal: answered only when none of its requests is accepted anywhere any more, and its locks have ended. */
export async function pause(
  shell: OrganizationShell,
  call: OrganizationCall,
  id: PrincipalId,
  reason: string,
): Promise<Result<Principal>> {
  const other = someoneElse(shell, call, id);
  if (!other.ok) return other;
  return shell.change(call, { principal: id, reason }, ofPrincipal(id), () => {
    const paused = { ...other.value, pause: { by: call.caller.principal, reason, at: Date.now() } };
    shell.tables.savePrincipal(paused);
    return paused;
  });
}

export function resume(shell: OrganizationShell, call: OrganizationCall, id: PrincipalId): Result<Principal> {
  const other = someoneElse(shell, call, id);
  if (!other.ok) return other;
  return shell.once(call, { principal: id }, () => {
    const resumed = { ...other.value, pause: null };
    shell.tables.savePrincipal(resumed);
    return resumed;
  });
}

/** Ends a principal's part in the organization, with all its keys. */
export async function remove(shell: OrganizationShell, call: OrganizationCall, id: PrincipalId): Promise<Result<true>> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const found = shell.tables.principal(id);
  const isRepeated = shell.isRepeated(call);
  if (found === null && !isRepeated)
    return shell.refuseAsDone(call, ofPrincipal(id), { code: "not_found", what: "principal" });
  const other = isRepeated ? opened : someoneElse(shell, call, id);
  if (!other.ok) return other;
  return shell.change(call, { principal: id, name: found?.name ?? null }, ofPrincipal(id), () => {
    shell.tables.removePrincipal(id);
    return true as const;
  });
}
