// Owns the three ways of updating a document on Holdfast: blindly, optimistically, under a lock.

import { setTimeout as sleep } from "node:timers/promises";
import { expected, Holdfast } from "../client.ts";
import { Http } from "../http.ts";
import type { Member, World } from "../world.ts";
import { EMPTY, withElement } from "./document.ts";
import { type Backoff, type Contest, inWords, type LockWait, type Mode, THINK_MS, waitOf } from "./mode.ts";

/** The quickest of those tried by bench/backoff.ts. */
const RETRY: Backoff = { base: 20, cap: 1000 };
/** Seconds. */
const [TTL, WAIT] = [30, 60];

type Update = (agent: Holdfast, file: string, element: string) => Promise<LockWait>;

/** As on a plain bucket: the last one to write wins. */
async function blindly(agent: Holdfast, file: string, element: string): Promise<LockWait> {
  const text = expected(await agent.read(file));
  await sleep(THINK_MS);
  expected(await agent.write(file, withElement(text, element), { ifMatch: "*" }));
  return null;
}

const optimistically =
  (retry: Backoff): Update =>
  async (agent, file, element) => {
    for (let attempt = 0; ; attempt++) {
      const read = await agent.read(file);
      const text = expected(read);
      await sleep(THINK_MS);
      const ifMatch = read.ok ? (read.etag ?? "") : "";
      const written = await agent.write(file, withElement(text, element), { ifMatch });
      if (written.ok || written.code !== "precondition_failed") {
        expected(written);
        return null;
      }
      await sleep(waitOf(retry, attempt));
    }
  };

async function locked(agent: Holdfast, file: string, element: string): Promise<LockWait> {
  const asked = performance.now();
  const wanted = { level: "exclusive", ttl: TTL, wait: WAIT, content: true } as const;
  const { lockId, content } = await agent.acquire(file, wanted);
  const waited = performance.now() - asked;
  const text = content?.data ?? expected(await agent.read(file));
  await sleep(THINK_MS);
  expected(await agent.write(file, withElement(text, element), { lock: lockId, release: true }));
  return waited;
}

export type Scene = readonly [world: World, members: readonly Member[]];

export const blindMode = (scene: Scene): Mode => ({
  name: "blind",
  title: "(a) blind",
  how: "If-Match: *, as on a plain bucket",
  open: () => openContest(scene, "blind", blindly),
});

export const ifMatchMode = (scene: Scene, retry = RETRY): Mode => ({
  name: "if-match",
  title: "(b) If-Match",
  how: `If-Match, tried again ${inWords(retry)}`,
  open: () => openContest(scene, `if-match-${retry.base}-${retry.cap}`, optimistically(retry)),
});

export const lockMode = (scene: Scene): Mode => ({
  name: "lock",
  title: "(c) lock",
  how: `exclusive lock of ${TTL} s, waited for in the queue; its answer carries the content, the write releases it`,
  open: () => openContest(scene, "lock", locked),
});

async function openContest([world, members]: Scene, name: string, update: Update): Promise<Contest> {
  const http = new Http(world.url);
  const agents = members.map(({ key }) => new Holdfast(http, key));
  const path = `/race/${name}.json`;
  const { fileId } = expected(await world.admin.write({ workspaceId: world.workspaceId, path }, EMPTY));
  return {
    async update(agent, element) {
      const client = agents[agent];
      if (client === undefined) throw new Error(`there is no agent ${agent}`);
      return update(client, fileId, element);
    },
    read: async () => expected(await world.admin.read(fileId)),
    reset: async () => void expected(await world.admin.write(fileId, EMPTY, { ifMatch: "*" })),
    sent: () => http.sent,
    close: async () => http.close(),
  };
}
