// Owns the operations on a file and its contents.

import { z } from "zod";
import type { Call } from "../domain/calls.ts";
import type { Announced, FileView, NewContent, WriteTerms } from "../domain/content.ts";
import type { FileId, LockId } from "../domain/ids.ts";
import { LIMITS } from "../domain/limits.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { names } from "../domain/versions.ts";
import { digestOf, openContent, putBlob, receive } from "../platform/blobs.ts";
import { type FileStub, fileStub, reach } from "../platform/objects.ts";
import { TurnSocket } from "../platform/turns.ts";
import { type Context, contentOperation, type FileContext, fileOperation, type NewFileContext } from "./operation.ts";
import { DONE, done, file, flag, limit, lockId, path, showFile, showVersion, version, wait } from "./schemas.ts";

const preconditions = {
  ifMatch: z.string().optional().describe("entity tags that the present version must be one of; * for any"),
  ifNoneMatch: z.string().optional().describe("* to write only if nothing is there"),
  lock: lockId.optional().describe("the id of the lock you hold"),
};
const PRECONDITION_HEADERS = { ifMatch: "If-Match", ifNoneMatch: "If-None-Match", lock: "Holdfast-Lock" };

interface Preconditions {
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
  lock?: LockId | undefined;
  release?: boolean | undefined;
}

const toTerms = ({ ifMatch, ifNoneMatch, lock, release }: Preconditions): WriteTerms => ({
  ifMatch: ifMatch ?? null,
  ifNoneMatch: ifNoneMatch ?? null,
  lock: lock ?? null,
  release: release ?? false,
});

const getFile = fileOperation({
  name: "get_file",
  title: "Look at a file",
  description: "A file's path, version, size, digest and writer, without its content.",
  method: "GET",
  path: "",
  permission: "files:read",
  effect: "reads",
  input: z.strictObject({}),
  output: file,
  async handle({ file, call }) {
    const view = await reach("file", true, () => file().view(call));
    return view.ok ? ok(showFile(view.value)) : view;
  },
});

const readFile = contentOperation({
  name: "read_file",
  title: "Read a file",
  description:
    "A file's last committed content, or that of an older version. No lock is needed; the header Holdfast-Writer says if somebody holds it for writing. Range, If-None-Match and HEAD work.",
  method: "GET",
  path: "/content",
  permission: "files:read",
  effect: "reads",
  input: z.strictObject({ version: z.coerce.number().int().min(1).optional() }),
  async handle({ file, call }, input) {
    const content = await reach("file", true, () => file().read(call, input.version ?? null));
    return content.ok ? ok({ view: content.value, source: content.value.source }) : content;
  },
});

const listVersions = fileOperation({
  name: "list_versions",
  title: "List versions",
  description: "A file's versions, newest first, in pages. Each can be read with read_file's `version`.",
  method: "GET",
  path: "/versions",
  permission: "files:read",
  effect: "reads",
  input: z.strictObject({
    limit,
    cursor: z.coerce.number().int().min(1).optional().describe("`next` of the page before"),
  }),
  output: z.object({ versions: z.array(version), next: z.number().nullable() }),
  async handle({ file, call }, { limit, cursor }) {
    const found = await reach("file", true, () => file().versions(call, cursor ?? null, limit));
    if (!found.ok) return found;
    const oldest = found.value.at(-1)?.n ?? 1;
    const next = found.value.length === limit && oldest > 1 ? oldest : null;
    return ok({ versions: found.value.map(showVersion), next });
  },
});

