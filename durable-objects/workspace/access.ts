// Owns who is granted what in a workspace: giving, taking away, and the rule that nobody gives or takes more than they
// hold at that very place.

import { EVERYONE, type Grant, permissionsOf, type Resource, type Subject } from "../../src/domain/access/grants.ts";
import { notHeld, type Right } from "../../src/domain/access/rights.ts";
import { OF_ALL, type Standing, type Whose } from "../../src/domain/access/standing.ts";
import type { Call } from "../../src/domain/calls.ts";
import type { EventDetail } from "../../src/domain/events.ts";
import type { GrantId, PrincipalId, WorkspacePath } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import type { Permission } from "../../src/domain/permissions.ts";
import { err, ok, type Result } from "../../src/domain/result.ts";
import type { GrantView, NewGrant } from "../../src/domain/workspaces.ts";
import { newGrantId } from "../../src/platform/ids.ts";
import type { Opened, WorkspaceShell } from "./shell.ts";

/** Whose leases a change to a grant bears on. */
export const whoseOf = (to: Subject): Whose =>
  to === EVERYONE || to.startsWith("grp_") ? OF_ALL : { principal: to as PrincipalId, key: null };

/** What a path names: the whole workspace, a folder, or the file that is there. */
export function resourceAt(shell: WorkspaceShell, path: string | null): Result<Resource> {
  if (path === null || path === "/") return ok({ level: "workspace" });
  if (path.endsWith("/")) return ok({ level: "folder", folder: path });
  const file = shell.tables.entryAt(path as WorkspacePath)?.file;
  return file === undefined ? err({ code: "not_found", what: "file" }) : ok({ level: "file", file });
}

/** What is on a path and below it, of the grants that stand. */
export async function listGrants(shell: WorkspaceShell, call: Call, path: string | null): Promise<Result<GrantView[]>> {
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const on = resourceAt(shell, path);
  if (!on.ok) return on;
  const opened = shell.admit(call, standing.value, shell.targetOf(on.value));
  if (!opened.ok) return opened;
  const views = shell.grants.all().map((grant) => viewOf(shell, grant));
  const found = views.filter((grant) => path === null || path === "/" || (grant.path ?? "/").startsWith(path));
  return shell.once(call, { path }, () => found);
}

export function viewOf(shell: WorkspaceShell, grant: Grant): GrantView {
  return { ...grant, path: shell.targetOf(grant.on).path };
}

/** Grants something. What takes away (a denial) is answered only when the old right is honoured nowhere any more. */
export async function grant(shell: WorkspaceShell, call: Call, asked: NewGrant): Promise<Result<GrantView>> {
  const known = await findSubject(shell, call, asked.to);
  if (!known.ok) return known;
  const on = resourceAt(shell, asked.path);
  if (!on.ok) return on;
  const opened = shell.admit(call, known.value.standing, shell.targetOf(on.value));
  if (!opened.ok) return opened;
  if (!known.value.exists) return shell.refuse(call, { code: "not_found", what: "principal" });
  if (asked.effect === "deny" && known.value.isOwner) return shell.refuse(call, { code: "owner_stays" });
  const may = mayGive(shell, call, opened.value, [asked]);
  if (!may.ok) return may;
  const permissions = permissionsOf(asked.bundle, opened.value.standing.roles);
  const { path, ...rest } = asked;
  const made: Grant = { ...rest, id: newGrantId(), on: on.value, by: call.caller.principal, at: Date.now() };
  const whose = asked.effect === "deny" ? whoseOf(asked.to) : null;
  return shell.take(call, { ...describe(made), path, permissions: permissions.join(" ") }, whose, () => {
    shell.grants.save(made);
    return viewOf(shell, made);
  });
}

/** Nobody gives more than they hold themselves at that very place, nor for longer. */
export function mayGive(
  shell: WorkspaceShell,
  call: Call,
  { standing, rights }: Opened,
  grants: readonly Pick<Grant, "bundle" | "until">[],
): Result<true> {
  for (const { bundle, until } of grants) {
    const permissions = permissionsOf(bundle, standing.roles);
    if (permissions.length === 0) return shell.refuse(call, { code: "not_found", what: "role" });
    const beyond = notHeld(rights, permissions, until);
    if (beyond.length > 0) return shell.refuse(call, { code: "exceeds_own_rights", permissions: beyond });
  }
  if (shell.grants.all().length + grants.length > LIMITS.GRANTS_MAX)
    return shell.refuse(call, { code: "too_many", what: "grants", limit: LIMITS.GRANTS_MAX });
  return ok(true);
}

/** Ends a grant. Whoever ends a denial gives, so the same rule holds: nothing beyond what they hold themselves. */
export async function revokeGrant(shell: WorkspaceShell, call: Call, id: GrantId): Promise<Result<GrantView>> {
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const found = shell.grants.history().find((grant) => grant.id === id);
  const opened = shell.admit(call, standing.value, shell.targetOf(found?.on ?? { level: "workspace" }));
  if (!opened.ok) return opened;
  if (found === undefined) return shell.refuse(call, { code: "not_found", what: "grant" });
  const stands = shell.grants.find(id) !== null;
  const answered = shell.replies.find(call);
  if (!stands && answered.ok && answered.value === null)
    return shell.refuse(call, { code: "not_found", what: "grant" });
  const beyond = beyondOwn(found, opened.value.rights, standing.value);
  if (beyond.length > 0) return shell.refuse(call, { code: "exceeds_own_rights", permissions: beyond });
  const whose = found.effect === "allow" ? whoseOf(found.to) : null;
  return shell.take(call, describe(found), whose, () => {
    shell.grants.end(id, Date.now());
    return viewOf(shell, found);
  });
}

/** Who ends a denial gives until it would have ended by itself; to end what is allowed, holding it now is enough. */
export const beyondOwn = ({ bundle, effect, until }: Grant, rights: Right[], { roles }: Standing): Permission[] =>
  notHeld(rights, permissionsOf(bundle, roles), effect === "deny" ? until : Date.now());

const describe = ({ id, on, to, effect, bundle, until }: Grant): EventDetail => ({
  grant: id,
  level: on.level,
  to,
  effect,
  role: "role" in bundle ? bundle.role : null,
  permissions: "permissions" in bundle ? bundle.permissions.join(" ") : null,
  until,
});

interface Known {
  /** The caller's. */
  standing: Standing;
  exists: boolean;
  name: string;
  isOwner: boolean;
}

/** Whom a grant is for, as the organization knows it. Whether the caller may ask at all is settled before that shows. */
export async function findSubject(shell: WorkspaceShell, call: Call, to: Subject): Promise<Result<Known>> {
  const first = await shell.standingOf(call.caller);
  if (!first.ok) return first;
  const present = shell.present(call, first.value);
  if (!present.ok) return present;
  const found = to === EVERYONE ? null : await shell.organization(present.value).find(to);
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const isOwner = found?.role === "owner" || to === shell.record?.owner;
  return ok({ standing: standing.value, exists: to === EVERYONE || found !== null, name: found?.name ?? "", isOwner });
}
