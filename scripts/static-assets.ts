// Owns public/ on this machine. Deployed, the platform looks for a static file before it calls the Worker. Miniflare's
// imitation of that sends every request through two more Workers and costs four fifths of the throughput, so here a
// small front module looks at the first path segment, and only what may be a file asks the imitation.

import { readdir } from "node:fs/promises";
import { resolve } from "node:path";

import type { V4ModuleDefinition, V4WorkerOptions, V4WorkerOptionsShape } from "miniflare";

import { ROOT } from "./paths.ts";

const BINDING = "STATIC_ASSETS";
const ASSETS_WORKER = "static-assets";

type Assets = NonNullable<V4WorkerOptionsShape["assets"]>;
type WorkerWithModules = V4WorkerOptionsShape & { modules: V4ModuleDefinition[] };

/** The Worker with its front, and the Worker that serves the files. */
export async function withAssets(worker: WorkerWithModules, assets: Assets): Promise<V4WorkerOptions[]> {
  const [main, ...others] = worker.modules;
  if (main === undefined) throw new Error("The bundle is empty.");
  const contents = frontModule(main.path, await firstSegments(assets));
  return [
    {
      ...worker,
      modules: [{ type: "ESModule", path: "/front.js", contents }, main, ...others],
      serviceBindings: { ...worker.serviceBindings, [BINDING]: ASSETS_WORKER },
    },
    {
      name: ASSETS_WORKER,
      modules: [{ type: "ESModule", path: "/none.js", contents: "export default {}" }],
      modulesRoot: "/",
      assets: { ...assets, routerConfig: { has_user_worker: false } },
    },
  ];
}

/** First path segments under which a file may be found; `page.html` also answers to `/page`, `index.html` to `/`. */
async function firstSegments({ directory }: Assets): Promise<string[]> {
  const names = await readdir(resolve(ROOT, directory)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.flatMap((name) => [name, name.replace(/^index\.html$|\.html$/, "")]);
}

function frontModule(main: string, segments: string[]): string {
  return `
import worker from ".${main}";
export * from ".${main}";

const mayBeFile = new Set(${JSON.stringify(segments)});

export default {
  ...worker,
  async fetch(request, env, ctx) {
    const readOnly = request.method === "GET" || request.method === "HEAD";
    if (readOnly && mayBeFile.has(new URL(request.url).pathname.split("/", 2)[1])) {
      const file = await env.${BINDING}.fetch(request);
      if (file.status !== 404) return file;
    }
    return worker.fetch(request, env, ctx);
  },
};
`;
}
