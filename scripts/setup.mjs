// Owns what a fresh clone needs before anything in it can run: installed packages, the API console's static files,
// local secrets. Every npm script goes through it, so it runs on any Node >= 20 without a single package, and does
// nothing when there is nothing to do.
//
//   node scripts/setup.mjs [-- command …]     runs the command with the project's own Node afterwards

import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const MODULES = join(ROOT, "node_modules");
const BIN = join(MODULES, ".bin");
const LOCAL = join(ROOT, ".holdfast");
const DEV_VARS = join(ROOT, ".dev.vars");
const OPERATOR_KEY = join(LOCAL, "operator-key");
const ON_WINDOWS = process.platform === "win32";

/** A sentence for the person at the terminal; a stack trace would not help them. */
class SetupError extends Error {}

try {
  installPackages();
  copyConsoleFiles();
  createSecrets();
  const command = process.argv.slice(process.argv[2] === "--" ? 3 : 2);
  if (command.length > 0) run(command);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\n${error.message}\n`);
  process.exitCode = 1;
}

/** The marker is written last, and `npm ci` removes it first: half an installation never counts as one. */
function installPackages() {
  // A linked node_modules belongs to another checkout; installing would pull it from under its owner.
  if (lstatSync(MODULES, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  const marker = join(MODULES, ".holdfast-installed");
  const lock = createHash("sha256")
    .update(readFileSync(join(ROOT, "package-lock.json")))
    .digest("hex");
  const wanted = `${lock} ${process.platform}-${process.arch}\n`;
  if (readIfAny(marker) === wanted) return;

  console.error("Installing packages (once, and again when package-lock.json changes) …");
  const npm = spawnSync("npm", ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: ROOT,
    stdio: ["ignore", 2, 2],
    env: withPath(withoutOwnBin(process.env.PATH ?? "")),
    shell: ON_WINDOWS,
  });
  if (npm.error) throw new SetupError(`npm could not be started (${npm.error.message}). Is it on the PATH?`);
  if (npm.status !== 0)
    throw new SetupError("npm ci failed; what it said stands above. Run the command again to retry.");
  requireOwnNode();
  writeFileSync(marker, wanted);
}

/** npm must not run on the Node that it is about to replace. */
function withoutOwnBin(path) {
  return path
    .split(delimiter)
    .filter((entry) => entry !== BIN)
    .join(delimiter);
}

function requireOwnNode() {
  const node = spawnSync(join(BIN, "node"), ["--version"], { encoding: "utf8", shell: ON_WINDOWS });
  if (node.status === 0) return;
  throw new SetupError(
    "The packages are installed, but the project's own Node is not: its install script did not run. " +
      "npm's `ignore-scripts` setting forbids it; allow it here with\n  npm config set ignore-scripts false --location=project",
  );
}

/** Static files of the page /api/docs; served from public/, deployed and locally. */
function copyConsoleFiles() {
  const from = dirname(fileURLToPath(import.meta.resolve("swagger-ui-dist/package.json")));
  const to = join(ROOT, "public", "docs");
  mkdirSync(to, { recursive: true });
  copyIfChanged(join(from, "swagger-ui.css"), join(to, "swagger-ui.css"));
  copyIfChanged(join(from, "swagger-ui-bundle.js"), join(to, "swagger-ui-bundle.js"));
  copyIfChanged(join(from, "swagger-ui-bundle.js.LICENSE.txt"), join(to, "swagger-ui-bundle.js.LICENSE.txt"));
  copyIfChanged(join(from, "LICENSE"), join(to, "swagger-ui-LICENSE.txt"));
  copyIfChanged(join(from, "NOTICE"), join(to, "swagger-ui-NOTICE.txt"));
}

function copyIfChanged(from, to) {
  const wanted = readFileSync(from);
  if (existsSync(to) && wanted.equals(readFileSync(to))) return;
  writeWhole(to, wanted, 0o644);
}

/**
 * The operator's key creates organizations; the Worker knows only its hash. The key is written before the hash, so
 * that no crash leaves a hash without a key. Lines that exist are never changed: a new SIGNING_SECRET would revoke
 * every API key.
 */
function createSecrets() {
  const vars = readIfAny(DEV_VARS) ?? "";
  const hash = valueOf(vars, "OPERATOR_KEY_HASH");
  if (hash !== null) warnUnlessKeyMatches(hash);

  const missing = [];
  if (valueOf(vars, "SIGNING_SECRET") === null) missing.push(`SIGNING_SECRET=${randomBytes(32).toString("base64url")}`);
  if (hash === null) missing.push(`OPERATOR_KEY_HASH=${sha256(operatorKey())}`);
  if (missing.length === 0) return;
  const kept = vars === "" || vars.endsWith("\n") ? vars : `${vars}\n`;
  writeWhole(DEV_VARS, `${kept}${missing.join("\n")}\n`, 0o600);
}

function operatorKey() {
  const kept = readIfAny(OPERATOR_KEY)?.trim();
  if (kept) return kept;
  const key = `hfo_${randomBytes(32).toString("base64url")}`;
  mkdirSync(LOCAL, { recursive: true });
  writeWhole(OPERATOR_KEY, `${key}\n`, 0o600);
  return key;
}

function warnUnlessKeyMatches(hash) {
  const key = readIfAny(OPERATOR_KEY)?.trim();
  if (key && sha256(key) === hash) return;
  console.error(
    `Note: .dev.vars holds an OPERATOR_KEY_HASH, but .holdfast/operator-key ${key ? "is another key" : "is missing"}, ` +
      "so no organization can be created here.\n" +
      "  If you have the key, put it into .holdfast/operator-key.\n" +
      "  If not, delete the OPERATOR_KEY_HASH line from .dev.vars: the next run makes a new pair, and all API keys stay valid.",
  );
}

function valueOf(vars, name) {
  return new RegExp(`^\\s*(?:export\\s+)?${name}\\s*=\\s*["']?([^"'\\r\\n]+?)["']?\\s*$`, "m").exec(vars)?.[1] ?? null;
}

function sha256(text) {
  return createHash("sha256").update(text).digest("hex");
}

function readIfAny(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}

/** Readers see the old file or the new one, whole, and never with wider permissions. */
function writeWhole(file, contents, mode) {
  const part = `${file}.${process.pid}.part`;
  writeFileSync(part, contents, { mode });
  chmodSync(part, mode);
  renameSync(part, file);
}

/** Runs with node_modules/.bin first, so that `node` is the project's own; ends as the command ends. */
function run([command, ...args]) {
  const child = spawn(command, args, {
    stdio: "inherit",
    shell: ON_WINDOWS,
    env: {
      ...withPath([BIN, withoutOwnBin(process.env.PATH ?? "")].join(delimiter)),
      // Wrangler and Miniflare are megabytes of script; compiled once, they start in half the time.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(MODULES, ".cache", "node-compile"),
    },
  });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  // Ctrl-C reaches the whole foreground group by itself; passing it on as well would count as pressing it twice.
  const passOn = (signal) => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal));
  for (const signal of signals) process.on(signal, passOn);
  child.once("error", (error) => {
    console.error(`${command} could not be started: ${error.message}`);
    process.exitCode = 127;
  });
  child.once("exit", (code, signal) => {
    for (const each of signals) process.off(each, passOn);
    if (signal === null) process.exitCode = code ?? 1;
    else process.kill(process.pid, signal);
  });
}

function withPath(path) {
  // On Windows the variable may be spelt `Path`; two spellings in one environment would be a lottery.
  const others = Object.entries(process.env).filter(([name]) => name.toUpperCase() !== "PATH");
  return { ...Object.fromEntries(others), PATH: path };
}
