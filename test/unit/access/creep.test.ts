// What the reports on creeping permissions find, and what they leave alone.

import { expect, test } from "vitest";
import { idle, unused, type Uses, widened, withoutEnd } from "../../../src/domain/access/creep.ts";
import { UNSCOPED } from "../../../src/domain/access/scopes.ts";
import type { Grant, Subject } from "../../../src/domain/access/grants.ts";
import type { Roster } from "../../../src/domain/access/standing.ts";
import type { GrantId, GroupId, KeyId, PrincipalId } from "../../../src/domain/ids.ts";
import type { KeyView } from "../../../src/domain/organizations.ts";
import type { Permission } from "../../../src/domain/permissions.ts";

const [ada, ben] = ["agt_ada", "agt_ben"] as PrincipalId[] as [PrincipalId, PrincipalId];
const team = "grp_team" as GroupId;
const DAY = 24 * 60 * 60 * 1000;
const NOW = 1000 * DAY;
const SINCE = NOW - 30 * DAY;

const grant = (to: Subject, role: string, at: number, effect: Grant["effect"] = "allow"): Grant => ({
  id: `grt_${to}_${role}_${at}` as GrantId,
  on: { level: "workspace" },
  to,
  effect,
  bundle: { role },
  until: null,
  by: ada,
  at,
});

const people: Roster = {
  principals: [
    { principal: ada, name: "ada", kind: "agent", role: "member", groups: [team] },
    { principal: ben, name: "ben", kind: "agent", role: "member", groups: [] },
  ],
  groups: [{ group: team, name: "team" }],
  grants: [],
  roles: {},
};

const used = (...uses: [PrincipalId, Permission, number][]): Uses => {
  const found = new Map<PrincipalId, Map<Permission, number>>();
  for (const [who, permission, at] of uses)
    found.set(who, (found.get(who) ?? new Map<Permission, number>()).set(permission, at));
  return found;
};

test("a permission that its holder has used lately is not unused, the others of the grant are", () => {
  const found = unused([grant(ada, "viewer", 0)], people, used([ada, "files:read", NOW]), SINCE);
  expect(found.map(({ permissions }) => permissions)).toEqual([["workspace:read", "locks:read"]]);
});

test("a use of long ago, or by somebody else, does not count", () => {
  const uses = used([ada, "files:read", SINCE - 1], [ben, "files:read", NOW]);
  expect(unused([grant(ada, "viewer", 0)], people, uses, SINCE)[0]?.permissions).toContain("files:read");
});

test("what a group was given counts as used when anybody in it has used it", () => {
  const byAda = used([ada, "files:read", NOW]);
  expect(unused([grant(team, "viewer", 0)], people, byAda, SINCE)[0]?.permissions).not.toContain("files:read");
  const byBen = used([ben, "files:read", NOW]);
  expect(unused([grant(team, "viewer", 0)], people, byBen, SINCE)[0]?.permissions).toContain("files:read");
});

test("what was given only lately, and what is denied, is not called unused", () => {
  const grants = [grant(ada, "viewer", SINCE), grant(ben, "viewer", 0, "deny")];
  expect(unused(grants, people, new Map(), SINCE)).toEqual([]);
});

test("who was a viewer first and is an editor now has widened, by what was added", () => {
  const [first, second] = [grant(ada, "viewer", 1), grant(ada, "editor", 2)];
  expect(widened([first, second], [second], {})).toEqual([
    {
      to: ada,
      since: 1,
      first: ["workspace:read", "files:read", "locks:read"],
      added: ["files:write", "locks:acquire"],
    },
  ]);
});

test("who has less than at first, or the same again, has not widened", () => {
  const [first, second] = [grant(ada, "editor", 1), grant(ada, "viewer", 2)];
  expect(widened([first, second], [second], {})).toEqual([]);
  expect(widened([first, grant(ada, "editor", 3)], [grant(ada, "editor", 3)], {})).toEqual([]);
  expect(widened([first], [], {})).toEqual([]);
});

const key = (change: Partial<KeyView>): KeyView => ({
  id: "key_a" as KeyId,
  principal: ada,
  name: "a",
  scopes: UNSCOPED,
  createdAt: 0,
  createdBy: null,
  expiresAt: null,
  revokedAt: null,
  revokedBy: null,
  usedAt: NOW,
  ...change,
});

test("keys without an end are told, revoked ones and those with an end are not", () => {
  const endless = key({});
  expect(withoutEnd([endless, key({ revokedAt: 1 }), key({ expiresAt: NOW + 1 })], NOW)).toEqual([endless]);
});

test("keys that lie idle are told, young ones and ended ones are not", () => {
  const [never, long] = [key({ usedAt: null }), key({ usedAt: SINCE - 1 })];
  const others = [key({}), key({ createdAt: SINCE, usedAt: null }), key({ expiresAt: NOW, usedAt: null })];
  expect(idle([never, long, ...others], SINCE, NOW)).toEqual([never, long]);
});
