// Owns the cost ledger: measures each operation in the real runtime and writes docs/costs.md, or prints JSON.
//   npm run costs            writes the table into docs/costs.md
//   npm run costs -- --json  prints one object for each operation

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startLocalServer } from "../scripts/local-server.ts";
import { type Line, toLine, toMarkdown } from "./costs/ledger.ts";
import type { Costs } from "./costs/meter.ts";
import { Workbench } from "./costs/workbench.ts";

const DOCUMENT = "docs/costs.md";
const [BEGIN, END] = ["<!-- ledger -->", "<!-- /ledger -->"];

const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const lines = await measureAll();
if (values.json) process.stdout.write(`${JSON.stringify(lines, null, 2)}\n`);
else await writeDocument(toMarkdown(lines));

async function measureAll(): Promise<Line[]> {
  const stateDir = await mkdtemp(join(tmpdir(), "holdfast-costs-"));
  const server = await startLocalServer({ port: 0, stateDir, entry: "bench/costs/entry.ts" });
  try {
    return await measure(await Workbench.open(server.url));
  } finally {
    await server.dispose();
    await rm(stateDir, { recursive: true, force: true });
  }
}

async function measure(bench: Workbench): Promise<Line[]> {
  const found: Line[] = [];
  /** Warms up what is not to be measured, then measures until the answer, and until everything has settled. */
  const line = async (operation: string, work: () => Promise<unknown>, requests = 1): Promise<void> => {
    const direct: Costs = await bench.measure(work);
    found.push(toLine(operation, requests, direct, await bench.settled()));
  };
  const { small, large } = bench;

  await line("create_agent", () => bench.createAgent());
  await line("create_workspace", () => bench.createWorkspace());
  await line("set_member", () => bench.setMember("editor"));
  await line("set_member (lowering a role)", () => bench.setMember("viewer"));
  const { id, secret } = await bench.createKey();
  await line("create_key", () => bench.createKey());
  await line("read_file, first with a key: two leases", () => bench.readWith(secret));
  let grant = "";
  await line("grant_access, allowing", async () => (grant = await bench.grant("allow")));
  await line("revoke_access, one holder", () => bench.endGrant(grant));
  await bench.readWith(secret);
  await bench.settled();
  await line("pause_principal, one holder", () => bench.pause());
  await bench.resume();
  await bench.readWith(secret);
  await bench.settled();
  await line("revoke_key, one holder", () => bench.revokeKey(id));
  await line("who_can", () => bench.whoCan());
  await line("write_file, new, by path", () => bench.create());
  await line("write_file, new, 1 MiB", () => bench.createLarge());
  await line("write_file, small", () => bench.write(small));
  await line("write_file, 1 MiB", () => bench.writeLarge(large));
  await line("read_file, small", () => bench.read(small));
  await line("read_file, small, by path", () => bench.readByPath());
  await line("read_file, 1 MiB", () => bench.read(large));
  await line("get_file", () => bench.get(small, ""));
  await line("list_files", () => bench.list());
  await line("list_versions", () => bench.get(small, "/versions"));
  await line("move_file", () => bench.move());
  await line("copy_file", () => bench.copy());
  await line("delete_file", () => bench.delete());
  await bench.create();
  await bench.settled();
  await line("hand_off, one file moved", () => bench.handOff(bench.made));
  await line("list_events", () => bench.events());

  let lock = "";
  await line("acquire_lock", async () => (lock = await bench.acquire()));
  await line("acquire_lock, refused", () => bench.acquireBusy());
  await line("get_locks", () => bench.get(small, "/lock"));
  await line("renew_lock (heartbeat)", () => bench.renew(lock));
  await line("write_file under a lock", () => bench.writeLocked(lock));
  await line("release_lock", () => bench.release(lock));
  await bench.grant("allow");
  await bench.acquireWith((await bench.createKey()).secret);
  await bench.settled();
  await line("override_lock", () => bench.override());
  await line("lock cycle: acquire and release", async () => bench.release(await bench.acquire()), 2);
  await line("two contended cycles: one holds, one waits", () => bench.contend(), 4);
  await line("update: acquire, read, write, release", () => bench.update(), 4);
  await line("update in two requests", () => bench.updateInTwo(), 2);
  return found;
}

async function writeDocument(table: string): Promise<void> {
  const text = await readFile(DOCUMENT, "utf8");
  const [before, after] = [text.split(BEGIN)[0], text.split(END)[1]];
  if (before === undefined || after === undefined) throw new Error(`${DOCUMENT} has lost its markers`);
  await writeFile(DOCUMENT, `${before}${BEGIN}\n\n${table}\n\n${END}${after}`);
  process.stdout.write(`${table}\n\nwritten to ${DOCUMENT}\n`);
}
