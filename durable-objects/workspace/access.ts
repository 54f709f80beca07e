// Owns who is granted what in a workspace: giving, taking away, and the rule that nobody gives or takes more than they
// hold at that very place, nor gives away from above what is denied to them further down.

import {
  covers,
  EVERYONE,
  type Grant,
  permissionsOf,
  type Resource,
  type Subject,
  type Target,
} from "../../src/domain/access/grants.ts";
import { isFor, notHeld, type Right } from "../../src/domain/access/rights.ts";
import { type Standing, whoseOf } from "../../src/domain/access/standing.ts";
import type { Call } from "../../src/domain/calls.ts";
import type { EventDetail } from "../../src/domain/events.ts";
import type { FileId, GrantId, WorkspacePath } from "../../src/domain/ids.ts";
import { LIMITS } from "../../src/domain/limits.ts";
import type { Permission } from "../../src/domain/permissions.ts";
import type { Problem } from "../../src/domain/problems.ts";
import { err, ok, type Result } from "../../src/domain/result.ts";
import type { GrantView, NewGrant } from "../../src/domain/workspaces.ts";
import { plain } from "../../src/platform/objects.ts";
import { newGrantId } from "../../src/platform/ids.ts";
import { holds, type Opened, type WorkspaceShell } from "./shell.ts";

/** What a path names: the whole workspace, a folder, or the file that is there; null when none is. */
function resourceAt(shell: WorkspaceShell, path: string | null): Resource | null {
  if (path === null || path === "/") return { level: "workspace" };
  if (path.endsWith("/")) return { level: "folder", folder: path };
  const file = shell.tables.entryAt(path as WorkspacePath)?.file;
  return file === undefined ? null : { level: "file", file };
}

/** Lets a caller in at a path. That nothing is there is said only to those who may ask there. */
export function admitAt(
  shell: WorkspaceShell,
  call: Call,
  standing: Standing,
  path: string | null,
): Result<Opened & { on: Resource }> {
  const on = resourceAt(shell, path);
  const opened = shell.admit(call, standing, on === null ? { path, file: null } : shell.targetOf(on));
  if (!opened.ok) return opened;
  return on === null ? err({ code: "not_found", what: "file" }) : ok({ ...opened.value, on });
}

/** What is on a path and below it, of the grants that stand. */
export async function listGrants(shell: WorkspaceShell, call: Call, path: string | null): Promise<Result<GrantView[]>> {
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const opened = admitAt(shell, call, standing.value, path);
  if (!opened.ok) return opened;
  const views = shell.grants.all().map((grant) => viewOf(shell, grant));
  return shell.once(call, { path }, () => views.filter((grant) => isWithin(grant.path, path)));
}

/** Below a file there is nothing, whatever other names begin like its own. */
function isWithin(granted: string | null, path: string | null): boolean {
  if (path === null || path === "/") return true;
  return path.endsWith("/") ? (granted?.startsWith(path) ?? false) : granted === path;
}

export function viewOf(shell: WorkspaceShell, grant: Grant): GrantView {
  return { ...grant, path: shell.targetOf(grant.on).path };
}

/** Grants something. What takes away (a denial) is answered only when the old right is honoured nowhere any more. */
export async function grant(shell: WorkspaceShell, call: Call, asked: NewGrant): Promise<Result<GrantView>> {
  const known = await findSubject(shell, call, asked.to);
  if (!known.ok) return known;
  const { standing } = known.value;
  const opened = admitAt(shell, call, standing, asked.path);
  if (!opened.ok) return opened;
  const fault = shell.isRepeated(call) ? null : grantFault(shell, known.value, asked, opened.value.on);
  if (fault !== null) return shell.refuse(call, fault);
  const permissions = permissionsOf(asked.bundle, standing.roles);
  const { path, ...rest } = asked;
  const made: Grant = { ...rest, id: newGrantId(), on: opened.value.on, by: call.caller.principal, at: Date.now() };
  const whose = asked.effect === "deny" ? whoseOf(asked.to) : null;
  return shell.change(call, { ...describe(made), path, permissions: permissions.join(" ") }, whose, () => {
    shell.grants.save(made);
    return viewOf(shell, made);
  });
}

function grantFault(
  shell: WorkspaceShell,
  { standing, exists, isOwner }: Known,
  asked: NewGrant,
  on: Resource,
): Problem | null {
  if (!exists) return { code: "not_found", what: "principal" };
  if (asked.effect === "deny" && isOwner) return { code: "owner_stays" };
  return givingFault(shell, standing, asked, on) ?? fullFault(shell, 1);
}

