// Owns the meter of the cost ledger: it counts what the platform charges for, by standing between the production code
// and its bindings. Rows are the runtime's own counts; an alarm set is one row (docs/costs.md says how that is known).

export interface Costs {
  /** Calls into objects: RPC, fetch and alarms. */
  objectRequests: number;
  /** WebSocket messages into objects, charged at twenty to one. */
  socketMessages: number;
  objectRowsRead: number;
  objectRowsWritten: number;
  d1RowsRead: number;
  d1RowsWritten: number;
  /** R2: put, list. */
  classA: number;
  /** R2: get, head. */
  classB: number;
}

const ZERO: Costs = {
  objectRequests: 0,
  socketMessages: 0,
  objectRowsRead: 0,
  objectRowsWritten: 0,
  d1RowsRead: 0,
  d1RowsWritten: 0,
  classA: 0,
  classB: 0,
};

/** The Worker and its objects run in one isolate here, so one tally sees all. */
let tally: Costs = { ...ZERO };
/** Statements run; a cursor knows its rows once it has been read. */
let cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];

export function count(what: keyof Costs, by = 1): void {
  tally[what] += by;
}

export function resetCosts(): void {
  tally = { ...ZERO };
  cursors = [];
}

export function readCosts(): Costs {
  for (const cursor of cursors) {
    tally.objectRowsRead += cursor.rowsRead;
    tally.objectRowsWritten += cursor.rowsWritten;
  }
  cursors = [];
  return { ...tally };
}

/** Counts an object's rows and alarms. */
export function meterStorage(ctx: DurableObjectState): DurableObjectState {
  const { storage } = ctx;
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  const setAlarm = storage.setAlarm.bind(storage);
  Object.defineProperty(sql, "exec", {
    value: (query: string, ...bindings: SqlStorageValue[]) => {
      const cursor = exec(query, ...bindings);
      cursors.push(cursor);
      return cursor;
    },
  });
  Object.defineProperty(storage, "setAlarm", {
    value: (time: number | Date) => {
      count("objectRowsWritten");
      return setAlarm(time);
    },
  });
  return ctx;
}

/** Counts calls into objects, D1 rows and R2 operations. */
export function meterEnv(env: Env): Env {
  return {
    ...env,
    FILES: meterNamespace(env.FILES),
    WORKSPACES: meterNamespace(env.WORKSPACES),
    ORGANIZATIONS: meterNamespace(env.ORGANIZATIONS),
    DB: meterDatabase(env.DB),
    BLOBS: meterBucket(env.BLOBS),
  };
}

/** A target whose methods named in `change` are replaced, and whose others still find their own `this`. */
function overlay<T extends object>(target: T, change: (name: string, method: Method) => Method | null): T {
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function" || typeof name !== "string") return value;
      const method: Method = (...args) => Reflect.apply(value as Method, target, args);
      return change(name, method) ?? method;
    },
  });
}
type Method = (...args: never[]) => unknown;

function meterNamespace<T extends object>(namespace: T): T {
  return overlay(namespace, (name, method) => {
    if (name !== "get") return null;
    return (...args) => meterStub(method(...args) as object);
  });
}

function meterStub(stub: object): object {
  return new Proxy(stub, {
    get(_, name) {
      const value: unknown = Reflect.get(stub, name, stub);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        count("objectRequests");
        return Reflect.apply(value as (...all: unknown[]) => unknown, stub, args);
      };
    },
  });
}

function tallied<R extends D1Result>(result: R): R {
  count("d1RowsRead", result.meta.rows_read);
  count("d1RowsWritten", result.meta.rows_written);
  return result;
}

function meterDatabase(db: D1Database): D1Database {
  const originals = new WeakMap<object, D1PreparedStatement>();
  const statement = (original: D1PreparedStatement): D1PreparedStatement => {
    const metered: D1PreparedStatement = Object.assign(Object.create(original) as D1PreparedStatement, {
      bind: (...values: unknown[]) => statement(original.bind(...values)),
      run: async () => tallied(await original.run()),
      all: async () => tallied(await original.all()),
      first: async () => tallied(await original.all()).results[0] ?? null,
    });
    originals.set(metered, original);
    return metered;
  };
  return overlay(db, (name) => {
    if (name === "prepare") return (query: string) => statement(db.prepare(query));
    if (name !== "batch") return null;
    return async (statements: D1PreparedStatement[]) => {
      const results = await db.batch(statements.map((metered) => originals.get(metered) ?? metered));
      return results.map(tallied);
    };
  });
}

const R2_CLASS: Record<string, "classA" | "classB"> = { put: "classA", list: "classA", get: "classB", head: "classB" };

function meterBucket(bucket: R2Bucket): R2Bucket {
  return overlay(bucket, (name, method) => {
    const charged = R2_CLASS[name];
    if (charged === undefined) return null;
    return (...args) => {
      count(charged);
      return method(...args);
    };
  });
}
