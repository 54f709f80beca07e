// A right that is taken away is gone when that is answered: in six ways, while clients hammer files under it, with the
// objects warm and evicted at the moment. bench/recall.ts does the same with more of everything, and measures it.

import { evictDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import { tryRecall } from "../../bench/recall/trial.ts";
import { type Ask, type Stage, type Way, waysOf } from "../../bench/recall/ways.ts";
import { until } from "../support/until.ts";
import { fileObject, organizationObject, workspaceObject, world } from "../support/workerd.ts";
import { type Agent, askForLock, byId, lock, locksOf, newFile, overwrite, queue } from "../support/world.ts";

const CLIENTS = 12;
const WAYS = ["role lowered", "member removed", "denied in the folder", "out of the group", "paused", "key revoked"];

let owner: Agent;
let stage: Stage;
let ways: Way[];

const ask: Ask = async (key, method, path, body, headers = {}) => {
  const sent = typeof body === "string" ? { content: body } : body === undefined ? {} : { json: body };
  const answer = await owner.api.with(key).ask(method, path, { ...sent, headers });
  return { status: answer.status, json: JSON.parse(answer.text) as Record<string, unknown> };
};

beforeAll(async () => {
  owner = await world.organization();
  const workspace = await world.workspace(owner);
  const files = await Promise.all(
    Array.from({ length: 6 }, (_, n) => newFile(owner, workspace, `/siege/${n}.txt`).then(({ fileId }) => fileId)),
  );
  stage = { ask, owner: owner.api.key ?? "", workspace, files };
  ways = await waysOf(stage);
});

const way = (name: string): Way => {
  const found = ways.find((known) => known.name === name);
  if (found === undefined) throw new Error(`${name} is a way`);
  return found;
};

/** The agent that holds the right in this way. */
const agentOf = (name: string): Agent => ({ ...owner, api: owner.api.with(way(name).key) });

const MEANWHILE: Record<string, () => Promise<void>> = {
  "with everything warm": async () => undefined,
  "with the workspace evicted": () => evictDurableObject(workspaceObject(stage.workspace)),
  "with the organization evicted": () => evictDurableObject(organizationObject(owner.organization)),
  "with the files evicted": async () => {
    await Promise.all(stage.files.map((file) => evictDurableObject(fileObject(file))));
  },
};

describe.each(Object.entries(MEANWHILE))("nothing is accepted after the answer, %s", (_, meanwhile) => {
  test.each(WAYS)("%s", async (name) => {
    const siege = { clients: CLIENTS, meanwhile, breathe: () => scheduler.wait(1) };
    const trial = await tryRecall(stage, way(name), siege);
    expect(trial.violations).toEqual([]);
    expect(trial.accepted).toBeGreaterThanOrEqual(CLIENTS);
    expect(trial.refused).toBeGreaterThanOrEqual(CLIENTS);
  });
});

describe("whoever holds or waits for a lock with the right that goes", () => {
  let files = 0;
  const fresh = () => newFile(owner, stage.workspace, `/siege/held-${++files}.txt`);

  describe.each(Object.entries(MEANWHILE))("%s", (_, meanwhile) => {
    test.each(WAYS)("%s: loses it with the answer, and who waited has it", async (name) => {
      const file = await fresh();
      const bens = agentOf(name);
      const held = await lock(bens, file, { ttl: 60 });
      const next = askForLock(owner, file, { wait: 30 });
      await until("somebody waits", 5000, async () => ((await locksOf(owner, file)).queue.length === 1 ? true : null));
      await meanwhile();
      await way(name).take();
      const { lockId, fencingToken } = (await next).as<{ lockId: string; fencingToken: number }>(201);
      expect(fencingToken).toBeGreaterThan(held.fencingToken);
      expect((await locksOf(owner, file)).locks).toMatchObject([{ holder: owner.id, mine: lockId }]);
      const late = await overwrite(bens, file, "late", { "Holdfast-Lock": held.lockId });
      expect([401, 403, 404]).toContain(late.status);
      await way(name).giveBack();
      const again = await overwrite(agentOf(name), file, "late", { "Holdfast-Lock": held.lockId });
      expect(again.outcome).toBe("412 write_after_revocation");
      expect(again.problem["by"]).toBe(owner.id);
    });

    test.each(WAYS)("%s: leaves the queue with the answer", async (name) => {
      const file = await fresh();
      const held = await lock(owner, file, { ttl: 60 });
      const waiting = askForLock(agentOf(name), file, { wait: 30 });
      await until("it waits", 5000, async () => ((await locksOf(owner, file)).queue.length === 1 ? true : null));
      await queue(agentOf(name), file);
      await meanwhile();
      await way(name).take();
      expect((await locksOf(owner, file)).queue).toEqual([]);
      expect([401, 403, 404]).toContain((await waiting).status);
      (await owner.api.delete(byId(file, `/lock/${held.lockId}`))).must(200);
      await way(name).giveBack();
    });
  });

  test("who only loses something else keeps its lock", async () => {
    const file = await fresh();
    const admin = await world.agent(owner, "admin of the workspace");
    await world.setRole(owner, stage.workspace, admin, "admin");
    const held = await lock(admin, file);
    await world.setRole(owner, stage.workspace, admin, "editor");
    (await overwrite(admin, file, "two", { "Holdfast-Lock": held.lockId })).must(200);
  });
});
