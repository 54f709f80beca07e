// Owns the fourth way: the lock of bench/itty-lock, polled, around a document in plain R2. It is served by the same kind
// of local server, in a workerd of its own.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { Http, type Received } from "../http.ts";
import { startTemporary } from "../world.ts";
import { EMPTY, withElement } from "./document.ts";
import { type Backoff, type Contest, inWords, type LockWait, type Mode, THINK_MS, waitOf } from "./mode.ts";

const CONFIG = join(import.meta.dirname, "..", "itty-lock", "wrangler.toml");
/** The quickest of those tried by bench/backoff.ts. */
const POLL: Backoff = { base: 10, cap: 100 };
const TTL_MS = 30_000;
const NAME = "race.json";

const Acquired = z.object({ granted: z.boolean() });

export const ittyMode = (poll = POLL): Mode => ({
  name: "itty",
  title: "(d) itty-durable",
  how: `a lock of ${TTL_MS / 1000} s in an itty-durable object, polled again ${inWords(poll)}; plain R2`,
  open: () => openContest(poll),
});

async function openContest(poll: Backoff): Promise<Contest> {
  const server = await startTemporary({ config: CONFIG });
  const http = new Http(server.url);
  const reset = async () => void succeeded(await http.send("PUT", `/files/${NAME}`, { body: EMPTY }));
  await reset();
  return {
    update: (agent, element) => update(http, poll, `agent-${agent}`, element),
    read: async () => succeeded(await http.send("GET", `/files/${NAME}`)).text,
    reset,
    sent: () => http.sent,
    async close() {
      http.close();
      await server.close();
    },
  };
}

async function update(http: Http, poll: Backoff, holder: string, element: string): Promise<LockWait> {
  const asked = performance.now();
  for (let attempt = 0; !(await acquire(http, holder)); attempt++) await sleep(waitOf(poll, attempt));
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
