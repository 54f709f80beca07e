// Owns turning a Worker entry into the modules that would be deployed: wrangler itself bundles, so what runs here is
// byte for byte what `wrangler deploy` uploads.

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";

import type { V4ModuleDefinition } from "miniflare";

import { wrangler } from "./wrangler.ts";

type ModuleType = V4ModuleDefinition["type"];

/** Wrangler's own rules for imports that are not scripts. */
const MODULE_TYPES: ReadonlyMap<string, ModuleType> = new Map([
  [".js", "ESModule"],
  [".mjs", "ESModule"],
  [".wasm", "CompiledWasm"],
  [".txt", "Text"],
  [".html", "Text"],
  [".sql", "Text"],
  [".bin", "Data"],
]);

/** The Worker's modules, the entry first; `config`'s, or another. Throws wrangler's words if it does not build. */
export async function bundleWorker(config: string, entry?: string): Promise<V4ModuleDefinition[]> {
  const outdir = await mkdtemp(join(tmpdir(), "holdfast-bundle-"));
  try {
    const built = await wrangler(
      ["deploy", ...(entry === undefined ? [] : [resolve(entry)]), "--dry-run", "--outdir", outdir, "--config", config],
      { output: "collect", env: { WRANGLER_SEND_METRICS: "false" } },
    );
    if (!built.ok) throw new Error(`The Worker does not build.\n${built.stdout}${built.stderr}`);
    return await readModules(outdir);
  } finally {
    await rm(outdir, { recursive: true, force: true });
  }
}

async function readModules(dir: string): Promise<V4ModuleDefinition[]> {
  const files = (await readdir(dir, { recursive: true, withFileTypes: true }))
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name));
  const modules = (await Promise.all(files.map((file) => readModule(dir, file)))).filter((module) => module !== null);
  const [script, ...others] = modules.filter(({ type }) => type === "ESModule");
  if (script === undefined || others.length > 0) throw new Error("Wrangler is expected to bundle into one script.");
  return [script, ...modules.filter((module) => module !== script)];
}

/** `null` for what wrangler writes beside the modules (source maps, a README). */
async function readModule(dir: string, file: string): Promise<V4ModuleDefinition | null> {
  const type = MODULE_TYPES.get(extname(file));
  if (type === undefined) return null;
  const bytes = await readFile(file);
  const contents = type === "CompiledWasm" || type === "Data" ? bytes : bytes.toString("utf8");
  return { type, path: file.slice(dir.length), contents };
}
