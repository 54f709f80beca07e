// The whole server is killed, workerd included, again and again under load, on one state directory. Whoever was
// answered was told the truth: every acknowledged write is there, once, with its bytes; no lock ends before its holder
// was told; no two hold at once; tokens only grow; no blob is left that nobody knows of.
//
// Every agent here repeats what was not answered, with the same Idempotency-Key, until it is. So at the end the history
// of every file must be exactly what was acknowledged: nothing lost, nothing twice.

import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Answer, Options } from "../support/http.ts";
import { newHome, prepareServer, type Program, type RunningServer, startServer } from "../support/processes.ts";
import { chance } from "../support/random.ts";
import { past, until } from "../support/until.ts";
import { type Agent, askForLock, byId, byPath, type FileView, type Granted, type Queued } from "../support/world.ts";
import { readStores } from "./stores.ts";

const KILLS = 20;
const LIFE_MS = { least: 150, most: 600 };
/** Between two requests of one agent. */
const THINKING_MS = 60;
const UP_WITHIN_MS = 30_000;
const UPLOAD_DEADLINE_MS = 15 * 60_000;

interface Acknowledged {
  file: string;
  version: number;
  sha256: string;
  token: number;
}

interface Hold {
  file: string;
  agent: Agent;
  lockId: string;
  token: number;
  grantedAt: number;
  /** Latest expiry that its holder was told. */
  told: number;
  /** When its holder asked to release it; null while it is held. */
  releasedAt: number | null;
}

const acknowledged: Acknowledged[] = [];
const holds: Hold[] = [];
const startMs: number[] = [];
let home: Awaited<ReturnType<typeof newHome>>;
let server: RunningServer;
/** The next life of the server, ready to begin. */
let spare: Program;
let admin: Agent;
let agents: Agent[];
let workspace: string;
const run = { isUp: true, isOver: false };
let random: () => number;

beforeAll(async () => {
  random = chance("server killed");
  home = await newHome();
  server = await startServer(home);
  spare = prepareServer(home, portOf(server));
  admin = await server.world.organization();
  agents = await Promise.all(["ben", "cyd", "dot"].map((name) => server.world.agent(admin, name)));
  workspace = await server.world.workspace(
    admin,
    agents.map((agent) => [agent, "editor"]),
  );
});

afterAll(async () => {
  run.isOver = true;
  await server?.program.kill();
  await spare?.kill();
  await home?.remove();
});

const portOf = ({ url }: RunningServer): number => Number(new URL(url).port);
const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");
const think = (ms = THINKING_MS): Promise<void> => past(Date.now() + ms * (0.5 + random()));

/** Asks until it is answered: when the server dies meanwhile, again with the same Idempotency-Key. */
async function insist({ api }: Agent, method: string, path: string, options: Options = {}): Promise<Answer> {
  const headers = { ...options.headers, "Idempotency-Key": randomUUID() };
  return until(`an answer to ${method} ${path}`, UP_WITHIN_MS, async () => {
    if (!run.isUp) return null;
    try {
      const answer = await api.ask(method, path, { ...options, headers });
      return answer.status < 500 ? answer : null;
    } catch {
      return null;
    }
  });
}

function acknowledge(answer: Answer, content: string): FileView {
  const view = answer.as<FileView>(200, 201);
  expect(view.sha256).toBe(sha256(content));
  const { fileId, version, fencingToken } = view;
  acknowledged.push({ file: fileId, version, sha256: view.sha256, token: fencingToken });
  return view;
}

// ── what the agents do ───────────────────────────────────────────────────────────────────────────────────────────

/** Different every time; `large` goes to the blob store. */
function newContent(large: boolean): string {
  const size = large ? 40_000 + Math.floor(random() * 160_000) : Math.floor(random() * 2000);
  return `${randomUUID()} `.padEnd(size, "x");
}

async function create(agent: Agent, path: string, content: string): Promise<FileView> {
  const options = { query: { path }, content };
  return acknowledge(await insist(agent, "PUT", byPath(workspace, "/content"), options), content);
}

/** Overwrites one file over and over, with If-Match. */
async function overwriteAlone(agent: Agent, path: string, large: boolean): Promise<void> {
  let view = await create(agent, path, newContent(large));
  while (!run.isOver) {
    const content = newContent(large);
    const headers = { "If-Match": view.etag };
    view = acknowledge(await insist(agent, "PUT", byId(view, "/content"), { headers, content }), content);
    await think();
  }
}

/** Creates new files, small and large in turn. */
async function createMany(agent: Agent, folder: string): Promise<void> {
  for (let n = 0; !run.isOver; n++) {
    await create(agent, `${folder}/${n}`, newContent(n % 2 === 0));
    // Each file is an object with work of its own after a restart; too many of them, and the test measures that.
    await think(3 * THINKING_MS);
  }
}

