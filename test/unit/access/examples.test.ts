// Owns the rules of access told by example: one workspace, in which Ada asks unless somebody else is named.

import { describe, expect, test } from "vitest";
import {
  type Bundle,
  type Effect,
  EVERYONE,
  type Grant,
  type Resource,
  type Subject,
  type Target,
  WHOLE_WORKSPACE,
} from "../../../src/domain/access/grants.ts";
import { notHeld, type Right, rightsOn, type Who } from "../../../src/domain/access/rights.ts";
import { type Scopes, UNSCOPED, reaches, wallAgainst } from "../../../src/domain/access/scopes.ts";
import type { FileId, GrantId, GroupId, PrincipalId, WorkspaceId } from "../../../src/domain/ids.ts";
import { type Permission, PERMISSIONS, ROLE_PERMISSIONS } from "../../../src/domain/permissions.ts";

const NOW = 1000;
const WRITERS = "grp_writers" as GroupId;
const ada: Who = { principal: "hum_ada" as PrincipalId, role: "member", groups: [WRITERS], isOwner: false };
const bob: Who = { principal: "agt_bob" as PrincipalId, role: "member", groups: [], isOwner: false };
const admin: Who = { ...bob, principal: "hum_grace" as PrincipalId, role: "admin" };
const owner: Who = { ...bob, principal: "hum_olga" as PrincipalId, isOwner: true };

const WORKSPACE: Resource = { level: "workspace" };
const folder = (path: string): Resource => ({ level: "folder", folder: path });
const REPORT = "f1" as FileId;
const at = (path: string, file: FileId | null = null): Target => ({ path, file });

const granting =
  (effect: Effect) =>
  (to: Subject, what: string | Permission[], on: Resource = WORKSPACE, until: number | null = null): Grant => {
    const bundle: Bundle = typeof what === "string" ? { role: what } : { permissions: what };
    return { id: "grt_example" as GrantId, on, to, effect, bundle, until, by: owner.principal, at: 0 };
  };
const allow = granting("allow");
const deny = granting("deny");

const rights = (grants: Grant[], target: Target, who = ada, roles = {}): Right[] =>
  rightsOn(target, who, { grants, roles }, NOW);
const may = (...asked: Parameters<typeof rights>): Permission[] => rights(...asked).map(({ permission }) => permission);

describe("what somebody may do", () => {
  test("is nothing, until a grant allows it", () => {
    expect(may([], at("/a/x"))).toEqual([]);
    expect(may([allow(ada.principal, ["files:read"])], at("/a/x"))).toEqual(["files:read"]);
  });

  test("is what is granted to them, to a group they are in, and to everyone", () => {
    const grants = [
      allow(ada.principal, ["files:read"]),
      allow(WRITERS, ["files:write"]),
      allow(EVERYONE, ["locks:read"]),
    ];
    expect(may(grants, at("/a/x"))).toEqual(["files:read", "files:write", "locks:read"]);
    expect(may(grants, at("/a/x"), bob)).toEqual(["locks:read"]);
  });

  test("reaches down: a folder's grants are for it and all that it contains, not for what begins like it", () => {
    const grants = [allow(ada.principal, ["files:read"], folder("/a/"))];
    for (const path of ["/a/", "/a/x", "/a/b/c/x"]) expect(may(grants, at(path))).toEqual(["files:read"]);
    for (const path of ["/", "/a", "/ab/x", "/b/a/x"]) expect(may(grants, at(path))).toEqual([]);
    expect(may(grants, WHOLE_WORKSPACE)).toEqual([]);
  });

  test("is not what anything denies, be the deny nearer than what allows it or farther", () => {
    const [above, below] = [WORKSPACE, folder("/a/")];
    const nearer = [allow(ada.principal, "viewer", above), deny(ada.principal, ["files:read"], below)];
    const farther = [deny(ada.principal, ["files:read"], above), allow(ada.principal, "viewer", below)];
    for (const grants of [nearer, farther]) expect(may(grants, at("/a/x"))).toEqual(["workspace:read", "locks:read"]);
  });

  test("is not what is denied to them, to a group they are in, or to everyone", () => {
    for (const to of [ada.principal, WRITERS, EVERYONE] as const)
      expect(may([allow(ada.principal, ["files:read"]), deny(to, "admin")], at("/a/x"))).toEqual([]);
  });

  test("follows a file: its own grants hold wherever it is moved, and do not stay behind", () => {
    const grants = [allow(ada.principal, ["files:read"], { level: "file", file: REPORT })];
    for (const path of ["/a/report", "/b/old/report"]) expect(may(grants, at(path, REPORT))).toEqual(["files:read"]);
    expect(may(grants, at("/a/report"))).toEqual([]);
  });

  test("ends with the last grant that allows it; a grant is over at its end", () => {
    const until = (end: number): Grant => allow(ada.principal, ["files:read"], WORKSPACE, end);
    expect(may([until(NOW)], at("/x"))).toEqual([]);
    expect(rights([until(NOW + 1), until(NOW + 5)], at("/x"))).toMatchObject([{ until: NOW + 5 }]);
    expect(rights([until(NOW + 1), allow(WRITERS, ["files:read"])], at("/x"))).toMatchObject([{ until: null }]);
  });

  test("is back when a deny has ended", () => {
    const grants = [allow(ada.principal, ["files:read"]), deny(EVERYONE, "admin", WORKSPACE, NOW)];
    expect(may(grants, at("/x"))).toEqual(["files:read"]);
  });

  test("is everything for an owner, who cannot be locked out", () => {
    expect(may([deny(EVERYONE, "admin")], at("/x"), owner)).toEqual(PERMISSIONS);
  });

  test("is everything for an admin of the organization, but what is denied", () => {
    expect(may([], at("/x"), admin)).toEqual(PERMISSIONS);
    expect(may([deny(EVERYONE, "viewer", folder("/a/"))], at("/a/x"), admin)).not.toContain("files:read");
  });

  test("may come from a custom role, which cannot redefine a built-in one; an unknown role bundles nothing", () => {
    const roles = { auditor: ["audit:read"], viewer: ["access:manage"] } as const;
    expect(may([allow(ada.principal, "auditor")], at("/x"), ada, roles)).toEqual(["audit:read"]);
    expect(may([allow(ada.principal, "viewer")], at("/x"), ada, roles)).toEqual(ROLE_PERMISSIONS.viewer);
    expect(may([allow(ada.principal, "unheard-of")], at("/x"), ada, roles)).toEqual([]);
  });
});

