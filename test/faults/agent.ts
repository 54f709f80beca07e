// Runs as a process of its own: an agent that locks a file and keeps the lock with heartbeats until it is killed.
//   node test/faults/agent.ts --url URL --key KEY --file ID --terms JSON --beat MILLISECONDS
// Prints one line of JSON for everything it is told about its lock.

import { parseArgs } from "node:util";

const option = { type: "string", default: "" } as const;
const { values } = parseArgs({ options: { url: option, key: option, file: option, terms: option, beat: option } });

async function ask(method: string, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${values.url}/api/files/${values.file}${path}`, {
    method,
    headers: { Authorization: `Bearer ${values.key}` },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  process.stdout.write(`${text}\n`);
  return JSON.parse(text);
}

const { lockId } = (await ask("POST", "/lock", JSON.parse(values.terms))) as { lockId: string };
for (;;) {
  await new Promise((resolve) => setTimeout(resolve, Number(values.beat)));
  await ask("POST", `/lock/${lockId}/renew`, {});
}
