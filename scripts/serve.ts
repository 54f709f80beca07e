// Owns the smallest command around the local server, for tests that kill whole processes:
//   node scripts/serve.ts --port N --state DIR [--entry FILE]
// Prints `listening <url>` when it serves. Started in a process group of its own, a SIGKILL to the group ends workerd
// with it.

import { parseArgs } from "node:util";

import { startLocalServer } from "./local-server.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    state: { type: "string" },
    entry: { type: "string" },
  },
});
if (values.port === undefined || values.state === undefined)
  throw new Error("Usage: node scripts/serve.ts --port N --state DIR [--entry FILE]");

const server = await startLocalServer({
  port: Number(values.port),
  stateDir: values.state,
  ...(values.entry !== undefined && { entry: values.entry }),
});
process.stdout.write(`listening ${server.url}\n`);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void server.dispose());
