// Owns bringing a local D1 database up to date. The files and the table are wrangler's: `wrangler d1 migrations apply`
// and this agree on what has been applied.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { Miniflare } from "miniflare";

type Database = Awaited<ReturnType<Miniflare["getD1Database"]>>;

const TABLE = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/** Applies the files of `dir` that are not yet applied, in order, each in one transaction with its own record. */
export async function applyMigrations(db: Database, dir: string): Promise<void> {
  const names = await migrationFiles(dir);
  if (names.length === 0) return;
  await db.prepare(TABLE).run();
  const { results } = await db.prepare("SELECT name FROM d1_migrations").all<{ name: string }>();
  const applied = new Set(results.map((row) => row.name));
  for (const name of names.filter((file) => !applied.has(file))) await apply(db, dir, name);
}

async function migrationFiles(dir: string): Promise<string[]> {
  const files = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return files.filter((file) => file.endsWith(".sql")).sort();
}

async function apply(db: Database, dir: string, name: string): Promise<void> {
  const { unstable_splitSqlQuery } = await import("wrangler");
  const statements = unstable_splitSqlQuery(await readFile(join(dir, name), "utf8"));
  const record = db.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name);
  try {
    await db.batch([...statements.map((statement) => db.prepare(statement)), record]);
  } catch (cause) {
    throw new Error(`The migration ${join(dir, name)} failed; nothing of it was applied.`, { cause });
  }
}
