// Owns the staging of the pipeline: starts each process with an agent's key of its own, kills one transformer while it
// holds its lock, lets that one's last write arrive late, and checks the result against the source. The processes do
// not know of each other; all that they share is the workspace.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import { expected, Holdfast } from "../client.ts";
import { Http } from "../http.ts";
import type { Member, World } from "../world.ts";
import { type Environment, PATHS, Report } from "./station.ts";
import { chunksOf, clean, SOURCE, summarize, Summary } from "./strikes.ts";

export interface Outcome {
  reports: Report[];
  summary: Summary;
  /** Whether the report says what the source says. */
  isRight: boolean;
  /** The code with which the dead transformer's write was refused; null if it was let in. */
  lateWrite: string | null;
  /** From the kill to the successor's grant, milliseconds. */
  recoveryMs: number;
  seconds: number;
}

export async function runPipeline(world: World): Promise<Outcome> {
  const workers: Worker[] = [];
  try {
    return await stage(world, workers);
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
  }
}

async function stage(world: World, workers: Worker[]): Promise<Outcome> {
  const began = performance.now();
  const reports: Report[] = [];
  const start = async (name: string, script: string): Promise<Worker> => {
    const worker = new Worker(await world.hire(name), script, world, (report) => reports.push(report));
    workers.push(worker);
    return worker;
  };

  const extractor = await start("extractor", "extractor.ts");
  await extractor.holds(PATHS.manifest);
  const first = await start("transformer-1", "transformer.ts");
  const loader = await start("loader", "loader.ts");
  const lost = await first.holds(PATHS.clean);
  await first.kill();
  const killedAt = Date.now();
  reports.push({ at: killedAt, agent: first.member.name, did: "is killed (SIGKILL)" });

  const second = await start("transformer-2", "transformer.ts");
  await second.holds(PATHS.clean);
  const recoveryMs = Date.now() - killedAt;
  const lateWrite = await writeLate(world, first.member, lost.id);
  const fate = lateWrite === null ? "is let in" : `is refused: ${lateWrite}`;
  reports.push({ at: Date.now(), agent: first.member.name, did: `its last write arrives late and ${fate}` });

  await Promise.all([extractor.ended(), second.ended(), loader.ended()]);
  const text = expected(await world.admin.read({ workspaceId: world.workspaceId, path: PATHS.summary }));
  const summary = Summary.parse(JSON.parse(text));
  const isRight = isDeepStrictEqual(summary, await directly());
  return { reports, summary, isRight, lateWrite, recoveryMs, seconds: (performance.now() - began) / 1000 };
}

/** A write that was still on its way when its sender died. */
async function writeLate(world: World, { key }: Member, lock: string): Promise<string | null> {
  const http = new Http(world.url);
  const file = { workspaceId: world.workspaceId, path: PATHS.clean };
  const written = await new Holdfast(http, key).write(file, JSON.stringify({ strikes: [] }), { lock });
  http.close();
  return written.ok ? null : written.code;
}

/** The report as computed from the source in one go. */
async function directly(): Promise<Summary> {
  const csv = await readFile(SOURCE, "utf8");
  return summarize(chunksOf(csv, Number.MAX_SAFE_INTEGER).flatMap(clean));
}

type Lock = NonNullable<Report["lock"]>;

/** A process of the pipeline. */
class Worker {
  readonly member: Member;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;
  readonly #locks: Lock[] = [];
  #onLock: (() => void) | null = null;

  constructor(member: Member, script: string, { url, workspaceId }: World, onReport: (report: Report) => void) {
    this.member = member;
    const env: Environment = {
      HOLDFAST_URL: url,
      HOLDFAST_KEY: member.key,
      HOLDFAST_WORKSPACE: workspaceId,
      HOLDFAST_AGENT: member.name,
    };
    const child = spawn(process.execPath, [join(import.meta.dirname, script)], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    this.#exit = once(child, "exit");
    createInterface({ input: child.stdout }).on("line", (line) => {
      const report = Report.parse(JSON.parse(line));
      onReport(report);
      if (report.lock !== undefined) this.#locks.push(report.lock);
      this.#onLock?.();
    });
  }

  /** Resolves when it says that it holds a lock on `path`. */
  async holds(path: string): Promise<Lock> {
    for (;;) {
      const lock = this.#locks.find((held) => held.path === path);
      if (lock !== undefined) return lock;
      const next = new Promise<void>((resolve) => (this.#onLock = resolve));
      await Promise.race([next, this.#exit.then(() => this.#fail())]);
    }
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  async ended(): Promise<void> {
    const [code] = await this.#exit;
    if (code !== 0) this.#fail();
  }

  #fail(): never {
    throw new Error(`${this.member.name} ended with ${this.#child.exitCode ?? this.#child.signalCode}`);
  }
}
