// The walls around a key hold whatever its principal may do. The principal here owns the organization, so every refusal
// is a wall's; what each kind of key may do all the same is listed by hand.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import { type Route, routesOf } from "../../src/faces/routes.ts";
import { OPERATIONS } from "../../src/operations/registry.ts";
import type { Answer } from "../support/http.ts";
import { trySample } from "../support/samples.ts";
import { newScene, type Scene, type Stage } from "../support/scene.ts";
import { until } from "../support/until.ts";
import { fileObject, workspaceObject, world } from "../support/workerd.ts";
import {
  type Agent,
  byId,
  byPath,
  type FileView,
  lock,
  locksOf,
  makeKey,
  newFile,
  put,
  queue,
  release,
  resume,
  type Scopes,
} from "../support/world.ts";

const ROUTES = OPERATIONS.flatMap(routesOf);
const named = (routes: Route[]) =>
  routes.map((route): [string, Route] => [`${route.operation.method} ${route.pattern}`, route]);
const routesOfAll = (names: string[]): Route[] => ROUTES.filter(({ operation }) => names.includes(operation.name));

/** Of one's own: every key may look at what it is. */
const SELF = ["who_am_i", "list_keys", "list_transfers"];
const LOOKING_AT_FILES = ["list_files", "get_file", "read_file", "list_versions", "get_locks"];
const WORKING_ON_FILES = [
  "write_file",
  "delete_file",
  "move_file",
  "copy_file",
  "acquire_lock",
  "wait_for_lock",
  "renew_lock",
  "release_lock",
  "override_lock",
  "renew_locks",
  "hand_off",
];
/** Of a whole workspace, unless they are one's own. */
const LOOKING_AT_HANDOFFS = ["list_handoffs", "get_handoff"];

interface Kind {
  scopes: (workspace: string) => Scopes;
  may: string[];
}
const KINDS: Record<string, Kind> = {
  "a key that only reads, in one folder": {
    scopes: (workspaceId) => ({ readOnly: true, places: [{ workspaceId, folder: "/team/" }] }),
    may: [...SELF, ...LOOKING_AT_FILES],
  },
  "a key for one folder": {
    scopes: (workspaceId) => ({ places: [{ workspaceId, folder: "/team" }] }),
    may: [...SELF, ...LOOKING_AT_FILES, ...WORKING_ON_FILES],
  },
  "a key for one workspace": {
    scopes: (workspaceId) => ({ places: [{ workspaceId }] }),
    may: [
      ...SELF,
      "get_workspace",
      "update_workspace",
      "list_members",
      ...LOOKING_AT_FILES,
      ...WORKING_ON_FILES,
      ...LOOKING_AT_HANDOFFS,
      "undo_handoff",
    ],
  },
  "a key that only reads": {
    scopes: () => ({ readOnly: true }),
    may: [
      ...SELF,
      "get_organization",
      "list_workspaces",
      "list_principals",
      "list_groups",
      "list_roles",
      "list_organization_grants",
      "list_invitations",
      "get_workspace",
      "list_members",
      ...LOOKING_AT_FILES,
      ...LOOKING_AT_HANDOFFS,
    ],
  },
  "a key for some operations": {
    scopes: () => ({ operations: ["list_events", "who_can", "write_file", "create_key", "grant_access"] }),
    may: [...SELF, "list_events", "who_can", "write_file"],
  },
  "a key for some operations that only reads": {
    scopes: () => ({ readOnly: true, operations: ["list_organization_events", "get_file", "write_file"] }),
    may: [...SELF, "list_organization_events", "get_file"],
  },
  "a key for the audit log of one workspace": {
    scopes: (workspaceId) => ({ operations: ["list_events", "list_organization_events"], places: [{ workspaceId }] }),
    may: [...SELF, "list_events"],
  },
};

let ada: Agent;
let stage: Stage;
let workspace: string;

beforeAll(async () => {
  ada = await world.organization();
  await newStage();
});

/** One for each group of tests: a recall calls back so many files at most, and waits for more. */
async function newStage(): Promise<void> {
  workspace = await world.workspace(ada);
  stage = { world, owner: ada, workspace, folder: "/team/" };
}

