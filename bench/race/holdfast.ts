// Owns the three ways of updating a document on Holdfast: blindly, optimistically, under a lock.

import { setTimeout as sleep } from "node:timers/promises";
import { expected, Holdfast } from "../client.ts";
import { Http } from "../http.ts";
import type { Member, World } from "../world.ts";
import { EMPTY, withElement } from "./document.ts";
import { backoff, type Contest, type LockWait, type Mode, THINK_MS } from "./mode.ts";

/** Base and cap in milliseconds: the quickest of those tried (bench/README.md). */
const RETRY = { base: 20, cap: 1000 };
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

async function optimistically(agent: Holdfast, file: string, element: string): Promise<LockWait> {
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
    await sleep(backoff(attempt, RETRY));
  }
}

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

export function holdfastModes(world: World, members: readonly Member[]): Mode[] {
  const mode = (name: string, title: string, how: string, update: Update): Mode => ({
    name,
    title,
    how,
    open: () => openContest(world, members, name, update),
  });
  return [
    mode("blind", "(a) blind", "If-Match: *, as on a plain bucket", blindly),
    mode(
      "if-match",
      "(b) If-Match",
      `If-Match, retried after a random part of ${RETRY.base} ms, doubling up to ${RETRY.cap} ms`,
      optimistically,
    ),
    mode(
      "lock",
      "(c) lock",
      `exclusive lock, waited for in the queue (up to ${WAIT} s); its answer carries the content, the write releases it`,
      locked,
    ),
  ];
}

async function openContest(world: World, members: readonly Member[], name: string, update: Update): Promise<Contest> {
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
