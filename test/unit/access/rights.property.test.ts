// Owns the properties of the evaluation of access: it agrees with the naive model, and which changes of the grants, of
// the target and of the time may change what is held, in which direction.

import { deepStrictEqual, ok } from "node:assert";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { EVERYONE, type Grant, type Subject } from "../../../src/domain/access/grants.ts";
import { nextEnd, type Right } from "../../../src/domain/access/rights.ts";
import { tellHowToReplay } from "../replay.ts";
import { AGREEMENTS, unordered } from "./agreement.ts";
import { always, HAS_SHARES, RUNS } from "./always.ts";
import { EVERY_PERMISSION, isMeant, isOwner, lastsAsLong } from "./naive.ts";
import { ALL_OUTCOMES, outcomesOf } from "./outcomes.ts";
import { ask, RULES } from "./rules.ts";
import { Tally } from "./tally.ts";
import { GROUPS, NAMED, NOW, path, type World, worlds } from "./worlds.ts";

const LATER_THAN_ALL_ENDS = NOW * 2;

const rightsIn = (world: World): Right[] => ask(RULES, world);
const heldIn = (world: World): string[] => rightsIn(world).map(({ permission }) => permission);

/** Fails unless every one of some rights is among others, and there for as long. */
function assertIncludes(rights: Right[], others: Right[]): void {
  for (const { permission, until } of others)
    ok(
      rights.some((right) => right.permission === permission && lastsAsLong(right.until, until)),
      `${permission} until ${until} is not held`,
    );
}

/** The last grant of a world is the one that comes on top of the others. */
const withoutLast = (world: World): World => ({ ...world, grants: world.grants.slice(0, -1) });
const withLast = (world: World, change: Partial<Grant>): World => ({
  ...world,
  grants: world.grants.map((grant, index) => (index === world.grants.length - 1 ? { ...grant, ...change } : grant)),
});

function withoutSources(world: World, sources: Right["through"]): World {
  const role = sources.includes("organization admin") ? "member" : world.who.role;
  return { ...world, who: { ...world.who, role }, grants: world.grants.filter(({ id }) => !sources.includes(id)) };
}

beforeAll(tellHowToReplay);

describe("the rights that someone holds", { timeout: 0 }, () => {
  const tally = new Tally(ALL_OUTCOMES);

  test("are those of the naive model, until the same time, and through the same", () => {
    AGREEMENTS.rights.assert(RULES, RUNS, (world) => tally.count(...outcomesOf(world)));
  });

  test.skipIf(!HAS_SHARES)("were asked about where every kind of outcome is frequent", () => {
    console.info(tally.shares);
    expect(tally.rarerThan(1)).toEqual([]);
  });

  test("end when all that they come from is taken away, but for an owner's", () => {
    always(worlds, (world) => {
      fc.pre(!isOwner(world.who));
      for (const { permission, through } of rightsIn(world))
        ok(!heldIn(withoutSources(world, through)).includes(permission));
    });
  });

  test("are all of them for an owner, for good, whatever is denied", () => {
    const expected = EVERY_PERMISSION.map((permission) => ({ permission, until: null, through: ["ownership"] }));
    always(worlds, (world) => {
      fc.pre(isOwner(world.who));
      const denied = withLast(world, { effect: "deny", to: EVERYONE, on: { level: "organization" }, until: null });
      deepStrictEqual(rightsIn(withLast(denied, { bundle: { role: "admin" } })), expected);
    });
  });
});

describe("one grant more", { timeout: 0 }, () => {
  test("that denies adds no right", () => {
    always(worlds, (world) =>
      assertIncludes(rightsIn(withoutLast(world)), rightsIn(withLast(world, { effect: "deny" }))),
    );
  });

  test("that allows removes no right", () => {
    always(worlds, (world) =>
      assertIncludes(rightsIn(withLast(world, { effect: "allow" })), rightsIn(withoutLast(world))),
    );
  });

  test("for somebody else changes nothing", () => {
    const to = fc.constantFrom<Subject>(...NAMED, ...GROUPS);
    always(fc.record({ world: worlds, to }), ({ world, to }) => {
      fc.pre(!isMeant(to, world.who));
      deepStrictEqual(rightsIn(withLast(world, { to })), rightsIn(withoutLast(world)));
    });
  });
});

describe("the order of the grants", { timeout: 0 }, () => {
  test("makes no difference", () => {
    const orders = worlds.chain((world) =>
      fc
        .shuffledSubarray([...world.grants], { minLength: world.grants.length })
        .map((grants) => [world, { ...world, grants }] as const),
    );
    always(orders, ([world, shuffled]) => deepStrictEqual(unordered(rightsIn(shuffled)), unordered(rightsIn(world))));
  });
});

describe("a file that moves", { timeout: 0 }, () => {
  test("takes its own grants along, and leaves none behind", () => {
    always(fc.record({ world: worlds, path }), ({ world, path }) => {
      const { file } = world.target;
      fc.pre(file !== null);
      const itsOwn: World = { ...world, grants: world.grants.filter(({ on }) => on.level === "file") };
      const leftBehind: World = { ...itsOwn, target: { ...world.target, file: null } };
      deepStrictEqual(rightsIn({ ...itsOwn, target: { path, file } }), rightsIn(itsOwn));
      deepStrictEqual(rightsIn(leftBehind), rightsIn({ ...leftBehind, grants: [] }));
    });
  });
});

describe("a longer path below a folder", { timeout: 0 }, () => {
  test("has no fewer allows from the folder and what is above it", () => {
    always(fc.record({ world: worlds, deeper: path }), ({ world, deeper }) => {
      const folder = world.target.path ?? "";
      fc.pre(folder.endsWith("/"));
      const allowing: World = { ...world, grants: world.grants.filter(({ effect }) => effect === "allow") };
      const below = rightsIn({ ...allowing, target: { path: `${folder}${deeper.slice(1)}`, file: null } });
      for (const { permission, through } of rightsIn(allowing)) {
        const sources = below.find((right) => right.permission === permission)?.through ?? [];
        ok(through.every((source) => sources.includes(source)));
      }
    });
  });
});

describe("as time alone passes", { timeout: 0 }, () => {
  test("a right lasts exactly until its end", () => {
    always(worlds, (world) => {
      for (const { permission, until } of rightsIn(world)) {
        ok(heldIn({ ...world, now: (until ?? LATER_THAN_ALL_ENDS) - 1 }).includes(permission));
        ok(until === null || !heldIn({ ...world, now: until }).includes(permission));
      }
    });
  });

  test("the next end is the first at which something is lost", () => {
    always(worlds, (world) => {
      const end = nextEnd(rightsIn(world));
      assertIncludes(rightsIn({ ...world, now: (end ?? LATER_THAN_ALL_ENDS) - 1 }), rightsIn(world));
      if (end === null) return;
      const left = new Set(heldIn({ ...world, now: end }));
      ok(heldIn(world).some((permission) => !left.has(permission)));
    });
  });
});
