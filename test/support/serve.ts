// Runs as a process of its own: the local server with the secrets of the tests, from a bundle made before.
//   node test/support/serve.ts --port N --state DIR --bundle FILE
// Prints `listening <url>` when it serves.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { startLocalServer } from "../../scripts/local-server.ts";
import { OPERATOR_KEY, SIGNING_SECRET } from "./secrets.ts";

const option = { type: "string", default: "" } as const;
const { values } = parseArgs({ options: { port: option, state: option, bundle: option } });

const server = await startLocalServer({
  port: Number(values.port),
  stateDir: values.state,
  modules: JSON.parse(await readFile(values.bundle, "utf8")),
  secrets: { SIGNING_SECRET, OPERATOR_KEY_HASH: createHash("sha256").update(OPERATOR_KEY).digest("hex") },
});
process.stdout.write(`listening ${server.url}\n`);

process.once("SIGTERM", () => void server.dispose());
