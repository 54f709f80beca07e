// Owns `npm run deploy`: takes a logged-in Cloudflare account from nothing to a running deployment; run again, it
// brings the deployment up to date. What to do is decided in deploy-plan.ts; this file looks, asks for the plan and
// carries it out with the project's wrangler. `--dry-run` needs no account: it builds, and says what it would do.

import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";

import { experimental_readRawConfig } from "wrangler";

import {
  chooseAccount,
  databaseIdIn,
  deployConfig,
  deployedUrl,
  describeStep,
  EMPTY_ACCOUNT,
  type Found,
  hasBucket,
  type Names,
  namesOf,
  parseConfig,
  planDeployment,
  type RawConfig,
  secretNamesIn,
  type SecretName,
  type Step,
} from "./deploy-plan.ts";
import { DEPLOY_CONFIG, DEPLOY_OPERATOR_KEY, DEPLOY_REPORT, DEPLOY_SECRETS, ROOT, WRANGLER_CONFIG } from "./paths.ts";
import { wrangler, type WranglerResult } from "./wrangler.ts";

/** Valid, and belongs to nobody. */
const NO_DATABASE_ID = "00000000-0000-0000-0000-000000000000";

/** For the person at the terminal; a stack trace would not help them. */
class DeployError extends Error {}

try {
  const { values } = parseArgs({ options: { "dry-run": { type: "boolean", default: false } } });
  const config = parseConfig(experimental_readRawConfig({ config: WRANGLER_CONFIG }).rawConfig);
  await (values["dry-run"] ? rehearse(config) : deploy(config));
} catch (error) {
  if (!(error instanceof DeployError)) throw error;
  process.stderr.write(`\n${error.message}\n\n`);
  process.exitCode = 1;
}

/** All that works without an account: the plan for an empty one, the configuration, the build and wrangler's checks. */
async function rehearse(config: RawConfig): Promise<void> {
  say("Dry run: nothing leaves this machine. On an account with nothing on it, the steps would be:");
  planDeployment(namesOf(config), EMPTY_ACCOUNT).forEach((step, index) => say(`  ${index + 1}. ${describeStep(step)}`));
  say("(What is already there is left as it is.) The configuration and the build now, for real:\n");
  await writeConfig(config, NO_DATABASE_ID);
  await show(["deploy", "--dry-run", "--config", DEPLOY_CONFIG], "The Worker does not pass wrangler's checks.");
}

async function deploy(config: RawConfig): Promise<void> {
  const names = namesOf(config);
  // From here on every wrangler call means this account.
  process.env["CLOUDFLARE_ACCOUNT_ID"] = await accountId();
  const plan = planDeployment(names, await look(names));
  plan.forEach((step, index) => say(`  ${index + 1}. ${describeStep(step)}`));
  let operatorKey: string | null = null;
  for (const step of plan) operatorKey = (await perform(step, config)) ?? operatorKey;
  await sayWhatNext(operatorKey);
}

async function accountId(): Promise<string> {
  const who = await collect(["whoami", "--json"]);
  if (!who.stdout.trim().startsWith("{")) throw failure("Cloudflare could not be asked who is logged in.", who);
  const choice = chooseAccount(who.stdout, process.env["CLOUDFLARE_ACCOUNT_ID"]);
  switch (choice.type) {
    case "account":
      say(`Deploying to the account ${choice.account.name}:`);
      return choice.account.id;
    case "not_logged_in":
      throw new DeployError(
        "You are not logged in to Cloudflare. Run this once, then deploy again:\n  npx wrangler login",
      );
    case "ambiguous":
      throw new DeployError(
        "Which account? Set CLOUDFLARE_ACCOUNT_ID to one of these:\n" +
          choice.accounts.map(({ id, name }) => `  ${id}  ${name}`).join("\n"),
      );
  }
}

async function look(names: Names): Promise<Found> {
  const [buckets, databases, secrets] = await Promise.all([
    collect(["r2", "bucket", "list"]),
    collect(["d1", "list", "--json"]),
    collect(["secret", "list", "--name", names.worker, "--format", "json"]),
  ]);
  if (!buckets.ok)
    throw failure(
      "The R2 buckets could not be listed. R2 has to be switched on once per account, in the dashboard.",
      buckets,
    );
  if (!databases.ok) throw failure("The D1 databases could not be listed.", databases);
  return {
    bucket: hasBucket(buckets.stdout, names.bucket),
    databaseId: databaseIdIn(databases.stdout, names.database),
    secrets: secretsFound(names.worker, secrets),
  };
}

/** Only the clear answer "no such Worker" counts as none: taking a network failure for it would replace secrets. */
function secretsFound(worker: string, result: WranglerResult): string[] | null {
  if (result.ok) return secretNamesIn(result.stdout);
  if (`${result.stdout}${result.stderr}`.includes(`Worker "${worker}" not found`)) return null;
  throw failure("The Worker's secrets could not be listed.", result);
}

