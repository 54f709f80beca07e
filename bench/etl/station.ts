// Owns what the pipeline's processes have in common: who they are, told by the environment; where the files are; and
// what they report to whoever watches, one JSON line each. Nothing that they do depends on a report.

import { z } from "zod";
import { type FileRef, type Granted, Holdfast } from "../client.ts";
import { Http } from "../http.ts";

export const PATHS = {
  manifest: "/raw/manifest.json",
  chunk: (n: number) => `/raw/strikes-${n}.csv`,
  clean: "/clean/strikes.json",
  summary: "/report/summary.json",
};

/** What the extractor has laid down. */
export const Manifest = z.object({ chunks: z.array(z.string()) });

/** What the transformer makes; null until it is done. */
export const CleanData = z.object({ strikes: z.array(z.unknown()).nullable() });

export const Report = z.object({
  /** Epoch milliseconds. */
  at: z.number(),
  agent: z.string(),
  did: z.string(),
  /** Of a lock that was granted. */
  lock: z.object({ path: z.string(), id: z.string(), token: z.number(), waitedMs: z.number() }).optional(),
});
export type Report = z.infer<typeof Report>;

const Environment = z.object({
  HOLDFAST_URL: z.string(),
  HOLDFAST_KEY: z.string(),
  HOLDFAST_WORKSPACE: z.string(),
  HOLDFAST_AGENT: z.string(),
});
export type Environment = z.infer<typeof Environment>;

export interface Station {
  holdfast: Holdfast;
  at: (path: string) => FileRef;
  report: (did: string) => void;
  /** Waits for a lock in the queue, and reports it. */
  acquire: (path: string, level: "read" | "exclusive", ttl: number, purpose: string) => Promise<Granted>;
  leave: () => void;
}

export function station(): Station {
  const env = Environment.parse(process.env);
  const http = new Http(env.HOLDFAST_URL);
  const holdfast = new Holdfast(http, env.HOLDFAST_KEY);
  const at = (path: string): FileRef => ({ workspaceId: env.HOLDFAST_WORKSPACE, path });
  const say = (report: Omit<Report, "at" | "agent">) => {
    const line: Report = { at: Date.now(), agent: env.HOLDFAST_AGENT, ...report };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  return {
    holdfast,
    at,
    report: (did) => say({ did }),
    async acquire(path, level, ttl, purpose) {
      const asked = Date.now();
      const granted = await holdfast.acquire(at(path), { level, ttl, wait: 30, purpose });
      const lock = { path, id: granted.lockId, token: granted.fencingToken, waitedMs: Date.now() - asked };
      say({ did: `holds ${path} (${level}, ${ttl} s)`, lock });
      return granted;
    },
    leave: () => http.close(),
  };
}
