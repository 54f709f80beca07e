// What the ledger promises (docs/costs.md), counted exactly.

import { beforeAll, expect, test } from "vitest";
import { readCosts, resetCosts } from "../../bench/costs/meter.ts";
import { fileObject, runAlarm, world } from "../support/workerd.ts";
import { type Agent, byId, type FileView, lock, newFile, release, renew } from "../support/world.ts";

let agent: Agent;
let file: FileView;

const settle = () => runAlarm(fileObject(file.fileId));

beforeAll(async () => {
  agent = await world.organization();
  file = await newFile(agent, await world.workspace(agent), "/ledger.txt");
  await settle();
});

test("a warm acquire is one object request, and a heartbeat writes no row", async () => {
  resetCosts();
  const { lockId } = await lock(agent, file);
  expect(readCosts()).toMatchObject({ objectRequests: 1, d1RowsWritten: 0 });
  resetCosts();
  (await renew(agent, file, lockId)).must(200);
  expect(readCosts()).toMatchObject({ objectRequests: 1, objectRowsWritten: 0, d1RowsWritten: 0 });
  await release(agent, file, lockId);
  await settle();
});

test("acquire and release, their events in D1 included: 4 object requests, 5 rows in objects, 6 in D1", async () => {
  resetCosts();
  const { lockId } = await lock(agent, file);
  await release(agent, file, lockId);
  await settle();
  expect(readCosts()).toMatchObject({ objectRequests: 4, objectRowsWritten: 5, d1RowsWritten: 6 });
});

test("a warm read is one object request", async () => {
  resetCosts();
  (await agent.api.get(byId(file, "/content"))).must(200);
  expect(readCosts()).toMatchObject({ objectRequests: 1, classB: 0 });
});
