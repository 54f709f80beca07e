// Four kinds of test: pure rules in Node, the objects inside workerd, the whole service as a black box, and faults
// that need whole processes to be killed.

import { createHash } from "node:crypto";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { OPERATOR_KEY, SIGNING_SECRET } from "./test/support/secrets.ts";

/** A server that is bundled and started before the tests, on a machine that is busy. */
const STARTING_MS = 60_000;

export default defineConfig(async () => ({
  test: {
    // A file each; what they test works in processes of its own beside them.
    maxWorkers: 2,
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], environment: "node", testTimeout: 60_000 } },
      {
        plugins: [
          cloudflareTest({
            main: "./test/workers/entry.ts",
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                MIGRATIONS: await readD1Migrations("migrations"),
                HOLDFAST_SEED: process.env["HOLDFAST_SEED"] ?? "",
                HOLDFAST_ALL: process.env["HOLDFAST_ALL"] ?? "",
                SIGNING_SECRET,
                OPERATOR_KEY_HASH: createHash("sha256").update(OPERATOR_KEY).digest("hex"),
              },
            },
          }),
        ],
        test: {
          name: "workers",
          include: ["test/workers/**/*.test.ts"],
          setupFiles: ["test/workers/setup.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "conformance",
          include: ["test/conformance/**/*.test.ts"],
          environment: "node",
          testTimeout: 60_000,
          hookTimeout: STARTING_MS,
        },
      },
      {
        test: {
          name: "faults",
          include: ["test/faults/**/*.test.ts"],
          environment: "node",
          testTimeout: 300_000,
          hookTimeout: STARTING_MS,
        },
      },
    ],
  },
}));
