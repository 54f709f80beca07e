// Finished work handed over and taken back, as agents meet it over REST.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import {
  allow,
  expectedLooks,
  type Handoff,
  handoffOf,
  handOff,
  handoffScene,
  type HandoffScene,
  LARGE,
  look,
  type Mode,
  OUTPUTS,
  type Reach,
  undo,
} from "../support/handoffs.ts";
import type { Answer } from "../support/http.ts";
import { fileObject, runAlarm, tablesOf, workspaceObject, world } from "../support/workerd.ts";
import {
  type Agent,
  askForLock,
  byId,
  byPath,
  type FileView,
  lock,
  type LoggedEvent,
  locksOf,
  newFile,
  overwrite,
  put,
  queue,
  resume,
} from "../support/world.ts";

const KINDS: [Mode, Reach][] = [
  ["move", "within"],
  ["copy", "within"],
  ["copy", "to another"],
  ["move", "to another"],
];

const at = async ({ api }: Agent, workspace: string, path: string): Promise<FileView> =>
  (await api.get(byPath(workspace), { query: { path } })).as<FileView>(200);
const read = ({ api }: Agent, workspace: string, path: string): Promise<Answer> =>
  api.get(byPath(workspace, "/content"), { query: { path } });

async function eventsOf({ api }: Agent, workspace: string, query = {}): Promise<LoggedEvent[]> {
  await runAlarm(workspaceObject(workspace));
  const page = await api.get(`/api/workspaces/${workspace}/events`, { query: { limit: 1000, ...query } });
  return page.as<{ events: LoggedEvent[] }>(200).events;
}

/** Changes what a workspace has written down of its handoffs, and lets its alarm ring. */
async function rewrite(workspace: string, change: string): Promise<void> {
  await runInDurableObject(workspaceObject(workspace), (_, { storage }) => {
    storage.sql.exec(`UPDATE handoffs SET ${change}`);
  });
  await runAlarm(workspaceObject(workspace));
}

/** Rows that say that something is half-done, in both workspaces. */
async function leftovers({ source, target }: HandoffScene): Promise<unknown[]> {
  const rows = [source, target].map((workspace) =>
    runInDurableObject(workspaceObject(workspace), (_, { storage }) => {
      const { sql } = storage;
      const tables = sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").toArray();
      const known = ["handoffs", "parked", "reservations"].filter((table) => tables.some(({ name }) => name === table));
      return known.flatMap((table) => sql.exec(`SELECT * FROM ${table}`).toArray());
    }),
  );
  return (await Promise.all(rows)).flat();
}

/** The tables that a file leaves once its alarms have done all they have to. */
async function gone(file: string): Promise<string[]> {
  for (let ring = 0; ring < 3; ring++) await runAlarm(fileObject(file));
  return tablesOf(fileObject(file));
}

const AN_HOUR_AGO = `json_set(body, '$.undoUntil', ${Date.now() - 3_600_000})`;

