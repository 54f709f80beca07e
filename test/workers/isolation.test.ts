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
import { SAMPLES, sampleOf, trySample } from "../support/samples.ts";
import { newScene, type Scene, type Stage } from "../support/scene.ts";
import { OPERATOR_KEY, SIGNING_SECRET } from "../support/secrets.ts";
import { fileObject, operator, runAlarm, workspaceObject, world } from "../support/workerd.ts";
import { type Agent, byId, byPath, type LoggedEvent, makeGrant, makeGroup, newFile, put } from "../support/world.ts";

const ROUTES = OPERATIONS.flatMap(routesOf);
const named = (routes: Route[]) =>
  routes.map((route): [string, Route] => [`${route.operation.method} ${route.pattern}`, route]);
/** On a workspace or a file. */
const ON_SOMETHING = ROUTES.filter(({ operation }) => ["workspace", "file", "content"].includes(operation.on));
const ON_THE_ORGANIZATION = ROUTES.filter(({ operation }) => operation.on === "organization");
/** Those of the organization whose samples name something that it has; the others act on the caller's own. */
const NAMING = new Set([
  "set_organization_role",
  "pause_principal",
  "resume_principal",
  "remove_principal",
  "rotate_key",
  "revoke_key",
  "delete_group",
  "add_to_group",
  "remove_from_group",
  "grant_everywhere",
  "revoke_everywhere",
  "cancel_invitation",
  "create_transfer",
  "cancel_transfer",
  "transfer_ownership",
]);
const ON_SOMEBODYS = ON_THE_ORGANIZATION.filter(({ operation }) => NAMING.has(operation.name));
const ON_ONES_OWN = ON_THE_ORGANIZATION.filter(({ operation }) => !NAMING.has(operation.name));

let owner: Agent;
let foreigner: Agent;
let outsider: Agent;
/** Of the organization, but to whom the workspace is nothing. */
let outsiders: Agent[];
let strangers: Agent[];
let stage: Stage;
let workspace: string;

beforeAll(async () => {
  owner = await world.organization("Acme");
  foreigner = await world.organization("Rival");
  await world.workspace(foreigner);
  workspace = await world.workspace(owner);
  stage = { world, owner, workspace, folder: "/secret folder/" };
  outsider = await world.agent(owner, "outsider");
  const guest = await world.agent(owner, "guest", "guest");
  const shutOut = await world.agent(owner, "admin of the organization, to whom all is denied here", "admin");
  await makeGrant(owner, workspace, { to: shutOut.id, effect: "deny", role: "admin" });
  const former = await world.agent(owner, "former member");
  await makeGrant(owner, workspace, { to: former.id, role: "admin", until: new Date().toISOString() });
  const grouped = await world.agent(owner, "in a group that may do everything elsewhere");
  const elsewhere = await world.workspace(owner, [[outsider, "admin"]]);
  await makeGrant(owner, elsewhere, { to: await makeGroup(owner, [grouped]), role: "admin" });
  outsiders = [outsider, guest, shutOut, former, grouped];
  strangers = [foreigner, ...outsiders];
});

/** Names for what has never existed, always the same for the same. */
function never(scene: Scene): (id: string) => string {
  const fresh = new Map([
    [scene.workspace, env.WORKSPACES.newUniqueId().toString()],
    [scene.file.fileId, env.FILES.newUniqueId().toString()],
  ]);
  return (id) => {
    const name = fresh.get(id) ?? id.slice(0, id.indexOf("_") + 1) + newKeyId().slice("key_".length);
    fresh.set(id, name);
    return name;
  };
}

/** What exists and is foreign cannot be told from what never was, be it by an id or by a path. */
async function expectNothingLearnt(stranger: Agent, route: Route, scene: Scene): Promise<void> {
  const refused = await trySample(stranger.api, route, scene);
  expect([stranger.name, refused.outcome]).toEqual([stranger.name, "404 not_found"]);
  const path = `${scene.fileFolder}never.csv`;
  for (const missing of [{ rename: never(scene) }, { path }]) {
    const answer = await trySample(stranger.api, route, scene, {}, missing);
    expect([stranger.name, refused.text]).toEqual([stranger.name, answer.text]);
    expect([...refused.headers]).toEqual([...answer.headers]);
  }
}

/** Whoever has a token needs no key. */
const clientFor = ({ operation }: Route): Client => (operation.on === "token" ? operator.with(null) : owner.api);

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

