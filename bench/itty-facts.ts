// Owns the trial of what docs/decisions.md says about itty-durable: each claim is provoked in the real runtime, and what
// came of it is printed as JSON.
//   npm run bench:itty

import { join } from "node:path";
import { Http } from "./http.ts";
import { median, round } from "./stats.ts";
import { startTemporary } from "./world.ts";

/** Calls to an object in one request, so that the request itself hardly counts. */
const CALLS = 50;
const ROUNDS = 15;

const server = await startTemporary({ config: join(import.meta.dirname, "itty-facts", "wrangler.toml") });
const http = new Http(server.url);
try {
  const facts = {
    propertySetByAnyCaller: await ask("/set"),
    callersOfTwoConcurrentCalls: await ask("/caller"),
    afterAValueThatCannotBeCloned: await ask("/persist"),
    valuesThatArrive: await ask("/values"),
    errorThatArrives: await ask("/errors"),
    costOfACall: await compare("itty-plain", "current"),
    costOfACallThatStores: await compare("itty", "increment"),
    costOfACallThatReadsUnderAutoPersist: await compare("itty", "current"),
  };
  process.stdout.write(`${JSON.stringify(facts, null, 2)}\n`);
} finally {
  http.close();
  await server.close();
}

async function ask(path: string): Promise<unknown> {
  const { status, text } = await http.send("GET", path);
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  return JSON.parse(text);
}

/** Milliseconds for one call, itty-durable and native in turn, and their ratio. */
async function compare(kind: string, method: string): Promise<{ itty: number; native: number; ratio: number }> {
  const times: { itty: number[]; native: number[] } = { itty: [], native: [] };
  for (let n = -1; n < ROUNDS; n++) {
    for (const way of ["itty", "native"] as const) {
      const began = performance.now();
      await ask(`/cost/${way === "itty" ? kind : way}/${method}?calls=${CALLS}`);
      const ms = (performance.now() - began) / CALLS;
      // The round before the first warms up.
      if (n >= 0) times[way].push(ms);
    }
  }
  const [itty, native] = [median(times.itty), median(times.native)];
  return { itty: round(itty, 3), native: round(native, 3), ratio: round(itty / native, 2) };
}