describe.each(KINDS)("%s %s workspace", (mode, reach) => {
  const done = async (): Promise<{ scene: HandoffScene; handoff: Handoff }> => {
    const scene = await handoffScene(world, reach);
    return { scene, handoff: handoffOf(await handOff(scene, { mode, note: "for you" })) };
  };
  const { before, after } = expectedLooks(mode);

  test("takes the files there, with their contents, large and small, and says all about it", async () => {
    const scene = await handoffScene(world, reach);
    expect(await look(scene)).toEqual(before);
    const from = await at(scene.ben, scene.source, OUTPUTS[1].from);
    const handoff = handoffOf(await handOff(scene, { mode, note: "for you", phase: "review" }));
    const there = await Promise.all(OUTPUTS.map(({ to }) => at(scene.ada, scene.target, to)));
    expect(handoff).toMatchObject({
      state: "committed",
      mode,
      to: { workspaceId: scene.target, folder: "/out/" },
      files: OUTPUTS.map(({ from, to }, k) => ({ from, to, fileId: there[k]?.fileId })),
      recipients: [{ to: scene.rex.id, role: "viewer" }],
      phase: { before: "writing", after: "review" },
      note: "for you",
      by: scene.ben.id,
      undone: null,
    });
    expect(Date.parse(handoff.undoUntil) - Date.parse(handoff.at)).toBe(24 * 3_600_000);
    expect(there.map(({ path, workspaceId }) => [path, workspaceId])).toEqual(
      OUTPUTS.map(({ to }) => [to, scene.target]),
    );
    expect(there[1]).toMatchObject({ size: LARGE.length, sha256: from.sha256, contentType: from.contentType });
    if (mode === "move" && reach === "within") expect(there[1]?.fileId).toBe(from.fileId);
    const path = `/api/workspaces/${scene.source}/handoffs`;
    expect(handoffOf(await scene.ben.api.get(`${path}/${handoff.id}`), 200)).toEqual(handoff);
    expect((await scene.ben.api.get(path)).as(200)).toEqual({ handoffs: [handoff], next: null });
  });

  test("lets the recipients read, and no more, and resets the phase", async () => {
    const { scene } = await done();
    expect(await look(scene)).toEqual(after);
    const there = await at(scene.rex, scene.target, OUTPUTS[0].to);
    expect((await overwrite(scene.rex, there, "x", { "If-Match": "*" })).outcome).toBe("403 forbidden");
    expect((await askForLock(scene.rex, there)).outcome).toBe("403 forbidden");
    expect((await put(scene.rex, scene.target, "/out/own.txt", "x")).outcome).toBe("403 forbidden");
    expect((await put(scene.rex, scene.target, "/elsewhere.txt", "x")).status).toBe(404);
  });

  test("ends the agent's locks and waits in the whole workspace; others are served, theirs stay", async () => {
    const scene = await handoffScene(world, reach);
    const { ada, ben, source } = scene;
    const [output, other, busy] = [
      await at(ben, source, OUTPUTS[0].from),
      await newFile(ben, source, "/other.txt"),
      await newFile(ben, source, "/busy.txt"),
    ];
    const held = await lock(ben, output);
    await lock(ben, other);
    const waiting = await queue(ada, other);
    const adas = await lock(ada, busy);
    const { ticket } = await queue(ben, busy);
    const late = resume(ada, other, waiting.ticket, 10);

    (await handOff(scene, { mode })).must(201);
    expect((await late).as<{ status: string }>(200).status).toBe("granted");
    expect((await locksOf(ada, busy)).locks).toMatchObject([{ mine: adas.lockId }]);
    expect((await locksOf(ada, busy)).queue).toEqual([]);
    expect((await resume(ben, busy, ticket)).outcome).toBe("410 claim_after_release");
    if (mode === "copy" || reach === "within") {
      const beat = await ben.api.post(byId(output, `/lock/${held.lockId}/renew`), { json: {} });
      expect(beat.outcome).toBe("410 renewal_after_release");
    }
    for (const { fileId } of [other, busy]) await runAlarm(fileObject(fileId));
    const released = await eventsOf(ada, source, { action: "lock_released" });
    for (const { fileId } of [other, busy]) {
      expect(released.filter((event) => event.fileId === fileId)).toMatchObject([
        { agent: ben.id, detail: { holder: ben.id } },
      ]);
    }
  });

  test("is one event, with what and to whom; so is its undoing", async () => {
    const { scene, handoff } = await done();
    (await undo(scene, handoff.id)).must(200);
    for (const workspace of new Set([scene.source, scene.target])) {
      for (const action of ["hand_off", "undo_handoff"]) {
        const [event, ...more] = await eventsOf(scene.ada, workspace, { action });
        expect(more).toEqual([]);
        expect(event).toMatchObject({
          agent: scene.ben.id,
          outcome: "accepted",
          detail: { handoff: handoff.id, files: 2, recipients: `${scene.rex.id} viewer` },
        });
        for (const { to } of OUTPUTS) expect(event?.detail["outputs"]).toContain(to);
      }
    }
  });

  test("is undone: everything is as before, and the recipients have nothing", async () => {
    const { scene, handoff } = await done();
    const undone = handoffOf(await undo(scene, handoff.id), 200);
    expect(undone).toMatchObject({ id: handoff.id, state: "undone", undone: { by: scene.ben.id } });
    expect(await look(scene)).toEqual(before);
    for (const { fileId } of handoff.files) expect((await scene.rex.api.get(byId({ fileId }))).status).toBe(404);
    // Undone already, it answers so; and what was taken back can be worked on, and handed over again.
    expect(handoffOf(await undo(scene, handoff.id), 200)).toEqual(undone);
    const back = await at(scene.ben, scene.source, OUTPUTS[1].from);
    (await overwrite(scene.ben, back, LARGE, { "If-Match": back.etag })).must(200);
    (await handOff(scene, { mode })).must(201);
    expect(await look(scene)).toEqual(after);
  });

  test("is undone by somebody who manages the workspace, and by nobody else", async () => {
    const { scene, handoff } = await done();
    const cyd = await world.agent(scene.ada, "cyd");
    await world.setRole(scene.ada, scene.source, cyd, "steward");
    expect((await undo(scene, handoff.id, cyd)).outcome).toBe("403 forbidden");
    expect((await undo(scene, handoff.id, scene.rex)).status).toBeGreaterThanOrEqual(403);
    expect(await look(scene)).toEqual(after);
    (await undo(scene, handoff.id, scene.ada)).must(200);
    expect(await look(scene)).toEqual(before);
  });

  test.each(["changed", "moved", "deleted", "locked"])("is not undone once an output was %s", async (what) => {
    const { scene, handoff } = await done();
    const there = await at(scene.ada, scene.target, OUTPUTS[0].to);
    if (what === "changed") (await overwrite(scene.ada, there, "new", { "If-Match": "*" })).must(200);
    if (what === "moved") (await scene.ada.api.post(byId(there, "/move"), { json: { to: "/out/x" } })).must(200);
    if (what === "deleted") (await scene.ada.api.delete(byId(there), { headers: { "If-Match": "*" } })).must(200);
    if (what === "locked") await lock(scene.ada, there);
    const refused = await undo(scene, handoff.id);
    expect(refused.outcome).toBe(what === "locked" ? "423 locked" : "409 handoff_changed");
    expect(refused.problem["path"]).toBe(OUTPUTS[0].to);
    // What is left goes on as if nothing had been asked: nothing is frozen.
    const other = await at(scene.ada, scene.target, OUTPUTS[1].to);
    (await overwrite(scene.ada, other, "goes on", { "If-Match": other.etag })).must(200);
    expect((await scene.rex.api.get(byId(other))).status).toBe(200);
  });

  test("is final after a day; what was moved away goes then", async () => {
    const scene = await handoffScene(world, reach);
    const former = await Promise.all(
      OUTPUTS.map(async ({ from }) => ({ file: (await at(scene.ben, scene.source, from)).fileId })),
    );
    const handoff = handoffOf(await handOff(scene, { mode }));
    await rewrite(scene.source, `body = ${AN_HOUR_AGO}`);
    expect((await undo(scene, handoff.id)).outcome).toBe("410 handoff_final");
    await rewrite(scene.source, "due_at = due_at * 0");
    expect(await look(scene)).toEqual(after);
    if (mode === "copy" || reach === "within") return;
    for (const { file } of former) expect(await gone(file)).toEqual([]);
    const parked = await runInDurableObject(workspaceObject(scene.source), (_, { storage }) =>
      storage.sql.exec("SELECT file FROM parked").toArray(),
    );
    expect(parked).toEqual([]);
  });
});

