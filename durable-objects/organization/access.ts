// Owns what bears on access in all workspaces: groups, the organization's own roles, and grants at its level.

import { EVERYONE, type Grant, permissionsOf, type Subject, WHOLE_WORKSPACE } from "../../src/domain/access/grants.ts";
import { notHeld, rightsOn, type Right } from "../../src/domain/access/rights.ts";
import { OF_ALL, ofPrincipal, whoseOf } from "../../src/domain/access/standing.ts";
import type { OrganizationCall } from "../../src/domain/calls.ts";
import type { GrantId, GroupId, PrincipalId } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import type { Group, NewOrganizationGrant, RoleView } from "../../src/domain/organizations.ts";
import { type Permission, ROLE_PERMISSIONS, ROLES } from "../../src/domain/permissions.ts";
import type { Problem } from "../../src/domain/problems.ts";
import type { Result } from "../../src/domain/result.ts";
import { newGrantId } from "../../src/platform/ids.ts";
import { type Opened, type OrganizationShell } from "./shell.ts";

// ── groups ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function createGroup(
  shell: OrganizationShell,
  call: OrganizationCall,
  { id, name }: { id: GroupId; name: string },
): Result<Group> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  if (!shell.isRepeated(call) && shell.groups.groups().length >= LIMITS.GROUPS_MAX)
    return shell.refuse(call, { code: "too_many", what: "groups", limit: LIMITS.GROUPS_MAX });
  return shell.once(call, { group: id, name }, () => {
    shell.groups.addGroup(id, name);
    return { id, name, members: [] };
  });
}

/** Ends a group; what was granted to it is granted to nobody any more, and neither is what was denied to it. */
export async function deleteGroup(
  shell: OrganizationShell,
  call: OrganizationCall,
  id: GroupId,
): Promise<Result<true>> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const group = findGroup(shell, id);
  if (group === null && !shell.isRepeated(call))
    return shell.refuseAsDone(call, OF_ALL, { code: "not_found", what: "group" });
  if (group !== null && changesOneself(opened.value, group.members)) return shell.refuse(call, { code: "not_oneself" });
  return shell.change(call, { group: id, name: group?.name ?? null }, OF_ALL, () => {
    shell.groups.removeGroup(id);
    return true as const;
  });
}

/** Puts someone into a group, or takes them out. */
export async function setGroupMember(
  shell: OrganizationShell,
  call: OrganizationCall,
  { group: id, principal, isIn }: { group: GroupId; principal: PrincipalId; isIn: boolean },
): Promise<Result<Group>> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const group = findGroup(shell, id);
  if (group === null) return shell.refuse(call, { code: "not_found", what: "group" });
  const isKnown = isIn ? shell.tables.principal(principal) !== null : group.members.includes(principal);
  if (!isKnown && !shell.isRepeated(call))
    return shell.refuseAsDone(call, ofPrincipal(principal), { code: "not_found", what: "principal" });
  if (changesOneself(opened.value, [principal])) return shell.refuse(call, { code: "not_oneself" });
  return shell.change(call, { group: id, principal }, ofPrincipal(principal), () => {
    if (isIn) shell.groups.addToGroup(id, principal);
    else shell.groups.removeFromGroup(id, principal);
    return findGroup(shell, id) ?? group;
  });
}

/** Nobody slips out of what is denied to them, or into what is granted; owners have nothing to gain. */
const changesOneself = ({ principal }: Opened, changed: PrincipalId[]): boolean =>
  principal.role !== "owner" && changed.includes(principal.id);

const findGroup = ({ groups }: OrganizationShell, id: GroupId): Group | null =>
  groups.groups().find((group) => group.id === id) ?? null;

// ── roles ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function listRoles({ groups }: OrganizationShell): RoleView[] {
  const builtIn = ROLES.map((name) => ({ name, permissions: ROLE_PERMISSIONS[name], builtIn: true }));
  const own = Object.entries(groups.roles()).map(([name, permissions]) => ({ name, permissions, builtIn: false }));
  return [...builtIn, ...own];
}

