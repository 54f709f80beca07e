// Owns how a folder is listed: entries of one level or of the whole subtree, in pages, in order of their paths.

import type { Entry, ListPage, ListQuery } from "../../src/domain/workspaces.ts";
import type { WorkspaceTables } from "./tables.ts";

const BATCH = 200;

export function listFolder(tables: WorkspaceTables, { folder, recursive, after, limit }: ListQuery): ListPage {
  const page: ListPage = { files: [], folders: [], next: null };
  let last: string | null = null;
  for (const child of children(tables, folder, recursive, after)) {
    if (page.files.length + page.folders.length === limit) return { ...page, next: last };
    if (typeof child === "string") page.folders.push(child);
    else page.files.push(child);
    last = typeof child === "string" ? child : child.path;
  }
  return page;
}

/** Files and (unless recursive) folders below a folder, in order; a folder once, whatever is in it. */
function* children(
  tables: WorkspaceTables,
  folder: string,
  recursive: boolean,
  after: string | null,
): Generator<Entry | string> {
  let from = after === null ? folder : past(after);
  for (;;) {
    const batch = tables.entriesIn(folder, from, BATCH);
    if (batch.length === 0) return;
    for (const entry of batch) {
      const slash = recursive ? -1 : entry.path.indexOf("/", folder.length);
      const name = slash === -1 ? entry.path : entry.path.slice(0, slash + 1);
      from = past(name);
      yield slash === -1 ? entry : name;
      if (slash !== -1) break;
    }
  }
}

/** What sorts after a name: for a folder, after everything in it. */
const past = (name: string): string => (name.endsWith("/") ? `${name}\u{10FFFF}` : name);
