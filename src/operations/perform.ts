// Owns the way of every request through an operation, whichever face it came by: who asks, is the input good, what is
// it about, then the handler. Authorization proper happens in the object, under the permission declared here.

import type { z } from "zod";
import type { Call, Called, Caller, Idempotency } from "../domain/calls.ts";
import { parsePath } from "../domain/paths.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { Incoming } from "../platform/blobs.ts";
import { sha256Hex } from "../platform/encoding.ts";
import { isFileId, isWorkspaceId, newRequestId } from "../platform/ids.ts";
import { matchesHash, verifyKey } from "../platform/keys.ts";
import { fileStub, organizationStub, reach, workspaceStub } from "../platform/objects.ts";
import { LIMITS } from "../domain/limits.ts";
import type {
  CallContext,
  ContentAnswer,
  ContentOperation,
  Context,
  FileOperation,
  Operation,
  OrganizationOperation,
  WorkspaceContext,
  WorkspaceOperation,
} from "./operation.ts";

/** What a face has gathered of a request; nothing in it is trusted yet. */
export interface Asked {
  env: Env;
  signal: AbortSignal;
  apiKey: string | null;
  idempotencyKey: string | null;
  incoming: Incoming;
  /** What the operation is about: parts of it are missing where the operation needs none. */
  target: { workspaceId?: string; fileId?: string; path?: string };
  input: Record<string, unknown>;
}

export type Performed = { kind: "json"; status: number; answer: unknown } | { kind: "content"; answer: ContentAnswer };

export async function perform(operation: Operation, asked: Asked): Promise<Result<Performed>> {
  const caller = await callerOf(operation, asked);
  if (!caller.ok) return caller;
  const parsed = operation.input.safeParse(asked.input);
  if (!parsed.success) return err({ code: "input_invalid", issues: issuesOf(parsed.error) });
  const idempotency = await idempotencyOf(operation, asked);
  if (!idempotency.ok) return idempotency;
  const context: Context = {
    env: asked.env,
    signal: asked.signal,
    request: newRequestId(),
    incoming: asked.incoming,
    repeatable: operation.effect === "reads" || idempotency.value !== null,
  };
  const { data } = parsed;
  if (operation.on === "deployment")
    return asJson(operation, await operation.handle({ ...context, idempotency: idempotency.value }, data));
  if (operation.on === "token") {
    const withToken = { ...context, caller: caller.value, idempotency: idempotency.value };
    return asJson(operation, await operation.handle(withToken, data));
  }
  if (caller.value === null) return err({ code: "unauthenticated", reason: "missing" });
  const called = { caller: caller.value, action: operation.name, idempotency: idempotency.value };
  if (operation.on === "organization") return inOrganization(operation, context, called, data);
  const call: Call = { ...called, permission: operation.permission, lease: null };
  const withCall: CallContext = { ...context, caller: caller.value, call };
  return operation.on === "workspace"
    ? inWorkspace(operation, withCall, asked, data)
    : onFile(operation, withCall, asked, data);
}

/** Whom the key speaks for; null for the operator, and for nobody where a token is enough. */
async function callerOf({ on }: Operation, { env, apiKey }: Asked): Promise<Result<Caller | null>> {
  if (apiKey === null) return on === "token" ? ok(null) : err({ code: "unauthenticated", reason: "missing" });
  const caller = await verifyKey(env.SIGNING_SECRET, apiKey);
  if (on !== "deployment") return caller === null ? err({ code: "unauthenticated", reason: "invalid" }) : ok(caller);
  if (await matchesHash(apiKey, env.OPERATOR_KEY_HASH)) return ok(null);
  return err(caller === null ? { code: "unauthenticated", reason: "invalid" } : { code: "operator_only" });
}

async function inOrganization(
  operation: OrganizationOperation<z.ZodObject, z.ZodType>,
  context: Context,
  called: Called,
  input: Record<string, unknown>,
): Promise<Result<Performed>> {
  const { caller } = called;
  const call = { ...called, permission: operation.permission };
  const organization = () => organizationStub(context.env, caller.organization);
  return asJson(operation, await operation.handle({ ...context, caller, call, organization }, input));
}