/** Makes a role, or changes what it bundles, wherever it has been granted or denied. */
export async function setRoleDefinition(
  shell: OrganizationShell,
  call: OrganizationCall,
  { name, permissions }: { name: string; permissions: readonly Permission[] },
): Promise<Result<RoleView>> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  if (ROLES.some((builtIn) => builtIn === name)) return shell.refuse(call, { code: "role_built_in" });
  const known = shell.groups.roles();
  const before = permissionsOf({ role: name }, known);
  const isRepeated = shell.isRepeated(call);
  if (!isRepeated && before.length === 0 && Object.keys(known).length >= LIMITS.CUSTOM_ROLES_MAX)
    return shell.refuse(call, { code: "too_many", what: "roles", limit: LIMITS.CUSTOM_ROLES_MAX });
  const beyond = isRepeated ? [] : notHeld(ownRights(shell, opened.value), [...permissions, ...before], null);
  if (beyond.length > 0) return shell.refuse(call, { code: "exceeds_own_rights", permissions: [...new Set(beyond)] });
  return shell.change(call, { role: name, permissions: permissions.join(" ") }, OF_ALL, () => {
    shell.groups.saveRole(name, permissions);
    return { name, permissions, builtIn: false };
  });
}

// ── grants on everything ──────────────────────────────────────────────────────────────────────────────────────────────

/** What the caller holds at the level of the organization. */
function ownRights({ groups, grants }: OrganizationShell, { principal }: Opened): Right[] {
  const who = {
    principal: principal.id,
    role: principal.role,
    groups: groups.groupsOf(principal.id),
    isOwner: principal.role === "owner",
  };
  return rightsOn(WHOLE_WORKSPACE, who, { grants: grants.all(), roles: groups.roles() }, Date.now());
}

export async function grantOnAll(
  shell: OrganizationShell,
  call: OrganizationCall,
  asked: NewOrganizationGrant,
): Promise<Result<Grant>> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const fault = shell.isRepeated(call) ? null : grantFault(shell, opened.value, asked);
  if (fault !== null) return shell.refuse(call, fault);
  const by = call.caller.principal;
  const made: Grant = { ...asked, id: newGrantId(), on: { level: "organization" }, by, at: Date.now() };
  const { id: grant, to, effect, until } = made;
  const permissions = permissionsOf(asked.bundle, shell.groups.roles()).join(" ");
  return shell.change(call, { grant, to, effect, permissions, until }, whoseOf(to), () => {
    shell.grants.save(made);
    return made;
  });
}

function grantFault(shell: OrganizationShell, opened: Opened, asked: NewOrganizationGrant): Problem | null {
  const subject = find(shell, asked.to);
  if (asked.to !== EVERYONE && subject === null) return { code: "not_found", what: "principal" };
  if (asked.effect === "deny" && subject?.role === "owner") return { code: "owner_stays" };
  const permissions = permissionsOf(asked.bundle, shell.groups.roles());
  if (permissions.length === 0) return { code: "not_found", what: "role" };
  const beyond = notHeld(ownRights(shell, opened), permissions, asked.until);
  if (beyond.length > 0) return { code: "exceeds_own_rights", permissions: beyond };
  const isFull = shell.grants.inForce(Date.now()).length >= LIMITS.GRANTS_MAX;
  return isFull ? { code: "too_many", what: "grants", limit: LIMITS.GRANTS_MAX } : null;
}

export async function revokeOnAll(
  shell: OrganizationShell,
  call: OrganizationCall,
  id: GrantId,
): Promise<Result<Grant>> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const isRepeated = shell.isRepeated(call);
  const found = shell.grants.history().find((grant) => grant.id === id);
  if (found === undefined) return shell.refuse(call, { code: "not_found", what: "grant" });
  if (!isRepeated && shell.grants.find(id) === null)
    return shell.refuseAsDone(call, whoseOf(found.to), { code: "not_found", what: "grant" });
  const { bundle, effect, until, to } = found;
  const permissions = permissionsOf(bundle, shell.groups.roles());
  const own = ownRights(shell, opened.value);
  const beyond = isRepeated ? [] : notHeld(own, permissions, effect === "deny" ? until : Date.now());
  if (beyond.length > 0) return shell.refuse(call, { code: "exceeds_own_rights", permissions: beyond });
  return shell.change(call, { grant: id, to, effect }, whoseOf(to), () => {
    shell.grants.end(id, Date.now());
    return found;
  });
}

/** Whom an id names, and what role in the organization that is, if it is somebody. */
export function find(
  { tables, groups, tickets }: OrganizationShell,
  to: Subject,
): { name: string; role: string | null } | null {
  if (to.startsWith("grp_")) {
    const group = groups.groups().find(({ id }) => id === to);
    return group === undefined ? null : { name: group.name, role: null };
  }
  const principal = tables.principal(to as PrincipalId) ?? invited(tickets, to as PrincipalId);
  return principal === null ? null : { name: principal.name, role: principal.role };
}

/** Access may be given beforehand to someone who is invited. */
const invited = (tickets: OrganizationShell["tickets"], id: PrincipalId) =>
  tickets.invitations().find(({ principal, state }) => principal === id && state === "open") ?? null;
