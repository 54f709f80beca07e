// D1 fails for the whole of a run: lock and file operations are unaffected. When it returns, every event arrives
// exactly once and in order.

import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { whileBroken } from "../support/faults.ts";
import { fileObject, runAlarm, workspaceObject, world } from "../support/workerd.ts";
import { byId, type FileView, lock, newFile, overwrite, release } from "../support/world.ts";

const CYCLES = 30;

test("agents go on working while D1 is down, and every event arrives exactly once afterwards", async () => {
  const agent = await world.organization();
  const workspace = await world.workspace(agent);
  const files = await Promise.all(["/a.txt", "/b.txt", "/c.txt"].map((path) => newFile(agent, workspace, path)));
  const ring = async () => {
    for (const { fileId } of files) await runAlarm(fileObject(fileId));
  };

  const expected = new Map<string, number>();
  const did = ({ fileId }: FileView, action: string) => {
    const name = `${fileId} ${action}`;
    expected.set(name, (expected.get(name) ?? 0) + 1);
  };
  files.forEach((file) => did(file, "write_file"));

  const work = async (file: FileView, content: string): Promise<void> => {
    const { lockId } = await lock(agent, file);
    (await overwrite(agent, file, content, { "Holdfast-Lock": lockId })).must(200);
    (await release(agent, file, lockId)).must(200);
    expect((await agent.api.get(byId(file, "/content"))).text).toBe(content);
    for (const action of ["acquire_lock", "write_file", "release_lock", "read_file"]) did(file, action);
  };

  await whileBroken("DB", async () => {
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      await Promise.all(files.map((file) => work(file, `${cycle}`)));
      if (cycle % 7 === 0) await ring();
    }
    await ring();
    (await agent.api.get(`/api/workspaces/${workspace}/events`)).must(503);
  });

  // A restart forgets that D1 has just failed, so that the test need not wait for the next try.
  await ring();
  await evictDurableObject(workspaceObject(workspace));
  await runAlarm(workspaceObject(workspace));
  const { results: rows } = await env.DB.prepare("SELECT seq, action, file, n FROM events ORDER BY seq").all<{
    seq: number;
    action: string;
    file: string | null;
    n: number;
  }>();
  expect(rows.map((row) => row.seq)).toEqual(rows.map((_, index) => index + 1));
  const arrived = new Map<string, number>();
  for (const { file, action } of rows.filter((row) => row.file !== null)) {
    arrived.set(`${file} ${action}`, (arrived.get(`${file} ${action}`) ?? 0) + 1);
  }
  expect(arrived).toEqual(expected);
  for (const { fileId } of files) {
    const numbers = rows.filter((row) => row.file === fileId).map((row) => row.n);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  }
});