describe("a valid key that is nobody's here gets 404, the owner's is served", () => {
  test.each(named(ON_SOMETHING))("%s", async (_, route) => {
    const scene = await newScene(stage);
    for (const stranger of strangers) await expectNothingLearnt(stranger, route, scene);
    // The very same request is good, and the strangers have changed nothing that it needs.
    (await trySample(owner.api, route, scene)).must(200, 201, 202);
  });

  test("also where nothing is yet: nobody else creates a file", async () => {
    for (const stranger of strangers) {
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
    const ids = new Set(strangers.map(({ id }) => id));
    const { events } = page.as<{ events: LoggedEvent[] }>(200);
    expect(events.filter(({ agent }) => agent !== null && ids.has(agent))).toEqual([]);
  });
});

describe("operations on the organization show one only its own", () => {
  let theirGroup = "";

  test.each(named(ON_ONES_OWN))("%s", async (_, route) => {
    const scene = await newScene(stage);
    const { file, lockId, member } = scene;
    const secrets = [owner.id, owner.organization, outsider.id, workspace, file.path, member.id, "Acme"];
    const words = ["secret content", "secret purpose", "secret folder"];
    const seen = (await trySample(foreigner.api, route, scene)).must(200, 201);
    const echoed = route.operation.name === "renew_locks" ? [file.fileId, lockId] : [];
    expect([...secrets, ...words, file.fileId, lockId].filter((s) => seen.text.includes(s))).toEqual(echoed);
    (await trySample(owner.api, route, scene)).must(200, 201);
  });

  test.each(named(ON_SOMEBODYS))("what is another's is not found: %s", async (_, route) => {
    const scene = await newScene(stage);
    await expectNothingLearnt(foreigner, route, scene);
    (await trySample(owner.api, route, scene)).must(200, 201);
  });

  test("the list of those is the list of samples that name something", async () => {
    const scene = await newScene(stage);
    const naming: string[] = [];
    for (const { operation } of ON_THE_ORGANIZATION) {
      const { params, json } = await sampleOf(operation.name, scene);
      const names = /\b([a-z]{3}_[\w-]{22}|[0-9a-f]{64})/.test(JSON.stringify([params, json]));
      if (names && operation.name !== "renew_locks") naming.push(operation.name);
    }
    expect(naming.sort()).toEqual([...NAMING].sort());
  });

  test.each<[string, string, (theirs: Scene) => unknown]>([
    ["a key for somebody", "/api/keys", ({ member }) => ({ principalId: member.id })],
    ["an invitation into a workspace", "/api/invitations", () => ({ name: "spy", workspaceId: workspace })],
    ["something in all workspaces for a group", "/api/grants", () => ({ to: theirGroup, role: "viewer" })],
    ["a transfer to somebody", "/api/transfers", ({ member }) => ({ to: member.id })],
    ["ownership to somebody", "/api/ownership", ({ member }) => ({ to: member.id })],
  ])("nor is it given: %s", async (_, path, about) => {
    theirGroup = await makeGroup(owner, []);
    const scene = await newScene(stage);
    const rename = never(scene);
    const json = about(scene);
    const missing = JSON.parse(JSON.stringify(json).replaceAll(/(agt|grp)_[\w-]{22}|[0-9a-f]{64}/g, rename)) as unknown;
    const refused = await foreigner.api.post(path, { json });
    expect(refused.outcome).toBe("404 not_found");
    expect(refused.text).toBe((await foreigner.api.post(path, { json: missing })).text);
  });

  test("a foreign lock is not renewed, and said not to be found", async () => {
    const scene = await newScene(stage);
    const { fileId } = scene.file;
    const renewal = { json: { locks: [{ fileId, lockId: scene.lockId, ttl: 300 }] } };
    const failed = [{ fileId, lockId: scene.lockId, code: "not_found" }];
    for (const stranger of strangers) {
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
    const scene = await newScene(stage);
    for (const [what, key] of await bad()) {
      if (key === null && route.operation.on === "token") continue;
      const answer = await trySample(owner.api.with(key), route, scene);
      expect([what, answer.outcome]).toEqual([what, "401 unauthenticated"]);
      expect(answer.header("WWW-Authenticate")).toBe("Bearer");
    }
    (await trySample(clientFor(route), route, scene)).must(200, 201, 202);
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

test("a well-signed key that its organization does not know gets nowhere", async () => {
  const scene = await newScene(stage);
  const claims = await verifyKey(SIGNING_SECRET, owner.api.key ?? "");
  if (claims === null) throw new Error("the owner's key is valid");
  const { organization } = claims;
  const unknown = [
    { organization, principal: newPrincipalId("agent"), key: newKeyId() },
    { organization, principal: newPrincipalId("human"), key: newKeyId() },
    { ...claims, key: newKeyId() },
    { ...claims, principal: outsider.id as PrincipalId },
  ];
  for (const claimed of unknown) {
    const client = owner.api.with(await mintKey(SIGNING_SECRET, claimed));
    for (const route of [...ON_SOMETHING, ...ON_THE_ORGANIZATION]) {
      const answer = await trySample(client, route, scene);
      if (route.operation.name === "renew_locks") {
        const failed = [{ fileId: scene.file.fileId, lockId: scene.lockId, code: "unauthenticated" }];
        expect(answer.as(200)).toEqual({ renewed: [], failed });
      } else {
        expect([route.operation.name, answer.outcome]).toEqual([route.operation.name, "401 unauthenticated"]);
      }
    }
    const fresh = await client.post("/api/organizations", { json: { name: "Fresh" } });
    expect(fresh.outcome).toBe("403 operator_only");
    const { json } = await sampleOf("claim_transfer", scene);
    expect((await client.post("/api/transfers/claim", { json })).outcome).toBe("401 unauthenticated");
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
    const scene = await newScene(stage);
    const rename = never(scene);
    expect((await trySample(owner.api, route, scene, {}, { rename })).outcome).toBe("404 not_found");
    expect(await isEmpty(fileObject(rename(scene.file.fileId)))).toBe(true);
    expect(await isEmpty(workspaceObject(rename(scene.workspace)))).toBe(true);
  });

  test.each(named(ON_SOMEBODYS))("unused but well-formed, get 404 in the organization: %s", async (_, route) => {
    const scene = await newScene(stage);
    const answer = await trySample(owner.api, route, scene, {}, { rename: never(scene) });
    expect(answer.outcome).toBe("404 not_found");
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
