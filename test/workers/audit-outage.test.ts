// D1 fails for the whole of a run: lock and file operations are unaffected. When it returns, every event arrives
// exactly once and in order.

import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { whileBroken } from "../support/faults.ts";
import { call, newFile, newTeam } from "../support/client.ts";

const CYCLES = 30;

test(
  "agents go on working while D1 is down, and every event arrives exactly once afterwards",
  { timeout: 60_000 },
  async () => {
    const team = await newTeam();
    const files = await Promise.all(["/a.txt", "/b.txt", "/c.txt"].map((path) => newFile(team, path)));
    const fileStubs = files.map((file) => env.FILES.get(env.FILES.idFromString(file)));
    const workspace = env.WORKSPACES.get(env.WORKSPACES.idFromString(team.workspace));
    const ring = async () => {
      for (const stub of fileStubs) await runDurableObjectAlarm(stub);
    };

    const expected = new Map<string, number>();
    const did = (file: string, action: string) => {
      const name = `${file} ${action}`;
      expected.set(name, (expected.get(name) ?? 0) + 1);
    };
    files.forEach((file) => did(file, "write_file"));

    await whileBroken("DB", async () => {
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        await Promise.all(
          files.map(async (file) => {
            const { status, body } = await call(team.key, "POST", `/api/files/${file}/lock`);
            expect(status).toBe(201);
            const headers = { "Holdfast-Lock": body.lockId };
            expect((await call(team.key, "PUT", `/api/files/${file}/content`, `${cycle}`, headers)).status).toBe(200);
            expect((await call(team.key, "DELETE", `/api/files/${file}/lock/${body.lockId}`)).status).toBe(200);
            expect((await call(team.key, "GET", `/api/files/${file}/content`)).body).toBe(`${cycle}`);
            for (const action of ["acquire_lock", "write_file", "release_lock", "read_file"]) did(file, action);
          }),
        );
        if (cycle % 7 === 0) await ring();
      }
      await ring();
      expect((await call(team.key, "GET", `/api/workspaces/${team.workspace}/events`)).status).toBe(503);
    });

    await ring();
    await forgetBackoff(workspace);
    await runDurableObjectAlarm(workspace);
    const events = await env.DB.prepare("SELECT seq, action, file, n FROM events ORDER BY seq").all<{
      seq: number;
      action: string;
      file: string | null;
      n: number;
    }>();
    const rows = events.results;
    expect(rows.map((row) => row.seq)).toEqual(rows.map((_, index) => index + 1));
    const arrived = new Map<string, number>();
    for (const { file, action } of rows.filter((row) => row.file !== null)) {
      arrived.set(`${file} ${action}`, (arrived.get(`${file} ${action}`) ?? 0) + 1);
    }
    expect(arrived).toEqual(expected);
    for (const file of files) {
      const numbers = rows.filter((row) => row.file === file).map((row) => row.n);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    }
  },
);

/** A restart forgets that D1 has just failed, so that the test need not wait for the next try. */
async function forgetBackoff(stub: DurableObjectStub): Promise<void> {
  await evictDurableObject(stub);
}
