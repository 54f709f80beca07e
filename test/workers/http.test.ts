// The face under hostile input: every refusal is a problem that says what is wrong and nothing of what is inside. And
// what is derived beside the routes: the OpenAPI document, the page that shows it, the headers of content.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { type Route, routesOf } from "../../src/faces/routes.ts";
import { OPERATIONS } from "../../src/operations/registry.ts";
import type { Answer, Options } from "../support/http.ts";
import { operator, world } from "../support/workerd.ts";
import { type Agent, byId, byPath, type FileView, type Granted, lock, newFile } from "../support/world.ts";

const ROUTES = OPERATIONS.flatMap(routesOf);
const LOCK = `lk_${"A".repeat(22)}`;
const AGENT = `agt_${"A".repeat(22)}`;
const NUL = "\u0000";

let ada: Agent;
let workspace: string;
let file: FileView;

beforeAll(async () => {
  ada = await world.organization();
  workspace = await world.workspace(ada);
  file = await newFile(ada, workspace, "/plain.txt");
});

/** A refusal looks like one, and tells nothing of the inside. */
function proper(answer: Answer): Answer {
  const { problem } = answer;
  expect(problem.type).toBe(`/api/docs#${problem.code}`);
  expect(problem.code).toMatch(/^[a-z_]+$/);
  expect(problem.title).not.toBe("");
  expect(problem.detail).not.toBe("");
  expect(answer.header("Cache-Control")).toBe("no-store");
  for (const inside of [/\bat .*:\d+:\d+/, /\.ts\b/, /\.js\b/, /TypeError|RangeError|SyntaxError|ZodError/, /SQL/i]) {
    expect(answer.text).not.toMatch(inside);
  }
  expect(answer.text.length).toBeLessThan(5000);
  return answer;
}

const json = (content: string): Options => ({ content, headers: { "Content-Type": "application/json" } });
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const anAgent = (options: Options): [string, () => string, Options] => ["POST", () => "/api/agents", options];
const aLock = (body: unknown): [string, () => string, Options] => ["POST", () => byId(file, "/lock"), { json: body }];
const events = (query: string): [string, () => string, Options] => [
  "GET",
  () => `/api/workspaces/${workspace}/events?${query}`,
  {},
];
const files = (query: string): [string, () => string, Options] => [
  "GET",
  () => `/api/workspaces/${workspace}/files?${query}`,
  {},
];
const look = (query: string): [string, () => string, Options] => ["GET", () => `${byPath(workspace)}?${query}`, {}];
const me = (Authorization: string): [string, () => string, Options] => [
  "GET",
  () => "/api/me",
  { headers: { Authorization } },
];
const withKey = (key: string): [string, () => string, Options] => [
  "POST",
  () => "/api/agents",
  { json: { name: "keyed" }, headers: { "Idempotency-Key": key } },
];