async function inWorkspace(
  operation: WorkspaceOperation<z.ZodObject, z.ZodType>,
  context: CallContext,
  asked: Asked,
  input: Record<string, unknown>,
): Promise<Result<Performed>> {
  const workspace = workspaceOf(context, asked);
  return workspace.ok ? asJson(operation, await operation.handle(workspace.value, input)) : workspace;
}

async function onFile(
  operation: FileOperation<z.ZodObject, z.ZodType> | ContentOperation<z.ZodObject>,
  context: CallContext,
  asked: Asked,
  input: Record<string, unknown>,
): Promise<Result<Performed>> {
  const { env, call } = context;
  const { fileId, path } = asked.target;
  if (fileId !== undefined) {
    if (!isFileId(env, fileId)) return err({ code: "not_found", what: "file" });
    const onIt = { ...context, fileId, file: () => fileStub(env, fileId) };
    return operation.on === "content"
      ? asContent(await operation.handle(onIt, input))
      : asJson(operation, await operation.handle(onIt, input));
  }
  const workspace = workspaceOf(context, asked);
  if (!workspace.ok) return workspace;
  if (path === undefined) return err({ code: "input_invalid", issues: [{ at: "path", message: "is needed" }] });
  const parsed = parsePath(path);
  if (!parsed.ok) return parsed;
  const found = await reach("workspace", true, () => workspace.value.workspace().resolve(call, parsed.value));
  if (!found.ok) return found;
  if (found.value === null) {
    if (operation.on === "content" || operation.create === undefined) return err({ code: "not_found", what: "file" });
    return asJson(operation, await operation.create({ ...workspace.value, path: parsed.value }, input));
  }
  const { file, lease } = found.value;
  const onIt = { ...context, call: { ...call, lease }, fileId: file, file: () => fileStub(env, file) };
  return operation.on === "content"
    ? asContent(await operation.handle(onIt, input))
    : asJson(operation, await operation.handle(onIt, input));
}

function workspaceOf(context: CallContext, { target }: Asked): Result<WorkspaceContext> {
  const { env } = context;
  const { workspaceId } = target;
  if (workspaceId === undefined || !isWorkspaceId(env, workspaceId))
    return err({ code: "not_found", what: "workspace" });
  return ok({ ...context, workspaceId, workspace: () => workspaceStub(env, workspaceId) });
}

function asJson(operation: Pick<Operation, "status">, result: Result<unknown>): Result<Performed> {
  if (!result.ok) return result;
  return ok({ kind: "json", status: operation.status?.(result.value as never) ?? 200, answer: result.value });
}

function asContent(result: Result<ContentAnswer>): Result<Performed> {
  return result.ok ? ok({ kind: "content", answer: result.value }) : result;
}

/** The caller's Idempotency-Key, bound to this operation, target and input. */
async function idempotencyOf(
  operation: Operation,
  { idempotencyKey, input, target, incoming }: Asked,
): Promise<Result<Idempotency | null>> {
  if (idempotencyKey === null || operation.effect === "reads") return ok(null);
  if (!/^[\x21-\x7e]+$/.test(idempotencyKey) || idempotencyKey.length > LIMITS.IDEMPOTENCY_KEY_MAX_CHARS) {
    const message = `must be 1 to ${LIMITS.IDEMPOTENCY_KEY_MAX_CHARS} printable ASCII characters`;
    return err({ code: "input_invalid", issues: [{ at: "Idempotency-Key", message }] });
  }
  const about = JSON.stringify([operation.name, target, input, incoming.length, incoming.sha256]);
  return ok({ key: idempotencyKey, fingerprint: await sha256Hex(about) });
}

function issuesOf(error: z.ZodError): { at: string; message: string }[] {
  return error.issues.map(({ path, message }) => ({ at: path.join("."), message }));
}
