// Owns the operations on who is in the organization: agents and humans, their roles, pausing them.

import { z } from "zod";
import type { Principal } from "../domain/organizations.ts";
import { ORGANIZATION_ROLES } from "../domain/permissions.ts";
import { ok } from "../domain/result.ts";
import { newKeyId, newPrincipalId } from "../platform/ids.ts";
import { mintKey } from "../platform/keys.ts";
import { reach } from "../platform/objects.ts";
import { type IsOperation, key, keyFields, showKey, toNewKey } from "./key-schemas.ts";
import { organizationOperation } from "./operation.ts";
import { DONE, done, isoTime, limit, name, principalId, reason, time } from "./schemas.ts";

export const organizationRole = z.enum(ORGANIZATION_ROLES);

export const principal = z.object({
  id: z.string(),
  kind: z.enum(["agent", "human"]),
  name: z.string(),
  role: organizationRole.describe("in the organization"),
  paused: z.object({ by: z.string(), reason: z.string(), at: time }).nullable(),
  createdAt: time,
  createdBy: z.string().nullable().describe("null: the operator, or itself by claiming"),
});

export const showPrincipal = ({
  id,
  kind,
  name,
  role,
  pause,
  createdAt,
  createdBy,
}: Principal): z.infer<typeof principal> => ({
  id,
  kind,
  name,
  role,
  paused: pause === null ? null : { ...pause, at: isoTime(pause.at) },
  createdAt: isoTime(createdAt),
  createdBy,
});

const whoAmI = organizationOperation({
  name: "who_am_i",
  title: "Who am I",
  description: "Says whom your key speaks for, and what the key's own scopes are.",
  method: "GET",
  path: "/api/me",
  permission: "self:read",
  effect: "reads",
  input: z.strictObject({}),
  output: z.object({ organizationId: z.string(), principal, key, groups: z.array(z.string()) }),
  async handle({ caller, organization, call }) {
    const me = await reach("organization", true, () => organization().whoAmI(call));
    if (!me.ok) return me;
    const { principal, key, groups } = me.value;
    return ok({ organizationId: caller.organization, principal: showPrincipal(principal), key: showKey(key), groups });
  },
});

const createAgent = (isOperation: IsOperation) =>
  organizationOperation({
    name: "create_agent",
    title: "Create an agent",
    description: "Creates an agent in your organization, with an API key that is shown this once.",
    method: "POST",
    path: "/api/agents",
    permission: "organization:manage",
    effect: "writes",
    input: z.strictObject({
      name,
      role: organizationRole.default("member").describe("not above your own"),
      key: z.strictObject(keyFields(isOperation)).default({ name: "the first" }).describe("about its key"),
    }),
    output: z.object({ agent: principal, key: z.string().describe("shown this once; the server does not keep it") }),
    status: () => 201,
    async handle({ env, caller, call, organization, repeatable }, input) {
      const asked = { principal: newPrincipalId("agent"), key: newKeyId(), name: input.name, role: input.role };
      const newKey = toNewKey(input.key);
      const made = await reach("organization", repeatable, () =>
        organization().createAgent(call, { ...asked, newKey }),
      );
      if (!made.ok) return made;
      const claims = { organization: caller.organization, principal: made.value.principal.id, key: made.value.key };
      return ok({ agent: showPrincipal(made.value.principal), key: await mintKey(env.SIGNING_SECRET, claims) });
    },
  });

const listPrincipals = organizationOperation({
  name: "list_principals",
  title: "List agents and humans",
  description: "Lists who is in your organization, in pages.",
  method: "GET",
  path: "/api/principals",
  permission: "organization:read",
  effect: "reads",
  input: z.strictObject({ limit, cursor: z.string().default("").describe("`next` of the page before") }),
  output: z.object({ principals: z.array(principal), next: z.string().nullable() }),
  async handle({ organization, call }, { cursor, limit }) {
    const found = await reach("organization", true, () => organization().listPrincipals(call, cursor, limit));
    if (!found.ok) return found;
    const next = found.value.length === limit ? (found.value.at(-1)?.id ?? null) : null;
    return ok({ principals: found.value.map(showPrincipal), next });
  },
});

const setOrganizationRole = organizationOperation({
  name: "set_organization_role",
  title: "Give a role in the organization",
  description:
    "Changes what somebody is in the organization: owner, admin, member or guest. Not above your own role, and not your own. Lowering a role is answered only when the old one is honoured nowhere any more.",
  method: "PUT",
  path: "/api/principals/{principalId}/role",
  permission: "organization:manage",
  effect: "writes",
  input: z.strictObject({ principalId, role: organizationRole }),
  output: z.object({ principal }),
  async handle({ organization, call, repeatable }, input) {
    const set = await reach("organization", repeatable, () =>
      organization().setRole(call, input.principalId, input.role),
    );
    return set.ok ? ok({ principal: showPrincipal(set.value) }) : set;
  },
});

const pausePrincipal = organizationOperation({
  name: "pause_principal",
  title: "Pause an agent or a human",
  description:
    "Stops somebody everywhere in the organization. Answered only when none of its requests is accepted any more: it has left all queues, its locks have ended, its uploads cannot commit.",
  method: "POST",
  path: "/api/principals/{principalId}/pause",
  permission: "organization:manage",
  effect: "writes",
  input: z.strictObject({ principalId, reason }),
  output: z.object({ principal }),
  async handle({ organization, call, repeatable }, input) {
    const paused = await reach("organization", repeatable, () =>
      organization().pause(call, input.principalId, input.reason),
    );
    return paused.ok ? ok({ principal: showPrincipal(paused.value) }) : paused;
  },
});

const resumePrincipal = organizationOperation({
  name: "resume_principal",
  title: "Resume an agent or a human",
  description: "Lets somebody go on who was paused.",
  method: "POST",
  path: "/api/principals/{principalId}/resume",
  permission: "organization:manage",
  effect: "writes",
  input: z.strictObject({ principalId }),
  output: z.object({ principal }),
  async handle({ organization, call, repeatable }, input) {
    const resumed = await reach("organization", repeatable, () => organization().resume(call, input.principalId));
    return resumed.ok ? ok({ principal: showPrincipal(resumed.value) }) : resumed;
  },
});

const removePrincipal = organizationOperation({
  name: "remove_principal",
  title: "Remove an agent or a human",
  description:
    "Ends somebody's part in the organization, with all its keys. What it has written stays. Answered only when none of its requests is accepted any more.",
  method: "DELETE",
  path: "/api/principals/{principalId}",
  permission: "organization:manage",
  effect: "destroys",
  input: z.strictObject({ principalId }),
  output: done,
  async handle({ organization, call, repeatable }, input) {
    const removed = await reach("organization", repeatable, () =>
      organization().removePrincipal(call, input.principalId),
    );
    return removed.ok ? ok(DONE) : removed;
  },
});

export const principalOperations = (isOperation: IsOperation) => [
  whoAmI,
  createAgent(isOperation),
  listPrincipals,
  setOrganizationRole,
  pausePrincipal,
  resumePrincipal,
  removePrincipal,
];
