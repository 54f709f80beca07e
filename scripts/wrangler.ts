// Owns running the project's own wrangler as a child process. Nothing here knows what the commands mean.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";

import { ROOT } from "./paths.ts";

const require = createRequire(import.meta.url);
const WRANGLER = join(dirname(require.resolve("wrangler/package.json")), "bin", "wrangler.js");

export interface WranglerOptions {
  env?: Record<string, string>;
  /** `show` gives the terminal to wrangler, which may then ask questions; `collect` returns what it printed. */
  output: "collect" | "show";
}

export interface WranglerResult {
  ok: boolean;
  stdout: string;
  stderr: string;
}

/** Runs wrangler in the repository's root; a failure is an answer, not an exception. */
export async function wrangler(args: string[], { env, output }: WranglerOptions): Promise<WranglerResult> {
  const child = spawn(process.execPath, [WRANGLER, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...(output === "collect" && { WRANGLER_HIDE_BANNER: "true", NO_COLOR: "1" }), ...env },
    stdio: output === "show" ? "inherit" : ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [code, stdout, stderr] = await Promise.all([
    ended,
    child.stdout === null ? "" : text(child.stdout),
    child.stderr === null ? "" : text(child.stderr),
  ]);
  return { ok: code === 0, stdout, stderr };
}