/** An owner, be it another one, with a scoped key in hand. */
const withKey = async (scopes: Scopes, whose?: Agent): Promise<Agent> =>
  makeKey(ada, whose ?? (await world.agent(ada, "another owner", "owner")), { scopes });

async function move(file: FileView, to: string, headers: Record<string, string> = {}): Promise<void> {
  (await ada.api.post(byId(file, "/move"), { json: { to }, headers })).must(200);
}

/** What a key is told; of many heartbeats at once, what the one is told. */
function outcomeOf(answer: Answer): string {
  if (answer.status >= 400) return answer.outcome;
  const isJson = answer.header("Content-Type") === "application/json";
  const { failed } = (isJson ? JSON.parse(answer.text) : {}) as { failed?: { code: string }[] };
  return failed?.[0] === undefined ? "served" : `failed ${failed[0].code}`;
}

/** Not for its key's sake: the operator's alone, or whoever's who has the token. */
const BESIDES: Record<string, string> = { create_organization: "403 operator_only", accept_invitation: "served" };

function expected({ operation: { name } }: Route, may: string[]): string {
  const besides = BESIDES[name];
  if (besides !== undefined) return besides;
  if (may.includes(name)) return "served";
  return name === "renew_locks" ? "failed key_scope" : "403 key_scope";
}

describe.each(Object.entries(KINDS))("%s", (_, { scopes, may }) => {
  let key: Agent;
  beforeAll(async () => {
    await newStage();
    key = await withKey(scopes(workspace), ada);
  });

  test.each(named(ROUTES))("%s", async (_, route) => {
    const scene = await newScene(stage);
    const answer = await trySample(key.api, route, scene);
    expect(outcomeOf(answer)).toBe(expected(route, may));
    if (outcomeOf(answer) === "served") return;
    const after = (await ada.api.get(byId(scene.file))).as<FileView>(200);
    expect(after).toEqual({ ...scene.file, writer: after.writer });
    const { locks, queue } = await locksOf(ada, scene.file);
    expect([locks.map(({ mine }) => mine), queue.map(({ mine }) => mine)]).toEqual([[scene.lockId], [scene.ticket]]);
  });
});

test("what the kinds may do, are operations of the registry", () => {
  const names = new Set(OPERATIONS.map(({ name }) => name));
  expect(Object.values(KINDS).flatMap(({ may }) => may.filter((name) => !names.has(name)))).toEqual([]);
});

describe("never with a key that has scopes", () => {
  beforeAll(newStage);
  const POWERS = [
    "create_key",
    "rotate_key",
    "revoke_key",
    "create_agent",
    "set_organization_role",
    "pause_principal",
    "resume_principal",
    "remove_principal",
    "create_group",
    "delete_group",
    "add_to_group",
    "remove_from_group",
    "set_role",
    "grant_everywhere",
    "revoke_everywhere",
    "create_invitation",
    "cancel_invitation",
    "create_transfer",
    "cancel_transfer",
    "claim_transfer",
    "transfer_ownership",
    "create_workspace",
    "set_member",
    "remove_member",
    "grant_access",
    "revoke_access",
  ];

  test.each(named(routesOfAll(POWERS)))("%s", async (_, route) => {
    const { name } = route.operation;
    const places = [{ workspaceId: workspace }];
    const walls: Scopes[] = [
      { operations: [name] },
      { operations: [name], places },
      { places },
      { places: [{ workspaceId: workspace, folder: "/" }] },
      { readOnly: true },
      { readOnly: true, operations: [name], places },
      { operations: OPERATIONS.map((operation) => operation.name) },
    ];
    const scene = await newScene(stage);
    for (const scopes of walls) {
      const key = await withKey(scopes);
      expect([scopes, (await trySample(key.api, route, scene)).outcome]).toEqual([scopes, "403 key_scope"]);
    }
    const client = route.operation.on === "token" ? ada.api.with(null) : ada.api;
    (await trySample(client, route, scene)).must(200, 201);
  });

  test("every operation that gives a right, or changes who has one, is in this list", () => {
    const powers = new Set(["access:manage", "self:manage", "organization:manage", "workspaces:create"]);
    const found = OPERATIONS.filter(({ permission }) => powers.has(permission)).map(({ name }) => name);
    expect([...found, "claim_transfer"].sort()).toEqual(POWERS.toSorted());
  });

  test("nor does the memory of an Idempotency-Key give a scoped key what one without scopes was given", async () => {
    const key = await withKey({ readOnly: true }, ada);
    const options = { json: { name: "once" }, headers: { "Idempotency-Key": crypto.randomUUID() } };
    const made = (await ada.api.post("/api/keys", options)).as<{ secret: string }>(201);
    const repeated = await key.api.post("/api/keys", options);
    expect(repeated.outcome).toBe("403 key_scope");
    expect(repeated.text).not.toContain(made.secret);
  });

  test("nor does it look at the keys of others", async () => {
    const ben = await world.agent(ada, "ben");
    const key = await withKey({ readOnly: true });
    const query = { principalId: ben.id };
    expect((await key.api.get("/api/keys", { query })).outcome).toBe("403 key_scope");
    expect((await key.api.get("/api/keys", { query: { principalId: key.id } })).outcome).toBe("200");
    expect((await ada.api.get("/api/keys", { query })).outcome).toBe("200");
  });
});

