// Owns running the Worker on this machine as it would run when deployed: the deployed bundle, the bindings of
// wrangler.toml, on workerd, with state that outlives the process. Requests go straight into workerd; no proxy in Node.

import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join, resolve } from "node:path";

import {
  convertV4MiniflareOptions,
  Miniflare,
  NoOpLog,
  type V4ModuleDefinition,
  type V4WorkerOptionsShape,
  type WorkerdStructuredLog,
} from "miniflare";
import { z } from "zod";

import { bundleWorker } from "./bundle.ts";
import { applyMigrations } from "./d1-migrations.ts";
import { WRANGLER_CONFIG } from "./paths.ts";
import { withAssets } from "./static-assets.ts";

const HOST = "127.0.0.1";

/** What is needed of wrangler.toml beyond the bindings. */
const Config = z.object({
  name: z.string(),
  d1_databases: z.array(z.object({ binding: z.string(), migrations_dir: z.string().default("migrations") })),
});

export interface LocalServerOptions {
  /** On 127.0.0.1; 0 takes any free one. */
  port: number;
  /** Everything the objects, the bucket and the database keep. Only one server may use it at a time. */
  stateDir: string;
  /** Another wrangler.toml than the project's, with bindings of its own. */
  config?: string;
  /** Another Worker that exports the same object classes; the default is the configuration's. */
  entry?: string;
  /** The entry as bundled before (see bundle.ts), for those who start often: bundling takes a second. */
  modules?: V4ModuleDefinition[];
  /** Override what `.dev.vars` says. */
  secrets?: Record<string, string>;
  /** What the Worker logs; by default it goes to standard error. */
  onLog?: (log: WorkerdStructuredLog) => void;
}

export interface LocalServer {
  /** Without a trailing slash. */
  url: string;
  /** Stops workerd; what was acknowledged stays in `stateDir`. */
  dispose: () => Promise<void>;
}

// Wrangler announces on standard output that it read .dev.vars; that is for people who typed a wrangler command.
process.env["WRANGLER_LOG"] ??= "warn";
tieWorkerdToThisProcess();

/** Resolves when requests are served and the database's migrations are applied. */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const file = options.config ?? WRANGLER_CONFIG;
  await assertPortIsFree(options.port);
  // Wrangler takes most of a second to load: here, while the one that bundles is at work.
  const [modules, wrangler] = await Promise.all([
    options.modules ?? bundleWorker(file, options.entry),
    import("wrangler"),
  ]);
  const config = Config.parse(wrangler.unstable_readConfig({ config: file }));
  // Its declaration loses the shape (an `Omit` over an index signature); the value has it.
  const bindings = wrangler.unstable_getMiniflareWorkerOptions(file).workerOptions as V4WorkerOptionsShape;
  const miniflare = new Miniflare(await miniflareOptions({ ...bindings, name: config.name }, modules, options));
  try {
    for (const { binding, migrations_dir } of config.d1_databases)
      await applyMigrations(await miniflare.getD1Database(binding), resolve(file, "..", migrations_dir));
    const { origin } = await miniflare.unsafeGetDirectURL();
    return { url: origin, dispose: () => miniflare.dispose() };
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
}

/** Wrangler has translated its own configuration into Miniflare's options; we add the code, the socket and the state. */
async function miniflareOptions(
  fromWrangler: V4WorkerOptionsShape,
  modules: V4ModuleDefinition[],
  options: LocalServerOptions,
) {
  const { modulesRules: _, assets, ...bindings } = fromWrangler;
  const worker = {
    ...bindings,
    modules,
    modulesRoot: "/",
    bindings: { ...bindings.bindings, ...options.secrets },
    unsafeDirectSockets: [{ host: HOST, port: options.port }],
  };
  return convertV4MiniflareOptions({
    host: HOST,
    port: 0,
    cf: false,
    log: new NoOpLog(),
    logRequests: false,
    resourcePersistencePath: resolve(options.stateDir),
    handleStructuredLogs: options.onLog ?? logToStandardError,
    workers: assets === undefined ? [worker] : await withAssets(worker, assets),
  });
}

/** See workerd.sh. Miniflare reads the variable whenever it starts workerd, after a crash too. */
function tieWorkerdToThisProcess(): void {
  if (process.platform === "win32" || process.env["MINIFLARE_WORKERD_PATH"] !== undefined) return;
  const miniflare = createRequire(createRequire(import.meta.url).resolve("miniflare"));
  process.env["HOLDFAST_WORKERD"] = z.object({ default: z.string() }).parse(miniflare("workerd")).default;
  process.env["MINIFLARE_WORKERD_PATH"] = join(import.meta.dirname, "workerd.sh");
}

function logToStandardError({ level, message }: WorkerdStructuredLog): void {
  process.stderr.write(`[${level}] ${message}\n`);
}

export class PortTaken extends Error {
  readonly port: number;

  constructor(port: number) {
    super(`Port ${port} on ${HOST} is taken.`);
    this.port = port;
  }
}

/** workerd only says that its socket failed; ask first, to be able to say why. */
function assertPortIsFree(port: number): Promise<void> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) =>
      fail(error.code === "EADDRINUSE" ? new PortTaken(port) : error),
    );
    probe.listen(port, HOST, () => probe.close(() => done()));
  });
}