/** A key of ben's that reaches only these folders. */
async function scoped({ ben, source, target }: HandoffScene, folders: ("/work/" | "/out/")[]): Promise<Agent> {
  const places = folders.map((folder) => ({ workspaceId: folder === "/work/" ? source : target, folder }));
  const made = await ben.api.post("/api/keys", { json: { name: "narrow", scopes: { places } } });
  return { ...ben, api: ben.api.with(made.as<{ secret: string }>(201).secret) };
}

interface Refused {
  expected: string;
  asked?: object;
  by?: Agent;
  /** What the refusal names. */
  path?: string;
}

/** Each makes the scene such that the handoff is refused. */
const REFUSALS: Record<string, (scene: HandoffScene) => Promise<Refused>> = {
  "a file is missing": async () => ({
    asked: { files: [OUTPUTS[0].from, "/work/none.md"] },
    expected: "404 not_found",
    path: "/work/none.md",
  }),
  "a file is locked by somebody else": async ({ ada, source }) => {
    await lock(ada, await at(ada, source, OUTPUTS[1].from), { level: "write" });
    return { expected: "423 locked", path: OUTPUTS[1].from };
  },
  "a name is taken": async ({ ada, target }) => {
    await newFile(ada, target, OUTPUTS[1].to, OUTPUTS[1].content);
    return { expected: "409 path_taken", path: OUTPUTS[1].to };
  },
  "a file stands where a folder must be": async ({ ada, target }) => {
    await newFile(ada, target, "/out/data");
    return { expected: "409 path_taken", path: OUTPUTS[1].to };
  },
  "a folder stands where a file must be": async ({ ada, target }) => {
    await newFile(ada, target, `${OUTPUTS[0].to}/below`);
    return { expected: "409 path_taken", path: OUTPUTS[0].to };
  },
  "two outputs have the same name": async ({ ada, source }) => {
    await newFile(ada, source, "/work/data/report.md");
    const files = [OUTPUTS[0].from, "/work/data/report.md"];
    return { asked: { files, from: undefined }, expected: "409 path_taken", path: "/out/report.md" };
  },
  "a file is outside the folder that is left away": async () => ({
    asked: { from: "/work/data" },
    expected: "400 input_invalid",
  }),
  "the recipient is not known": async () => {
    const stranger = await world.organization();
    return { asked: { recipients: [{ to: stranger.id, role: "viewer" }] }, expected: "404 not_found" };
  },
  "the role is not known": async ({ rex }) => ({
    asked: { recipients: [{ to: rex.id, role: "none-such" }] },
    expected: "404 not_found",
  }),
  "the role is more than the giver holds": async (scene) => {
    const cyd = await world.agent(scene.ada, "cyd");
    await world.setRole(scene.ada, scene.source, cyd, "editor");
    await allow(scene, cyd, "/out/", "editor");
    const permissions = ["access:manage"];
    const json = { path: "/out/", to: cyd.id, permissions };
    (await scene.ada.api.post(`/api/workspaces/${scene.target}/grants`, { json })).must(201);
    const recipients = [{ to: scene.rex.id, role: "steward" }];
    return { by: cyd, asked: { recipients }, expected: "403 exceeds_own_rights" };
  },
  "the giver may not give access": async (scene) => {
    const cyd = await world.agent(scene.ada, "cyd");
    await world.setRole(scene.ada, scene.source, cyd, "editor");
    await allow(scene, cyd, "/out/", "editor");
    return { by: cyd, expected: "403 forbidden" };
  },
  "it is a viewer's doing": async (scene) => {
    const cyd = await world.agent(scene.ada, "cyd");
    await world.setRole(scene.ada, scene.source, cyd, "viewer");
    await allow(scene, cyd, "/out/", "admin");
    // Copying, all that is read is the source.
    return { by: cyd, asked: { mode: "move" }, expected: "403 forbidden" };
  },
  "the target may not be written": async (scene) => {
    const json = { path: "/out/", to: scene.ben.id, effect: "deny", permissions: ["files:write"] };
    (await scene.ada.api.post(`/api/workspaces/${scene.target}/grants`, { json })).must(201);
    return { expected: "403 forbidden" };
  },
  "the key does not reach the target": async (scene) => ({
    by: await scoped(scene, ["/work/"]),
    asked: { recipients: [] },
    expected: scene.source === scene.target ? "403 key_scope" : "404 not_found",
  }),
  "the key does not reach the files": async (scene) => ({
    by: await scoped(scene, ["/out/"]),
    asked: { recipients: [] },
    expected: scene.source === scene.target ? "403 key_scope" : "404 not_found",
  }),
  "the key has scopes, and access is to be given": async (scene) => ({
    by: await scoped(scene, ["/work/", "/out/"]),
    expected: "403 key_scope",
  }),
  "the target is another organization's": async () => {
    const workspaceId = await world.workspace(await world.organization());
    return { asked: { to: { workspaceId, folder: "/out" } }, expected: "404 not_found" };
  },
  "the target is no workspace": async () => ({
    asked: { to: { workspaceId: "0".repeat(64), folder: "/out" } },
    expected: "404 not_found",
  }),
  "the caller is a stranger": async () => ({ by: await world.organization(), expected: "404 not_found" }),
  "there are too many files": async () => ({
    asked: { files: Array.from({ length: 65 }, (_, n) => `/work/${n}`) },
    expected: "400 input_invalid",
  }),
};

