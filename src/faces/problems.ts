// Owns how a problem looks on the wire (RFC 9457): the words for it, and its data beside them.

import type { Problem } from "../domain/problems.ts";
import { toWire } from "./words.ts";

/** `type` is the code as a relative reference; the problem's data stand beside it. */
export function problemResponse(problem: Problem): Response {
  const { status, title, detail, retryAfterMs, headers } = toWire(problem);
  const retry =
    retryAfterMs === undefined ? {} : { "Retry-After": String(Math.max(1, Math.ceil(retryAfterMs / 1000))) };
  const body = { type: `/api/docs#${problem.code}`, title, status, detail, ...(outside(problem) as object) };
  return Response.json(body, {
    status,
    headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store", ...retry, ...headers },
  });
}

const TIMES = new Set(["at", "grantedAt", "expiresAt"]);

/** The problem's data, with times in ISO 8601 and durations in seconds, as everywhere outside. */
function outside(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(outside);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => {
      if (typeof inner !== "number") return [key, outside(inner)];
      if (TIMES.has(key)) return [key, new Date(inner).toISOString()];
      return key.endsWith("Ms") ? [key.slice(0, -2), inner / 1000] : [key, inner];
    }),
  );
}
