// Owns how rules are broken on purpose: src/domain is copied to another directory, patched as text, and imported from
// there. A patch whose text is not found exactly once is an error, so no mutation can quietly become void.

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** A text in a file, and what takes its place. */
export interface Patch<File extends string> {
  file: File;
  find: string;
  replace: string;
}

const DOMAIN = join(import.meta.dirname, "../../src/domain");

/**
 * What the modules of a folder of src/domain export, with the patches applied; loaded from `directory`, which must be
 * new: modules are loaded once.
 */
export async function breakDomain<File extends string>(
  directory: string,
  folder: string,
  patches: Patch<File>[],
  modules: File[],
): Promise<object> {
  await cp(DOMAIN, directory, { recursive: true });
  for (const { file, find, replace } of patches) {
    const path = join(directory, folder, file);
    const parts = (await readFile(path, "utf8")).split(find);
    if (parts.length !== 2) throw new Error(`found ${parts.length - 1} times in ${file}, not once: ${find}`);
    await writeFile(path, parts.join(replace));
  }
  const load = (file: File) => import(pathToFileURL(join(directory, folder, file)).href) as Promise<object>;
  return Object.assign({}, ...(await Promise.all(modules.map(load)))) as object;
}