const BAD = "400 input_invalid";
const HOSTILE: Record<string, [expected: string, request: [string, () => string, Options]]> = {
  "a body of more than 64 KiB": [
    "413 content_too_large",
    anAgent(json(JSON.stringify({ name: "x".repeat(65 * 1024) }))),
  ],
  "a body of more than 64 KiB of white space": ["413 content_too_large", anAgent(json(" ".repeat(65 * 1024)))],
  "a body nested 30,000 deep": [BAD, anAgent(json(nested(30_000)))],
  "a field nested 20,000 deep": [BAD, anAgent(json(`{"name": ${nested(20_000)}}`))],
  "a body that is not JSON": [BAD, anAgent(json("{name: 1}"))],
  "JSON that breaks off": [BAD, anAgent(json('{"name": "x'))],
  "two JSON documents": [BAD, anAgent(json('{"name": "x"}{"name": "y"}'))],
  "bytes that are not UTF-8": [BAD, anAgent({ content: new Uint8Array([0xff, 0xfe, 0x00]) })],
  "an array": [BAD, anAgent({ json: [{ name: "x" }] })],
  "a string": [BAD, anAgent({ json: "name" })],
  null: [BAD, anAgent(json("null"))],
  "a number for a name": [BAD, anAgent({ json: { name: 7 } })],
  "an object for a name": [BAD, anAgent({ json: { name: { toString: "x" } } })],
  "null for a name": [BAD, anAgent({ json: { name: null } })],
  "an empty name": [BAD, anAgent({ json: { name: "" } })],
  "a name of white space": [BAD, anAgent({ json: { name: " \t " } })],
  "a name that is too long": [BAD, anAgent({ json: { name: "x".repeat(101) } })],
  "NUL in a name": [BAD, anAgent({ json: { name: `a${NUL}b` } })],
  "a line break in a name": [BAD, anAgent({ json: { name: "a\nb" } })],
  "a role that there is not": [BAD, anAgent({ json: { name: "x", role: "root" } })],
  "an unknown field": [BAD, anAgent({ json: { name: "x", organizationId: "org_other" } })],
  "an unknown field in the query": [BAD, anAgent({ json: { name: "x" }, query: { admin: "true" } })],
  "the field __proto__": [BAD, anAgent(json('{"name": "x", "__proto__": {"role": "admin"}}'))],
  "the field constructor": [BAD, anAgent(json('{"name": "x", "constructor": {"prototype": {}}}'))],

  "text for a number": [BAD, aLock({ ttl: "60" })],
  "a negative number": [BAD, aLock({ ttl: -1 })],
  zero: [BAD, aLock({ ttl: 0 })],
  "a number beyond all numbers": [BAD, ["POST", () => byId(file, "/lock"), json('{"ttl": 1e999}')]],
  "a fraction for a whole number": [BAD, aLock({ priority: 0.5 })],
  "a number beyond its range": [BAD, aLock({ priority: 101 })],
  "null for a number": [BAD, aLock({ wait: null })],
  "an array for a number": [BAD, aLock({ wait: [] })],
  "true for a number": [BAD, aLock({ wait: true })],
  "a wait that is too long": [BAD, aLock({ wait: 61 })],
  "a level that there is not": [BAD, aLock({ level: "shared" })],
  "a longer time to live than the workspace allows": ["400 lock_ttl_too_long", aLock({ ttl: 3600 })],

  "limit=NaN": [BAD, events("limit=NaN")],
  "limit=Infinity": [BAD, events("limit=Infinity")],
  "limit=0": [BAD, events("limit=0")],
  "limit=-1": [BAD, events("limit=-1")],
  "limit=1e9": [BAD, events("limit=1e9")],
  "limit=1.5": [BAD, events("limit=1.5")],
  "an empty limit": [BAD, events("limit=")],
  "a limit with something after it": [BAD, events("limit=1%3BDROP%20TABLE%20events")],
  "a cursor beyond whole numbers": [BAD, events("cursor=99999999999999999999")],
  "a time that is none": [BAD, events("since=yesterday")],
  "a time without a zone": [BAD, events("since=2026-01-01T00:00:00")],
  "an outcome that there is not": [BAD, events("outcome=maybe")],
  "an agent id that is none": [BAD, events("agent=agt_short")],
  "a file id that is none": [BAD, events("fileId=../../x")],
  "a field given twice": [BAD, events("outcome=refused&outcome=accepted")],
  "a path given twice": [BAD, look("path=/a.txt&path=/plain.txt")],
  "a percent sign alone": [BAD, look("path=/%")],
  "a percent sign with no hex digits": [BAD, look("path=/%zz")],
  "percent-encoding that is not UTF-8": [BAD, look("path=/%ff%fe")],
  "NUL in a path": ["400 path_invalid", look("path=/a%00b")],
  "a path out of the root": ["400 path_invalid", look("path=/../x")],
  "an empty path": ["400 path_invalid", look("path=")],
  "no path": [BAD, look("")],
  "NUL in a folder": ["400 path_invalid", files("folder=/a%00")],
  "a truth that is none": [BAD, files("recursive=perhaps")],
  "a version that is none": [BAD, ["GET", () => byId(file, "/content?version=0"), {}]],
  "a version that never was": ["404 not_found", ["GET", () => byId(file, "/content?version=9007199254740991"), {}]],

  "a lock id that is none": [BAD, ["GET", () => byId(file, "/lock/lk_x"), {}]],
  "a lock id of another kind": [BAD, ["DELETE", () => byId(file, `/lock/${AGENT}`), {}]],
  "a lock id that never was": ["404 lock_unknown", ["DELETE", () => byId(file, `/lock/${LOCK}`), {}]],
  "a lock in the header that is none": [
    BAD,
    ["PUT", () => byId(file, "/content"), { content: "x", headers: { "Holdfast-Lock": "1" } }],
  ],
  "a member's id that is none": [
    BAD,
    ["PUT", () => `/api/workspaces/${workspace}/members/me`, { json: { role: "viewer" } }],
  ],
  "a file id that is too short": ["404 not_found", ["GET", () => "/api/files/abc", {}]],
  "a workspace's id for a file's": ["404 not_found", ["GET", () => `/api/files/${workspace}`, {}]],
  "a file's id for a workspace's": ["404 not_found", ["GET", () => `/api/workspaces/${file.fileId}`, {}]],
  "invalid percent-encoding for an id": ["404 not_found", ["GET", () => "/api/files/%zz", {}]],
  "no locks to renew": [BAD, ["POST", () => "/api/locks/renew", { json: { locks: [] } }]],
  "too many locks to renew": [
    BAD,
    [
      "POST",
      () => "/api/locks/renew",
      { json: { locks: Array.from({ length: 65 }, () => ({ fileId: "x", lockId: LOCK })) } },
    ],
  ],
  "a digest that is none": [
    BAD,
    ["PUT", () => byId(file, "/content"), { content: "x", headers: { "Repr-Digest": "md5=:x:" } }],
  ],

  "an empty Idempotency-Key": [BAD, withKey("")],
  "an Idempotency-Key that is not ASCII": [BAD, withKey("clé")],
  "an Idempotency-Key with a space": [BAD, withKey("a b")],
  "an Idempotency-Key that is too long": [BAD, withKey("x".repeat(201))],

  "an empty Authorization": ["401 unauthenticated", me("")],
  "Bearer with nothing": ["401 unauthenticated", me("Bearer ")],
  "Basic credentials": ["401 unauthenticated", me("Basic YTpi")],
  "two tokens": ["401 unauthenticated", me("Bearer hfk_a hfk_b")],
  "an enormous token": ["401 unauthenticated", me(`Bearer hfk_${"A".repeat(10_000)}`)],

  "a route that there is not": ["404 not_found", ["GET", () => "/api/nothing", {}]],
  "a route above the API": ["404 not_found", ["GET", () => "/.env", {}]],
  "a route with a slash too many": ["404 not_found", ["GET", () => "/api/me/", {}]],
  "a doubled slash": ["404 not_found", ["GET", () => "/api//me", {}]],
};

