// Owns what fast-check draws to ask about: an organization with its people, groups and roles, files that may have
// moved, a tree of grants, and one question. All picks favour the one who asks and what contains the target, so that
// grants often meet.

import * as fc from "fast-check";
import {
  type Bundle,
  type Effect,
  EVERYONE,
  type Grant,
  type Resource,
  type Subject,
  type Target,
} from "../../../src/domain/access/grants.ts";
import type { FileId, GrantId, GroupId, PrincipalId } from "../../../src/domain/ids.ts";
import { ORGANIZATION_ROLES, PERMISSIONS } from "../../../src/domain/permissions.ts";
import { foldersAround, type Member, type Question } from "./naive.ts";

/** A file goes by where it was created; it may be elsewhere by now. */
interface StoredFile {
  id: FileId;
  birthplace: string;
  path: string;
}

export interface World extends Question {
  /** The stranger, who is in no group and in no grant by name, comes last. */
  members: readonly Member[];
  files: readonly StoredFile[];
}

export const NOW = Date.UTC(2026, 0, 1);
export const GROUPS = ["grp_0", "grp_1", "grp_2"] as GroupId[];
export const NAMED = ["agt_0", "agt_1", "hum_2", "hum_3"] as PrincipalId[];

export const STRANGER: Member = {
  principal: "agt_stranger" as PrincipalId,
  role: "guest",
  groups: [],
  ownsWorkspace: false,
};

/** Names that begin alike, look alike, or are more than one code unit long. */
const segment = fc.constantFrom("a", "a", "a", "b", "ab", "A", "a b", "á", "日本", "😀");
export const path: fc.Arbitrary<string> = fc
  .array(segment, { minLength: 1, maxLength: 5, size: "max" })
  .map((segments) => `/${segments.join("/")}`);

/** How far down to cut a path to one of its folders; 0 is `/`. */
export const depth = fc.nat(4);
export function folderOf(path: string, depth: number): string {
  return (
    foldersAround(path)
      .slice(0, depth + 1)
      .at(-1) ?? "/"
  );
}

const file: fc.Arbitrary<StoredFile> = fc
  .record({ birthplace: path, movedTo: fc.option(path, { freq: 2 }) })
  .map(({ birthplace, movedTo }) => ({
    id: `born at ${birthplace}` as FileId,
    birthplace,
    path: movedTo ?? birthplace,
  }));

const files = fc.uniqueArray(file, { minLength: 3, maxLength: 3, selector: ({ id }) => id });

const memberOf = (principal: PrincipalId): fc.Arbitrary<Member> =>
  fc.record({
    principal: fc.constant(principal),
    role: fc.constantFrom(...ORGANIZATION_ROLES, "admin", "member", "member", "guest", "guest"),
    groups: fc.subarray(GROUPS),
    ownsWorkspace: fc.constantFrom(...Array<boolean>(9).fill(false), true),
  });

const members = fc.tuple(...NAMED.map(memberOf)).map((named) => [...named, STRANGER]);

export const permissions = fc.subarray([...PERMISSIONS], { minLength: 1, maxLength: 5 });

/** "viewer" is a custom role that would like to be the built-in one. */
const roles = fc.record({ auditor: permissions, courier: permissions, viewer: permissions }, { requiredKeys: [] });
const roleName = fc.constantFrom(
  "viewer",
  "viewer",
  "editor",
  "steward",
  "admin",
  "auditor",
  "courier",
  "unheard-of",
  "constructor",
);

export const bundle: fc.Arbitrary<Bundle> = fc.oneof(fc.record({ role: roleName }), fc.record({ permissions }));

export const effect = fc.constantFrom<Effect>("allow", "allow", "deny");

export const until: fc.Arbitrary<number | null> = fc.constantFrom(
  null,
  null,
  NOW - 1,
  NOW,
  NOW + 1,
  NOW + 10,
  NOW + 20,
);

/** A place to be found among the files drawn with it; `wasThere` picks where a file was created, not where it is. */
type Spot =
  | { level: "workspace" }
  | { level: "folder"; of: number; wasThere: boolean; depth: number }
  | { level: "file" | "new file"; of: number };

const of = fc.constantFrom(0, 0, 0, 0, 1, 2);
const folderSpot = fc.record({ level: fc.constant("folder" as const), of, wasThere: fc.boolean(), depth });
const workspaceSpot = fc.constant<Spot>({ level: "workspace" });
const fileSpot = fc.record({ level: fc.constant("file" as const), of });

const targetSpot: fc.Arbitrary<Spot> = fc.oneof(
  { weight: 1, arbitrary: workspaceSpot },
  { weight: 2, arbitrary: folderSpot },
  { weight: 5, arbitrary: fileSpot },
  { weight: 2, arbitrary: fc.record({ level: fc.constant("new file" as const), of }) },
);

function targetAt(spot: Spot, files: readonly StoredFile[]): Target {
  if (spot.level === "workspace") return { path: null, file: null };
  const file = files[spot.of];
  if (file === undefined) throw new Error("no such file was drawn");
  if (spot.level === "folder")
    return { path: folderOf(spot.wasThere ? file.birthplace : file.path, spot.depth), file: null };
  return spot.level === "file" ? { path: file.path, file: file.id } : { path: file.birthplace, file: null };
}

const grantSpot = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ level: "organization" as const }) },
  { weight: 1, arbitrary: workspaceSpot },
  { weight: 4, arbitrary: folderSpot },
  { weight: 3, arbitrary: fileSpot },
);

/** The resource that a target is itself. */
export function resourceOf({ path, file }: Target): Resource {
  if (file !== null) return { level: "file", file };
  return path === null ? { level: "workspace" } : { level: "folder", folder: path };
}

const grant = fc.record({
  spot: grantSpot,
  to: fc.constantFrom<Subject>(...NAMED, ...GROUPS, ...GROUPS, EVERYONE, EVERYONE),
  effect,
  bundle,
  until,
});

const drawn = fc.record({
  files,
  members,
  roles,
  grants: fc.array(grant, { minLength: 1, maxLength: 14, size: "max" }),
  who: fc.constantFrom(0, 0, 0, 0, 1, 2, 3, 4),
  target: targetSpot,
});

export const worlds: fc.Arbitrary<World> = drawn.map(({ files, members, roles, grants, who, target }) => ({
  files,
  members,
  roles,
  now: NOW,
  grants: grants.map(({ spot, ...rest }, index): Grant => ({
    ...rest,
    id: `grt_${index}` as GrantId,
    on: spot.level === "organization" ? { level: "organization" } : resourceOf(targetAt(spot, files)),
    by: "hum_founder" as PrincipalId,
    at: NOW - 100,
  })),
  who: members[who] ?? STRANGER,
  target: targetAt(target, files),
}));
