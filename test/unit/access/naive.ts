// Owns a second telling of the rules of access, from their prose alone and as slowly as can be: it lists what contains
// the target, looks at each grant standing there, and decides by plain ifs. It shares types with src/domain and nothing
// else; the roles are written down again by hand.

import type { GroupId, PrincipalId, WorkspaceId } from "../../../src/domain/ids.ts";
import type { Bundle, Grant, Resource, Roles, Subject, Target } from "../../../src/domain/access/grants.ts";
import type { Right, Source } from "../../../src/domain/access/rights.ts";
import type { Scopes, Wall } from "../../../src/domain/access/scopes.ts";
import type { AnyPermission, OrganizationRole, Permission } from "../../../src/domain/permissions.ts";

/** One of the organization, asking about one workspace of it. */
export interface Member {
  principal: PrincipalId;
  role: OrganizationRole;
  groups: readonly GroupId[];
  ownsWorkspace: boolean;
}

/** What may this one do there, at that time, under these grants? */
export interface Question {
  who: Member;
  target: Target;
  grants: readonly Grant[];
  roles: Roles;
  now: number;
}

const VIEWER: readonly Permission[] = ["workspace:read", "files:read", "locks:read"];
const EDITOR: readonly Permission[] = ["workspace:read", "files:read", "files:write", "locks:read", "locks:acquire"];
const STEWARD: readonly Permission[] = [
  "workspace:read",
  "files:read",
  "files:write",
  "gold:write",
  "locks:read",
  "locks:acquire",
  "locks:override",
];
export const EVERY_PERMISSION: readonly Permission[] = [
  "workspace:read",
  "workspace:manage",
  "files:read",
  "files:write",
  "gold:write",
  "locks:read",
  "locks:acquire",
  "locks:override",
  "access:read",
  "access:manage",
  "audit:read",
];

export function bundled(bundle: Bundle, roles: Roles): readonly Permission[] {
  if ("permissions" in bundle) return bundle.permissions;
  if (bundle.role === "viewer") return VIEWER;
  if (bundle.role === "editor") return EDITOR;
  if (bundle.role === "steward") return STEWARD;
  if (bundle.role === "admin") return EVERY_PERMISSION;
  for (const [name, permissions] of Object.entries(roles)) if (name === bundle.role) return permissions;
  return [];
}

/** From the outside in: `/a/b/x` lies in `/`, `/a/` and `/a/b/`. A folder lies in itself. */
export function foldersAround(path: string): string[] {
  const names = path.split("/").slice(1, -1);
  const folders = ["/"];
  let folder = "/";
  for (const name of names) {
    folder = `${folder}${name}/`;
    folders.push(folder);
  }
  return folders;
}

/** The target itself and all that contains it. */
export function aroundTarget({ path, file }: Target): Resource[] {
  const resources: Resource[] = [];
  if (file !== null) resources.push({ level: "file", file });
  if (path !== null) for (const folder of foldersAround(path)) resources.push({ level: "folder", folder });
  resources.push({ level: "workspace" }, { level: "organization" });
  return resources;
}

function standsExactlyOn({ on }: Grant, resource: Resource): boolean {
  if (resource.level === "file") return on.level === "file" && on.file === resource.file;
  if (resource.level === "folder") return on.level === "folder" && on.folder === resource.folder;
  return on.level === resource.level;
}

export function isMeant(to: Subject, who: Member): boolean {
  if (to === "everyone") return true;
  if (to === who.principal) return true;
  for (const group of who.groups) if (to === group) return true;
  return false;
}

function hasEnded({ until }: Grant, now: number): boolean {
  if (until === null) return false;
  return until <= now;
}

export const isOwner = (who: Member): boolean => who.role === "owner" || who.ownsWorkspace;