describe.each(KINDS)("%s %s workspace is refused as a whole, and everything stays as it was, when", (mode, reach) => {
  test.each(Object.entries(REFUSALS))("%s", async (_, refusal) => {
    const scene = await handoffScene(world, reach);
    const { expected, asked = {}, by = scene.ben, path } = await refusal(scene);
    const looked = await look(scene);
    const answer = await handOff(scene, { mode, ...asked }, { by });
    expect(answer.outcome).toBe(expected);
    if (path !== undefined) expect(answer.problem["path"]).toBe(path);
    expect(await look(scene)).toEqual(looked);
    const { handoffs } = (await scene.ada.api.get(`/api/workspaces/${scene.source}/handoffs`)).as<{
      handoffs: Handoff[];
    }>(200);
    expect(handoffs).toEqual([]);
    expect(await leftovers(scene)).toEqual([]);
    // Nothing is held back: the files can still be worked on.
    const { grants } = (await scene.ada.api.get(`/api/workspaces/${scene.target}/grants`)).as<{
      grants: { to: string }[];
    }>(200);
    expect(grants.filter(({ to }) => to === scene.rex.id)).toEqual([]);
    const file = await at(scene.ada, scene.source, OUTPUTS[0].from);
    (await overwrite(scene.ada, file, "goes on", { "If-Match": file.etag })).must(200);
  });
});