/** The operator's key, if the step made one. */
async function perform(step: Step, config: RawConfig): Promise<string | null> {
  say(`\n→ ${describeStep(step)}`);
  switch (step.type) {
    case "create_bucket":
      await quietly(["r2", "bucket", "create", step.name, "--update-config=false"], "The bucket could not be created.");
      return null;
    case "create_database":
      await quietly(["d1", "create", step.name, "--update-config=false"], "The database could not be created.");
      return null;
    case "write_config":
      await writeConfig(config, step.databaseId ?? (await newDatabaseId(namesOf(config).database)));
      return null;
    case "migrate":
      await show(
        ["d1", "migrations", "apply", step.database, "--remote", "--config", DEPLOY_CONFIG],
        "The migrations could not be applied; the running code was not touched.",
      );
      return null;
    case "deploy":
      return deployWorker(step.newSecrets);
  }
}

async function newDatabaseId(name: string): Promise<string> {
  const databases = await collect(["d1", "list", "--json"]);
  const id = databases.ok ? databaseIdIn(databases.stdout, name) : null;
  if (id === null) throw failure(`The database ${name} is not listed yet; deploy again in a moment.`, databases);
  return id;
}

async function writeConfig(config: RawConfig, databaseId: string): Promise<void> {
  const json = JSON.stringify(deployConfig(config, databaseId, ROOT, dirname(DEPLOY_CONFIG)), null, 2);
  await mkdir(dirname(DEPLOY_CONFIG), { recursive: true });
  await writeFile(DEPLOY_CONFIG, `${json}\n`);
}

async function deployWorker(newSecrets: SecretName[]): Promise<string | null> {
  const operatorKey = newSecrets.includes("OPERATOR_KEY_HASH") ? await keptOperatorKey() : null;
  const secrets = newSecrets.map((name) => [name, secretValue(name, operatorKey)]);
  const command = ["deploy", "--config", DEPLOY_CONFIG];
  await rm(DEPLOY_REPORT, { force: true });
  try {
    if (secrets.length > 0) {
      await writePrivate(DEPLOY_SECRETS, JSON.stringify(Object.fromEntries(secrets)));
      command.push("--secrets-file", DEPLOY_SECRETS);
    }
    await show(command, "The Worker was not deployed.", { WRANGLER_OUTPUT_FILE_PATH: DEPLOY_REPORT });
  } finally {
    await rm(DEPLOY_SECRETS, { force: true });
  }
  return operatorKey;
}

/** Written down before it is used: a deployment that dies half-way must not leave a hash without its key. */
async function keptOperatorKey(): Promise<string> {
  const kept = await readFile(DEPLOY_OPERATOR_KEY, "utf8").catch(() => null);
  if (kept !== null) return kept.trim();
  const key = `hfo_${randomBytes(32).toString("base64url")}`;
  await writePrivate(DEPLOY_OPERATOR_KEY, `${key}\n`);
  return key;
}

function secretValue(name: SecretName, operatorKey: string | null): string {
  switch (name) {
    case "SIGNING_SECRET":
      return randomBytes(32).toString("base64url");
    case "OPERATOR_KEY_HASH":
      return createHash("sha256")
        .update(operatorKey ?? "")
        .digest("hex");
  }
}

async function sayWhatNext(newOperatorKey: string | null): Promise<void> {
  const url = deployedUrl(await readFile(DEPLOY_REPORT, "utf8").catch(() => ""));
  say(`\nHoldfast is deployed${url === null ? "; wrangler printed its URL above" : ` at ${url}`}.\n`);
  if (newOperatorKey !== null) say(`The operator's key, printed this once:\n  ${newOperatorKey}\n`);
  say(
    `The operator's key creates organizations; it is kept in ${DEPLOY_OPERATOR_KEY} on the machine of the first
deployment. The answer to this holds the API key of the organization's first admin (a new workers.dev name may take
a minute to work):
  curl -X POST "${url ?? "https://<your deployment>"}/api/organizations" \\
    -H "Authorization: Bearer $(cat '${DEPLOY_OPERATOR_KEY}')" -H "Content-Type: application/json" \\
    -d '{"name": "My team", "agent": "admin"}'`,
  );
}

function collect(args: string[]): Promise<WranglerResult> {
  return wrangler(args, { output: "collect" });
}

/** For commands whose success needs no words: wrangler would advise to edit a configuration that is written here. */
async function quietly(args: string[], failed: string): Promise<void> {
  const result = await collect(args);
  if (!result.ok) throw failure(failed, result);
}

/** Gives wrangler the terminal; it may ask, for example for the name of a first workers.dev subdomain. */
async function show(args: string[], failed: string, env: Record<string, string> = {}): Promise<void> {
  const result = await wrangler(args, { output: "show", env });
  if (!result.ok)
    throw new DeployError(`${failed} What wrangler said stands above; deploying again continues from here.`);
}

function failure(message: string, { stdout, stderr }: WranglerResult): DeployError {
  return new DeployError(`${message}\n${stdout}${stderr}`);
}

async function writePrivate(file: string, contents: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, contents, { mode: 0o600 });
  await chmod(file, 0o600);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
