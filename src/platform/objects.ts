// Owns how the Worker reaches the objects. What fails on the way becomes a value; a failure that the platform calls
// retryable is tried once more, with a fresh stub, where repeating is harmless.

import type { FileId, OrganizationId, WorkspaceId } from "../domain/ids.ts";
import { err, type Result } from "../domain/result.ts";

export type FileStub = ReturnType<typeof fileStub>;
export type WorkspaceStub = ReturnType<typeof workspaceStub>;
export type OrganizationStub = ReturnType<typeof organizationStub>;

export const fileStub = (env: Env, id: FileId) => env.FILES.get(env.FILES.idFromString(id));
export const workspaceStub = (env: Env, id: WorkspaceId) => env.WORKSPACES.get(env.WORKSPACES.idFromString(id));
export const organizationStub = (env: Env, id: OrganizationId) =>
  env.ORGANIZATIONS.get(env.ORGANIZATIONS.idFromName(id));

const RETRY_AFTER_MS = 1000;

/** Asks an object. `ask` takes a new stub at each call, since one that has thrown is broken. */
export async function reach<T>(
  part: "file" | "workspace" | "organization",
  repeatable: boolean,
  ask: () => Promise<Result<T>>,
): Promise<Result<T>> {
  try {
    return await plain(ask());
  } catch (error) {
    if (repeatable && isRetryable(error)) return reach(part, false, ask);
    console.warn({ message: "object not reached", part, error: String(error) });
    return err({ code: "unavailable", part, retryAfterMs: RETRY_AFTER_MS });
  }
}

/**
 * The answer of a call between objects, or into one, that is plain data. It holds the call's session open until it is
 * disposed of, and with it the called object in memory, for as long as the caller lives.
 */
export async function plain<P extends Promise<unknown>>(call: P): Promise<Awaited<P>> {
  const answer = await call;
  (answer as Partial<Disposable> | null)?.[Symbol.dispose]?.();
  return answer;
}

function isRetryable(error: unknown): boolean {
  const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
  return retryable === true && overloaded !== true;
}