/** The grants that stand exactly on a resource and say something, now, about this one and this permission. */
function speaking({ who, grants, roles, now }: Question, resource: Resource, permission: Permission): Grant[] {
  const found: Grant[] = [];
  for (const grant of grants) {
    if (!standsExactlyOn(grant, resource)) continue;
    if (!isMeant(grant.to, who)) continue;
    if (hasEnded(grant, now)) continue;
    if (!bundled(grant.bundle, roles).includes(permission)) continue;
    found.push(grant);
  }
  return found;
}

interface Allowing {
  source: Source;
  until: number | null;
}

function naiveRight(question: Question, permission: Permission): Right | null {
  if (isOwner(question.who)) return { permission, until: null, through: ["ownership"] };
  const allowing: Allowing[] = [];
  for (const resource of aroundTarget(question.target)) {
    if (resource.level === "organization" && question.who.role === "admin")
      allowing.push({ source: "organization admin", until: null });
    for (const grant of speaking(question, resource, permission)) {
      if (grant.effect === "deny") return null;
      allowing.push({ source: grant.id, until: grant.until });
    }
  }
  if (allowing.length === 0) return null;
  return { permission, until: latestEnd(allowing), through: allowing.map(({ source }) => source) };
}

function latestEnd(allowing: Allowing[]): number | null {
  let latest = 0;
  for (const { until } of allowing) {
    if (until === null) return null;
    if (until > latest) latest = until;
  }
  return latest;
}

export function naiveRights(question: Question): Right[] {
  const rights: Right[] = [];
  for (const permission of EVERY_PERMISSION) {
    const right = naiveRight(question, permission);
    if (right !== null) rights.push(right);
  }
  return rights;
}

/** Whether something that lasts until `held` lasts as long as something until `asked`. */
export function lastsAsLong(held: number | null, asked: number | null): boolean {
  if (held === null) return true;
  if (asked === null) return false;
  return held >= asked;
}

export function naiveNotHeld(
  question: Question,
  permissions: readonly Permission[],
  until: number | null,
): Permission[] {
  const missing: Permission[] = [];
  for (const permission of permissions) {
    const right = naiveRight(question, permission);
    if (right === null) missing.push(permission);
    else if (!lastsAsLong(right.until, until)) missing.push(permission);
  }
  return missing;
}

const NEVER_SCOPED = new Set<AnyPermission>([
  "access:manage",
  "self:manage",
  "organization:manage",
  "workspaces:create",
]);
const ONLY_IF_NAMED = new Set<AnyPermission>(["audit:read", "access:read", "organization:audit"]);
const ONLY_LOOKS = new Set<AnyPermission>([
  "workspace:read",
  "files:read",
  "locks:read",
  "self:read",
  "organization:read",
]);

/** Every wall that stands between a key and an operation. */
export function naiveWalls(scopes: Scopes, action: string, permission: AnyPermission): Wall[] {
  if (!scopes.readOnly && scopes.operations === null && scopes.places === null) return [];
  const isNamed = scopes.operations !== null && scopes.operations.includes(action);
  const walls: Wall[] = [];
  if (scopes.operations !== null && !isNamed) walls.push("operations");
  if (NEVER_SCOPED.has(permission)) walls.push("powers");
  if (ONLY_IF_NAMED.has(permission) && !isNamed) walls.push("powers");
  const onlyLooks = ONLY_LOOKS.has(permission) || ONLY_IF_NAMED.has(permission);
  if (scopes.readOnly && !onlyLooks) walls.push("read-only");
  return walls;
}

export function naiveReaches({ places }: Scopes, workspace: WorkspaceId, { path }: Target): boolean {
  if (places === null) return true;
  for (const place of places) {
    if (place.workspace !== workspace) continue;
    if (place.folder === "/") return true;
    if (path !== null && foldersAround(path).includes(place.folder)) return true;
  }
  return false;
}

export function naiveTouches({ places }: Scopes, workspace: WorkspaceId): boolean {
  if (places === null) return true;
  for (const place of places) if (place.workspace === workspace) return true;
  return false;
}
