// Owns the look into the stopped server's own files: what lies in the bucket, and what each file's object knows of.

import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";

interface StoredFile {
  id: string;
  /** Keys that its versions refer to. */
  blobs: string[];
  garbage: { key: string; dueAt: number }[];
  /** Epoch milliseconds; null when no alarm is set. */
  alarmAt: number | null;
}

const FILES = "do/holdfast-FileObject";
const BUCKET = "r2/miniflare-R2BucketObject";

function read<T>(
  path: string,
  ask: (rows: (sql: string) => Record<string, unknown>[], has: (t: string) => boolean) => T,
): T {
  const db = new DatabaseSync(path);
  try {
    const rows = (sql: string): Record<string, unknown>[] => {
      const statement = db.prepare(sql);
      statement.setReadBigInts(true);
      return statement.all();
    };
    const tables = new Set(rows("SELECT name FROM sqlite_master WHERE type = 'table'").map(({ name }) => name));
    return ask(rows, (table) => tables.has(table));
  } finally {
    db.close();
  }
}

/** To be called when no process uses the state any more. */
export function readStores(state: string): { blobs: Set<string>; files: StoredFile[] } {
  const databases = (folder: string): string[] =>
    globSync(join(state, folder, "*.sqlite")).filter((path) => basename(path) !== "metadata.sqlite");
  const blobs = databases(BUCKET).flatMap((path) =>
    read(path, (rows) => rows("SELECT key FROM _mf_objects").map(({ key }) => String(key))),
  );
  const alarms = new Map(
    read(join(state, FILES, "metadata.sqlite"), (rows) =>
      rows("SELECT * FROM _cf_ALARM").map((row) => [String(row["actor_id"]), Number(row["scheduled_time"]) / 1e6]),
    ),
  );
  const files = databases(FILES).map((path): StoredFile => {
    const id = basename(path, ".sqlite");
    return read(path, (rows, has) => ({
      id,
      blobs: has("versions")
        ? rows("SELECT blob_key FROM versions WHERE blob_key IS NOT NULL").map((row) => String(row["blob_key"]))
        : [],
      garbage: has("garbage")
        ? rows("SELECT blob_key, due_at FROM garbage").map((row) => ({
            key: String(row["blob_key"]),
            dueAt: Number(row["due_at"]),
          }))
        : [],
      alarmAt: alarms.get(id) ?? null,
    }));
  });
  return { blobs: new Set(blobs), files };
}