const writeFile = fileOperation({
  name: "write_file",
  title: "Write a file",
  description:
    "Writes a file's whole content as its next version, atomically. Overwriting needs the lock you hold (Holdfast-Lock) or If-Match; by path, a file that is not there is created. Under a read or write lock the commit waits up to `wait` seconds for readers.",
  method: "PUT",
  path: "/content",
  permission: "files:write",
  effect: "writes",
  takesContent: true,
  headers: PRECONDITION_HEADERS,
  input: z.strictObject({
    ...preconditions,
    release: flag.describe("release the lock with the commit, in one step"),
    wait: wait.default(LIMITS.CONVERSION_WAIT_MS / 1000),
  }),
  output: file,
  status: (answer) => (answer.version === 1 ? 201 : 200),
  async handle(context, input) {
    const { file, call, repeatable } = context;
    const terms = toTerms(input);
    const taken = await takeIn(context, () =>
      reach("file", false, () => file().beginUpload(call, terms, context.request)),
    );
    if (!taken.ok) return taken;
    const { content } = taken.value;
    if (content === null) return showFor(taken.value.answered, taken.value.sha256);
    const commit = () => reach("file", repeatable, () => file().write(call, content, terms, context.request));
    const written = await commitWhenReadersAreGone(context, commit, terms.lock, input.wait);
    return written.ok ? showFor(written.value, content.sha256) : written;
  },
  async create(context, input) {
    if (input.lock !== undefined) return err({ code: "not_found", what: "file" });
    if (input.ifMatch !== undefined) return err({ code: "precondition_failed", etag: null });
    const created = await createFile(context, context.call);
    const isThere = !created.ok && created.problem.code === "path_taken" && created.problem.by === "file";
    if (isThere && input.ifNoneMatch !== undefined && names(input.ifNoneMatch, "*")) {
      return err({ code: "precondition_failed", etag: null });
    }
    return created.ok ? showFor(created.value.view, created.value.sha256) : created;
  },
});

const deleteFile = fileOperation({
  name: "delete_file",
  title: "Delete a file",
  description: "Deletes a file with all its versions. Needs the lock you hold (Holdfast-Lock) or If-Match.",
  method: "DELETE",
  path: "",
  permission: "files:write",
  effect: "destroys",
  headers: PRECONDITION_HEADERS,
  input: z.strictObject(preconditions),
  output: done,
  async handle({ file, call, repeatable }, input) {
    const deleted = await reach("file", repeatable, () => file().delete(call, toTerms(input)));
    return deleted.ok ? ok(DONE) : deleted;
  },
});

const moveFile = fileOperation({
  name: "move_file",
  title: "Move a file",
  description:
    "Gives a file another path in its workspace, where you must be allowed to write as well; and here to read. Its id, versions and locks stay. Refused while somebody else holds a lock on it, or the new path is taken.",
  method: "POST",
  path: "/move",
  permission: "files:write",
  effect: "writes",
  headers: { lock: "Holdfast-Lock" },
  input: z.strictObject({ to: path, lock: lockId.optional().describe("the id of the lock you hold") }),
  output: file,
  async handle({ file, call, repeatable }, input) {
    const moved = await reach("file", repeatable, () => file().move(call, input.to, input.lock ?? null));
    return moved.ok ? ok(showFile(moved.value)) : moved;
  },
});

const copyFile = fileOperation({
  name: "copy_file",
  title: "Copy a file",
  description:
    "Copies a file's last committed content, which you must be allowed to read as well, to a new file in the same workspace.",
  method: "POST",
  path: "/copy",
  permission: "files:write",
  effect: "writes",
  input: z.strictObject({ to: path }),
  output: file,
  status: () => 201,
  async handle(context, input) {
    const { env, file, call } = context;
    // The source records the copying too, and refuses those who may not copy.
    const read = await reach("file", true, () => file().read({ ...call, idempotency: null }, null));
    if (!read.ok) return read;
    const { workspace, version, source } = read.value;
    const body = await openContent(env.BLOBS, source, null);
    if (!body.ok) return body;
    const { size, sha256, contentType } = version;
    const incoming = { body: streamOf(body.value), length: size, sha256, contentType };
    const created = await createFile(
      { ...context, incoming, workspaceId: workspace, path: input.to },
      { ...call, lease: null },
    );
    return created.ok ? ok(showFile(created.value.view)) : created;
  },
});