test("a key that reaches both places hands over, as long as no access is to be given", async () => {
  const scene = await handoffScene(world, "to another");
  const by = await scoped(scene, ["/work/", "/out/"]);
  const handoff = handoffOf(await handOff(scene, { recipients: [] }, { by }));
  expect(handoffOf(await undo(scene, handoff.id, by), 200).state).toBe("undone");
});

test("only the name is kept without a folder, and everyone can be a recipient", async () => {
  const scene = await handoffScene(world, "within");
  const recipients = [{ to: "everyone", role: "viewer" }];
  const handoff = handoffOf(await handOff(scene, { from: undefined, recipients }));
  expect(handoff.files.map(({ to }) => to)).toEqual(["/out/report.md", "/out/all.bin"]);
  expect((await read(scene.rex, scene.source, "/out/report.md")).text).toBe("the report");
});

test("a file may take the place that another one leaves, and both go back", async () => {
  const scene = await handoffScene(world, "within");
  const { ben, source } = scene;
  await newFile(ben, source, "/work/data/report.md", "an older one");
  const files = ["/work/report.md", "/work/data/report.md", "/work/data/all.bin"];
  const handoff = handoffOf(await handOff(scene, { files, to: { folder: "/work/data" }, recipients: [] }));
  const places = ["/work/data/report.md", "/work/data/data/report.md", "/work/data/data/all.bin"];
  expect(handoff.files.map(({ to }) => to)).toEqual(places);
  expect((await read(ben, source, "/work/data/report.md")).text).toBe("the report");
  expect((await read(ben, source, "/work/data/data/report.md")).text).toBe("an older one");
  (await undo(scene, handoff.id)).must(200);
  expect((await read(ben, source, "/work/data/report.md")).text).toBe("an older one");
  expect((await read(ben, source, "/work/data/all.bin")).text).toBe(LARGE);
});

