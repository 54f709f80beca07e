// Owns API keys. A key carries who it speaks for and is signed, so the edge verifies it without asking anybody:
//
//   hfk_ base64url( organization 16 · agent 16 · key 16 · HMAC-SHA-256 over these, 32 )      107 characters after hfk_
//   hfo_ base64url( 32 random bytes )                                                        the operator's key
//
// The prefixes are for secret scanners. No key is stored; hashes are. Comparison takes constant time.

import type { Caller } from "../domain/calls.ts";
import type { PrincipalId, KeyId, OrganizationId } from "../domain/ids.ts";
import { fromBase64Url, sha256, toBase64Url } from "./encoding.ts";
import { ID_BYTES } from "./ids.ts";

const AGENT_KEY = "hfk_";
const CLAIMS_BYTES = 3 * ID_BYTES;
const MAC_BYTES = 32;
const HMAC = { name: "HMAC", hash: "SHA-256" };

/** Imported once for each secret: importing costs more than verifying. */
let imported: { secret: string; key: Promise<CryptoKey> } | null = null;

function signingKey(secret: string): Promise<CryptoKey> {
  if (imported?.secret !== secret) {
    const raw = new TextEncoder().encode(secret);
    imported = { secret, key: crypto.subtle.importKey("raw", raw, HMAC, false, ["sign", "verify"]) };
  }
  return imported.key;
}

/** The key for these claims; the same claims give the same key, so a repeated request can be answered again. */
export async function mintKey(secret: string, { organization, principal, key }: Caller): Promise<string> {
  const claims = new Uint8Array(CLAIMS_BYTES);
  for (const [index, id] of [organization, principal, key].entries()) {
    claims.set(fromBase64Url(id.slice(id.indexOf("_") + 1)) ?? [], index * ID_BYTES);
  }
  const mac = await crypto.subtle.sign(HMAC, await signingKey(secret), claims);
  const bytes = new Uint8Array(CLAIMS_BYTES + MAC_BYTES);
  bytes.set(claims);
  bytes.set(new Uint8Array(mac), CLAIMS_BYTES);
  return AGENT_KEY + toBase64Url(bytes);
}

/** Who a key speaks for; null unless this deployment signed it. */
export async function verifyKey(secret: string, text: string): Promise<Caller | null> {
  const bytes = text.startsWith(AGENT_KEY) ? fromBase64Url(text.slice(AGENT_KEY.length)) : null;
  // One spelling only: decoding forgives padding and stray last bits, which would give a key several texts.
  if (bytes?.length !== CLAIMS_BYTES + MAC_BYTES || AGENT_KEY + toBase64Url(bytes) !== text) return null;
  const claims = bytes.slice(0, CLAIMS_BYTES);
  const valid = await crypto.subtle.verify(HMAC, await signingKey(secret), bytes.slice(CLAIMS_BYTES), claims);
  if (!valid) return null;
  const id = (index: number): string => toBase64Url(claims.slice(index * ID_BYTES, (index + 1) * ID_BYTES));
  return {
    organization: `org_${id(0)}` as OrganizationId,
    principal: `agt_${id(1)}` as PrincipalId,
    key: `key_${id(2)}` as KeyId,
  };
}

/** Whether `text` is the key whose SHA-256 is `hash` (hex). */
export async function matchesHash(text: string, hash: string): Promise<boolean> {
  const stored = /^[0-9a-f]{64}$/.test(hash) ? Uint8Array.fromHex(hash) : new Uint8Array(32);
  return crypto.subtle.timingSafeEqual(await sha256(text), stored);
}
