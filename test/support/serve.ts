// Runs as a process of its own: the local server with the secrets of the tests, from a bundle made before.
//   node test/support/serve.ts --port N --state DIR --bundle FILE
// Loads its programs, waits for a line on its input, then serves and prints `listening <url>`. It ends with its input,
// so that it outlives no test.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { startLocalServer } from "../../scripts/local-server.ts";
import { OPERATOR_KEY, SIGNING_SECRET } from "./secrets.ts";

const option = { type: "string", default: "" } as const;
const { values } = parseArgs({ options: { port: option, state: option, bundle: option } });

const input = createInterface(process.stdin);
await new Promise((resolve) => input.once("line", resolve));

const server = await startLocalServer({
  port: Number(values.port),
  stateDir: values.state,
  modules: JSON.parse(await readFile(values.bundle, "utf8")),
  secrets: { SIGNING_SECRET, OPERATOR_KEY_HASH: createHash("sha256").update(OPERATOR_KEY).digest("hex") },
});
process.stdout.write(`listening ${server.url}\n`);

const end = (): void => void server.dispose().then(() => process.exit());
process.once("SIGTERM", end);
input.once("close", end);