test("an undoing is refused when the former place is taken, and a phase said since stays", async () => {
  const scene = await handoffScene(world, "within");
  const handoff = handoffOf(await handOff(scene));
  const inTheWay = await newFile(scene.ada, scene.source, OUTPUTS[0].from, "new");
  const refused = await undo(scene, handoff.id);
  expect([refused.outcome, refused.problem["path"]]).toEqual(["409 path_taken", OUTPUTS[0].from]);
  (await scene.ada.api.delete(byId(inTheWay), { headers: { "If-Match": "*" } })).must(200);
  const path = `/api/workspaces/${scene.source}`;
  (await scene.ada.api.patch(path, { json: { phase: "next" } })).must(200);
  (await undo(scene, handoff.id)).must(200);
  expect((await scene.ada.api.get(path)).as(200)).toMatchObject({ workspace: { phase: { name: "next" } } });
});

test("a file that was moved away is not found by id any more, not even under a lease from before", async () => {
  const scene = await handoffScene(world, "to another");
  const former = await at(scene.ben, scene.source, OUTPUTS[0].from);
  (await scene.ben.api.get(byId(former, "/content"))).must(200);
  const handoff = handoffOf(await handOff(scene));
  for (const agent of [scene.ada, scene.ben]) {
    expect((await agent.api.get(byId(former, "/content"))).outcome).toBe("404 not_found");
    expect((await overwrite(agent, former, "late", { "If-Match": "*" })).outcome).toBe("404 not_found");
    expect((await askForLock(agent, former)).outcome).toBe("404 not_found");
  }
  (await undo(scene, handoff.id)).must(200);
  expect((await at(scene.ben, scene.source, OUTPUTS[0].from)).fileId).toBe(former.fileId);
});

test("handoffs are shown to whoever handed over and to those who read the workspace, newest first, in pages", async () => {
  const scene = await handoffScene(world, "within");
  const first = handoffOf(await handOff(scene, { mode: "copy" }));
  const second = handoffOf(await handOff(scene, { mode: "copy", to: { folder: "/out/again" } }));
  const path = `/api/workspaces/${scene.source}/handoffs`;
  interface Page {
    handoffs: Handoff[];
    next: number;
  }
  const page = (await scene.ada.api.get(path, { query: { limit: 1 } })).as<Page>(200);
  expect(page.handoffs).toEqual([second]);
  const older = (await scene.ada.api.get(path, { query: { limit: 1, cursor: page.next } })).as<Page>(200);
  expect(older).toEqual({ handoffs: [first], next: null });
  for (const url of [path, `${path}/${first.id}`]) {
    // Rex holds the target folder, and not the workspace.
    expect((await scene.rex.api.get(url)).outcome).toBe("403 forbidden");
    expect((await (await world.organization()).api.get(url)).outcome).toBe("404 not_found");
  }
  expect((await scene.ada.api.get(`${path}/hnd_${"x".repeat(22)}`)).outcome).toBe("404 not_found");
});
