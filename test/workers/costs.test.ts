// What the ledger promises (docs/costs.md), counted exactly.

import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { readCosts, resetCosts } from "../../bench/costs/meter.ts";
import { call, newFile, newTeam, type Team } from "../support/client.ts";

let team: Team;
let file: string;

beforeAll(async () => {
  team = await newTeam();
  file = await newFile(team, "/ledger.txt");
  await settle();
});

const settle = () => runDurableObjectAlarm(env.FILES.get(env.FILES.idFromString(file)));
const acquire = () => call(team.key, "POST", `/api/files/${file}/lock`);
const release = (lock: string) => call(team.key, "DELETE", `/api/files/${file}/lock/${lock}`);

test("a warm acquire is one object request, and a heartbeat writes no row", async () => {
  resetCosts();
  const { body } = await acquire();
  expect(readCosts()).toMatchObject({ objectRequests: 1, d1RowsWritten: 0 });
  resetCosts();
  await call(team.key, "POST", `/api/files/${file}/lock/${body.lockId}/renew`);
  expect(readCosts()).toMatchObject({ objectRequests: 1, objectRowsWritten: 0, d1RowsWritten: 0 });
  await release(body.lockId);
  await settle();
});

test("acquire and release, their audit events in D1 included: 4 object requests, at most 6 rows here and 6 in D1", async () => {
  resetCosts();
  const { body } = await acquire();
  await release(body.lockId);
  await settle();
  const costs = readCosts();
  console.log(costs);
  expect(costs.objectRequests).toBe(4);
  expect(costs.objectRowsWritten).toBeLessThanOrEqual(6);
  expect(costs.d1RowsWritten).toBeLessThanOrEqual(6);
});

test("a warm read is one object request", async () => {
  resetCosts();
  await call(team.key, "GET", `/api/files/${file}/content`);
  expect(readCosts()).toMatchObject({ objectRequests: 1, classB: 0 });
});
