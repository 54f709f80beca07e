// Owns how content looks over HTTP: entity tags, conditional requests and ranges (RFC 9110), and headers that keep a
// browser from running what agents have written.

import { parseRange } from "../domain/ranges.ts";
import { etagOf, names, namesWeakly } from "../domain/versions.ts";
import type { ContentAnswer } from "../operations/operation.ts";
import { openContent } from "../platform/blobs.ts";
import { problemResponse } from "./problems.ts";

export async function contentResponse(env: Env, request: Request, { view, source }: ContentAnswer): Promise<Response> {
  const { version, writer } = view;
  const etag = etagOf(version);
  const headers = new Headers({
    ETag: etag,
    "Last-Modified": new Date(version.at).toUTCString(),
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-cache",
    "Repr-Digest": `sha-256=:${Uint8Array.fromHex(version.sha256).toBase64()}:`,
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Holdfast-File": view.file,
    "Holdfast-Version": String(version.n),
  });
  if (writer !== null) headers.set("Holdfast-Writer", writer.holder);

  // If-Match comes first (RFC 9110 §13.2.2).
  const expected = request.headers.get("If-Match");
  if (expected !== null && !names(expected, etag)) return problemResponse({ code: "precondition_failed", etag });
  const known = request.headers.get("If-None-Match");
  if (known !== null && namesWeakly(known, etag)) return new Response(null, { status: 304, headers });

  const ifRange = request.headers.get("If-Range");
  const asked = ifRange === null || ifRange === etag ? request.headers.get("Range") : null;
  const range = parseRange(asked, version.size);
  if (!range.ok) return problemResponse(range.problem);
  const length = range.value?.length ?? version.size;
  headers.set("Content-Type", version.contentType);
  headers.set("Content-Length", String(length));
  if (range.value !== null) {
    const { offset } = range.value;
    headers.set("Content-Range", `bytes ${offset}-${offset + length - 1}/${version.size}`);
  }
  const status = range.value === null ? 200 : 206;
  if (request.method === "HEAD") return new Response(null, { status, headers });
  const body = await openContent(env.BLOBS, source, range.value);
  return body.ok ? new Response(body.value as BodyInit, { status, headers }) : problemResponse(body.problem);
}
