// Owns what is expected of every operation for everybody who could ask: the rules of access told once more from their
// prose, with tables of its own and plain ifs. It imports nothing, so that it shares no mistake with what it judges.

export type Level = "organization" | "workspace" | "folder" | "file";
export const LEVELS: readonly Level[] = ["organization", "workspace", "folder", "file"];

const EVERYTHING = [
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
const VIEWING = ["workspace:read", "files:read", "locks:read"];
const EDITING = ["workspace:read", "files:read", "files:write", "locks:read", "locks:acquire"];

/** What can be granted: the built-in roles, a role of the organization's own, and permissions one by one. */
export const BUNDLES: Record<string, readonly string[]> = {
  viewer: VIEWING,
  editor: EDITING,
  steward: [...EDITING, "gold:write", "locks:override"],
  admin: EVERYTHING,
  "the role auditor": ["workspace:read", "files:read", "locks:read", "locks:acquire", "audit:read"],
  "listed permissions": ["files:read", "files:write", "locks:acquire", "access:manage"],
};

const ORGANIZATION: Record<Standing["role"], readonly string[]> = {
  owner: ["self", "read", "audit", "manage", "workspaces"],
  admin: ["self", "read", "audit", "manage", "workspaces"],
  member: ["self", "read"],
  guest: ["self"],
};

export interface Given {
  level: Level;
  to: "principal" | "group" | "everyone";
  effect: "allow" | "deny";
  bundle: string;
  /** Its time has passed. */
  over: boolean;
}

export interface Walls {
  readOnly?: boolean;
  operations?: "all named" | "none named";
  place?: "the workspace" | "another workspace" | "the folder" | "another folder";
}

/** How somebody stands to the scene. */
export interface Standing {
  role: "owner" | "admin" | "member" | "guest";
  ownsWorkspace?: boolean;
  given?: readonly Given[];
  /** What keeps the caller out before anything is asked. */
  out?: "stranger" | "no key" | "revoked" | "expired" | "paused";
  walls?: Walls;
}

/** `new`: a path in the scene's folder at which nothing is yet. */
type Place = "workspace" | "folder" | "file" | "new";

type Rule =
  | { on: "deployment" }
  | { on: "token"; for: "anybody" | "humans" }
  | { on: "organization"; kind: string; alsoHeld?: readonly string[]; whose?: "managed" | "owned" | "named" }
  | { on: "locks" }
  | {
      on: "place";
      at: Place;
      needs: string;
      /** Needed there besides. */
      also?: readonly string[];
      /** Where the same is needed too. */
      to?: "new";
      /** What somebody gets by it. */
      gives?: readonly string[];
      /** What somebody loses by it. */
      takes?: readonly string[];
    };

const own = (kind: string): Rule => ({ on: "organization", kind });
const named = (kind: string): Rule => ({ on: "organization", kind, whose: "named" });
const at = (place: Place, needs: string): Rule => ({ on: "place", at: place, needs });

export const RULES: Record<string, Rule> = {
  create_organization: { on: "deployment" },
  get_organization: own("read"),
  create_workspace: own("workspaces"),
  list_workspaces: own("read"),
  list_organization_events: own("audit"),
  organization_access_report: own("audit"),

  who_am_i: own("self read"),
  create_agent: own("manage"),
  list_principals: own("read"),
  set_organization_role: named("manage"),
  pause_principal: named("manage"),
  resume_principal: named("manage"),
  remove_principal: named("manage"),

  create_key: own("self"),
  list_keys: own("self read"),
  rotate_key: { on: "organization", kind: "self", whose: "managed" },
  revoke_key: { on: "organization", kind: "self", whose: "managed" },

  create_group: own("manage"),
  list_groups: own("read"),
  delete_group: named("manage"),
  add_to_group: named("manage"),
  remove_from_group: named("manage"),
  list_roles: own("read"),
  set_role: { on: "organization", kind: "manage", alsoHeld: ["files:read"] },
  list_organization_grants: own("read"),
  grant_everywhere: { on: "organization", kind: "manage", alsoHeld: VIEWING, whose: "named" },
  revoke_everywhere: { on: "organization", kind: "manage", alsoHeld: VIEWING, whose: "named" },

  create_invitation: own("manage"),
  list_invitations: own("read"),
  cancel_invitation: named("manage"),
  accept_invitation: { on: "token", for: "anybody" },
  create_transfer: { on: "organization", kind: "self", whose: "owned" },
  list_transfers: own("self read"),
  cancel_transfer: { on: "organization", kind: "self", whose: "owned" },
  claim_transfer: { on: "token", for: "humans" },
  transfer_ownership: { on: "organization", kind: "self", whose: "owned" },

  get_workspace: at("workspace", "workspace:read"),
  update_workspace: at("workspace", "workspace:manage"),
  list_files: at("folder", "files:read"),
  list_events: at("workspace", "audit:read"),
  list_members: at("workspace", "workspace:read"),
  set_member: { on: "place", at: "workspace", needs: "access:manage", gives: VIEWING },
  remove_member: { on: "place", at: "workspace", needs: "access:manage", takes: EDITING },
  list_grants: at("file", "access:read"),
  grant_access: { on: "place", at: "file", needs: "access:manage", gives: VIEWING },
  revoke_access: { on: "place", at: "file", needs: "access:manage", takes: VIEWING },
  who_can: at("file", "access:read"),
  what_can: at("workspace", "access:read"),
  access_report: at("workspace", "access:read"),

  get_file: at("file", "files:read"),
  read_file: at("file", "files:read"),
  list_versions: at("file", "files:read"),
  write_file: at("file", "files:write"),
  delete_file: at("file", "files:write"),
  move_file: { on: "place", at: "file", needs: "files:write", also: ["files:read"], to: "new" },
  copy_file: { on: "place", at: "file", needs: "files:write", also: ["files:read"], to: "new" },

  acquire_lock: at("file", "locks:acquire"),
  get_locks: at("file", "locks:read"),
  wait_for_lock: at("file", "locks:acquire"),
  renew_lock: at("file", "locks:acquire"),
  release_lock: at("file", "locks:acquire"),
  override_lock: at("file", "locks:override"),
  renew_locks: { on: "locks" },

  // A copy of what is in the folder.
  hand_off: { on: "place", at: "new", needs: "files:write", also: ["files:read"] },
  list_handoffs: at("workspace", "files:read"),
  // Both somebody else's.
  get_handoff: at("workspace", "files:read"),
  undo_handoff: at("workspace", "workspace:manage"),
};
/** The same operation by path, where nothing is yet. */
export const NEW_FILE = "write_file, where nothing is yet";
const CREATING = at("new", "files:write");

const SERVED = "served";
const HIDDEN = "404 not_found";
const FORBIDDEN = "403 forbidden";
const WALL = "403 key_scope";
const UNKNOWN = "401 unauthenticated";

// ── what somebody holds ─────────────────────────────────────────────────────────────────────────────────────────────

/** What a grant must stand on to bear on a place. */
function levelsAround(place: Place | "organization"): Level[] {
  if (place === "organization") return ["organization"];
  if (place === "workspace") return ["organization", "workspace"];
  if (place === "file") return ["organization", "workspace", "folder", "file"];
  return ["organization", "workspace", "folder"];
}

export function holds(who: Standing, permission: string, place: Place | "organization"): boolean {
  if (who.role === "owner") return true;
  if (who.ownsWorkspace === true && place !== "organization") return true;
  let allowed = who.role === "admin";
  for (const { level, effect, bundle, over } of who.given ?? []) {
    if (over) continue;
    if (!levelsAround(place).includes(level)) continue;
    if (!(BUNDLES[bundle] ?? []).includes(permission)) continue;
    if (effect === "deny") return false;
    allowed = true;
  }
  return allowed;
}

/** Nobody gives from above what is denied to them below. */
function mayGive(who: Standing, permission: string, place: Place): boolean {
  if (!holds(who, permission, place)) return false;
  if (place !== "workspace") return true;
  return holds(who, permission, "folder") && holds(who, permission, "file");
}

function holdsAnything(who: Standing, place: Place): boolean {
  for (const permission of EVERYTHING) if (holds(who, permission, place)) return true;
  return false;
}

/** Whether the workspace is there at all for somebody: they hold something in it, or where something was given to them. */
function isPresent(who: Standing): boolean {
  if (holdsAnything(who, "workspace")) return true;
  for (const { level, effect } of who.given ?? []) {
    if (effect === "deny") continue;
    if (level === "folder" && holdsAnything(who, "folder")) return true;
    if (level === "file" && holdsAnything(who, "file")) return true;
  }
  return false;
}

// ── what a key lets through ─────────────────────────────────────────────────────────────────────────────────────────

const POWERS = new Set(["access:manage", "self", "manage", "workspaces"]);
const CONFIDENTIAL = new Set(["audit:read", "access:read", "audit"]);
const LOOKING = new Set(["workspace:read", "files:read", "locks:read", "self read", "read"]);

function meetsWall({ walls }: Standing, permission: string): boolean {
  if (walls === undefined) return false;
  if (walls.operations === "none named") return true;
  if (POWERS.has(permission)) return true;
  if (CONFIDENTIAL.has(permission)) return walls.operations !== "all named";
  return walls.readOnly === true && !LOOKING.has(permission);
}

const touches = ({ walls }: Standing): boolean => walls?.place !== "another workspace";

function reaches({ walls }: Standing, place: Place): boolean {
  if (walls?.place === undefined || walls.place === "the workspace") return true;
  return walls.place === "the folder" && place !== "workspace";
}

// ── what is answered ────────────────────────────────────────────────────────────────────────────────────────────────

export function expected(name: string, byPath: boolean, who: Standing): string {
  const rule = name === NEW_FILE ? CREATING : RULES[name];
  if (rule === undefined) return `${name} is not in the model`;
  switch (rule.on) {
    case "deployment":
      return who.out === "no key" ? UNKNOWN : "403 operator_only";
    case "token":
      return onToken(rule.for, who);
    case "organization":
      return inOrganization(rule, who);
    case "locks": {
      if (who.out === "no key") return UNKNOWN;
      const one = onPlace(at("file", "locks:acquire"), "by id", who);
      return one === SERVED ? SERVED : one.replace(/^\d+/, "failed");
    }
    case "place":
      if (name === "list_files") return listing(who);
      return onPlace(rule, rule.at === "file" && !byPath && !IN_THE_WORKSPACE.has(name) ? "by id" : "by path", who);
  }
}

/** Those about a file that are asked of its workspace. */
const IN_THE_WORKSPACE = new Set(["list_grants", "grant_access", "revoke_access", "who_can"]);

function turnedAway({ out }: Standing): string | null {
  if (out === "no key" || out === "revoked" || out === "expired") return UNKNOWN;
  return out === "paused" ? "403 paused" : null;
}

function onToken(whom: "anybody" | "humans", who: Standing): string {
  if (whom === "anybody" || who.out === "no key") return SERVED;
  if (who.out === "stranger") return "403 wrong_claimant";
  return turnedAway(who) ?? (who.walls === undefined ? "403 humans_only" : WALL);
}

function inOrganization(rule: Rule & { on: "organization" }, who: Standing): string {
  const { kind, alsoHeld = [], whose } = rule;
  // A stranger owns another organization, in which what is named here is not.
  if (who.out === "stranger") return whose === undefined ? SERVED : HIDDEN;
  const away = turnedAway(who);
  if (away !== null) return away;
  if (!(ORGANIZATION[who.role] ?? []).includes(kind === "self read" ? "self" : kind)) return FORBIDDEN;
  if (kind !== "self read" && (meetsWall(who, kind) || who.walls?.place !== undefined)) return WALL;
  const manages = who.role === "owner" || who.role === "admin";
  if (whose === "managed" && !manages) return HIDDEN;
  if (whose === "owned" && who.role !== "owner" && who.ownsWorkspace !== true) return HIDDEN;
  for (const permission of alsoHeld) if (!holds(who, permission, "organization")) return "403 exceeds_own_rights";
  return SERVED;
}

function onPlace(rule: Rule, way: "by id" | "by path", who: Standing): string {
  if (rule.on !== "place") return "the model is wrong";
  if (who.out === "stranger") return HIDDEN;
  const away = turnedAway(who);
  if (away !== null) return away;
  const first = way === "by id" ? fromTheFile(rule, who) : fromTheWorkspace(rule.at, rule.needs, who);
  if (first !== SERVED) return first;
  for (const permission of rule.also ?? []) if (!holds(who, permission, rule.at)) return FORBIDDEN;
  for (const permission of rule.takes ?? []) if (!holds(who, permission, rule.at)) return "403 exceeds_own_rights";
  for (const permission of rule.gives ?? []) if (!mayGive(who, permission, rule.at)) return "403 exceeds_own_rights";
  return rule.to === undefined ? SERVED : fromTheWorkspace(rule.to, rule.needs, who);
}

function fromTheWorkspace(place: Place, needs: string, who: Standing): string {
  if (!touches(who) || !isPresent(who)) return HIDDEN;
  if (meetsWall(who, needs)) return WALL;
  if (place !== "workspace" && !holdsAnything(who, place)) return HIDDEN;
  if (!holds(who, needs, place)) return FORBIDDEN;
  return reaches(who, place) ? SERVED : WALL;
}

function fromTheFile({ at: place, needs }: Rule & { on: "place" }, who: Standing): string {
  if (!reaches(who, place) || !holdsAnything(who, place)) return HIDDEN;
  if (!holds(who, needs, place)) return FORBIDDEN;
  return meetsWall(who, needs) ? WALL : SERVED;
}

/** A list shows what may be read; only when that is nothing, it matters whether the folder itself may be. */
function listing(who: Standing): string {
  if (who.out === "stranger") return HIDDEN;
  const away = turnedAway(who);
  if (away !== null) return away;
  const isShown = touches(who) && isPresent(who) && holds(who, "files:read", "file") && reaches(who, "file");
  if (isShown && !meetsWall(who, "files:read")) return SERVED;
  return fromTheWorkspace("folder", "files:read", who);
}
