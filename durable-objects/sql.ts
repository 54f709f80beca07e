// Owns the one way the objects talk to their SQLite: typed statements, and tables made when they are first needed.

type Value = ArrayBuffer | string | number | null;

export class Database {
  readonly #storage: DurableObjectStorage;
  #tables: Set<string>;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#tables = this.#readTables();
  }

  /** Runs migrations, in order. */
  migrate(scripts: readonly string[]): void {
    for (const script of scripts) this.run(script);
    this.#tables = this.#readTables();
  }

  /** Runs the migrations that come after schema `from`, and notes the schema in the table's one row; all or nothing. */
  upgrade(table: string, migrations: readonly string[], from: number): void {
    this.transaction(() => {
      this.migrate(migrations.slice(from));
      this.run(`UPDATE ${table} SET schema = ?`, migrations.length);
    });
  }

  has(table: string): boolean {
    return this.#tables.has(table);
  }

  /** To be called after everything was deleted. */
  forgetTables(): void {
    this.#tables = this.#readTables();
  }

  tables(): string[] {
    return [...this.#tables];
  }

  /** Creates a table unless it is there. A table costs 4 KB and 2 rows written, so the rare ones are made late. */
  ensure(table: string, columns: string): void {
    if (this.#tables.has(table)) return;
    this.run(`CREATE TABLE IF NOT EXISTS ${table} ${columns}`);
    this.#tables.add(table);
  }

  /** Drops a table; unlike deleting its rows, that writes no row. */
  drop(table: string): void {
    this.run(`DROP TABLE IF EXISTS ${table}`);
    this.#tables.delete(table);
  }

  all<Row extends Record<string, Value>>(sql: string, ...params: Value[]): Row[] {
    return this.#storage.sql.exec<Row>(sql, ...params).toArray();
  }

  first<Row extends Record<string, Value>>(sql: string, ...params: Value[]): Row | null {
    return this.all<Row>(sql, ...params)[0] ?? null;
  }

  run(sql: string, ...params: Value[]): void {
    this.#storage.sql.exec(sql, ...params);
  }

  /** Everything in `work` becomes durable together, or not at all. */
  transaction<T>(work: () => T): T {
    try {
      return this.#storage.transactionSync(work);
    } catch (error) {
      this.#tables = this.#readTables();
      throw error;
    }
  }

  #readTables(): Set<string> {
    return new Set(
      this.all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").map((table) => table.name),
    );
  }
}
