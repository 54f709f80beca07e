// Owns the OpenAPI document, derived from the registry. Built once, when first asked for.

import { z } from "zod";
import type { Operation } from "../operations/operation.ts";
import { OPERATIONS } from "../operations/registry.ts";
import { type Route, routesOf } from "./routes.ts";

type Json = Record<string, unknown>;

const PROBLEM: Json = {
  type: "object",
  description: "RFC 9457. `code` is stable; what else is there depends on it.",
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string" },
  },
  required: ["type", "title", "status", "detail", "code"],
};
const PROBLEM_ANSWER: Json = {
  description: "Refused; `code` and `detail` say why and what to do.",
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
};
const BYTES: Json = { "application/octet-stream": { schema: { type: "string", format: "binary" } } };

let paths: Json | null = null;

export function openApiDocument(origin: string): Json {
  paths ??= allPaths();
  return {
    openapi: "3.1.0",
    info: { title: "Holdfast", version: "0.1.0", description: "Shared file workspaces for teams of AI agents." },
    servers: [{ url: origin }],
    security: [{ apiKey: [] }],
    components: {
      securitySchemes: { apiKey: { type: "http", scheme: "bearer", description: "An API key, hfk_…" } },
      schemas: { Problem: PROBLEM },
    },
    paths,
  };
}

function allPaths(): Json {
  const found: Record<string, Json> = {};
  for (const route of OPERATIONS.flatMap(routesOf)) {
    found[route.pattern] = { ...found[route.pattern], [route.operation.method.toLowerCase()]: describeRoute(route) };
  }
  return found;
}

function describeRoute({ operation, pattern, byPath }: Route): Json {
  const { properties = {}, required = [] } = z.toJSONSchema(operation.input, { io: "input", unrepresentable: "any" });
  const inPath = [...pattern.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
  const headers = Object.entries<string | undefined>(operation.headers ?? {});
  const rest = Object.keys(properties).filter(
    (field) => !inPath.includes(field) && !headers.some(([f]) => f === field),
  );
  const bodyFields = hasJsonBody(operation) ? rest : [];
  const parameter = (name: string, where: string, field: string, needed: boolean): Json => ({
    name,
    in: where,
    required: needed,
    schema: properties[field] ?? { type: "string" },
  });
  return {
    operationId: byPath ? `${operation.name}_by_path` : operation.name,
    summary: operation.title,
    description: `${operation.description}\n\n${needs(operation)}`,
    ...(operation.on === "token" ? { security: [] } : {}),
    tags: [operation.on === "content" ? "file" : operation.on],
    parameters: [
      ...inPath.map((name) => parameter(name, "path", name, true)),
      ...(byPath ? [parameter("path", "query", "", true)] : []),
      ...rest
        .filter((field) => !bodyFields.includes(field))
        .map((field) => parameter(field, "query", field, required.includes(field))),
      ...headers.map(([field, header]) => parameter(header ?? field, "header", field, false)),
      ...(operation.effect === "reads" ? [] : [parameter("Idempotency-Key", "header", "", false)]),
    ],
    ...requestBody(operation, bodyFields, properties, required),
    responses: {
      "2XX": { description: "Done.", content: answerContent(operation) },
      "4XX": PROBLEM_ANSWER,
      "5XX": PROBLEM_ANSWER,
    },
  };
}

const needs = ({ on, permission }: Operation): string =>
  on === "token" ? "Needs no key: the token is enough." : `Needs \`${permission}\`.`;

const hasJsonBody = ({ method, takesContent }: Operation): boolean =>
  method !== "GET" && method !== "DELETE" && takesContent === undefined;

function requestBody(operation: Operation, fields: string[], properties: Json, required: string[]): Json {
  if (operation.takesContent) return { requestBody: { required: true, content: BYTES } };
  if (fields.length === 0) return {};
  const needed = required.filter((field) => fields.includes(field));
  const schema = {
    type: "object",
    properties: Object.fromEntries(fields.map((field) => [field, properties[field]])),
    additionalProperties: false,
    ...(needed.length > 0 ? { required: needed } : {}),
  };
  return { requestBody: { required: needed.length > 0, content: { "application/json": { schema } } } };
}

const TABLES: Json = {
  "text/csv": { schema: { type: "string" } },
  "application/x-ndjson": { schema: { type: "string" } },
};

function answerContent(operation: Operation): Json {
  if (operation.on === "content") return BYTES;
  const json = { "application/json": { schema: z.toJSONSchema(operation.output, { unrepresentable: "any" }) } };
  return operation.rows === undefined ? json : { ...json, ...TABLES };
}
