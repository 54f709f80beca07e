// Owns the measurement behind INLINE_MAX_BYTES: small contents written to and read from an object's SQLite against R2,
// side by side in one run, in the real runtime.
//   npm run bench:inline [-- --json]

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Http } from "./http.ts";
import { median, round, table } from "./stats.ts";
import { startTemporary } from "./world.ts";

const KIB = 1024;
const SIZES_KIB = [1, 8, 16, 32, 64, 128];
/** The two ways take turns in batches, so that a busy moment of the machine falls on both. */
const BATCHES = 15;
/** One client shows latency; several on one file show what its object can bear. */
const [ALONE, CROWD] = [
  { clients: 1, each: 8 },
  { clients: 8, each: 4 },
];
const WAYS = ["inline", "r2"] as const;
type Way = (typeof WAYS)[number];
const METHODS = { write: "PUT", read: "GET" } as const;
type Operation = keyof typeof METHODS;

interface Line {
  kib: number;
  operation: Operation;
  /** Median time of a request of one client, milliseconds. */
  alone: Record<Way, number>;
  /** Requests per second of eight clients on one file. */
  crowd: Record<Way, number>;
  /** How many times as fast inline is. */
  aloneRatio: number;
  crowdRatio: number;
}

const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const server = await startTemporary({ config: join(import.meta.dirname, "inline", "wrangler.toml") });
const http = new Http(server.url);
try {
  const lines: Line[] = [];
  for (const kib of SIZES_KIB) {
    const body = randomBytes((kib * KIB * 3) / 4).toString("base64");
    for (const operation of ["write", "read"] as const) lines.push(await compare(operation, kib, body));
  }
  process.stdout.write(values.json ? `${JSON.stringify(lines, null, 2)}\n` : `${textOf(lines)}\n`);
} finally {
  http.close();
  await server.close();
}

async function compare(operation: Operation, kib: number, body: string): Promise<Line> {
  const alone: Record<Way, number[]> = { inline: [], r2: [] };
  const crowd: Record<Way, number[]> = { inline: [], r2: [] };
  for (const way of WAYS) await batch(operation, way, kib, body, CROWD);
  for (let n = 0; n < BATCHES; n++) {
    for (const way of WAYS) alone[way].push(...(await batch(operation, way, kib, body, ALONE)).times);
    for (const way of WAYS) crowd[way].push((await batch(operation, way, kib, body, CROWD)).perSecond);
  }
  const times = { inline: round(median(alone.inline), 2), r2: round(median(alone.r2), 2) };
  const rates = { inline: round(median(crowd.inline), 0), r2: round(median(crowd.r2), 0) };
  return {
    kib,
    operation,
    alone: times,
    crowd: rates,
    aloneRatio: round(times.r2 / times.inline, 2),
    crowdRatio: round(rates.inline / rates.r2, 2),
  };
}

async function batch(
  operation: Operation,
  way: Way,
  kib: number,
  body: string,
  { clients, each }: { clients: number; each: number },
): Promise<{ times: number[]; perSecond: number }> {
  const times: number[] = [];
  const client = async (): Promise<void> => {
    for (let n = 0; n < each; n++) {
      const began = performance.now();
      const { status, text } = await http.send(
        METHODS[operation],
        `/${way}/${kib}`,
        operation === "write" ? { body } : {},
      );
      times.push(performance.now() - began);
      if (status >= 300 || (operation === "read" && text !== body)) throw new Error(`${operation} ${way}: ${status}`);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  return { times, perSecond: (clients * each * 1000) / (performance.now() - began) };
}

function textOf(lines: readonly Line[]): string {
  const rows = lines.map(({ kib, operation, alone, crowd, aloneRatio, crowdRatio }) => [
    `${operation} ${kib} KiB`,
    String(alone.inline),
    String(alone.r2),
    `${aloneRatio}×`,
    String(crowd.inline),
    String(crowd.r2),
    `${crowdRatio}×`,
  ]);
  const header = ["", "inline ms", "R2 ms", "inline is", "8 clients: inline/s", "R2/s", "inline is"];
  return table([header, ...rows]);
}