describe("only with a key that names it, or has no scopes", () => {
  const CONFIDENTIAL = [
    "list_events",
    "list_organization_events",
    "list_grants",
    "who_can",
    "what_can",
    "access_report",
    "organization_access_report",
  ];

  test.each(named(routesOfAll(CONFIDENTIAL)))("%s", async (_, route) => {
    const { name } = route.operation;
    const scene = await newScene(stage);
    const others = OPERATIONS.map((operation) => operation.name).filter((other) => other !== name);
    const outcomes: string[] = [];
    for (const scopes of [
      { readOnly: true },
      { places: [{ workspaceId: workspace }] },
      { operations: others },
      { operations: [name] },
      { operations: [name], readOnly: true },
    ]) {
      const key = await withKey(scopes);
      outcomes.push((await trySample(key.api, route, scene)).outcome);
    }
    expect(outcomes).toEqual(["403 key_scope", "403 key_scope", "403 key_scope", "200", "200"]);
  });
});

describe("what is just outside a key's folder", () => {
  /** Names that begin like /key/, look like it, or lie above it. */
  const FILES = [
    "/keyring/a.csv",
    "/key-2/a.csv",
    "/key.csv",
    "/Key/a.csv",
    "/k\u0435y/a.csv",
    "/\uff4bey/a.csv",
    "/ke\u0301y/a.csv",
    "/below/key/a.csv",
  ];
  const all: Record<string, FileView> = {};
  let key: Agent;
  let inside: FileView;

  beforeAll(async () => {
    key = await withKey({ places: [{ workspaceId: workspace, folder: "/key/" }] });
    inside = await newFile(ada, workspace, "/key/inside.csv");
    for (const path of FILES) all[path] = await newFile(ada, workspace, path);
  });

  const askAt = (at: string): Promise<Answer>[] => [
    key.api.get(byPath(workspace), { query: { path: at } }),
    key.api.get(byPath(workspace, "/content"), { query: { path: at } }),
    key.api.get(byPath(workspace, "/lock"), { query: { path: at } }),
    key.api.post(byPath(workspace, "/lock"), { query: { path: at } }),
    key.api.delete(byPath(workspace), { query: { path: at }, headers: { "If-Match": "*" } }),
    key.api.post(byPath(workspace, "/copy"), { query: { path: at }, json: { to: "/key/stolen.csv" } }),
    key.api.post(byPath(workspace, "/move"), { query: { path: at }, json: { to: "/key/stolen.csv" } }),
    put(key, workspace, at, "planted", { headers: { "If-Match": "*" } }),
    put(key, workspace, at, "x".repeat(100_000)),
  ];

  test.each(FILES)("%s is not reached by its path, and cannot be told from what is not there", async (path) => {
    const missing = await Promise.all(askAt(`${path}-not`));
    for (const [index, answer] of (await Promise.all(askAt(path))).entries()) {
      expect(answer.outcome).toBe("403 key_scope");
      expect(answer.text).toBe(missing[index]?.text);
    }
  });

  test.each(FILES)("%s is not reached by its id", async (path) => {
    const file = all[path];
    if (file === undefined) throw new Error("it was made");
    const nothing = { fileId: inside.fileId.replace(/.{8}$/, "00000000") };
    const ask = ({ fileId }: { fileId: string }): Promise<Answer>[] => [
      key.api.get(byId({ fileId })),
      key.api.get(byId({ fileId }, "/content")),
      key.api.get(byId({ fileId }, "/versions")),
      key.api.post(byId({ fileId }, "/lock")),
      key.api.put(byId({ fileId }, "/content"), { content: "planted", headers: { "If-Match": "*" } }),
      key.api.delete(byId({ fileId }), { headers: { "If-Match": "*" } }),
      key.api.post(byId({ fileId }, "/copy"), { json: { to: "/key/stolen.csv" } }),
      key.api.post(byId({ fileId }, "/move"), { json: { to: "/key/stolen.csv" } }),
    ];
    const missing = await Promise.all(ask(nothing));
    for (const [index, answer] of (await Promise.all(ask(file))).entries()) {
      expect(answer.outcome).toBe("404 not_found");
      expect(answer.text).toBe(missing[index]?.text);
    }
    const json = { locks: [{ fileId: file.fileId, lockId: `lk_${"A".repeat(22)}` }] };
    expect(outcomeOf(await key.api.post("/api/locks/renew", { json }))).toBe("failed not_found");
    expect((await ada.api.get(byPath(workspace), { query: { path: "/key/stolen.csv" } })).outcome).toBe(
      "404 not_found",
    );
  });

  test.each(FILES)("%s is no target of a copy or a move", async (path) => {
    for (const what of ["copy", "move"]) {
      const answers = await Promise.all(
        [path, `${path}-not`, `${path}/below`].map((to) => key.api.post(byId(inside, `/${what}`), { json: { to } })),
      );
      expect(answers.map(({ outcome }) => outcome)).toEqual(["403 key_scope", "403 key_scope", "403 key_scope"]);
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    }
    expect((await ada.api.get(byId(inside))).as<FileView>(200).path).toBe(inside.path);
    const planted = await ada.api.get(byPath(workspace), { query: { path: `${path}-not` } });
    expect(planted.outcome).toBe("404 not_found");
  });

  test("is in no list", async () => {
    for (const query of [
      { folder: "/" },
      { folder: "/", recursive: true },
      { folder: "/", recursive: true, cursor: "/key/inside.csv" },
      { folder: "/", cursor: "/kex" },
      { folder: "/", recursive: true, limit: 1 },
    ]) {
      const answer = await key.api.get(`/api/workspaces/${workspace}/files`, { query });
      if (answer.status !== 200) expect(answer.outcome).toBe("403 key_scope");
      expect([query, FILES.filter((path) => answer.text.includes(path.slice(1)))]).toEqual([query, []]);
    }
    for (const folder of ["/keyring", "/Key/", "/no-such-folder/", "/key/../keyring/"]) {
      const answer = await key.api.get(`/api/workspaces/${workspace}/files`, { query: { folder } });
      expect([folder, answer.status === 200]).toEqual([folder, false]);
      expect(answer.text).not.toContain('files":');
    }
  });

  test("a folder in another spelling of the same name is the same folder", async () => {
    await newFile(ada, workspace, "/caf\u00e9/menu.csv");
    const spelt = await withKey({ places: [{ workspaceId: workspace, folder: "/cafe\u0301" }] });
    const found = await spelt.api.get(byPath(workspace), { query: { path: "/cafe\u0301/menu.csv" } });
    expect(found.as<FileView>(200).path).toBe("/caf\u00e9/menu.csv");
  });

  test("another workspace of the same organization is not there at all", async () => {
    const other = await world.workspace(ada);
    const scene: Scene = await newScene({ ...stage, workspace: other, folder: "/key/" });
    const one = await withKey({ places: [{ workspaceId: workspace }] });
    for (const route of ROUTES.filter(({ operation: { on } }) => ["workspace", "file", "content"].includes(on))) {
      const outcome = (await trySample(one.api, route, scene)).outcome;
      expect([route.pattern, outcome]).toEqual([route.pattern, "404 not_found"]);
    }
  });
});

