// Brings D1 up to the schema before each test file.

import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";

declare global {
  namespace Cloudflare {
    interface Env {
      MIGRATIONS: D1Migration[];
      /** Replays a random run; empty for a new one. */
      HOLDFAST_SEED: string;
      HOLDFAST_ALL: string;
    }
  }
}

await applyD1Migrations(env.DB, env.MIGRATIONS);