test.each(Object.entries(HOSTILE))("%s", async (_, [expected, [method, path, options]]) => {
  const answer = await ada.api.ask(method, path(), options);
  expect(proper(answer).outcome).toBe(expected);
});

test("nothing of all that has created or locked anything", async () => {
  const { principals } = (await ada.api.get("/api/principals")).as<{ principals: unknown[] }>(200);
  expect(principals).toHaveLength(1);
  expect((await ada.api.get(byId(file))).as<FileView>(200)).toEqual(file);
  const all = (await ada.api.get(`/api/workspaces/${workspace}/files`, { query: { recursive: true } })).as<{
    files: unknown[];
  }>(200);
  expect(all.files).toHaveLength(1);
});

test("the scheme of the key may be written in any case", async () => {
  for (const scheme of ["Bearer", "bearer", "BEARER"]) {
    const answer = await ada.api.get("/api/me", { headers: { Authorization: `${scheme} ${ada.api.key}` } });
    expect(answer.outcome).toBe("200");
  }
});

const fill = (pattern: string): string =>
  pattern
    .replace("{workspaceId}", workspace)
    .replace("{fileId}", file.fileId)
    .replace("{lockId}", LOCK)
    .replace("{principalId}", AGENT)
    .replaceAll(/\{(\w+)Id\}/g, "no-such-$1");

