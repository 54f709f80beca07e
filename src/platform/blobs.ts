// Owns the way of contents in and out: small ones travel with the call, large ones go straight to R2 under a key that
// is never written twice. Hashing happens on the way, natively.

import type { ContentSource, NewContent } from "../domain/content.ts";
import { LIMITS } from "../domain/limits.ts";
import type { ByteRange } from "../domain/ranges.ts";
import type { Problem } from "../domain/problems.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { sha256Hex } from "./encoding.ts";

/** Content as a caller hands it over. */
export interface Incoming {
  body: ReadableStream<Uint8Array> | null;
  /** Bytes; null when the caller does not say. */
  length: number | null;
  contentType: string;
  /** SHA-256 that the caller says the content has, hex; null when it does not say. */
  sha256: string | null;
}

/** Content small enough to be in memory, or a stream of known length on its way to the blob store. */
export type Received = { kind: "inline"; content: NewContent } | { kind: "stream"; length: number };

/** Takes in what is small, and looks at what is large. */
export async function receive({ body, length, contentType, sha256 }: Incoming): Promise<Result<Received>> {
  if (length !== null && length > LIMITS.FILE_MAX_BYTES) {
    return err({ code: "content_too_large", maxBytes: LIMITS.FILE_MAX_BYTES });
  }
  if (length !== null && length > LIMITS.INLINE_MAX_BYTES) return ok({ kind: "stream", length });
  const read = await readUpTo(body, LIMITS.INLINE_MAX_BYTES, { code: "length_required" });
  if (!read.ok) return read;
  const bytes = read.value;
  if (length !== null && bytes.length !== length) return err({ code: "content_incomplete" });
  const hash = await sha256Hex(bytes);
  if (sha256 !== null && sha256 !== hash) return err({ code: "digest_mismatch" });
  return ok({ kind: "inline", content: { kind: "inline", bytes, sha256: hash, size: bytes.length, contentType } });
}

/** All bytes of a body, up to `max`. */
export async function readUpTo(
  body: ReadableStream | null,
  max: number,
  tooMany: Problem,
): Promise<Result<Uint8Array<ArrayBuffer>>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    for await (const chunk of (body ?? []) as ReadableStream<Uint8Array<ArrayBuffer>>) {
      size += chunk.length;
      if (size > max) return err(tooMany);
      chunks.push(chunk);
    }
  } catch {
    // The sender broke off, and may still be listening.
    return err({ code: "content_incomplete" });
  }
  // What is small arrives in one piece.
  const [only] = chunks;
  return ok(chunks.length === 1 && only !== undefined ? only : new Uint8Array(await new Blob(chunks).arrayBuffer()));
}

/** Streams a body of known length into the blob store. What arrives short or with another digest is refused. */
export async function putBlob(
  bucket: R2Bucket,
  key: string,
  incoming: Incoming,
  length: number,
): Promise<Result<NewContent>> {
  const { body, contentType, sha256 } = incoming;
  if (body === null) return err({ code: "content_incomplete" });
  const fixed = new FixedLengthStream(length);
  const digest = new crypto.DigestStream("SHA-256");
  const put = bucket.put(key, fixed.readable, sha256 === null ? {} : { sha256 }).catch(async (error: unknown) => {
    // A store that has failed before it reads would leave the sender waiting for ever. One that reads ends that itself.
    await fixed.readable.cancel(error).catch(() => undefined);
    throw error;
  });
  const [arrived, stored] = await Promise.allSettled([pump(body, [fixed.writable, digest], length), put]);
  if (arrived.status === "fulfilled" && !arrived.value) return err({ code: "content_incomplete" });
  if (arrived.status === "rejected") return blobStoreFailed(arrived.reason);
  const hash = new Uint8Array(await digest.digest).toHex();
  if (sha256 !== null && sha256 !== hash) return err({ code: "digest_mismatch" });
  if (stored.status === "rejected") return blobStoreFailed(stored.reason);
  return ok({ kind: "blob", key, sha256: hash, size: length, contentType });
}

/** The SHA-256 of a body that is not kept, hex; null when it does not arrive whole. */
export async function digestOf(body: ReadableStream<Uint8Array> | null): Promise<string | null> {
  const digest = new crypto.DigestStream("SHA-256");
  const arrived = await body?.pipeTo(digest).catch(() => null);
  return arrived === undefined && body !== null ? new Uint8Array(await digest.digest).toHex() : null;
}

/** Copies a body into several sinks. False when the body is at fault; rejects when a sink is. */
async function pump(
  body: ReadableStream<Uint8Array>,
  sinks: WritableStream<Uint8Array>[],
  length: number,
): Promise<boolean> {
  const writers = sinks.map((sink) => sink.getWriter());
  const chunks = body.getReader();
  for (let rest = length; ;) {
    const next = await chunks.read().catch(() => null);
    const size = next?.value?.length ?? 0;
    if (next === null || size > rest || (next.done && rest > 0)) {
      await Promise.allSettled(writers.map((writer) => writer.abort("the body is not as long as was said")));
      return false;
    }
    if (next.done) break;
    rest -= size;
    await Promise.all(writers.map((writer) => writer.write(next.value)));
  }
  await Promise.all(writers.map((writer) => writer.close()));
  return true;
}

/** Opens a version's bytes, or a range of them. */
export async function openContent(
  bucket: R2Bucket,
  source: ContentSource,
  range: ByteRange | null,
): Promise<Result<Uint8Array | ReadableStream<Uint8Array>>> {
  if (source.kind === "inline") {
    return ok(range === null ? source.bytes : source.bytes.subarray(range.offset, range.offset + range.length));
  }
  try {
    const object = await bucket.get(source.key, range === null ? {} : { range });
    return object === null ? blobStoreFailed("a committed blob is missing") : ok(object.body);
  } catch (error) {
    return blobStoreFailed(error);
  }
}

function blobStoreFailed(error: unknown): Result<never> {
  console.warn({ message: "blob store failed", error: String(error) });
  return err({ code: "unavailable", part: "blob store", retryAfterMs: LIMITS.SHIP_RETRY_MIN_MS });
}
