// Owns the REST face: routes derived from the registry, and how a request's parts become an operation's input.

import { Hono } from "hono";
import { LIMITS } from "../domain/limits.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { Operation } from "../operations/operation.ts";
import { type Asked, perform } from "../operations/perform.ts";
import { OPERATIONS } from "../operations/registry.ts";
import { type Incoming, readUpTo } from "../platform/blobs.ts";
import { contentResponse } from "./content.ts";
import { docs } from "./docs.ts";
import { openApiDocument } from "./openapi.ts";
import { problemResponse } from "./problems.ts";
import { byPattern, type Route, routesOf } from "./routes.ts";
import { tableResponse } from "./tables.ts";

const TARGET_PARAMS = ["workspaceId", "fileId"] as const;

export const rest = new Hono<{ Bindings: Env }>();

rest.get("/", (c) => c.redirect("/api/docs"));
rest.get("/health", (c) => c.json({ status: "ok" }));
rest.get("/api/openapi.json", (c) => c.json(openApiDocument(new URL(c.req.url).origin)));
rest.route("/api/docs", docs);

for (const [pattern, routes] of byPattern(OPERATIONS.flatMap(routesOf))) {
  const path = pattern.replaceAll(/\{(\w+)\}/g, ":$1");
  for (const route of routes) {
    rest.on(route.operation.method, path, (c) => answer(route, c.env, c.req.raw, c.req.param()));
  }
  const allowed = routes.map(({ operation }) => operation.method);
  rest.all(path, () => problemResponse({ code: "method_not_allowed", allowed }));
}

rest.notFound(() => problemResponse({ code: "not_found", what: "route" }));

rest.onError((error) => {
  console.error({ message: "unexpected", error: error.stack ?? String(error) });
  return problemResponse({ code: "internal" });
});

async function answer(route: Route, env: Env, request: Request, params: Record<string, string>): Promise<Response> {
  const asked = await gather(route, env, request, params);
  if (!asked.ok) return problemResponse(asked.problem);
  const performed = await perform(route.operation, asked.value);
  if (!performed.ok) return problemResponse(performed.problem);
  if (performed.value.kind === "content") return contentResponse(env, request, performed.value.answer);
  const { status, answer: given } = performed.value;
  const { rows } = route.operation;
  const table = rows === undefined ? null : tableResponse(request.headers.get("Accept"), () => rows(given as never));
  return table ?? jsonResponse(status, given);
}

function jsonResponse(status: number, answer: unknown): Response {
  const headers = new Headers({ "Cache-Control": "no-store" });
  if (typeof answer === "object" && answer !== null && "etag" in answer) headers.set("ETag", String(answer.etag));
  return Response.json(answer, { status, headers });
}

async function gather(
  route: Route,
  env: Env,
  request: Request,
  params: Record<string, string>,
): Promise<Result<Asked>> {
  const { operation, byPath } = route;
  const query = readQuery(request.url);
  if (!query.ok) return query;
  const { path, ...rest } = query.value;
  const takesJson = operation.method !== "GET" && operation.method !== "DELETE" && operation.takesContent === undefined;
  const body = takesJson ? await readJson(request) : ok({});
  if (!body.ok) return body;
  const own = Object.fromEntries(Object.entries(params).filter(([name]) => !TARGET_PARAMS.some((t) => t === name)));
  const incoming = incomingOf(request);
  if (!incoming.ok) return incoming;
  return ok({
    env,
    signal: request.signal,
    apiKey: /^Bearer +(\S+) *$/i.exec(request.headers.get("Authorization") ?? "")?.[1] ?? null,
    idempotencyKey: request.headers.get("Idempotency-Key"),
    incoming: incoming.value,
    target: {
      ...(params["workspaceId"] === undefined ? {} : { workspaceId: params["workspaceId"] }),
      ...(params["fileId"] === undefined ? {} : { fileId: params["fileId"] }),
      ...(byPath && path !== undefined ? { path } : {}),
    },
    input: { ...(byPath ? rest : query.value), ...body.value, ...headerInput(operation, request), ...own },
  });
}

function headerInput(operation: Operation, request: Request): Record<string, string> {
  const entries = Object.entries<string | undefined>(operation.headers ?? {});
  return Object.fromEntries(
    entries.flatMap(([field, header]) => {
      const value = header === undefined ? null : request.headers.get(header);
      return value === null ? [] : [[field, value]];
    }),
  );
}

const invalid = (at: string, message: string): Result<never> =>
  err({ code: "input_invalid", issues: [{ at, message }] });

/** The query's fields. What could be read in two ways is refused: a wrong guess would mean another file. */
function readQuery(url: string): Result<Record<string, string>> {
  const start = url.indexOf("?");
  if (start === -1) return ok({});
  const search = url.slice(start);
  const searchParams = new URLSearchParams(search);
  try {
    decodeURIComponent(search);
  } catch {
    return invalid("query", "is not percent-encoded UTF-8");
  }
  const twice = [...searchParams.keys()].find((name) => searchParams.getAll(name).length > 1);
  return twice === undefined ? ok(Object.fromEntries(searchParams)) : invalid(twice, "is given more than once");
}

/** A JSON object, or nothing, which is an empty one. Whatever type the client says it is. */
async function readJson(request: Request): Promise<Result<Record<string, unknown>>> {
  const maxBytes = LIMITS.JSON_BODY_MAX_BYTES;
  const bytes = await readUpTo(request.body, maxBytes, { code: "content_too_large", maxBytes });
  if (!bytes.ok) return bytes;
  const text = new TextDecoder().decode(bytes.value);
  if (text.trim() === "") return ok({});
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? ok({ ...value }) : invalid("body", "must be a JSON object");
  } catch {
    return invalid("body", "is not JSON");
  }
}

/** What curl says when it was told nothing about the type. */
const UNTOLD = "application/x-www-form-urlencoded";
const ANY_TYPE = "application/octet-stream";

function incomingOf(request: Request): Result<Incoming> {
  const told = request.headers.get("Content-Type") ?? "";
  const contentType = told === "" || told === UNTOLD || told.length > LIMITS.CONTENT_TYPE_MAX_CHARS ? ANY_TYPE : told;
  const length = request.headers.get("Content-Length");
  const digest = request.headers.get("Repr-Digest") ?? request.headers.get("Content-Digest");
  const sha256 = digest === null ? null : digestOf(digest);
  if (digest !== null && sha256 === null) {
    return err({ code: "input_invalid", issues: [{ at: "Repr-Digest", message: "must be sha-256=:…: (RFC 9530)" }] });
  }
  const body = request.body as ReadableStream<Uint8Array> | null;
  return ok({ body, length: body === null ? 0 : length === null ? null : Number(length), contentType, sha256 });
}

function digestOf(header: string): string | null {
  const encoded = /sha-256=:([A-Za-z0-9+/]{43}=):/.exec(header)?.[1];
  return encoded === undefined ? null : Uint8Array.fromBase64(encoded).toHex();
}
