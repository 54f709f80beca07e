// Owns what can come out of a random question, told by the naive model.

import type { Effect, Grant } from "../../../src/domain/access/grants.ts";
import type { Right } from "../../../src/domain/access/rights.ts";
import { isMeant, isOwner, naiveRights } from "./naive.ts";
import { STRANGER, type World } from "./worlds.ts";

/** How many rights there would be with other grants, or at another time. */
const held = (world: World, change: Partial<World>): number => naiveRights({ ...world, ...change }).length;

const onlyAllowing = ({ grants }: World): Grant[] => grants.filter(({ effect }) => effect === "allow");

const endless = ({ grants }: World, such: Effect): Grant[] =>
  grants.map((grant) => (grant.effect === such ? { ...grant, until: null } : grant));

/** Whether some right comes from grants of one sort alone. */
const throughOnly = ({ grants }: World, rights: Right[], isSuch: (grant: Grant) => boolean): boolean =>
  rights.some(({ through }) => through.every((source) => grants.some((grant) => grant.id === source && isSuch(grant))));

const hasMoved = ({ files, target }: World): boolean =>
  files.some(({ id, birthplace, path }) => id === target.file && birthplace !== path);

/** Each holds of a question if it does for at least one permission. */
const OUTCOMES: Record<string, (world: World, rights: Right[]) => boolean> = {
  "an owner holds everything": ({ who }) => isOwner(who),
  "an owner is denied in vain": ({ who, grants }) =>
    isOwner(who) && grants.some(({ effect, to }) => effect === "deny" && isMeant(to, who)),
  "somebody else holds something": ({ who }, rights) => !isOwner(who) && rights.length > 0,
  "nothing is held": (_, rights) => rights.length === 0,
  "a stranger holds something": ({ who }, rights) => who === STRANGER && rights.length > 0,
  "held through several": (_, rights) => rights.some(({ through }) => through.length > 1),
  "held until an end": (_, rights) => rights.some(({ until }) => until !== null),
  "held for good": (world, rights) => throughOnly(world, rights, ({ until }) => until === null),
  "held through a group": (world, rights) => throughOnly(world, rights, ({ to }) => to.startsWith("grp_")),
  "held as one of everyone": (world, rights) => throughOnly(world, rights, ({ to }) => to === "everyone"),
  "held through the organization": (world, rights) =>
    throughOnly(world, rights, ({ on }) => on.level === "organization"),
  "held through the workspace": (world, rights) => throughOnly(world, rights, ({ on }) => on.level === "workspace"),
  "held through folders": (world, rights) => throughOnly(world, rights, ({ on }) => on.level === "folder"),
  "held through the file, which has moved": (world, rights) =>
    hasMoved(world) && throughOnly(world, rights, ({ on }) => on.level === "file"),
  "held through a custom role": (world, rights) =>
    throughOnly(world, rights, ({ bundle }) => "role" in bundle && ["auditor", "courier"].includes(bundle.role)),
  "a custom role is named like a built-in one": (world, rights) =>
    "viewer" in world.roles && throughOnly(world, rights, ({ bundle }) => "role" in bundle && bundle.role === "viewer"),
  "an admin of the organization is denied": (world, rights) =>
    world.who.role === "admin" && held(world, { grants: onlyAllowing(world) }) > rights.length,
  "denied though allowed": (world, rights) => held(world, { grants: onlyAllowing(world) }) > rights.length,
  "an allow has ended": (world, rights) => held(world, { grants: endless(world, "allow") }) > rights.length,
  "a deny has ended": (world, rights) => held(world, { grants: endless(world, "deny") }) < rights.length,
  "something ends this very moment": (world, rights) => held(world, { now: world.now - 1 }) !== rights.length,
};

export const ALL_OUTCOMES = Object.keys(OUTCOMES);

export function outcomesOf(world: World): string[] {
  const rights = naiveRights(world);
  return ALL_OUTCOMES.filter((outcome) => OUTCOMES[outcome]?.(world, rights));
}
