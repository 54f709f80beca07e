// Owns the making and recognizing of identifiers.

import type { PrincipalId, FileId, KeyId, LockId, OrganizationId, WorkspaceId } from "../domain/ids.ts";
import { toBase64Url } from "./encoding.ts";

export const ID_BYTES = 16;

const random = (): string => toBase64Url(crypto.getRandomValues(new Uint8Array(ID_BYTES)));

export const newOrganizationId = (): OrganizationId => `org_${random()}` as OrganizationId;
export const newAgentId = (): PrincipalId => `agt_${random()}` as PrincipalId;
export const newKeyId = (): KeyId => `key_${random()}` as KeyId;
export const newLockId = (): LockId => `lk_${random()}` as LockId;
export const newRequestId = (): string => random();

export const LOCK_ID_PATTERN = /^lk_[\w-]{22}$/;
export const AGENT_ID_PATTERN = /^agt_[\w-]{22}$/;

/** A forged object id is refused here, at the edge, without asking anybody. */
export function isFileId(env: Env, text: string): text is FileId {
  return isObjectId(env.FILES, text);
}
export function isWorkspaceId(env: Env, text: string): text is WorkspaceId {
  return isObjectId(env.WORKSPACES, text);
}

interface Namespace {
  idFromString(id: string): DurableObjectId;
}

function isObjectId(namespace: Namespace, text: string): boolean {
  try {
    return namespace.idFromString(text).toString() === text;
  } catch {
    return false;
  }
}
