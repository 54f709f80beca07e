// What a deployment decides: which steps for which account, and what wrangler's answers mean.

import { describe, expect, test } from "vitest";

import {
  chooseAccount,
  databaseIdIn,
  deployConfig,
  deployedUrl,
  describeStep,
  EMPTY_ACCOUNT,
  type Found,
  hasBucket,
  namesOf,
  parseConfig,
  planDeployment,
  secretNamesIn,
} from "../../scripts/deploy-plan.ts";

const names = { worker: "holdfast", bucket: "holdfast-blobs", database: "holdfast" };
const complete: Found = { bucket: true, databaseId: "db-1", secrets: ["SIGNING_SECRET", "OPERATOR_KEY_HASH"] };

const raw = {
  name: "holdfast",
  main: "src/index.ts",
  compatibility_date: "2026-11-02",
  assets: { directory: "public", html_handling: "none" },
  durable_objects: { bindings: [{ name: "FILES", class_name: "FileObject" }] },
  r2_buckets: [{ binding: "BLOBS", bucket_name: "holdfast-blobs" }],
  d1_databases: [{ binding: "DB", database_name: "holdfast", database_id: "local", migrations_dir: "migrations" }],
};

const types = (found: Found) => planDeployment(names, found).map((step) => step.type);
const loggedIn = (...accounts: object[]) => JSON.stringify({ loggedIn: true, accounts });

describe("the plan", () => {
  test("makes everything on an empty account, resources before the schema before the code", () => {
    expect(planDeployment(names, EMPTY_ACCOUNT)).toEqual([
      { type: "create_bucket", name: "holdfast-blobs" },
      { type: "create_database", name: "holdfast" },
      { type: "write_config", databaseId: null },
      { type: "migrate", database: "holdfast" },
      { type: "deploy", newSecrets: ["SIGNING_SECRET", "OPERATOR_KEY_HASH"] },
    ]);
  });

  test("creates nothing and sets no secret where everything is there", () => {
    expect(planDeployment(names, complete)).toEqual([
      { type: "write_config", databaseId: "db-1" },
      { type: "migrate", database: "holdfast" },
      { type: "deploy", newSecrets: [] },
    ]);
  });

  test("continues a deployment that stopped after the bucket", () => {
    expect(types({ ...EMPTY_ACCOUNT, bucket: true })).toEqual(["create_database", "write_config", "migrate", "deploy"]);
  });

  test("never replaces a secret that is set, and adds only the missing one", () => {
    const plan = planDeployment(names, { ...complete, secrets: ["SIGNING_SECRET", "SOMEBODY_ELSES"] });
    expect(plan.at(-1)).toEqual({ type: "deploy", newSecrets: ["OPERATOR_KEY_HASH"] });
  });

  test("says each step in words", () => {
    const words = planDeployment(names, EMPTY_ACCOUNT).map(describeStep);
    expect(words.at(-1)).toBe("deploy the Worker, and set SIGNING_SECRET and OPERATOR_KEY_HASH");
    expect(new Set(words).size).toBe(words.length);
  });
});

describe("the deployment's configuration", () => {
  test("carries the account's database id and leaves the rest of wrangler.toml as it is", () => {
    const config = deployConfig(parseConfig(raw), "db-1", "/repo", "/repo");
    expect(config).toEqual({ ...raw, d1_databases: [{ ...raw.d1_databases[0], database_id: "db-1" }] });
  });

  test("points to the same files from the folder that it is written into", () => {
    const config = deployConfig(parseConfig(raw), "db-1", "/repo", "/repo/.holdfast");
    expect(config.main).toBe("../src/index.ts");
    expect(config.assets).toEqual({ directory: "../public", html_handling: "none" });
    expect(config.d1_databases[0].migrations_dir).toBe("../migrations");
  });

  test("takes the names from wrangler.toml", () => {
    expect(namesOf(parseConfig(raw))).toEqual(names);
  });

  test("refuses a wrangler.toml of another shape instead of deploying half of it", () => {
    expect(() => parseConfig({ ...raw, d1_databases: [] })).toThrow();
    expect(() => parseConfig({ ...raw, r2_buckets: [...raw.r2_buckets, ...raw.r2_buckets] })).toThrow();
  });
});

describe("what wrangler prints", () => {
  test("a bucket is found by its whole name only", () => {
    const listing = "Listing buckets...\nname:           holdfast-blobs-old\ncreation_date:  2026-01-01T00:00:00Z\n";
    expect(hasBucket(listing, "holdfast-blobs")).toBe(false);
    expect(hasBucket(`${listing}\nname:           holdfast-blobs\n`, "holdfast-blobs")).toBe(true);
    expect(hasBucket("Listing buckets...\n\n", "holdfast-blobs")).toBe(false);
  });

  test("a bucket is found in coloured output too", () => {
    expect(hasBucket("\u001B[37mname:\u001B[39m  \u001B[90mholdfast-blobs\u001B[39m", "holdfast-blobs")).toBe(true);
  });

  test("the database id is the one of that name", () => {
    const json = JSON.stringify([
      { uuid: "db-0", name: "holdfast-old", version: "production" },
      { uuid: "db-1", name: "holdfast", version: "production" },
    ]);
    expect(databaseIdIn(json, "holdfast")).toBe("db-1");
    expect(databaseIdIn("[]", "holdfast")).toBeNull();
  });

  test("secrets are listed by name", () => {
    expect(secretNamesIn('[{"name":"SIGNING_SECRET","type":"secret_text"}]')).toEqual(["SIGNING_SECRET"]);
  });

  test("the URL is the deployment's first https target", () => {
    const session = JSON.stringify({ type: "wrangler-session", version: 1 });
    const deployed = JSON.stringify({ type: "deploy", version: 1, targets: ["https://holdfast.acme.workers.dev"] });
    expect(deployedUrl(`${session}\n${deployed}\n`)).toBe("https://holdfast.acme.workers.dev");
    expect(deployedUrl(`${session}\n`)).toBeNull();
    expect(deployedUrl("")).toBeNull();
  });
});

describe("the account", () => {
  const acme = { id: "a1", name: "Acme" };
  const other = { id: "a2", name: "Other" };

  test("is the only one there is", () => {
    expect(chooseAccount(loggedIn(acme), undefined)).toEqual({ type: "account", account: acme });
  });

  test("is never guessed among several", () => {
    expect(chooseAccount(loggedIn(acme, other), undefined)).toEqual({ type: "ambiguous", accounts: [acme, other] });
  });

  test("is the one asked for, and no other when that one is not there", () => {
    expect(chooseAccount(loggedIn(acme, other), "a2")).toEqual({ type: "account", account: other });
    expect(chooseAccount(loggedIn(acme), "a2")).toEqual({ type: "ambiguous", accounts: [acme] });
  });

  test("needs a login", () => {
    expect(chooseAccount('{"loggedIn":false}', undefined)).toEqual({ type: "not_logged_in" });
  });
});
