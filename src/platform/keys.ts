// Owns credentials: API keys and the tokens of invitations and transfers. Each carries what it is about and is signed,
// so the edge verifies it without asking anybody:
//
//   prefix base64url( ids, 16 bytes each · HMAC-SHA-256 over prefix and ids, 32 )
//   hfk_  an agent's key      organization · principal · key
//   hfp_  a person's key      organization · principal · key
//   hfi_  an invitation       organization · invitation
//   hft_  a transfer          organization · transfer
//   hfo_  base64url( 32 random bytes ): the operator's key
//
// The prefixes are for secret scanners. No credential is stored. Comparison takes constant time.

import type { Caller } from "../domain/calls.ts";
import type { InvitationId, KeyId, OrganizationId, PrincipalId, TransferId } from "../domain/ids.ts";
import { fromBase64Url, sha256, toBase64Url } from "./encoding.ts";
import { ID_BYTES } from "./ids.ts";

const MAC_BYTES = 32;
const HMAC = { name: "HMAC", hash: "SHA-256" };

/** What each kind is about, by the prefixes of the ids it carries. */
const KINDS = {
  hfk_: ["org_", "agt_", "key_"],
  hfp_: ["org_", "hum_", "key_"],
  hfi_: ["org_", "inv_"],
  hft_: ["org_", "trf_"],
} as const;
type Kind = keyof typeof KINDS;

/** Imported once for each secret: importing costs more than verifying. */
let imported: { secret: string; key: Promise<CryptoKey> } | null = null;

function signingKey(secret: string): Promise<CryptoKey> {
  if (imported?.secret !== secret) {
    const raw = new TextEncoder().encode(secret);
    imported = { secret, key: crypto.subtle.importKey("raw", raw, HMAC, false, ["sign", "verify"]) };
  }
  return imported.key;
}

function signed(kind: Kind, claims: Uint8Array): Uint8Array<ArrayBuffer> {
  const prefix = new TextEncoder().encode(kind);
  const bytes = new Uint8Array(prefix.length + claims.length);
  bytes.set(prefix);
  bytes.set(claims, prefix.length);
  return bytes;
}

/** The same ids give the same text, so a repeated request can be answered again. */
async function mint(secret: string, kind: Kind, ids: string[]): Promise<string> {
  const bytes = new Uint8Array(ids.length * ID_BYTES + MAC_BYTES);
  for (const [index, id] of ids.entries()) {
    bytes.set(fromBase64Url(id.slice(id.indexOf("_") + 1)) ?? [], index * ID_BYTES);
  }
  const claims = bytes.slice(0, ids.length * ID_BYTES);
  const mac = await crypto.subtle.sign(HMAC, await signingKey(secret), signed(kind, claims));
  bytes.set(new Uint8Array(mac), claims.length);
  return kind + toBase64Url(bytes);
}

/** The ids that a text carries; null unless this deployment signed it. */
async function verify(secret: string, kind: Kind, text: string): Promise<string[] | null> {
  const prefixes = KINDS[kind];
  const length = prefixes.length * ID_BYTES;
  const bytes = text.startsWith(kind) ? fromBase64Url(text.slice(kind.length)) : null;
  // One spelling only: decoding forgives padding and stray last bits, which would give a key several texts.
  if (bytes?.length !== length + MAC_BYTES || kind + toBase64Url(bytes) !== text) return null;
  const claims = bytes.slice(0, length);
  const valid = await crypto.subtle.verify(HMAC, await signingKey(secret), bytes.slice(length), signed(kind, claims));
  if (!valid) return null;
  return prefixes.map((prefix, index) => prefix + toBase64Url(claims.slice(index * ID_BYTES, (index + 1) * ID_BYTES)));
}

const kindOf = (principal: PrincipalId): "hfk_" | "hfp_" => (principal.startsWith("hum_") ? "hfp_" : "hfk_");

export async function mintKey(secret: string, { organization, principal, key }: Caller): Promise<string> {
  return mint(secret, kindOf(principal), [organization, principal, key]);
}

/** Who a key speaks for; null unless this deployment signed it. */
export async function verifyKey(secret: string, text: string): Promise<Caller | null> {
  const ids = await verify(secret, text.startsWith("hfp_") ? "hfp_" : "hfk_", text);
  if (ids === null) return null;
  const [organization, principal, key] = ids;
  return { organization: organization as OrganizationId, principal: principal as PrincipalId, key: key as KeyId };
}

/** An invitation, or a transfer, of an organization. */
export interface Ticket<Id> {
  organization: OrganizationId;
  id: Id;
}

export const mintInvitation = (secret: string, { organization, id }: Ticket<InvitationId>): Promise<string> =>
  mint(secret, "hfi_", [organization, id]);

export const mintTransfer = (secret: string, { organization, id }: Ticket<TransferId>): Promise<string> =>
  mint(secret, "hft_", [organization, id]);

export const verifyInvitation = (secret: string, text: string): Promise<Ticket<InvitationId> | null> =>
  verifyTicket<InvitationId>(secret, "hfi_", text);

export const verifyTransfer = (secret: string, text: string): Promise<Ticket<TransferId> | null> =>
  verifyTicket<TransferId>(secret, "hft_", text);

async function verifyTicket<Id>(secret: string, kind: "hfi_" | "hft_", text: string): Promise<Ticket<Id> | null> {
  const ids = await verify(secret, kind, text);
  return ids === null ? null : { organization: ids[0] as OrganizationId, id: ids[1] as Id };
}

/** Whether `text` is the key whose SHA-256 is `hash` (hex). */
export async function matchesHash(text: string, hash: string): Promise<boolean> {
  const stored = /^[0-9a-f]{64}$/.test(hash) ? Uint8Array.fromHex(hash) : new Uint8Array(32);
  return crypto.subtle.timingSafeEqual(await sha256(text), stored);
}
