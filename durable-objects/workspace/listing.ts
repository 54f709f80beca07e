// Owns how a folder is listed: entries of one level or of the whole subtree, in pages, in order of their paths; of
// each only what the caller may read.

import type { Call } from "../../src/domain/calls.ts";
import { reaches } from "../../src/domain/access/scopes.ts";
import type { Standing } from "../../src/domain/access/standing.ts";
import { ok, type Result } from "../../src/domain/result.ts";
import type { Entry, ListPage, ListQuery } from "../../src/domain/workspaces.ts";
import { holds, type WorkspaceShell } from "./shell.ts";
import type { WorkspaceTables } from "./tables.ts";

const BATCH = 200;

/** Lists what the caller may read. Who may not read the folder itself is shown what else there is to see, if anything. */
export async function list(shell: WorkspaceShell, call: Call, query: ListQuery): Promise<Result<ListPage>> {
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const present = shell.present(call, standing.value);
  if (!present.ok) return present;
  const page = listFolder(shell.tables, query, readableBy(shell, standing.value));
  if (page.files.length + page.folders.length === 0) {
    const opened = shell.admit(call, standing.value, folderTarget(query.folder));
    if (!opened.ok) return opened;
  }
  const listed = shell.once(call, { folder: query.folder }, () => null);
  return listed.ok ? ok(page) : listed;
}

const folderTarget = (folder: string) => ({ path: folder === "/" ? null : folder, file: null });

function readableBy(shell: WorkspaceShell, standing: Standing): (entry: Entry) => boolean {
  const below = shell.grants.all().some(({ on }) => on.level === "folder" || on.level === "file");
  const onAll = holds(shell.rightsOf(standing, { path: null, file: null }), "files:read");
  return ({ path, file }) => {
    if (!reaches(standing.scopes, shell.id, { path, file })) return false;
    return below ? holds(shell.rightsOf(standing, { path, file }), "files:read") : onAll;
  };
}

function listFolder(
  tables: WorkspaceTables,
  { folder, recursive, after, limit }: ListQuery,
  isReadable: (entry: Entry) => boolean,
): ListPage {
  const page: ListPage = { files: [], folders: [], next: null };
  let last: string | null = null;
  for (const child of children(tables, folder, { recursive, after }, isReadable)) {
    if (page.files.length + page.folders.length === limit) return { ...page, next: last };
    if (typeof child === "string") page.folders.push(child);
    else page.files.push(child);
    last = typeof child === "string" ? child : child.path;
  }
  return page;
}

/** Readable files and (unless recursive) folders that hold some, in order; a folder once, whatever is in it. */
function* children(
  tables: WorkspaceTables,
  folder: string,
  { recursive, after }: Pick<ListQuery, "recursive" | "after">,
  isReadable: (entry: Entry) => boolean,
): Generator<Entry | string> {
  let from = after === null ? folder : past(after);
  for (;;) {
    const batch = tables.entriesIn(folder, from, BATCH);
    if (batch.length === 0) return;
    for (const entry of batch) {
      from = past(entry.path);
      if (!isReadable(entry)) continue;
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
