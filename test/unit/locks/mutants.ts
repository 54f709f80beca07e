// Owns how the rules of locks are broken on purpose.

import { breakDomain, type Patch as PatchOf } from "../mutants.ts";
import type { Rules } from "./file.ts";

export type Patch = PatchOf<"decide.ts" | "durability.ts" | "override.ts" | "queue.ts" | "standing.ts" | "state.ts">;

export const breakRules = async (directory: string, patches: Patch[]): Promise<Rules> =>
  (await breakDomain(directory, "locks", patches, ["decide.ts", "durability.ts"])) as Rules;
