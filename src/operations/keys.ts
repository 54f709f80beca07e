// Owns the operations on API keys.

import { z } from "zod";
import { LIMITS } from "../domain/limits.ts";
import { ok } from "../domain/result.ts";
import { newKeyId } from "../platform/ids.ts";
import { mintKey } from "../platform/keys.ts";
import { reach } from "../platform/objects.ts";
import { type IsOperation, key, keyFields, showKey, toNewKey } from "./key-schemas.ts";
import { organizationOperation } from "./operation.ts";
import { keyId, principalId, time } from "./schemas.ts";

const minted = z.object({ key, secret: z.string().describe("the key itself, shown this once") });

const createKey = (isOperation: IsOperation) =>
  organizationOperation({
    name: "create_key",
    title: "Create an API key",
    description:
      "Makes a key for yourself, or for somebody whom you manage. Its scopes are walls: a key that has any can neither make keys, nor give access, nor pass on ownership, and reads an audit log only if it names that operation.",
    method: "POST",
    path: "/api/keys",
    permission: "self:manage",
    effect: "writes",
    input: z.strictObject({
      principalId: principalId.optional().describe("whose; yours by default"),
      ...keyFields(isOperation),
    }),
    output: minted,
    status: () => 201,
    async handle({ env, caller, call, organization, repeatable }, { principalId, ...asked }) {
      const principal = principalId ?? caller.principal;
      const made = await reach("organization", repeatable, () =>
        organization().createKey(call, { principal, id: newKeyId(), asked: toNewKey(asked) }),
      );
      if (!made.ok) return made;
      const claims = { organization: caller.organization, principal: made.value.principal, key: made.value.id };
      return ok({ key: showKey(made.value), secret: await mintKey(env.SIGNING_SECRET, claims) });
    },
  });

const listKeys = organizationOperation({
  name: "list_keys",
  title: "List API keys",
  description:
    "Your keys, or those of somebody whom you manage: scopes, ends, last use. The keys themselves are not kept.",
  method: "GET",
  path: "/api/keys",
  permission: "self:read",
  effect: "reads",
  input: z.strictObject({ principalId: principalId.optional().describe("whose; yours by default") }),
  output: z.object({ keys: z.array(key) }),
  async handle({ caller, organization, call }, input) {
    const keys = await reach("organization", true, () =>
      organization().listKeys(call, input.principalId ?? caller.principal),
    );
    return keys.ok ? ok({ keys: keys.value.map(showKey) }) : keys;
  },
});

const rotateKey = organizationOperation({
  name: "rotate_key",
  title: "Rotate an API key",
  description:
    "Puts a new key in the place of one, with the same scopes and the same end. The old one goes on working for `overlap` seconds, so that it can be replaced wherever it is used.",
  method: "POST",
  path: "/api/keys/{keyId}/rotate",
  permission: "self:manage",
  effect: "writes",
  input: z.strictObject({
    keyId,
    overlap: z
      .number()
      .min(0)
      .max(LIMITS.TICKET_MAX_MS / 1000)
      .default(3600)
      .describe("seconds"),
    expiresAt: time.optional().describe("another end; for those who manage the organization"),
  }),
  output: minted,
  status: () => 201,
  async handle({ env, caller, call, organization, repeatable }, { keyId, overlap, expiresAt }) {
    const end = expiresAt === undefined ? undefined : Date.parse(expiresAt);
    const asked = { id: keyId, next: newKeyId(), overlapMs: overlap * 1000, expiresAt: end };
    const made = await reach("organization", repeatable, () => organization().rotateKey(call, asked));
    if (!made.ok) return made;
    const claims = { organization: caller.organization, principal: made.value.principal, key: made.value.id };
    return ok({ key: showKey(made.value), secret: await mintKey(env.SIGNING_SECRET, claims) });
  },
});

const revokeKey = organizationOperation({
  name: "revoke_key",
  title: "Revoke an API key",
  description:
    "Ends a key at once. Answered only when it is honoured nowhere any more, and what was locked with it has been let go.",
  method: "DELETE",
  path: "/api/keys/{keyId}",
  permission: "self:manage",
  effect: "destroys",
  input: z.strictObject({ keyId }),
  output: z.object({ key }),
  async handle({ organization, call, repeatable }, input) {
    const revoked = await reach("organization", repeatable, () => organization().revokeKey(call, input.keyId));
    return revoked.ok ? ok({ key: showKey(revoked.value) }) : revoked;
  },
});

export const keyOperations = (isOperation: IsOperation) => [createKey(isOperation), listKeys, rotateKey, revokeKey];
