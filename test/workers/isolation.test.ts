// Nobody learns or does anything beyond their organization and their workspaces: every operation of the registry, by
// every route, with keys that are valid but foreign, and with keys that are not valid at all.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { PrincipalId, KeyId, OrganizationId } from "../../src/domain/ids.ts";
import { type Route, routesOf } from "../../src/faces/routes.ts";
import { OPERATIONS } from "../../src/operations/registry.ts";
import { newKeyId, newOrganizationId, newPrincipalId } from "../../src/platform/ids.ts";
import { mintKey, verifyKey } from "../../src/platform/keys.ts";
import type { Answer, Client } from "../support/http.ts";
import { SAMPLES, type Scene, trySample } from "../support/samples.ts";
import { OPERATOR_KEY, SIGNING_SECRET } from "../support/secrets.ts";
import { fileObject, operator, runAlarm, workspaceObject, world } from "../support/workerd.ts";
import { type Agent, byId, byPath, lock, type LoggedEvent, newFile, put, queue } from "../support/world.ts";

const ROUTES = OPERATIONS.flatMap(routesOf);
const named = (routes: Route[]) =>
  routes.map((route): [string, Route] => [`${route.operation.method} ${route.pattern}`, route]);
/** Operations on something that has an owner; the others act on the caller's own organization. */
const ON_SOMETHING = ROUTES.filter(({ operation }) => !["deployment", "organization", "token"].includes(operation.on));
const ON_THE_DIRECTORY = ROUTES.filter(
  ({ operation }) => operation.on === "deployment" || operation.on === "organization",
);

let owner: Agent;
let foreigner: Agent;
let outsider: Agent;
let outsidersAdmin: Agent;
let workspace: string;
let scenes = 0;

beforeAll(async () => {
  owner = await world.organization("Acme");
  foreigner = await world.organization("Rival");
  await world.workspace(foreigner);
  outsider = await world.agent(owner, "outsider");
  outsidersAdmin = await world.agent(owner, "admin of the organization, no member of the workspace", "admin");
  workspace = await world.workspace(owner);
});

async function newScene(): Promise<Scene> {
  const number = ++scenes;
  const member = await world.agent(owner, `member ${number}`);
  const newcomer = await world.agent(owner, `newcomer ${number}`);
  await world.setRole(owner, workspace, member, "editor");
  const file = await newFile(owner, workspace, `/secret folder/${number}.csv`, "secret content");
  const { lockId } = await lock(owner, file, { purpose: "a secret purpose" });
  const { ticket } = await queue(owner, file);
  return { workspace, file, lockId, ticket, member, newcomer, number };
}

/** The same request, about things that have never existed. */
function nowhere(scene: Scene): Scene {
  return {
    ...scene,
    workspace: env.WORKSPACES.newUniqueId().toString(),
    file: { ...scene.file, fileId: env.FILES.newUniqueId().toString() },
  };
}

/** Keys that look right and are not. */
async function bad(): Promise<[string, string | null][]> {
  const key = owner.api.key ?? "";
  const claims = await verifyKey(SIGNING_SECRET, key);
  if (claims === null) throw new Error("the owner's key is valid");
  const halfForeign = key.slice(0, 60) + (foreigner.api.key ?? "").slice(60);
  return [
    ["no key", null],
    ["the operator's key", OPERATOR_KEY],
    ["a truncated key", key.slice(0, -1)],
    ["a key with something after it", `${key}A`],
    ["the signature alone cut off", key.slice(0, 4 + 64)],
    ["the prefix alone", "hfk_"],
    ["one's own key with another's signature", halfForeign],
    ["a key signed by another deployment", await mintKey(`${SIGNING_SECRET}!`, claims)],
    ["a key signed with nothing", `${key.slice(0, 4 + 64)}${"A".repeat(43)}`],
    ["not base64url", `${key.slice(0, -2)}+/`],
  ];
}

async function isEmpty(stub: ReturnType<typeof fileObject> | ReturnType<typeof workspaceObject>): Promise<boolean> {
  return runInDurableObject(stub as DurableObjectStub, async (_, { storage }) => {
    const tables = storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'");
    const alarm = await storage.getAlarm();
    return tables.toArray().length === 0 && alarm === null && (await storage.list({ limit: 1 })).size === 0;
  });
}

test("every operation of the registry has a sample, and nothing else has", () => {
  expect(Object.keys(SAMPLES).sort()).toEqual(OPERATIONS.map(({ name }) => name).sort());
});

