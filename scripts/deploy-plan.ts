// Owns the decisions of a deployment, as data: what is on the account → which steps, in which order. Runs nothing.

import { isAbsolute, relative, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";

import { z } from "zod";

const SECRETS = ["SIGNING_SECRET", "OPERATOR_KEY_HASH"] as const;
export type SecretName = (typeof SECRETS)[number];

/** What wrangler.toml calls things. */
export interface Names {
  worker: string;
  bucket: string;
  database: string;
}

/** What is already on the account. */
export interface Found {
  bucket: boolean;
  databaseId: string | null;
  /** Names of the Worker's secrets; `null` when there is no Worker of that name yet. */
  secrets: readonly string[] | null;
}

export const EMPTY_ACCOUNT: Found = { bucket: false, databaseId: null, secrets: null };

export type Step =
  | { type: "create_bucket"; name: string }
  | { type: "create_database"; name: string }
  /** `null`: the id is known once the database has been created. */
  | { type: "write_config"; databaseId: string | null }
  | { type: "migrate"; database: string }
  | { type: "deploy"; newSecrets: SecretName[] };

/**
 * Resources first, then the schema, then the code that needs both. A secret that is set stays: replacing
 * SIGNING_SECRET would revoke every API key. Missing ones travel with the code, so that it never runs without them.
 */
export function planDeployment(names: Names, found: Found): Step[] {
  const newSecrets = SECRETS.filter((name) => found.secrets === null || !found.secrets.includes(name));
  return [
    ...(found.bucket ? [] : [{ type: "create_bucket", name: names.bucket } as const]),
    ...(found.databaseId === null ? [{ type: "create_database", name: names.database } as const] : []),
    { type: "write_config", databaseId: found.databaseId },
    { type: "migrate", database: names.database },
    { type: "deploy", newSecrets },
  ];
}

/** For the terminal. */
export function describeStep(step: Step): string {
  switch (step.type) {
    case "create_bucket":
      return `create the R2 bucket ${step.name}`;
    case "create_database":
      return `create the D1 database ${step.name}`;
    case "write_config":
      return `write the configuration with the database id ${step.databaseId ?? "of the new database"}`;
    case "migrate":
      return `apply the migrations that ${step.database} does not have yet`;
    case "deploy":
      return step.newSecrets.length === 0
        ? "deploy the Worker; its secrets are set and stay as they are"
        : `deploy the Worker, and set ${step.newSecrets.join(" and ")}`;
  }
}

/** wrangler.toml as far as a deployment touches it; everything else passes through. */
const RawConfig = z.looseObject({
  name: z.string(),
  main: z.string(),
  assets: z.looseObject({ directory: z.string() }),
  r2_buckets: z.tuple([z.looseObject({ bucket_name: z.string() })]),
  d1_databases: z.tuple([z.looseObject({ database_name: z.string(), migrations_dir: z.string() })]),
});
export type RawConfig = z.infer<typeof RawConfig>;

/** Throws if wrangler.toml has changed shape: then this file has to follow. */
export function parseConfig(raw: unknown): RawConfig {
  return RawConfig.parse(raw);
}

export function namesOf(config: RawConfig): Names {
  return {
    worker: config.name,
    bucket: config.r2_buckets[0].bucket_name,
    database: config.d1_databases[0].database_name,
  };
}

/** The configuration to deploy with: the account's database id, and paths that hold from where the file will lie. */
export function deployConfig(config: RawConfig, databaseId: string, from: string, to: string): RawConfig {
  const moved = (path: string) => (isAbsolute(path) ? path : relative(to, resolve(from, path)));
  const [database] = config.d1_databases;
  return {
    ...config,
    main: moved(config.main),
    assets: { ...config.assets, directory: moved(config.assets.directory) },
    d1_databases: [{ ...database, database_id: databaseId, migrations_dir: moved(database.migrations_dir) }],
  };
}

// What wrangler prints.

const Databases = z.array(z.object({ uuid: z.string(), name: z.string() }));

/** From `wrangler d1 list --json`. */
export function databaseIdIn(json: string, name: string): string | null {
  return Databases.parse(JSON.parse(json)).find((database) => database.name === name)?.uuid ?? null;
}

/** From `wrangler r2 bucket list`, which has no JSON: blocks of `name:  value` lines. */
export function hasBucket(listing: string, name: string): boolean {
  return stripVTControlCharacters(listing)
    .split("\n")
    .some((line) => /^name:\s+(\S+)\s*$/.exec(line)?.[1] === name);
}

const Secrets = z.array(z.object({ name: z.string() }));

/** From `wrangler secret list --format json`. */
export function secretNamesIn(json: string): string[] {
  return Secrets.parse(JSON.parse(json)).map((secret) => secret.name);
}

const WhoAmI = z.union([
  z.object({ loggedIn: z.literal(false) }),
  z.object({ loggedIn: z.literal(true), accounts: z.array(z.object({ id: z.string(), name: z.string() })) }),
]);

type Account = { id: string; name: string };
export type AccountChoice =
  | { type: "account"; account: Account }
  | { type: "not_logged_in" }
  | { type: "ambiguous"; accounts: Account[] };

/** From `wrangler whoami --json`. With several accounts, guessing would deploy to the wrong one. */
export function chooseAccount(json: string, wanted: string | undefined): AccountChoice {
  const who = WhoAmI.parse(JSON.parse(json));
  if (!who.loggedIn) return { type: "not_logged_in" };
  const [only, ...others] = who.accounts.filter((account) => wanted === undefined || account.id === wanted);
  return only !== undefined && others.length === 0
    ? { type: "account", account: only }
    : { type: "ambiguous", accounts: who.accounts };
}

const DeployReport = z.object({ type: z.literal("deploy"), targets: z.array(z.string()).optional() });

/** From the lines that wrangler appends to WRANGLER_OUTPUT_FILE_PATH. */
export function deployedUrl(report: string): string | null {
  const targets = report
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => DeployReport.safeParse(JSON.parse(line)).data?.targets ?? []);
  const target = targets.find((each) => each.startsWith("https://")) ?? null;
  return target === null ? null : new URL(target).origin;
}