describe("a file that is moved out of a key's folder is out of its reach at once", () => {
  const EVICTED: Record<string, (file: FileView) => Promise<void>> = {
    "with everything warm": async () => undefined,
    "with the workspace evicted before": () => evictDurableObject(workspaceObject(workspace)),
    "with the file evicted before": ({ fileId }) => evictDurableObject(fileObject(fileId)),
  };
  let files = 0;
  let ben: Agent;
  let key: Agent;

  beforeAll(async () => {
    ben = await world.agent(ada, "ben");
    await world.setRole(ada, workspace, ben, "editor");
    key = await withKey({ places: [{ workspaceId: workspace, folder: "/kept/" }] }, ben);
  });
  const fresh = (): Promise<FileView> => newFile(ada, workspace, `/kept/${++files}.csv`);

  test.each(Object.entries(EVICTED))("%s, and within it when it is moved back", async (_, evict) => {
    const file = await fresh();
    (await key.api.get(byId(file, "/content"))).must(200);
    await evict(file);
    await move(file, `/keptsake/${files}.csv`);
    for (const answer of [
      await key.api.get(byId(file, "/content")),
      await key.api.put(byId(file, "/content"), { content: "two", headers: { "If-Match": "*" } }),
      await key.api.post(byId(file, "/lock")),
    ]) {
      expect(answer.outcome).toBe("404 not_found");
    }
    (await ben.api.get(byId(file, "/content"))).must(200);
    await move(file, file.path);
    (await key.api.get(byId(file, "/content"))).must(200);
  });

  test("whoever waits with it has left the queue with the answer", async () => {
    const file = await fresh();
    const held = await lock(ada, file);
    const { ticket } = await queue(key, file);
    const other = await queue(ben, file);
    await move(file, `/keptsake/${files}.csv`, { "Holdfast-Lock": held.lockId });
    expect((await locksOf(ben, file)).queue.map(({ mine }) => mine)).toEqual([other.ticket]);
    expect((await resume(key, file, ticket)).outcome).toBe("404 not_found");
    (await release(ada, file, held.lockId)).must(200);
    (await resume(ben, file, other.ticket)).must(200);
  });

  test("an upload under way with it cannot commit", async () => {
    const file = await fresh();
    const size = 100_000;
    const { readable, writable } = new FixedLengthStream(size);
    const writer = writable.getWriter();
    const upload = key.api.put(byId(file, "/content"), {
      content: readable,
      headers: { "If-Match": "*", "Content-Length": String(size) },
    });
    await writer.write(new Uint8Array(size / 2));
    await until("the upload is announced", 5000, () =>
      runInDurableObject(fileObject(file.fileId), (_, { storage }) => {
        const tables = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'garbage'").toArray();
        return tables.length === 1 ? true : null;
      }),
    );
    await move(file, `/keptsake/${files}.csv`);
    await writer.write(new Uint8Array(size / 2));
    await writer.close();
    expect((await upload).outcome).toBe("404 not_found");
    expect((await ada.api.get(byId(file))).as<FileView>(200).version).toBe(1);
  });
});

test("a key is not made for operations that there are not", async () => {
  const ada = await world.organization();
  const scopes = { operations: ["read_file", "read_flie"] };
  const answer = await ada.api.post("/api/keys", { json: { scopes } });
  expect(answer.outcome).toBe("400 input_invalid");
  expect(answer.problem["issues"]).toMatchObject([{ at: "scopes.operations" }]);
  expect((await ada.api.post("/api/agents", { json: { name: "x", key: { scopes } } })).outcome).toBe(
    "400 input_invalid",
  );
});