let increments = 0;
const lost: string[] = [];

/** Counts in a file that others count in too: reads, thinks and writes under an exclusive lock. */
async function count(agent: Agent, file: string): Promise<void> {
  while (!run.isOver) {
    const hold = await acquire(agent, file);
    if (hold === null) continue;
    const read = (await insist(agent, "GET", `/api/files/${file}/content`)).must(200);
    await think();
    const content = `${Number(read.text) + 1}`;
    const headers = { "Holdfast-Lock": hold.lockId };
    const written = await insist(agent, "PUT", `/api/files/${file}/content`, { headers, content });
    expect(written.outcome).toBe("200");
    expect(acknowledge(written, content).fencingToken).toBe(hold.token);
    increments++;
    hold.releasedAt = Date.now();
    (await insist(agent, "DELETE", `/api/files/${file}/lock/${hold.lockId}`)).must(200);
  }
}

/** Null when the place in the queue was lost with a server that died between granting and collecting. */
async function acquire(agent: Agent, file: string): Promise<Hold | null> {
  const path = `/api/files/${file}/lock`;
  let answer = await insist(agent, "POST", path, { json: { wait: 5, ttl: 20 } });
  while (answer.status === 202) {
    const { ticket } = answer.as<Queued>(202);
    answer = await insist(agent, "GET", `${path}/${ticket}`, { query: { wait: 5 } });
  }
  if (answer.status >= 400) {
    expect(["404 lock_unknown", "410 claim_after_lapse"]).toContain(answer.outcome);
    lost.push(answer.outcome);
    return null;
  }
  return hold(agent, file, answer.as<Granted>(200, 201));
}

/** Notes a grant, and looks whether anybody else holds the file at that moment. */
function hold(agent: Agent, file: string, granted: Granted): Hold {
  const { lockId, fencingToken: token } = granted;
  const grantedAt = Date.parse(granted.grantedAt);
  for (const other of holds) {
    if (other.file !== file || other.lockId === lockId) continue;
    const isHeld = other.releasedAt === null && other.told > grantedAt;
    expect(isHeld, `${lockId} was granted while ${other.lockId} was held`).toBe(false);
    expect(token, "a newer grant has a higher token").toBeGreaterThan(other.token);
  }
  const made = { file, agent, lockId, token, grantedAt, told: Date.parse(granted.expiresAt), releasedAt: null };
  holds.push(made);
  return made;
}

// ── what is seen after each kill ─────────────────────────────────────────────────────────────────────────────────

async function readBack(some: Acknowledged[]): Promise<void> {
  const left = [...some];
  const reader = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const { file, version } = next;
      const read = await insist(admin, "GET", `/api/files/${file}/content`, { query: { version } });
      expect(read.status, `version ${version} of ${file}`).toBe(200);
      expect(sha256(read.bytes), `version ${version} of ${file}`).toBe(next.sha256);
    }
  };
  await Promise.all([reader(), reader(), reader(), reader()]);
}

/** A lock kept with heartbeats right up to a kill, on a file of its own. */
class Kept {
  #hold: Hold | null = null;
  readonly #file: FileView;
  readonly #ttl: number;

