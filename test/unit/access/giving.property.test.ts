// Owns the properties of giving and taking: nobody gives or takes more than they hold there, nor for longer.
//
// What is promised is promised at the resource itself. Deeper down a giver may be denied what they hold above, and what
// they give above reaches there all the same; the last property says that nothing else makes a difference.

import { ok } from "node:assert";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { EVERYONE, type Grant, type Subject } from "../../../src/domain/access/grants.ts";
import type { Right } from "../../../src/domain/access/rights.ts";
import type { GrantId } from "../../../src/domain/ids.ts";
import type { Permission } from "../../../src/domain/permissions.ts";
import { tellHowToReplay } from "../replay.ts";
import { AGREEMENTS } from "./agreement.ts";
import { always, HAS_SHARES, RUNS } from "./always.ts";
import { aroundTarget, bundled, EVERY_PERMISSION, foldersAround, lastsAsLong, naiveRights } from "./naive.ts";
import { ask, RULES } from "./rules.ts";
import { Tally } from "./tally.ts";
import { bundle, effect, GROUPS, NAMED, NOW, resourceOf, type World, worlds } from "./worlds.ts";

const MOMENTS = [NOW, NOW + 1, NOW + 10, NOW + 20, NOW + 21];

/** The one who asks in the world would give or take this, on the resource asked about. */
interface Offer {
  world: World;
  grant: Grant;
}

/** Nothing can be granted on a path that no file is at. */
const isOnResource = ({ target: { path, file } }: World): boolean =>
  file !== null || path === null || path.endsWith("/");

/** Never of nothing. The modest offer only what they hold; most others are refused. */
const offers: fc.Arbitrary<Offer> = fc
  .record({
    world: worlds.filter(isOnResource),
    to: fc.constantFrom<Subject>(...NAMED, ...GROUPS, EVERYONE),
    effect,
    bundle,
    until: fc.constantFrom(null, NOW + 1, NOW + 10, NOW + 20),
    isModest: fc.boolean(),
  })
  .map(({ world, bundle, isModest, ...rest }) => ({
    world,
    grant: {
      ...rest,
      id: "grt_offered" as GrantId,
      on: resourceOf(world.target),
      bundle: isModest ? { permissions: heldOf(world, bundled(bundle, world.roles)) } : bundle,
      by: world.who.principal,
      at: NOW,
    },
  }))
  .filter(({ world, grant }) => bundled(grant.bundle, world.roles).length > 0);

function heldOf(world: World, permissions: readonly Permission[]): Permission[] {
  const held = new Set(naiveRights(world).map(({ permission }) => permission));
  return permissions.filter((permission) => held.has(permission));
}

const isAccepted = ({ world, grant: { bundle, until } }: Offer): boolean =>
  RULES.notHeld(ask(RULES, world), bundled(bundle, world.roles), until).length === 0;

interface Change {
  permission: Permission;
  until: number | null;
}

/** What the offer changes for anybody, at the target and the time of its world, and until when. */
function changesOf({ world, grant }: Offer): Change[] {
  return world.members.flatMap((who) => {
    const before = ask(RULES, { ...world, who });
    const after = ask(RULES, { ...world, who, grants: [...world.grants, grant] });
    return EVERY_PERMISSION.flatMap((permission) => {
      const [was, is] = [rightTo(before, permission), rightTo(after, permission)];
      return was?.until === is?.until ? [] : [{ permission, until: is === undefined ? grant.until : is.until }];
    });
  });
}

const rightTo = (rights: Right[], permission: Permission): Right | undefined =>
  rights.find((right) => right.permission === permission);

function assertHeld(held: Right[], changes: Change[]): void {
  for (const { permission, until } of changes) {
    const right = rightTo(held, permission);
    ok(right !== undefined && lastsAsLong(right.until, until), `${permission} until ${until} is not the giver's`);
  }
}

/** A file of the world below the resource asked about, if there is one. */
function below(world: World, pick: number): World | undefined {
  const { path } = world.target;
  const files = world.files.filter((file) => path === null || foldersAround(file.path).includes(path));
  const file = files[pick % files.length];
  return file === undefined ? undefined : { ...world, target: { path: file.path, file: file.id } };
}

/** Leaves out the denies that do not stand on what contains the target of `above`, or on that itself. */
function withoutDeniesBelow(world: World, above: World): World {
  const around = new Set(aroundTarget(above.target).map((resource) => JSON.stringify(resource)));
  const grants = world.grants.filter(({ effect, on }) => effect === "allow" || around.has(JSON.stringify(on)));
  return { ...world, grants };
}

function outcomesOf(changes: Change[], held: Right[]): string[] {
  const escapes = changes.some(({ permission }) => rightTo(held, permission) === undefined);
  return [
    ...(changes.length > 0 ? ["changes something"] : []),
    ...(escapes ? ["gives what the giver is denied there"] : []),
  ];
}

beforeAll(tellHowToReplay);

describe("what someone may give or take", { timeout: 0 }, () => {
  const tally = new Tally(["accepted", "changes something"]);
  const tallyBelow = new Tally(["changes something", "gives what the giver is denied there"]);

  test("is what the naive model lets pass", () => AGREEMENTS.giving.assert(RULES, RUNS));

  test("changes nothing at the resource that they do not hold there for as long, now and later", () => {
    always(offers, ({ world, grant }) => {
      if (!isAccepted({ world, grant })) {
        tally.count();
        return;
      }
      const changes = MOMENTS.flatMap((now) => {
        const then: World = { ...world, now };
        const changes = changesOf({ world: then, grant });
        assertHeld(ask(RULES, then), changes);
        return changes;
      });
      tally.count("accepted", ...(changes.length > 0 ? ["changes something"] : []));
    });
  });

  test("changes nothing below the resource but what they hold there, or are denied there", () => {
    always(fc.record({ offer: offers, pick: fc.nat(2) }), ({ offer: { world, grant }, pick }) => {
      const there = below(world, pick);
      fc.pre(grant.on.level !== "file" && there !== undefined && isAccepted({ world, grant }));
      const changes = changesOf({ world: there, grant });
      assertHeld(ask(RULES, withoutDeniesBelow(there, world)), changes);
      tallyBelow.count(...outcomesOf(changes, ask(RULES, there)));
    });
  });

  test.skipIf(!HAS_SHARES)("was offered where it matters", () => {
    console.info(`${tally.shares}\nbelow, ${tallyBelow.shares}`);
    expect([...tally.rarerThan(5), ...tallyBelow.rarerThan(0.3)]).toEqual([]);
  });
});
