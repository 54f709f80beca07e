// Owns where things lie in this repository, so that every script works from any directory.

import { dirname, join } from "node:path";

export const ROOT = dirname(import.meta.dirname);
export const WRANGLER_CONFIG = join(ROOT, "wrangler.toml");

/** What this machine made and git ignores: secrets, credentials, state. */
const LOCAL = join(ROOT, ".holdfast");
export const OPERATOR_KEY = join(LOCAL, "operator-key");
export const CREDENTIALS = join(LOCAL, "credentials.json");
/** One line `Authorization: Bearer …`, which curl reads with `-H @file`: the key stays out of argument lists. */
export const AUTHORIZATION = join(LOCAL, "authorization");
export const STATE = join(LOCAL, "state");
export const DEPLOY_CONFIG = join(LOCAL, "wrangler.deploy.json");
export const DEPLOY_OPERATOR_KEY = join(LOCAL, "deploy-operator-key");
export const DEPLOY_SECRETS = join(LOCAL, "deploy-secrets.json");
export const DEPLOY_REPORT = join(LOCAL, "deploy-report.ndjson");