describe("a valid key that is not a member's gets 404, the owner's is served", () => {
  test.each(named(ON_SOMETHING))("%s", async (_, route) => {
    const scene = await newScene();
    for (const stranger of [foreigner, outsider, outsidersAdmin]) {
      const refused = await trySample(stranger.api, route, scene);
      expect(refused.outcome).toBe("404 not_found");
      // What exists and is foreign cannot be told from what never was.
      const missing = await trySample(stranger.api, route, nowhere(scene));
      expect(refused.text).toBe(missing.text);
      expect([...refused.headers]).toEqual([...missing.headers]);
    }
    // The very same request is good, and the strangers have changed nothing that it needs.
    (await trySample(owner.api, route, scene)).must(200, 201, 202);
  });

  test("also where nothing is yet: nobody else creates a file", async () => {
    for (const stranger of [foreigner, outsider, outsidersAdmin]) {
      const small = await put(stranger, workspace, "/planted.txt", "planted");
      const large = await put(stranger, workspace, "/planted.bin", "x".repeat(100_000));
      expect([small.outcome, large.outcome]).toEqual(["404 not_found", "404 not_found"]);
    }
    const there = (await owner.api.get(`/api/workspaces/${workspace}/files`)).as<{ files: { path: string }[] }>(200);
    expect(there.files.filter(({ path }) => path.startsWith("/planted"))).toEqual([]);
  });

  test("also for an old version, and for what was deleted", async () => {
    const file = await newFile(owner, workspace, "/gone.txt");
    const old = byId(file, "/content");
    expect((await foreigner.api.get(old, { query: { version: 1 } })).outcome).toBe("404 not_found");
    (await owner.api.delete(byId(file), { headers: { "If-Match": file.etag } })).must(200);
    expect((await owner.api.get(old)).text).toBe((await foreigner.api.get(old)).text);
  });

  test("refused strangers leave nothing in the audit log", async () => {
    await runAlarm(workspaceObject(workspace));
    const page = await owner.api.get(`/api/workspaces/${workspace}/events`, { query: { limit: 1000 } });
    const strangers = new Set([foreigner, outsider, outsidersAdmin].map(({ id }) => id));
    const { events } = page.as<{ events: LoggedEvent[] }>(200);
    expect(events.filter(({ agent }) => agent !== null && strangers.has(agent))).toEqual([]);
  });
});

describe("operations on the directory show an organization only its own", () => {
  /** The operator's own operations are refused to both. */
  const own = ON_THE_DIRECTORY.filter(({ operation }) => operation.permission !== "operator");

  test.each(named(own))("%s", async (_, route) => {
    const scene = await newScene();
    const secrets = [
      owner.id,
      owner.organization,
      outsider.id,
      workspace,
      scene.file.path,
      scene.member.id,
      "secret",
      "Acme",
    ];
    const seen = (await trySample(foreigner.api, route, scene)).must(200, 201);
    const echoed = route.operation.name === "renew_locks" ? [scene.file.fileId, scene.lockId] : [];
    expect([...secrets, scene.file.fileId, scene.lockId].filter((s) => seen.text.includes(s))).toEqual(echoed);
    (await trySample(owner.api, route, scene)).must(200, 201);
  });

  test("a foreign lock is not renewed, and said not to be found", async () => {
    const scene = await newScene();
    const { fileId } = scene.file;
    const renewal = { json: { locks: [{ fileId, lockId: scene.lockId, ttl: 300 }] } };
    const failed = [{ fileId, lockId: scene.lockId, code: "not_found" }];
    for (const stranger of [foreigner, outsider, outsidersAdmin]) {
      expect((await stranger.api.post("/api/locks/renew", renewal)).as(200)).toEqual({ renewed: [], failed });
    }
  });

  test("an agent of another organization cannot be made a member", async () => {
    const path = `/api/workspaces/${workspace}/members/${foreigner.id}`;
    const answer = await owner.api.put(path, { json: { role: "viewer" } });
    const never = await owner.api.put(`/api/workspaces/${workspace}/members/${newPrincipalId("agent")}`, {
      json: { role: "viewer" },
    });
    expect(answer.outcome).toBe("404 not_found");
    expect(answer.text).toBe(never.text);
  });

  test("the operator's operation is the operator's alone", async () => {
    const fresh = { json: { name: "Fresh" } };
    expect((await owner.api.post("/api/organizations", fresh)).outcome).toBe("403 operator_only");
    expect((await operator.with(null).post("/api/organizations", fresh)).outcome).toBe("401 unauthenticated");
    expect((await operator.with(`${OPERATOR_KEY}x`).post("/api/organizations", fresh)).outcome).toBe(
      "401 unauthenticated",
    );
  });
});