  static async begin(n: number, ttl: number): Promise<Kept> {
    const kept = new Kept(await create(admin, `/kept/${n}-${ttl}`, `kept ${n}`), ttl);
    const [holder] = agents;
    if (holder === undefined) throw new Error("there are agents");
    const granted = (await askForLock(holder, kept.#file, { ttl })).as<Granted>(201);
    kept.#hold = hold(holder, kept.#file.fileId, granted);
    void kept.#beat(kept.#hold);
    return kept;
  }

  private constructor(file: FileView, ttl: number) {
    this.#file = file;
    this.#ttl = ttl;
  }

  async #beat(mine: Hold): Promise<void> {
    const path = byId(this.#file, `/lock/${mine.lockId}/renew`);
    for (;;) {
      const answer = await mine.agent.api.post(path).catch(() => null);
      if (answer === null) return;
      mine.told = Math.max(mine.told, Date.parse(answer.as<Granted>(200).expiresAt));
      await past(Date.now() + 50);
    }
  }

  /** After the restart: held for its holder as long as was told, and then (with one time to live of grace) gone. */
  async look(toTheEnd: boolean): Promise<void> {
    const rival = agents[1];
    if (rival === undefined || this.#hold === null) throw new Error("there are agents and a lock");
    const mine = this.#hold;
    const firstLook = Date.now();
    const early = await askForLock(rival, this.#file);
    if (early.status === 201) {
      hold(rival, this.#file.fileId, early.as<Granted>(201));
      return;
    }
    expect(early.outcome).toBe("423 locked");
    const content = "still mine";
    const write = await mine.agent.api.put(byId(this.#file, "/content"), {
      headers: { "Holdfast-Lock": mine.lockId },
      content,
    });
    if (Date.now() < mine.told) expect(write.outcome).toBe("200");
    if (write.status === 200) acknowledge(write, content);
    if (!toTheEnd) return;
    const late = await askForLock(rival, this.#file, { wait: 30 });
    hold(rival, this.#file.fileId, late.as<Granted>(201));
    expect(Date.now() - Math.max(mine.told, firstLook)).toBeLessThan(this.#ttl * 1000 + 1500);
  }
}

async function killAndRestart(): Promise<void> {
  run.isUp = false;
  await server.program.kill();
  const begun = Date.now();
  server = await startServer(home, spare);
  startMs.push(Date.now() - begun);
  spare = prepareServer(home, portOf(server));
  run.isUp = true;
}

test(
  `killed ${KILLS} times under load, the server keeps every acknowledged write once, no lock ends early or doubles`,
  { timeout: 240_000 },
  async () => {
    const begun = Date.now();
    const counter = (await create(admin, "/counter", "0")).fileId;
    const [ben, cyd, dot] = agents;
    if (ben === undefined || cyd === undefined || dot === undefined) throw new Error("there are three agents");
    const work = Promise.all([
      overwriteAlone(ben, "/alone/small", false),
      overwriteAlone(cyd, "/alone/large", true),
      overwriteAlone(dot, "/alone/large too", true),
      createMany(ben, "/many"),
      createMany(cyd, "/more"),
      ...agents.map((agent) => count(agent, counter)),
    ]);
    let failed: unknown = null;
    work.catch((error: unknown) => (failed = error));

    let seen = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      if (failed !== null) throw failed;
      // The short one has run out by the time the server is back, the long one has not.
      const kept = await Promise.all([Kept.begin(kill, 1), Kept.begin(kill, 8)]);
      await past(Date.now() + LIFE_MS.least + random() * (LIFE_MS.most - LIFE_MS.least));
      await killAndRestart();
      const toTheEnd = kill % 5 === 0;
      const since = acknowledged.slice(seen);
      seen = acknowledged.length;
      await Promise.all([...kept.map((one, index) => one.look(toTheEnd && index === 0)), readBack(since)]);
    }
    run.isOver = true;
    await work;

    await readBack(acknowledged);
    expect((await insist(admin, "GET", `/api/files/${counter}/content`)).text).toBe(`${increments}`);
    await expectHistoryIsWhatWasAcknowledged();
    await server.program.kill();
    const { blobs, pending } = await expectNoOrphans();
    console.log(
      `${KILLS} kills in ${Math.round((Date.now() - begun) / 1000)} s; ${acknowledged.length} writes acknowledged, ` +
        `${blobs} blobs, ${pending} of them uploads without an end; ${holds.length} grants, ${increments} increments, ` +
        `${lost.length} places in the queue lost (${[...new Set(lost)].join(", ")}); restarts ${Math.min(...startMs)}–${Math.max(...startMs)} ms`,
    );
  },
);

async function expectHistoryIsWhatWasAcknowledged(): Promise<void> {
  for (const file of new Set(acknowledged.map((one) => one.file))) {
    const answer = await insist(admin, "GET", `/api/files/${file}/versions`, { query: { limit: 1000 } });
    const { versions } = answer.as<{ versions: FileView[] }>(200);
    const history = versions.map(({ version, sha256, fencingToken: token }) => ({ file, version, sha256, token }));
    const told = acknowledged.filter((one) => one.file === file).toSorted((a, b) => b.version - a.version);
    expect(history).toEqual(told);
    const tokens = history.map(({ token }) => token);
    expect(tokens, "tokens never go back").toEqual(tokens.toSorted((a, b) => b - a));
  }
}

/** Every blob belongs to a version, or is known to its file as garbage with a time to go and an alarm to do it. */
async function expectNoOrphans(): Promise<{ blobs: number; pending: number }> {
  const { blobs, files } = readStores(home.state);
  const versions = new Set(files.flatMap((file) => file.blobs));
  expect([...versions].filter((key) => !blobs.has(key))).toEqual([]);
  const garbage = files.flatMap((file) => file.garbage.map((one) => ({ ...one, alarmAt: file.alarmAt })));
  const known = new Map(garbage.map((one) => [one.key, one]));
  const rest = [...blobs].filter((key) => !versions.has(key));
  expect(rest.filter((key) => !known.has(key))).toEqual([]);
  for (const { key, dueAt, alarmAt } of garbage) {
    expect(dueAt, key).toBeLessThanOrEqual(Date.now() + UPLOAD_DEADLINE_MS);
    expect(alarmAt ?? Infinity, `the alarm of ${key}`).toBeLessThanOrEqual(Math.max(dueAt, Date.now()));
  }
  return { blobs: blobs.size, pending: rest.length };
}
