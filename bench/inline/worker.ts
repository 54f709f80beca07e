// Owns the smallest Worker that keeps contents as Holdfast does, in both ways: in the object's SQLite, or in R2 under a
// key that the object knows before. No rights, no locks, no events: only what the two ways differ in.

import { DurableObject } from "cloudflare:workers";

interface StoreEnv {
  STORES: DurableObjectNamespace<Store>;
  BLOBS: R2Bucket;
}

export class Store extends DurableObject<StoreEnv> {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: StoreEnv) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS versions (n INTEGER PRIMARY KEY, bytes BLOB, blob_key TEXT)");
    this.#sql.exec("CREATE TABLE IF NOT EXISTS pending (blob_key TEXT PRIMARY KEY) WITHOUT ROWID");
  }

  /** Inline: the bytes travel with the call, and are durable with it. */
  async write(bytes: ArrayBuffer): Promise<void> {
    this.#sql.exec("INSERT INTO versions (bytes) VALUES (?)", bytes);
  }

  /** R2: the key is known before the blob is put, so that nothing is ever left behind unknown. */
  async announce(): Promise<string> {
    const key = crypto.randomUUID();
    this.#sql.exec("INSERT INTO pending VALUES (?)", key);
    return key;
  }

  async commit(key: string): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec("DELETE FROM pending WHERE blob_key = ?", key);
      this.#sql.exec("INSERT INTO versions (blob_key) VALUES (?)", key);
    });
  }

  async head(): Promise<{ bytes: ArrayBuffer | null; key: string | null }> {
    return this.#sql
      .exec<{ bytes: ArrayBuffer | null; key: string | null }>(
        "SELECT bytes, blob_key AS key FROM versions ORDER BY n DESC LIMIT 1",
      )
      .one();
  }
}

export default {
  /** PUT and GET /inline/{name} and /r2/{name}. */
  async fetch(request, { STORES, BLOBS }) {
    const [, way, name = ""] = new URL(request.url).pathname.split("/");
    const store = STORES.get(STORES.idFromName(`${way} ${name}`));
    if (request.method === "GET") {
      const { bytes, key } = await store.head();
      return new Response(key === null ? bytes : ((await BLOBS.get(key))?.body ?? null));
    }
    const body = await request.arrayBuffer();
    if (way === "inline") {
      await store.write(body);
    } else {
      const key = await store.announce();
      await BLOBS.put(key, body);
      await store.commit(key);
    }
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler<StoreEnv>;