describe("a key that is not valid gets 401 from every operation", () => {
  const NOT_THE_OPERATORS = ROUTES.filter(({ operation }) => operation.permission !== "operator");

  test.each(named(NOT_THE_OPERATORS))("%s", async (_, route) => {
    const scene = await newScene();
    for (const [what, key] of await bad()) {
      const answer = await trySample(owner.api.with(key), route, scene);
      expect([what, answer.outcome]).toEqual([what, "401 unauthenticated"]);
      expect(answer.header("WWW-Authenticate")).toBe("Bearer");
    }
    (await trySample(owner.api, route, scene)).must(200, 201, 202);
  });

  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

  test("wherever a single bit of it is flipped", async () => {
    const key = owner.api.key ?? "";
    const accepted: string[] = [];
    for (let at = 4; at < key.length; at++) {
      for (let bit = 1; bit < 64; bit *= 2) {
        const flipped = ALPHABET[ALPHABET.indexOf(key[at] ?? "") ^ bit] ?? "";
        const forged = key.slice(0, at) + flipped + key.slice(at + 1);
        if ((await verifyKey(SIGNING_SECRET, forged)) !== null) accepted.push(`character ${at}, bit ${bit}`);
      }
    }
    expect(accepted).toEqual([]);
  });

  test("however the header is put", async () => {
    const key = owner.api.key ?? "";
    const file = await newFile(owner, workspace, "/header.txt");
    const ask = async (Authorization: string): Promise<Answer> =>
      owner.api.get(byId(file), { headers: { Authorization } });
    for (const header of [key, `Basic ${key}`, `Bearer`, `Bearer ${key} ${key}`, `Bearer "${key}"`, `Bearer ${key}=`])
      expect([header, (await ask(header)).outcome]).toEqual([header, "401 unauthenticated"]);
    expect((await ask(`bearer  ${key}`)).outcome).toBe("200");
  });
});

test("a well-signed key that the directory does not know gets nowhere", async () => {
  const scene = await newScene();
  const claims = {
    organization: owner.organization as OrganizationId,
    principal: newPrincipalId("agent"),
    key: newKeyId(),
  };
  const stranger = owner.api.with(await mintKey(SIGNING_SECRET, claims));
  for (const route of ON_SOMETHING) {
    expect((await trySample(stranger, route, scene)).outcome).toBe("404 not_found");
  }
  for (const route of ON_THE_DIRECTORY) {
    const { permission } = route.operation;
    const outcome = permission === "operator" ? "403 operator_only" : "401 unauthenticated";
    expect((await trySample(stranger, route, scene)).outcome).toBe(outcome);
  }
});

test("an agent's own key with the organization of another, well signed, gets nowhere", async () => {
  const claims = await verifyKey(SIGNING_SECRET, owner.api.key ?? "");
  const file = await newFile(owner, workspace, "/mixed.txt");
  const mixes: { organization: OrganizationId; principal: PrincipalId; key: KeyId }[] = [
    { ...claims, organization: foreigner.organization as OrganizationId } as never,
    { organization: newOrganizationId(), principal: owner.id as PrincipalId, key: newKeyId() },
  ];
  for (const mix of mixes) {
    const client = owner.api.with(await mintKey(SIGNING_SECRET, mix));
    expect((await client.get(byId(file))).outcome).toBe("404 not_found");
    expect((await client.get("/api/me")).outcome).toBe("401 unauthenticated");
  }
});

describe("ids that name nothing", () => {
  test.each(named(ON_SOMETHING))("unused but well-formed, get 404 and store nothing: %s", async (_, route) => {
    const scene = nowhere(await newScene());
    expect((await trySample(owner.api, route, scene)).outcome).toBe("404 not_found");
    expect(await isEmpty(fileObject(scene.file.fileId))).toBe(true);
    expect(await isEmpty(workspaceObject(scene.workspace))).toBe(true);
  });

  test("a workspace that was never created takes in no file, small or large", async () => {
    const nowhere = env.WORKSPACES.newUniqueId().toString();
    for (const content of ["small", "large".repeat(20_000)]) {
      const key = `in-a-void-${content.length}`;
      const answer = await put(owner, nowhere, "/a.txt", content, { headers: { "Idempotency-Key": key } });
      expect(answer.outcome).toBe("404 not_found");
      const file = env.FILES.idFromName(`${nowhere} ${owner.id} ${key}`).toString();
      expect(await isEmpty(fileObject(file))).toBe(true);
    }
    expect(await isEmpty(workspaceObject(nowhere))).toBe(true);
    expect((await env.BLOBS.list({ prefix: nowhere })).objects).toEqual([]);
  });

  test("of another kind, forged, or in another case, get 404", async () => {
    const file = await newFile(owner, workspace, "/ids.txt");
    const flipped = file.fileId.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    const ids = [workspace, flipped, file.fileId.toUpperCase(), file.fileId.slice(1), "0".repeat(64), "%00", "..%2f"];
    const ask: ((client: Client, id: string) => Promise<Answer>)[] = [
      (client, id) => client.get(`/api/files/${id}`),
      (client, id) => client.get(`/api/files/${id}/content`),
      (client, id) => client.post(`/api/files/${id}/lock`),
      (client, id) => client.get(byPath(id), { query: { path: "/ids.txt" } }),
    ];
    for (const id of ids) {
      for (const [index, asked] of ask.entries()) {
        if (id === workspace && index === 3) continue;
        expect([id, (await asked(owner.api, id)).outcome]).toEqual([id, "404 not_found"]);
      }
    }
  });
});
