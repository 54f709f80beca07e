// Owns the fourth way: the lock of bench/itty-lock, polled, around a document in plain R2. It is served by the same kind
// of local server, in a workerd of its own.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { Http, type Received } from "../http.ts";
import { startTemporary } from "../world.ts";
import { EMPTY, withElement } from "./document.ts";
import { backoff, type Contest, type LockWait, type Mode, THINK_MS } from "./mode.ts";

const CONFIG = join(import.meta.dirname, "..", "itty-lock", "wrangler.toml");
/** Base and cap in milliseconds: the quickest of those tried (bench/README.md). */
const POLL = { base: 10, cap: 200 };
const TTL_MS = 30_000;
const NAME = "race.json";

const Acquired = z.object({ granted: z.boolean() });

export const ittyMode: Mode = {
  name: "itty",
  title: "(d) itty-durable",
  how: `a lock of ${TTL_MS / 1000} s in an itty-durable object, polled after a random part of ${POLL.base} ms, doubling up to ${POLL.cap} ms; plain R2`,
  open: openContest,
};

async function openContest(): Promise<Contest> {
  const server = await startTemporary({ config: CONFIG });
  const http = new Http(server.url);
  const reset = async () => void succeeded(await http.send("PUT", `/files/${NAME}`, { body: EMPTY }));
  await reset();
  return {
    update: (agent, element) => update(http, `agent-${agent}`, element),
    read: async () => succeeded(await http.send("GET", `/files/${NAME}`)).text,
    reset,
    sent: () => http.sent,
    async close() {
      http.close();
      await server.close();
    },
  };
}

async function update(http: Http, holder: string, element: string): Promise<LockWait> {
  const asked = performance.now();
  for (let attempt = 0; !(await acquire(http, holder)); attempt++) await sleep(backoff(attempt, POLL));
  const waited = performance.now() - asked;
  const { text } = succeeded(await http.send("GET", `/files/${NAME}`));
  await sleep(THINK_MS);
  succeeded(await http.send("PUT", `/files/${NAME}`, { body: withElement(text, element) }));
  succeeded(await http.send("DELETE", `/locks/${NAME}?holder=${holder}`));
  return waited;
}

async function acquire(http: Http, holder: string): Promise<boolean> {
  const { text } = succeeded(await http.send("POST", `/locks/${NAME}?holder=${holder}&ttl=${TTL_MS}`));
  return Acquired.parse(JSON.parse(text)).granted;
}

function succeeded(received: Received): Received {
  if (received.status < 300) return received;
  throw new Error(`unexpected answer ${received.status}: ${received.text}`);
}
