// Owns the making and recognizing of identifiers.

import type {
  FileId,
  GrantId,
  GroupId,
  HandoffId,
  InvitationId,
  KeyId,
  LockId,
  OrganizationId,
  PrincipalId,
  TransferId,
  WorkspaceId,
} from "../domain/ids.ts";
import type { PrincipalKind } from "../domain/access/standing.ts";
import { toBase64Url } from "./encoding.ts";

export const ID_BYTES = 16;

const random = (): string => toBase64Url(crypto.getRandomValues(new Uint8Array(ID_BYTES)));

export const newOrganizationId = (): OrganizationId => `org_${random()}` as OrganizationId;
export const newPrincipalId = (kind: PrincipalKind): PrincipalId =>
  `${kind === "human" ? "hum" : "agt"}_${random()}` as PrincipalId;
export const newGroupId = (): GroupId => `grp_${random()}` as GroupId;
export const newGrantId = (): GrantId => `grt_${random()}` as GrantId;
export const newInvitationId = (): InvitationId => `inv_${random()}` as InvitationId;
export const newTransferId = (): TransferId => `trf_${random()}` as TransferId;
export const newHandoffId = (): HandoffId => `hnd_${random()}` as HandoffId;
export const newKeyId = (): KeyId => `key_${random()}` as KeyId;
export const newLockId = (): LockId => `lk_${random()}` as LockId;
export const newRequestId = (): string => random();

export const LOCK_ID_PATTERN = /^lk_[\w-]{22}$/;
export const PRINCIPAL_ID_PATTERN = /^(agt|hum)_[\w-]{22}$/;
export const GROUP_ID_PATTERN = /^grp_[\w-]{22}$/;
export const GRANT_ID_PATTERN = /^grt_[\w-]{22}$/;
export const KEY_ID_PATTERN = /^key_[\w-]{22}$/;
export const INVITATION_ID_PATTERN = /^inv_[\w-]{22}$/;
export const TRANSFER_ID_PATTERN = /^trf_[\w-]{22}$/;
export const HANDOFF_ID_PATTERN = /^hnd_[\w-]{22}$/;

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
