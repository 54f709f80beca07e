// Owns how the rules of access are broken on purpose.

import { breakDomain, type Patch as PatchOf } from "../mutants.ts";
import type { Rules } from "./rules.ts";

export type Patch = PatchOf<"grants.ts" | "rights.ts" | "scopes.ts">;

export const breakRules = async (directory: string, patches: Patch[]): Promise<Rules> =>
  (await breakDomain(directory, "access", patches, ["rights.ts", "scopes.ts"])) as Rules;
