// Owns the operations on the organization as a whole: its making, its workspaces, its audit log.

import { z } from "zod";
import type { Idempotency } from "../domain/calls.ts";
import type { OrganizationId, PrincipalId, WorkspaceId } from "../domain/ids.ts";
import { ok } from "../domain/result.ts";
import { ID_BYTES, newKeyId, newOrganizationId, newPrincipalId } from "../platform/ids.ts";
import { sha256, toBase64Url } from "../platform/encoding.ts";
import { mintKey } from "../platform/keys.ts";
import { organizationStub, reach, workspaceStub } from "../platform/objects.ts";
import { event, eventFilters, readEvents } from "./events.ts";
import { deploymentOperation, organizationOperation } from "./operation.ts";
import { principal, showPrincipal } from "./principals.ts";
import { isoTime, limit, name, time } from "./schemas.ts";

/** Of a creation under an Idempotency-Key the ids follow from that key, so a repetition finds its first self. */
async function derivedId<Id extends string>(prefix: string, { key }: Idempotency): Promise<Id> {
  const digest = await sha256(`${prefix} ${key}`);
  return (prefix + toBase64Url(digest.slice(0, ID_BYTES))) as Id;
}

const createOrganization = deploymentOperation({
  name: "create_organization",
  title: "Create an organization",
  description:
    "Creates an organization with its first agent, which owns it, and that agent's API key. Only the operator of the deployment may.",
  method: "POST",
  path: "/api/organizations",
  effect: "writes",
  input: z.strictObject({ name, agent: name.default("admin").describe("the first agent's name") }),
  output: z.object({
    organization: z.object({ id: z.string(), name: z.string() }),
    agent: principal,
    key: z.string().describe("shown this once; the server does not keep it"),
  }),
  status: () => 201,
  async handle({ env, idempotency: once, repeatable }, input) {
    const organization = once === null ? newOrganizationId() : await derivedId<OrganizationId>("org_", once);
    const id = once === null ? newPrincipalId("agent") : await derivedId<PrincipalId>("agt_", once);
    const owner = {
      principal: id,
      name: input.agent,
      key: once === null ? newKeyId() : await derivedId<never>("key_", once),
    };
    const made = await reach("organization", repeatable, () =>
      organizationStub(env, organization).initialize({ organization, name: input.name, owner }),
    );
    if (!made.ok) return made;
    const key = await mintKey(env.SIGNING_SECRET, { organization, principal: id, key: made.value.key });
    return ok({
      organization: { id: organization, name: input.name },
      agent: showPrincipal(made.value.principal),
      key,
    });
  },
});

const getOrganization = organizationOperation({
  name: "get_organization",
  title: "Look at the organization",
  description: "The name of your organization.",
  method: "GET",
  path: "/api/organization",
  permission: "organization:read",
  effect: "reads",
  input: z.strictObject({}),
  output: z.object({ organization: z.object({ id: z.string(), name: z.string(), createdAt: time }) }),
  async handle({ organization, call }) {
    const view = await reach("organization", true, () => organization().view(call));
    if (!view.ok) return view;
    return ok({ organization: { ...view.value, createdAt: isoTime(view.value.createdAt) } });
  },
});

const listedWorkspace = z.object({ id: z.string(), name: z.string(), createdAt: time });

const createWorkspace = organizationOperation({
  name: "create_workspace",
  title: "Create a workspace",
  description: "Creates a workspace in your organization; you own it.",
  method: "POST",
  path: "/api/workspaces",
  permission: "workspaces:create",
  effect: "writes",
  input: z.strictObject({ name }),
  output: z.object({ workspace: listedWorkspace }),
  status: () => 201,
  async handle({ env, caller, call, organization, repeatable }, input) {
    const may = await reach("organization", true, () => organization().mayCreateWorkspace(call));
    if (!may.ok) return may;
    const { WORKSPACES } = env;
    // The same Idempotency-Key names the same object, so a repetition after a crash half-way creates nothing twice.
    const { idempotency: once } = call;
    const made = once === null ? WORKSPACES.newUniqueId() : WORKSPACES.idFromName(`${caller.principal} ${once.key}`);
    const id = (may.value?.id ?? made.toString()) as WorkspaceId;
    const at = { organization: caller.organization, name: input.name };
    const begun = await reach("workspace", true, async () => ok(await workspaceStub(env, id).initialize(caller, at)));
    if (!begun.ok) return begun;
    const entered = await reach("organization", repeatable, () => organization().enterWorkspace(call, id, input.name));
    if (!entered.ok) return entered;
    const { name, createdAt } = entered.value;
    return ok({ workspace: { id: entered.value.id, name, createdAt: isoTime(createdAt) } });
  },
});

const listWorkspaces = organizationOperation({
  name: "list_workspaces",
  title: "List workspaces",
  description: "Lists the workspaces of your organization, in pages. What you may do in each is its own affair.",
  method: "GET",
  path: "/api/workspaces",
  permission: "organization:read",
  effect: "reads",
  input: z.strictObject({
    limit,
    cursor: z.coerce.number().int().min(0).default(0).describe("`next` of the page before"),
  }),
  output: z.object({ workspaces: z.array(listedWorkspace), next: z.number().nullable() }),
  async handle({ organization, call }, { cursor, limit }) {
    const found = await reach("organization", true, () => organization().listWorkspaces(call, cursor, limit));
    if (!found.ok) return found;
    const workspaces = found.value.map(({ id, name, createdAt }) => ({ id, name, createdAt: isoTime(createdAt) }));
    return ok({ workspaces, next: found.value.length === limit ? (found.value.at(-1)?.number ?? null) : null });
  },
});

const listOrganizationEvents = organizationOperation({
  name: "list_organization_events",
  title: "Read the organization's audit log",
  description:
    "What was done with principals, keys, groups, roles, invitations and ownership of your organization, newest first, in pages. Events appear within about ten seconds.",
  method: "GET",
  path: "/api/events",
  permission: "organization:audit",
  effect: "reads",
  input: z.strictObject(eventFilters),
  output: z.object({ events: z.array(event), next: z.number().nullable() }),
  async handle({ env, caller, organization, call }, input) {
    const admitted = await reach("organization", true, () => organization().admit(call));
    return admitted.ok ? readEvents(env, caller.organization, input) : admitted;
  },
});

export const organizationOperations = [
  createOrganization,
  getOrganization,
  createWorkspace,
  listWorkspaces,
  listOrganizationEvents,
];
