// Owns the processes of tests that kill them: the whole local server, or an agent. What is started here is ended
// here, by its own id, also when the test fails.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { bundleWorker } from "../../scripts/bundle.ts";
import { WRANGLER_CONFIG } from "../../scripts/paths.ts";
import { Client } from "./http.ts";
import { OPERATOR_KEY } from "./secrets.ts";
import { World } from "./world.ts";

const START_MS = 30_000;

/** A program of its own, in a process group of its own. */
export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #lines: string[] = [];
  #errors = "";

  constructor(script: string, args: string[]) {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, "..", script), ...args], {
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
    if (this.#child.stdout !== null) createInterface(this.#child.stdout).on("line", (line) => this.#lines.push(line));
    this.#child.stderr?.on("data", (chunk: Buffer) => (this.#errors += chunk.toString()));
  }

  /** What it has printed so far. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** What it has complained about so far. */
  get errors(): string {
    return this.#errors;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** SIGKILL to the program and everything it has started; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.#ended;
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<void> {
    this.#signal("SIGTERM");
    await this.#ended;
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined || this.hasEnded) return;
    process.kill(-pid, signal);
  }
}

/** Everything that several starts of one local server share. */
export interface Home {
  state: string;
  bundle: string;
}

export async function newHome(): Promise<Home & { remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), "holdfast-test-"));
  const bundle = join(dir, "bundle.json");
  await writeFile(bundle, JSON.stringify(await bundleWorker(WRANGLER_CONFIG)));
  return { state: join(dir, "state"), bundle, remove: () => rm(dir, { recursive: true, force: true }) };
}

export interface RunningServer {
  url: string;
  program: Program;
  world: World;
}

/** A server that has loaded its programs and waits to be started; on any free port unless told. */
export function prepareServer({ state, bundle }: Home, port = 0): Program {
  return new Program("support/serve.ts", ["--port", `${port}`, "--state", state, "--bundle", bundle]);
}

export async function startServer(home: Home, prepared?: Program): Promise<RunningServer> {
  const program = prepared ?? prepareServer(home);
  program.say("start");
  const deadline = Date.now() + START_MS;
  for (;;) {
    const url = program.lines.find((line) => line.startsWith("listening "))?.slice("listening ".length);
    if (url !== undefined) return { url, program, world: worldAt(url) };
    if (program.hasEnded || Date.now() > deadline) {
      await program.kill();
      throw new Error(`the local server did not start:\n${program.errors}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The deployment that serves there. */
function worldAt(url: string): World {
  return new World(new Client((request) => fetch(request), url, OPERATOR_KEY));
}