describe("a method that a route does not know gets 405 with those it knows", () => {
  const patterns = [...new Set(ROUTES.map(({ pattern }) => pattern))];
  test.each(patterns)("%s", async (pattern) => {
    const known = ROUTES.filter((route) => route.pattern === pattern).map(({ operation }) => operation.method);
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const) {
      if (known.some((other) => other === method)) continue;
      const answer = proper(await ada.api.ask(method, fill(pattern)));
      expect([method, answer.outcome]).toEqual([method, "405 method_not_allowed"]);
      expect((answer.header("Allow") ?? "").split(", ").sort()).toEqual(known.toSorted());
    }
  });
});

describe("the OpenAPI document", () => {
  type Json = Record<string, unknown>;
  interface Described {
    operationId: string;
    summary: string;
    parameters: { name: string; in: string; required: boolean; schema: Json }[];
    requestBody?: { content: Record<string, { schema: Json }> };
    responses: Record<string, { content: Record<string, { schema: Json }> }>;
  }
  let document: Json & { paths: Record<string, Record<string, Described>>; servers: { url: string }[] };

  beforeAll(async () => {
    document = (await operator.with(null).get("/api/openapi.json")).as(200);
  });

  const described = () => Object.values(document.paths).flatMap((methods) => Object.values(methods));

  test("has every operation on each of its routes, and nothing else", () => {
    const expected = ROUTES.map(({ operation, pattern }) => `${operation.method} ${pattern}`);
    const found = Object.entries(document.paths).flatMap(([pattern, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${pattern}`),
    );
    expect(found.sort()).toEqual(expected.sort());
    expect(document.servers).toEqual([{ url: "https://holdfast.test" }]);
  });

  test("names each operation once", () => {
    const ids = described().map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { name } of OPERATIONS) expect(ids).toContain(name);
  });

  test.each(ROUTES.map((route): [string, Route] => [`${route.operation.method} ${route.pattern}`, route]))(
    "declares the parameters of %s once each, those in the path as required",
    (_, { operation, pattern, byPath: namedByPath }) => {
      const found = document.paths[pattern]?.[operation.method.toLowerCase()];
      if (found === undefined) throw new Error("is not there");
      const names = found.parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
      expect(new Set(names).size).toBe(names.length);
      const inPath = found.parameters.filter((parameter) => parameter.in === "path");
      const braces = [...pattern.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(inPath.map(({ name }) => name)).toEqual(braces);
      expect(inPath.every(({ required }) => required)).toBe(true);
      if (operation.on === "file" || operation.on === "content") expect(names.includes("query path")).toBe(namedByPath);
      expect(found.summary).not.toBe("");
    },
  );

  test("resolves every reference within itself", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map((match) => match[1] ?? "");
    expect(references.length).toBeGreaterThan(0);
    for (const reference of new Set(references)) {
      expect(reference).toMatch(/^#\//);
      const target = reference
        .slice(2)
        .split("/")
        .reduce<unknown>((at, step) => (at as Json | undefined)?.[step], document);
      expect([reference, typeof target]).toEqual([reference, "object"]);
    }
  });

  test("says something in every schema", () => {
    const empty: string[] = [];
    const look = (schema: Json | undefined, at: string): void => {
      if (schema === undefined) return;
      const says = ["type", "anyOf", "oneOf", "allOf", "enum", "const", "$ref"].some((word) => word in schema);
      if (!says) empty.push(at);
      const properties = (schema["properties"] ?? {}) as Record<string, Json>;
      for (const [name, inner] of Object.entries(properties)) look(inner, `${at}.${name}`);
      if (schema["type"] === "array") look((schema["items"] ?? {}) as Json, `${at}[]`);
      for (const word of ["anyOf", "oneOf", "allOf"]) {
        const choices = (schema[word] ?? []) as Json[];
        choices.forEach((choice, index) => look(choice, `${at} ${word} ${index}`));
      }
    };
    for (const { operationId, parameters, requestBody, responses } of described()) {
      for (const { name, schema } of parameters) look(schema, `${operationId} ${name}`);
      for (const { content } of [...(requestBody ? [requestBody] : []), ...Object.values(responses)]) {
        for (const [type, { schema }] of Object.entries(content)) look(schema, `${operationId} ${type}`);
      }
    }
    expect(empty).toEqual([]);
  });
});

test("the page that shows it is HTML, and runs nothing but its own scripts", async () => {
  const anyone = operator.with(null);
  const page = (await anyone.get("/api/docs")).must(200);
  expect(page.header("Content-Type")).toMatch(/^text\/html/);
  const policy = page.header("Content-Security-Policy") ?? "";
  expect(policy).toMatch(/default-src 'self'/);
  expect(policy).toMatch(/frame-ancestors 'none'/);
  const scripts = policy.split(";").find((directive) => directive.trim().startsWith("script-src")) ?? "";
  expect(scripts).not.toMatch(/unsafe|\*|http/);
  const [, nonce] = /'nonce-([^']+)'/.exec(scripts) ?? [];
  for (const [, attributes = ""] of page.text.matchAll(/<script([^>]*)>/g)) {
    expect(attributes.includes('src="/docs/') || attributes.includes(`nonce="${nonce}"`)).toBe(true);
  }
  const again = (await anyone.get("/api/docs")).header("Content-Security-Policy") ?? "";
  expect(again).not.toBe(policy);
});

const guards = (answer: Answer): void => {
  expect(answer.header("X-Content-Type-Options")).toBe("nosniff");
  expect(answer.header("Content-Security-Policy")).toMatch(/^sandbox;/);
};

describe("content that agents have written cannot act in a browser", () => {
  const script = "<script>alert(document.domain)</script>";

  test.each([
    ["small", script],
    ["large", script + " ".repeat(100_000)],
  ])("%s", async (size, content) => {
    const headers = { "Content-Type": "text/html" };
    const query = { path: `/${size}.html` };
    const made = (await ada.api.put(byPath(workspace, "/content"), { query, content, headers })).as<FileView>(201);
    for (const [path, options] of [
      [byId(made, "/content"), {}],
      [byPath(workspace, "/content"), { query }],
    ] as const) {
      const whole = (await ada.api.get(path, options)).must(200);
      expect(whole.text).toBe(content);
      guards(whole);
      guards((await ada.api.get(path, { ...options, headers: { Range: "bytes=0-6" } })).must(206));
      guards((await ada.api.get(path, { ...options, headers: { "If-None-Match": made.etag } })).must(304));
      guards((await ada.api.ask("HEAD", path, options)).must(200));
    }
    const beyond = await ada.api.get(byId(made, "/content"), { headers: { Range: `bytes=${content.length}-` } });
    expect(proper(beyond).outcome).toBe("416 range_not_satisfiable");
  });
});

test("a secret in a request is not in the refusal of it", async () => {
  const granted: Granted = await lock(ada, file);
  const other = env.FILES.newUniqueId().toString();
  const answer = await ada.api.put(`/api/files/${other}/content`, {
    content: "x",
    headers: { "Holdfast-Lock": granted.lockId },
  });
  expect(proper(answer).outcome).toBe("404 not_found");
  expect(answer.text).not.toContain(granted.lockId);
  expect(answer.text).not.toContain(ada.api.key);
});