/** Nobody gives more than they hold themselves at that very place, nor for longer. */
export function givingFault(
  shell: WorkspaceShell,
  standing: Standing,
  { effect, bundle, until }: Pick<Grant, "effect" | "bundle" | "until">,
  on: Resource,
): Problem | null {
  const permissions = permissionsOf(bundle, standing.roles);
  if (permissions.length === 0) return { code: "not_found", what: "role" };
  const own = effect === "deny" ? shell.rightsOf(standing, shell.targetOf(on)) : rightsToGive(shell, standing, on);
  const beyond = notHeld(own, permissions, until);
  return beyond.length > 0 ? { code: "exceeds_own_rights", permissions: beyond } : null;
}

/** Whether there is no room for so many more grants. */
export function fullFault(shell: WorkspaceShell, more: number): Problem | null {
  const isFull = shell.grants.inForce(Date.now()).length + more > LIMITS.GRANTS_MAX;
  return isFull ? { code: "too_many", what: "grants", limit: LIMITS.GRANTS_MAX } : null;
}

/** What somebody may give on a resource: what they hold there, and at every place below it where they are denied something. */
export function rightsToGive(shell: WorkspaceShell, standing: Standing, on: Resource): Right[] {
  const denials = shell.grants.all().filter(({ effect, to }) => effect === "deny" && isFor(to, standing));
  const below = denials
    .map((denial) => shell.targetOf(denial.on))
    .filter((target) => covers(on, target) && !isGone(target));
  const held = below.map((target) => shell.rightsOf(standing, target));
  const own = shell.rightsOf(standing, shell.targetOf(on));
  return own.filter(({ permission }) => held.every((rights) => holds(rights, permission)));
}

/** A grant may outlast the file that it is on. */
const isGone = ({ path, file }: Target): boolean => file !== null && path === null;

/**
 * What a file's own grants allow that the caller does not hold where the file is to be. They go along with it, so whoever
 * moves it gives there what they allow.
 */
export function carriedBeyond(
  shell: WorkspaceShell,
  standing: Standing,
  file: FileId,
  to: WorkspacePath,
): Permission[] {
  const carried = shell.grants
    .inForce(Date.now())
    .filter(({ on, effect }) => effect === "allow" && on.level === "file" && on.file === file);
  const own = shell.rightsOf(standing, { path: to, file: null });
  const beyond = carried.flatMap(({ bundle, until }) => notHeld(own, permissionsOf(bundle, standing.roles), until));
  return [...new Set(beyond)];
}

/** Ends a grant. Whoever ends a denial gives, so the same rule holds: nothing beyond what they hold themselves. */
export async function revokeGrant(shell: WorkspaceShell, call: Call, id: GrantId): Promise<Result<GrantView>> {
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const found = shell.grants.history().find((grant) => grant.id === id);
  const opened = shell.admit(call, standing.value, shell.targetOf(found?.on ?? { level: "workspace" }));
  if (!opened.ok) return opened;
  if (found === undefined) return shell.refuse(call, { code: "not_found", what: "grant" });
  const isRepeated = shell.isRepeated(call);
  if (!isRepeated && shell.grants.find(id) === null) return shell.refuse(call, { code: "not_found", what: "grant" });
  const beyond = isRepeated ? [] : beyondOwn(shell, found, standing.value);
  if (beyond.length > 0) return shell.refuse(call, { code: "exceeds_own_rights", permissions: beyond });
  const whose = found.effect === "allow" ? whoseOf(found.to) : null;
  return shell.change(call, describe(found), whose, () => {
    shell.grants.end(id, Date.now());
    return viewOf(shell, found);
  });
}

/** Who ends a denial gives until it would have ended by itself; to end what is allowed, holding it now is enough. */
export function beyondOwn(
  shell: WorkspaceShell,
  { on, bundle, effect, until }: Grant,
  standing: Standing,
): Permission[] {
  const permissions = permissionsOf(bundle, standing.roles);
  return effect === "deny"
    ? notHeld(rightsToGive(shell, standing, on), permissions, until)
    : notHeld(shell.rightsOf(standing, shell.targetOf(on)), permissions, Date.now());
}

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
  const found = to === EVERYONE ? null : await plain(shell.organization(present.value).find(to));
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const isOwner = found?.role === "owner" || to === shell.record?.owner;
  return ok({ standing: standing.value, exists: to === EVERYONE || found !== null, name: found?.name ?? "", isOwner });
}
