// Owns how benches speak to Holdfast: the calls that they need, as one agent, typed. A refusal is a value with its code;
// `expected` turns one that should not have been into an exception.

import { z } from "zod";
import type { Http, Received, Sent } from "./http.ts";

export type Reply<T> =
  | { ok: true; value: T; etag: string | null }
  | { ok: false; status: number; code: string; detail: string };

/** A file, by id (one hop) or by path (two). */
export type FileRef = string | { workspaceId: string; path: string };

/** What a write stands on: the version it replaces, or the lock it holds. */
export interface Terms {
  ifMatch?: string;
  ifNoneMatch?: string;
  lock?: string;
  /** Release the lock with the commit. */
  release?: true;
}

export interface LockRequest {
  level: "read" | "write" | "exclusive";
  /** Seconds. */
  ttl: number;
  /** Seconds in the queue. */
  wait?: number;
  purpose?: string;
  /** Answer the content along with the lock. */
  content?: true;
}

const Problem = z.object({ code: z.string(), detail: z.string() });
const Identified = z.object({ id: z.string() });
const NewOrganization = z.object({ organization: Identified, key: z.string() });
const NewAgent = z.object({ agent: Identified, key: z.string() });
const NewWorkspace = z.object({ workspace: Identified });
const File = z.object({ fileId: z.string(), version: z.number(), etag: z.string() });
const Standing = z.discriminatedUnion("status", [
  z.object({
    status: z.literal("granted"),
    lockId: z.string(),
    fencingToken: z.number(),
    expiresIn: z.number(),
    content: z.object({ encoding: z.string(), data: z.string() }).nullish(),
  }),
  z.object({ status: z.literal("queued"), ticket: z.string(), position: z.number(), queueLength: z.number() }),
]);
const Overview = z.object({ queue: z.array(z.object({ holder: z.string() })) });
const Listing = z.object({ files: z.array(z.object({ path: z.string(), etag: z.string() })) });
const Events = z.object({
  events: z.array(
    z.object({ seq: z.number(), action: z.string(), code: z.string().nullable(), agent: z.string().nullable() }),
  ),
});

export type Granted = Extract<z.infer<typeof Standing>, { status: "granted" }>;

export class Holdfast {
  readonly #http: Http;
  readonly #authorization: string;

  constructor(http: Http, key: string) {
    this.#http = http;
    this.#authorization = `Bearer ${key}`;
  }

  createOrganization = (name: string) => this.#json(NewOrganization, "POST", "/api/organizations", { name });
  createWorkspace = (name: string) => this.#json(NewWorkspace, "POST", "/api/workspaces", { name });
  createAgent = (name: string) => this.#json(NewAgent, "POST", "/api/agents", { name });
  setMember = (workspaceId: string, agentId: string, role: string) =>
    this.#json(z.object({}), "PUT", `/api/workspaces/${workspaceId}/members/${agentId}`, { role });

  list = (workspaceId: string, folder: string) =>
    this.#json(Listing, "GET", `/api/workspaces/${workspaceId}/files?folder=${encodeURIComponent(folder)}`);
  /** Refused actions on a workspace, newest first. */
  refusals = (workspaceId: string) =>
    this.#json(Events, "GET", `/api/workspaces/${workspaceId}/events?outcome=refused&limit=1000`);

  async read(file: FileRef): Promise<Reply<string>> {
    const received = await this.#send("GET", urlOf(file, "/content"));
    return received.status === 200 ? { ok: true, value: received.text, etag: received.etag } : refusalOf(received);
  }

  async write(file: FileRef, body: string | Uint8Array, { ifMatch, ifNoneMatch, lock, release }: Terms = {}) {
    const headers = {
      ...(ifMatch === undefined ? {} : { "If-Match": ifMatch }),
      ...(ifNoneMatch === undefined ? {} : { "If-None-Match": ifNoneMatch }),
      ...(lock === undefined ? {} : { "Holdfast-Lock": lock }),
    };
    return replyOf(
      File,
      await this.#send("PUT", urlOf(file, "/content", release ? { release: "true" } : {}), { headers, body }),
    );
  }

  /** One request: granted, or queued when `wait` ran out (or refused, without `wait`). */
  lock = (file: FileRef, asked: LockRequest) => this.#json(Standing, "POST", urlOf(file, "/lock"), asked);
  resume = (file: FileRef, ticket: string, { wait, content }: Pick<LockRequest, "wait" | "content">) =>
    this.#json(Standing, "GET", urlOf(file, `/lock/${ticket}`, { wait: `${wait}`, content: `${content ?? false}` }));
  renew = (file: FileRef, lock: string) => this.#json(z.object({}), "POST", urlOf(file, `/lock/${lock}/renew`), {});
  release = (file: FileRef, lock: string) => this.#json(z.object({}), "DELETE", urlOf(file, `/lock/${lock}`));
  locks = (file: FileRef) => this.#json(Overview, "GET", urlOf(file, "/lock"));

  /** Waits in the queue for as long as it takes. */
  async acquire(file: FileRef, asked: LockRequest & { wait: number }): Promise<Granted> {
    let standing = expected(await this.lock(file, asked));
    while (standing.status === "queued") {
      standing = expected(await this.resume(file, standing.ticket, asked));
    }
    return standing;
  }

  async #json<T>(schema: z.ZodType<T>, method: string, path: string, body?: object): Promise<Reply<T>> {
    return replyOf(schema, await this.#send(method, path, body === undefined ? {} : { body: JSON.stringify(body) }));
  }

  #send(method: string, path: string, sent: Sent = {}): Promise<Received> {
    return this.#http.send(method, path, { ...sent, headers: { ...sent.headers, Authorization: this.#authorization } });
  }
}

function urlOf(file: FileRef, operation: string, query: Record<string, string> = {}): string {
  const base = typeof file === "string" ? `/api/files/${file}` : `/api/workspaces/${file.workspaceId}/file`;
  const params = new URLSearchParams(typeof file === "string" ? query : { path: file.path, ...query });
  return params.size === 0 ? base + operation : `${base}${operation}?${params.toString()}`;
}

function replyOf<T>(schema: z.ZodType<T>, received: Received): Reply<T> {
  const { status, etag, text } = received;
  return status < 300 ? { ok: true, value: schema.parse(JSON.parse(text)), etag } : refusalOf(received);
}

function refusalOf({ status, text }: Received): Extract<Reply<never>, { ok: false }> {
  return { ok: false, status, ...Problem.parse(JSON.parse(text)) };
}

/** The value of an answer that has no reason to be a refusal. */
export function expected<T>(reply: Reply<T>): T {
  if (reply.ok) return reply.value;
  throw new Error(`unexpected refusal ${reply.status} ${reply.code}: ${reply.detail}`);
}
