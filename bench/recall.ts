// Owns the measurement of recalls: 200 clients hammer 50 files under a right while it is taken away, in six ways, with
// the workspace's object warm and evicted just before. How long taking it away takes, and that nothing is accepted after.
//   node bench/recall.ts [--trials 100] [--clients 200] [--files 50] [--json]

import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startLocalServer } from "../scripts/local-server.ts";
import { Http } from "./http.ts";
import { tryRecall, type Trial } from "./recall/trial.ts";
import { type Ask, type Stage, waysOf } from "./recall/ways.ts";
import { quantile, round, table } from "./stats.ts";

const option = (byDefault: string) => ({ type: "string", default: byDefault }) as const;
const { values } = parseArgs({
  options: {
    trials: option("100"),
    clients: option("200"),
    files: option("50"),
    json: { type: "boolean", default: false },
  },
});
const CLIENTS = Number(values.clients);

const operator = `hfo_${randomBytes(32).toString("base64url")}`;
const stateDir = await mkdtemp(join(tmpdir(), "holdfast-recall-"));
const server = await startLocalServer({
  port: 0,
  stateDir,
  entry: "bench/recall/entry.ts",
  onLog: () => undefined,
  secrets: {
    SIGNING_SECRET: randomBytes(32).toString("hex"),
    OPERATOR_KEY_HASH: createHash("sha256").update(operator).digest("hex"),
  },
});
const http = new Http(server.url);
try {
  const stage = await prepare();
  const warm = await run(stage, async () => undefined);
  const evicted = await run(
    stage,
    async () => void (await http.send("POST", `/bench/evict?workspace=${stage.workspace}`)),
  );
  report({ warm, "workspace evicted": evicted });
} finally {
  http.close();
  await server.dispose();
  await rm(stateDir, { recursive: true, force: true });
}

async function send(
  key: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): ReturnType<Ask> {
  const text = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
  const sent = { headers: { Authorization: `Bearer ${key}`, ...headers }, ...text };
  const { status, text: json } = await http.send(method, path, sent);
  return { status, json: JSON.parse(json) as Record<string, unknown> };
}

async function prepare(): Promise<Stage> {
  const { json: made } = await send(operator, "POST", "/api/organizations", { name: "recalls" });
  const owner = String(made["key"]);
  const { json: created } = await send(owner, "POST", "/api/workspaces", { name: "siege" });
  const workspace = (created["workspace"] as { id: string }).id;
  const files: string[] = [];
  for (let n = 0; n < Number(values.files); n++) {
    const { json } = await send(owner, "PUT", `/api/workspaces/${workspace}/file/content?path=/siege/${n}.txt`, "0");
    files.push(String(json["fileId"]));
  }
  return { ask: send, owner, workspace, files };
}

async function run(stage: Stage, meanwhile: () => Promise<void>): Promise<Trial[]> {
  const ways = await waysOf(stage);
  const trials: Trial[] = [];
  for (let n = 0; n < Number(values.trials); n++) {
    const way = ways[n % ways.length];
    if (way === undefined) break;
    const trial = await tryRecall(stage, way, { clients: CLIENTS, meanwhile, breathe: () => turn() });
    for (const violation of trial.violations.slice(0, 3)) process.stderr.write(`${way.name}: ${violation}\n`);
    trials.push(trial);
  }
  return trials;
}

function report(runs: Record<string, Trial[]>): void {
  const figures = Object.entries(runs).map(([name, trials]) => ({
    name,
    trials: trials.length,
    accepted: sum(trials.map(({ accepted }) => accepted)),
    refused: sum(trials.map(({ refused }) => refused)),
    violations: sum(trials.map(({ violations }) => violations.length)),
    medianMs: round(
      quantile(
        trials.map(({ tookMs }) => tookMs),
        0.5,
      ),
    ),
    p99Ms: round(
      quantile(
        trials.map(({ tookMs }) => tookMs),
        0.99,
      ),
    ),
  }));
  if (values.json)
    process.stdout.write(`${JSON.stringify({ clients: CLIENTS, files: Number(values.files), figures })}\n`);
  else {
    const header = ["", "trials", "accepted before", "refused after", "accepted after", "median ms", "p99 ms"];
    const rows = figures.map(({ name, ...rest }) => [name, ...Object.values(rest).map(String)]);
    process.stdout.write(`${CLIENTS} clients on ${values.files} files\n${table([header, ...rows])}\n`);
  }
  if (figures.some(({ violations }) => violations > 0)) process.exitCode = 1;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
