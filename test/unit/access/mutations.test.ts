// Owns the proof that the agreement with the naive model has teeth: each mutation of the rules below must be caught by
// it. The seed is fixed, so a mutation is caught always or never.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { AGREEMENTS, type Matter, MATTERS } from "./agreement.ts";
import { breakRules, type Patch } from "./mutants.ts";
import type { Rules } from "./rules.ts";

interface Mutation extends Patch {
  name: string;
  matter: Matter;
}

const DEPTH = `({ on }) => ["organization", "workspace", "folder", "file"].indexOf(on.level) * 1e6 + (on.folder ?? "").length`;

const IN_RIGHTS: Mutation[] = [
  {
    name: "the nearest grant hides the farther",
    find: `covers(grant.on, target));`,
    replace: `covers(grant.on, target)).filter((g, _, all) => (${DEPTH})(g) === Math.max(...all.map(${DEPTH})));`,
  },
  {
    name: "a grant that allows comes before one that denies",
    find: `denied.has(permission) ? [] : `,
    replace: ``,
  },
  {
    name: "nothing is denied at the level of the organization",
    find: `g.effect === "deny" ?`,
    replace: `g.effect === "deny" && g.on.level !== "organization" ?`,
  },
  {
    name: "nothing is denied to everyone",
    find: `g.effect === "deny" ?`,
    replace: `g.effect === "deny" && g.to !== EVERYONE ?`,
  },
  {
    name: "grants to groups are ignored",
    find: ` || groups.some((group) => group === to)`,
    replace: ``,
  },
  {
    name: "only the first group counts",
    find: `groups.some(`,
    replace: `groups.slice(0, 1).some(`,
  },
  {
    name: "grants to everyone are ignored",
    find: `to === EVERYONE || `,
    replace: ``,
  },
  {
    name: "a grant to one is a grant to all",
    find: `to === principal ||`,
    replace: `!to.startsWith("grp_") ||`,
  },
  {
    name: "grants count for ever",
    find: `isInForce(grant, now) && `,
    replace: ``,
  },
  {
    name: "what denies never ends",
    find: `isInForce(grant, now) && `,
    replace: `(grant.effect === "deny" || isInForce(grant, now)) && `,
  },
  {
    name: "an admin of the organization cannot be denied",
    find: `denied.has(permission) ?`,
    replace: `who.role !== "admin" && denied.has(permission) ?`,
  },
  {
    name: "an admin of the organization counts for nothing in a workspace",
    find: `who.role === "admin" ?`,
    replace: `false ?`,
  },
  {
    name: "every member is as good as an admin",
    find: `who.role === "admin" ?`,
    replace: `who.role !== "guest" ?`,
  },
  {
    name: "an owner can be denied",
    find: `if (who.isOwner) return`,
    replace: `if (who.isOwner && grants.every(({ effect, to }) => effect === "allow" || !isFor(to, who))) return`,
  },
  {
    name: "the owner of a workspace is nobody in it",
    find: `if (who.isOwner) return`,
    replace: `if (who.role === "owner") return`,
  },
  {
    name: "a right ends with the first of what allows it",
    find: `Math.max(`,
    replace: `Math.min(`,
  },
  {
    name: "what is held for good ends with what is held for a time",
    find: `held.some(({ until }) => until === null) ?`,
    replace: `held.every(({ until }) => until === null) ?`,
  },
  {
    name: "only the first of what allows is told",
    find: `by.map(({ source }) => source)`,
    replace: `by.slice(0, 1).map(({ source }) => source)`,
  },
].map((mutation) => ({ ...mutation, matter: "rights", file: "rights.ts" }));

const IN_GRANTS: Mutation[] = [
  {
    name: "a grant is in force at its end",
    find: `until > now`,
    replace: `until >= now`,
  },
  {
    name: "a grant without end is not in force",
    find: `until === null || until > now`,
    replace: `until !== null && until > now`,
  },
  {
    name: "a folder covers whatever begins like it",
    find: `path?.startsWith(on.folder)`,
    replace: `path?.startsWith(on.folder.slice(0, -1))`,
  },
  {
    name: "a folder does not cover itself",
    find: `path?.startsWith(on.folder)`,
    replace: `(path === null ? false : path !== on.folder && path.startsWith(on.folder))`,
  },
  {
    name: "a folder covers only what is directly in it",
    find: `path?.startsWith(on.folder)`,
    replace: `(path === null ? false : path.startsWith(on.folder) && !path.slice(on.folder.length, -1).includes("/"))`,
  },
  {
    name: "the outermost folder covers the workspace",
    find: `path?.startsWith(on.folder) ?? false`,
    replace: `(path ?? "/").startsWith(on.folder)`,
  },
  {
    name: "upper and lower case are the same",
    find: `path?.startsWith(on.folder)`,
    replace: `path?.toLowerCase().startsWith(on.folder.toLowerCase())`,
  },
  {
    name: "the grants of a file stay where it was created",
    find: `file === on.file`,
    replace: "`born at ${path}` === on.file",
  },
  {
    name: "the grants of a file are those of every file",
    find: `file === on.file`,
    replace: `file !== null`,
  },
  {
    name: "a custom role overrides the built-in one",
    find: `[ROLE_PERMISSIONS as Roles, roles]`,
    replace: `[roles, ROLE_PERMISSIONS as Roles]`,
  },
  {
    name: "custom roles are unknown",
    find: `[ROLE_PERMISSIONS as Roles, roles]`,
    replace: `[ROLE_PERMISSIONS as Roles]`,
  },
  {
    name: "an unknown role bundles everything",
    find: `?? []`,
    replace: `?? ROLE_PERMISSIONS.admin`,
  },
].map((mutation) => ({ ...mutation, matter: "rights", file: "grants.ts" }));

