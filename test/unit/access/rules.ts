// Owns what the tests of access mean by its rules: the functions of src/domain/access, or the same ones broken.

import { notHeld, type Right, rightsOn } from "../../../src/domain/access/rights.ts";
import { reaches, touches, wallAgainst } from "../../../src/domain/access/scopes.ts";
import { isOwner, type Question } from "./naive.ts";

export interface Rules {
  rightsOn: typeof rightsOn;
  notHeld: typeof notHeld;
  wallAgainst: typeof wallAgainst;
  reaches: typeof reaches;
  touches: typeof touches;
}

export const RULES: Rules = { rightsOn, notHeld, wallAgainst, reaches, touches };

export function ask({ rightsOn }: Pick<Rules, "rightsOn">, { who, target, grants, roles, now }: Question): Right[] {
  const { principal, role, groups } = who;
  return rightsOn(target, { principal, role, groups, isOwner: isOwner(who) }, { grants, roles }, now);
}
