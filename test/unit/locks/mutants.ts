// Owns how rules are broken on purpose: src/domain is copied to another directory, patched as text, and imported from
// there. A patch whose text is not found exactly once is an error, so no mutation can quietly become void.

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Rules } from "./file.ts";

/** A text in a file of src/domain/locks, and what takes its place. */
export interface Patch {
  file: "decide.ts" | "durability.ts" | "override.ts" | "queue.ts" | "standing.ts" | "state.ts";
  find: string;
  replace: string;
}

const DOMAIN = join(import.meta.dirname, "../../../src/domain");

/** The rules with the patches applied, loaded from `directory`, which must be new: modules are loaded once. */
export async function breakRules(directory: string, patches: Patch[]): Promise<Rules> {
  await cp(DOMAIN, directory, { recursive: true });
  for (const { file, find, replace } of patches) {
    const path = join(directory, "locks", file);
    const parts = (await readFile(path, "utf8")).split(find);
    if (parts.length !== 2) throw new Error(`found ${parts.length - 1} times in ${file}, not once: ${find}`);
    await writeFile(path, parts.join(replace));
  }
  const load = async (file: string): Promise<unknown> => import(pathToFileURL(join(directory, "locks", file)).href);
  const [decide, durability] = await Promise.all([load("decide.ts"), load("durability.ts")]);
  return { ...(decide as Rules), ...(durability as Rules) };
}