const streamOf = (content: Uint8Array | ReadableStream<Uint8Array>): ReadableStream<Uint8Array> =>
  content instanceof ReadableStream ? content : new Blob([content]).stream();

/** Content that was taken in; or, of a request that was answered before, that answer. With the digest of what came. */
type Taken = { sha256: string | null } & ({ content: NewContent } | { content: null; answered: FileView });

/** Takes content in: small content is read, large content is put under a key that the file announced before. */
async function takeIn({ env, incoming }: Context, announce: () => Promise<Result<Announced>>): Promise<Result<Taken>> {
  const received = await receive(incoming);
  if (!received.ok) return received;
  if (received.value.kind === "inline") return ok(asTaken(received.value.content));
  const announced = await announce();
  if (!announced.ok) return announced;
  if ("answered" in announced.value) {
    return ok({ content: null, ...announced.value, sha256: await digestOf(incoming.body) });
  }
  const content = await putBlob(env.BLOBS, announced.value.key, incoming, received.value.length);
  return content.ok ? ok(asTaken(content.value)) : content;
}

const asTaken = (content: NewContent): Taken => ({ content, sha256: content.sha256 });

/** Shows what was written; but not to a repetition with other bytes, which its Idempotency-Key does not stand for. */
function showFor(view: FileView, sha256: string | null): Result<z.infer<typeof file>> {
  return view.version.sha256 === sha256 ? ok(showFile(view)) : err({ code: "idempotency_key_reused" });
}

/** Creates a file: the Worker mints its id and calls its object first, so that it lives near its creator. */
async function createFile(
  context: Omit<NewFileContext, "workspace">,
  call: Call,
): Promise<Result<{ view: FileView; sha256: string | null }>> {
  const { env, workspaceId: workspace, path, request } = context;
  const id = newFileId(env, call, workspace);
  const file = (): FileStub => fileStub(env, id);
  const taken = await takeIn(context, () =>
    reach("file", false, () => file().beginCreation(call, workspace, path, request)),
  );
  if (!taken.ok) return taken;
  const { content, sha256 } = taken.value;
  if (content === null) return ok({ view: taken.value.answered, sha256 });
  const made = { workspace, path, content, ifMatch: null };
  const created = await reach("file", context.repeatable, () => file().create(call, made, request));
  return created.ok ? ok({ view: created.value, sha256 }) : created;
}

/** The same Idempotency-Key names the same object, so a repeated creation finds its first self. */
function newFileId({ FILES }: Env, { caller, idempotency }: Call, workspace: string): FileId {
  const id =
    idempotency === null
      ? FILES.newUniqueId()
      : FILES.idFromName(`${workspace} ${caller.principal} ${idempotency.key}`);
  return id.toString() as FileId;
}

/** A commit under a lock converts it U→X for an instant: readers that are there are waited for, within bounds. */
async function commitWhenReadersAreGone(
  { file, call, signal }: FileContext,
  commit: () => Promise<Result<FileView>>,
  lock: LockId | null,
  waitSeconds: number,
): Promise<Result<FileView>> {
  const deadline = Date.now() + waitSeconds * 1000;
  const first = await commit();
  if (first.ok || first.problem.code !== "readers_present" || lock === null) return first;
  const socket = await TurnSocket.open(
    file(),
    { call: { ...call, lease: null, idempotency: null }, lock, content: false },
    signal,
  );
  try {
    const came = socket !== null && (await socket.turn(deadline));
    const second = came ? await commit() : first;
    const inVain = !second.ok && second.problem.code === "readers_present";
    if (inVain) await reach("file", true, () => file().endConversion(call, lock));
    return second;
  } finally {
    socket?.close();
  }
}

export const fileOperations = [getFile, readFile, listVersions, writeFile, deleteFile, moveFile, copyFile];
