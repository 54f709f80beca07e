// Owns the invitations to an organization. Who it will be is known from the beginning, so access can be given
// beforehand; accepting makes the principal and its first key.

import type { Called, OrganizationCall } from "../../src/domain/calls.ts";
import { refused } from "../../src/domain/events.ts";
import type { InvitationId, KeyId } from "../../src/domain/ids.ts";
import type { Invitation, Principal } from "../../src/domain/organizations.ts";
import { reachesUpTo } from "../../src/domain/permissions.ts";
import type { Problem } from "../../src/domain/problems.ts";
import { err, ok, type Result } from "../../src/domain/result.ts";
import { UNSCOPED } from "../../src/domain/access/scopes.ts";
import { addKey, enter, isFull } from "./principals.ts";
import type { OrganizationShell } from "./shell.ts";

export function createInvitation(
  shell: OrganizationShell,
  call: OrganizationCall,
  asked: Pick<Invitation, "id" | "principal" | "kind" | "name" | "role" | "expiresAt">,
): Result<Invitation> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  if (!reachesUpTo(opened.value.principal.role, asked.role)) return shell.refuse(call, { code: "above_own_role" });
  const { id, principal, kind, role } = asked;
  return shell.once(call, { invitation: id, principal, kind, role }, () => {
    const made: Invitation = { ...asked, state: "open", createdAt: Date.now(), createdBy: call.caller.principal };
    shell.tickets.saveInvitation(made);
    return made;
  });
}

export function cancelInvitation(
  shell: OrganizationShell,
  call: OrganizationCall,
  id: InvitationId,
): Result<Invitation> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const found = shell.tickets.invitation(id);
  if (found === null) return shell.refuse(call, { code: "not_found", what: "invitation" });
  if (found.state !== "open" && !shell.isRepeated(call))
    return shell.refuse(call, { code: "ticket_spent", state: found.state });
  return shell.once(call, { invitation: id }, () => {
    const cancelled: Invitation = { ...found, state: "cancelled" };
    shell.tickets.saveInvitation(cancelled);
    return cancelled;
  });
}

/** Undoes an invitation whose other half was refused elsewhere: it never was, and the same request may be tried again. */
export function withdrawInvitation(
  shell: OrganizationShell,
  call: OrganizationCall,
  id: InvitationId,
  because: Problem,
): void {
  if (shell.tickets.invitation(id)?.state !== "open") return;
  shell.commit([refused(call.caller, call.action, because.code, { invitation: id })], () => {
    shell.tickets.removeInvitation(id);
    shell.replies.forget(call);
  });
}

/** Joins. The token has been verified; it is good once, unless the very same request is repeated. */
export function acceptInvitation(
  shell: OrganizationShell,
  call: Called,
  { id, key, name }: { id: InvitationId; key: KeyId; name: string | null },
): Result<{ principal: Principal; key: KeyId }> {
  const found = shell.tickets.invitation(id);
  if (found === null) return err({ code: "not_found", what: "invitation" });
  const answered = shell.replies.find<{ principal: Principal; key: KeyId }>(call);
  if (!answered.ok) return answered;
  if (answered.value !== null) return ok(answered.value);
  if (found.state !== "open") return shell.refuse(call, { code: "ticket_spent", state: found.state });
  if (found.expiresAt <= Date.now()) return shell.refuse(call, { code: "ticket_expired", at: found.expiresAt });
  const full = isFull(shell);
  if (full !== null) return shell.refuse(call, full);
  const { principal, kind, role, createdBy } = found;
  return shell.once(call, { invitation: id, principal, kind, role, key }, () => {
    const made = enter(shell, { id: principal, kind, name: name ?? found.name, role, createdBy });
    addKey(shell, principal, key, { name: "from the invitation", scopes: UNSCOPED, expiresAt: null }, createdBy);
    shell.tickets.saveInvitation({ ...found, state: "claimed" });
    return { principal: made, key };
  });
}
