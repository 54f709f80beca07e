// Owns the smallest command around the local server, for tests that kill whole processes:
//   node scripts/serve.ts --port N --state DIR [--entry FILE]
// Prints `listening <url>` when it serves, and the Worker's logs on standard error. SIGTERM ends it; a SIGKILL, to it
// or to its process group, ends workerd with it.

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