const IN_GIVING: Mutation[] = [
  {
    name: "what is held until then cannot be given until then",
    find: `until > right.until`,
    replace: `until >= right.until`,
  },
  {
    name: "what is held for a time can be given for good",
    find: `until === null || until > right.until`,
    replace: `until !== null && until > right.until`,
  },
  {
    name: "what is held for a time can be given for longer",
    find: `until === null || until > right.until`,
    replace: `until === null`,
  },
  {
    name: "what is not held can be given",
    find: `if (right === undefined) return true;`,
    replace: `if (right === undefined) return false;`,
  },
].map((mutation) => ({ ...mutation, matter: "giving", file: "rights.ts" }));

const IN_WALLS: Mutation[] = [
  {
    name: "operations that are not named pass",
    find: `if (scopes.operations !== null && !isNamed) return "operations";`,
    replace: ``,
  },
  {
    name: "a scoped key has every power",
    find: `if (POWERS.has(permission)) return "powers";`,
    replace: ``,
  },
  {
    name: "a scoped key has the powers that it names",
    find: `if (POWERS.has(permission)) return`,
    replace: `if (POWERS.has(permission) && !isNamed) return`,
  },
  {
    name: "a scoped key sees what is confidential",
    find: `if (CONFIDENTIAL.has(permission)) return isNamed ? null : "powers";`,
    replace: `if (CONFIDENTIAL.has(permission)) return null;`,
  },
  {
    name: "a key that is kept to places is not scoped",
    find: `readOnly || operations !== null || places !== null`,
    replace: `readOnly || operations !== null`,
  },
  {
    name: "a read-only key writes by naming the operation",
    find: `scopes.readOnly && !READING`,
    replace: `scopes.readOnly && !isNamed && !READING`,
  },
].map((mutation) => ({ ...mutation, matter: "walls", file: "scopes.ts" }));

const IN_REACH: Mutation[] = [
  {
    name: "a place reaches whatever begins like it",
    find: `startsWith(place.folder)`,
    replace: `startsWith(place.folder.slice(0, -1))`,
  },
  {
    name: "any place in a workspace reaches the whole of it",
    find: `(path ?? "/")`,
    replace: `(path ?? place.folder)`,
  },
  {
    name: "no place reaches a whole workspace",
    find: `(path ?? "/")`,
    replace: `(path ?? "")`,
  },
  {
    name: "a place is the same in every workspace",
    find: `place.workspace === workspace && `,
    replace: ``,
  },
  {
    name: "a key without places reaches nothing",
    find: `if (places === null) return true;`,
    replace: `if (places === null) return false;`,
  },
  {
    name: "a key touches every workspace",
    find: `places === null || places.some((place) => place.workspace === workspace)`,
    replace: `true`,
  },
].map((mutation) => ({ ...mutation, matter: "reach", file: "scopes.ts" }));

const MUTATIONS = [...IN_RIGHTS, ...IN_GRANTS, ...IN_GIVING, ...IN_WALLS, ...IN_REACH];
const RUNS = { seed: 1, numRuns: 2000, endOnFailure: true };

async function broken(patches: Patch[]): Promise<Rules> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-mutant-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return breakRules(directory, patches);
}

describe("deliberate mutations of the rules are caught", { timeout: 0 }, () => {
  test.each(MUTATIONS)("$matter: $name", async ({ matter, ...patch }) => {
    const rules = await broken([patch]);
    expect(() => AGREEMENTS[matter].assert(rules, RUNS)).toThrow("ERR_ASSERTION");
  });

  test.each(MATTERS)("%s: rules that are only copied are not", async (matter) => {
    const rules = await broken([]);
    expect(() => AGREEMENTS[matter].assert(rules, RUNS)).not.toThrow();
  });

  test("a patch whose text is not found fails", async () => {
    await expect(broken([{ file: "rights.ts", find: "no such text", replace: "" }])).rejects.toThrow("found 0 times");
  });
});