describe("what somebody may give or take", () => {
  test("is what they hold there, for no longer than they hold it", () => {
    const held = rights([allow(ada.principal, ["files:read"], WORKSPACE, NOW + 5)], WHOLE_WORKSPACE);
    expect(notHeld(held, ["files:read"], NOW + 5)).toEqual([]);
    expect(notHeld(held, ["files:read"], NOW + 6)).toEqual(["files:read"]);
    expect(notHeld(held, ["files:read"], null)).toEqual(["files:read"]);
    expect(notHeld(held, ["files:read", "files:write"], NOW + 5)).toEqual(["files:write"]);
  });

  test("is asked at the resource alone: it reaches below it even where they are denied themselves", () => {
    const grants = [allow(ada.principal, "viewer"), deny(ada.principal, "viewer", folder("/secret/"))];
    const given = allow(bob.principal, ["files:read"]);
    expect(notHeld(rights(grants, WHOLE_WORKSPACE), ["files:read"], null)).toEqual([]);
    expect(may([...grants, given], at("/secret/x"))).toEqual([]);
    expect(may([...grants, given], at("/secret/x"), bob)).toEqual(["files:read"]);
  });
});

describe("a key", () => {
  const HERE = "ws_here" as WorkspaceId;
  const within = (folder: string): Scopes => ({ ...UNSCOPED, places: [{ workspace: HERE, folder }] });
  const write = { action: "files.write", permission: "files:write" } as const;
  const manage = { action: "grants.create", permission: "access:manage" } as const;
  const audit = { action: "audit.list", permission: "audit:read" } as const;

  test("that is scoped to places reaches what lies in them; a whole workspace through / alone", () => {
    expect(reaches(within("/a/"), HERE, at("/a/x"))).toBe(true);
    expect(reaches(within("/a/"), HERE, at("/ab/x"))).toBe(false);
    expect(reaches(within("/a/"), HERE, WHOLE_WORKSPACE)).toBe(false);
    expect(reaches(within("/"), HERE, WHOLE_WORKSPACE)).toBe(true);
    expect(reaches(within("/"), "ws_elsewhere" as WorkspaceId, at("/a/x"))).toBe(false);
  });

  test("that is read-only does not write, and one that names operations does nothing else", () => {
    expect(wallAgainst({ ...UNSCOPED, readOnly: true }, write)).toBe("read-only");
    expect(wallAgainst({ ...UNSCOPED, operations: ["files.read"] }, write)).toBe("operations");
    expect(wallAgainst({ ...UNSCOPED, operations: ["files.write"] }, write)).toBeNull();
  });

  test("that has any scope never has power over rights, and sees what is confidential only by naming it", () => {
    expect(wallAgainst(UNSCOPED, manage)).toBeNull();
    expect(wallAgainst({ ...UNSCOPED, operations: [manage.action] }, manage)).toBe("powers");
    expect(wallAgainst(within("/"), audit)).toBe("powers");
    expect(wallAgainst({ ...within("/"), operations: [audit.action] }, audit)).toBeNull();
  });
});
