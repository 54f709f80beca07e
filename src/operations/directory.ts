// Owns the operations on the directory: organizations, agents and their keys, workspaces as a list.

import { z } from "zod";
import type { Caller, Idempotency } from "../domain/calls.ts";
import type { OrganizationId, WorkspaceId } from "../domain/ids.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { type Agent, Directory, type OrganizationRole } from "../platform/directory.ts";
import { newAgentId, newKeyId, newOrganizationId } from "../platform/ids.ts";
import { mintKey } from "../platform/keys.ts";
import { workspaceStub } from "../platform/objects.ts";
import { type DirectoryContext, directoryOperation } from "./operation.ts";
import { isoTime, limit, name, time } from "./schemas.ts";

const role = z.enum(["admin", "member"]);
const agent = z.object({ id: z.string(), organizationId: z.string(), name: z.string(), role, createdAt: time });
const agentWithKey = z.object({ agent, key: z.string().describe("shown this once; the server keeps only its hash") });

const showAgent = ({ id, organization, name, role, createdAt }: Agent): z.infer<typeof agent> => ({
  id,
  organizationId: organization,
  name,
  role,
  createdAt: isoTime(createdAt),
});

/** What is remembered of a creation, to answer a repetition: everything but the key, which its claims determine. */
interface Created {
  agent: Agent;
  key: ReturnType<typeof newKeyId>;
}

/** Creates an agent with its first key, or answers again if this very request has. `also` goes along with it. */
async function createAgentOnce(
  { env, actor }: DirectoryContext,
  fresh: () => { organization: OrganizationId; name: string; role: OrganizationRole; organizationName?: string },
): Promise<Result<Created & { text: string }>> {
  const directory = new Directory(env);
  const before = await directory.replyTo<Created>(actor);
  if (!before.ok) return before;
  if (before.value !== null) return ok(await withKey(env, before.value));
  const { organizationName, ...rest } = fresh();
  const made: Agent = { ...rest, id: newAgentId(), createdAt: Date.now() };
  const key = newKeyId();
  const statements = await directory.newAgent(made, key, actor.caller?.principal ?? null);
  const all =
    organizationName === undefined
      ? statements
      : [directory.newOrganization(made.organization, organizationName, made.createdAt), ...statements];
  const detail = { agent: made.id, name: made.name, role: made.role };
  const created = await directory.commit<Created>(actor, made.organization, detail, { agent: made, key }, all);
  return created.ok ? ok(await withKey(env, created.value)) : created;
}

async function withKey(env: Env, created: Created): Promise<Created & { text: string }> {
  const { agent, key } = created;
  const claims = { organization: agent.organization, principal: agent.id, key };
  return { ...created, text: await mintKey(env.SIGNING_SECRET, claims) };
}

const createOrganization = directoryOperation({
  name: "create_organization",
  title: "Create an organization",
  description:
    "Creates an organization with its first agent, which is its admin, and that agent's API key. Only the operator of the deployment may.",
  method: "POST",
  path: "/api/organizations",
  permission: "operator",
  effect: "writes",
  input: z.strictObject({ name, agent: name.default("admin").describe("the first agent's name") }),
  output: agentWithKey.extend({ organization: z.object({ id: z.string(), name: z.string() }) }),
  status: () => 201,
  async handle(context, input) {
    const created = await createAgentOnce(context, () => ({
      organization: newOrganizationId(),
      name: input.agent,
      role: "admin",
      organizationName: input.name,
    }));
    if (!created.ok) return created;
    const { agent, text } = created.value;
    return ok({ organization: { id: agent.organization, name: input.name }, agent: showAgent(agent), key: text });
  },
});

const createAgent = directoryOperation({
  name: "create_agent",
  title: "Create an agent",
  description: "Creates an agent in your organization, with an API key that is shown this once.",
  method: "POST",
  path: "/api/agents",
  permission: "organization:admin",
  effect: "writes",
  input: z.strictObject({ name, role: role.default("member").describe("admins may create agents and workspaces") }),
  output: agentWithKey,
  status: () => 201,
  async handle(context, input) {
    const organization = organizationOf(context);
    const created = await createAgentOnce(context, () => ({ organization, name: input.name, role: input.role }));
    return created.ok ? ok({ agent: showAgent(created.value.agent), key: created.value.text }) : created;
  },
});

const listAgents = directoryOperation({
  name: "list_agents",
  title: "List agents",
  description: "Lists the agents of your organization, in pages.",
  method: "GET",
  path: "/api/agents",
  permission: "organization:member",
  effect: "reads",
  input: z.strictObject({ limit, cursor: z.string().default("").describe("`next` of the page before") }),
  output: z.object({ agents: z.array(agent), next: z.string().nullable() }),
  async handle(context, input) {
    const agents = await new Directory(context.env).agents(organizationOf(context), input.cursor, input.limit);
    const next = agents.length === input.limit ? (agents.at(-1)?.id ?? null) : null;
    return ok({ agents: agents.map(showAgent), next });
  },
});

const whoAmI = directoryOperation({
  name: "who_am_i",
  title: "Who am I",
  description: "Says which agent your key speaks for.",
  method: "GET",
  path: "/api/me",
  permission: "organization:member",
  effect: "reads",
  input: z.strictObject({}),
  output: z.object({ agent }),
  handle: async ({ agent }) => (agent === null ? err({ code: "operator_only" }) : ok({ agent: showAgent(agent) })),
});

const listedWorkspace = z.object({ id: z.string(), name: z.string(), createdAt: time });

const createWorkspace = directoryOperation({
  name: "create_workspace",
  title: "Create a workspace",
  description: "Creates a workspace in your organization; you become its first admin.",
  method: "POST",
  path: "/api/workspaces",
  permission: "organization:admin",
  effect: "writes",
  input: z.strictObject({ name }),
  output: z.object({ workspace: listedWorkspace }),
  status: () => 201,
  async handle({ env, actor, agent }, input) {
    const { caller, idempotency } = actor;
    if (caller === null || agent === null) return err({ code: "operator_only" });
    const directory = new Directory(env);
    const before = await directory.replyTo<z.infer<typeof listedWorkspace>>(actor);
    if (!before.ok) return before;
    if (before.value !== null) return ok({ workspace: before.value });

    const id = workspaceIdFor(env, caller, idempotency);
    const at = Date.now();
    const number = await directory.enterWorkspace(caller, id, input.name, at);
    await workspaceStub(env, id).initialize(caller, {
      number,
      organization: caller.organization,
      name: input.name,
      creator: { agent: agent.id, name: agent.name },
    });
    const workspace = { id, name: input.name, createdAt: isoTime(at) };
    const detail = { workspace: id, name: input.name };
    const created = await directory.commit(actor, caller.organization, detail, workspace, []);
    return created.ok ? ok({ workspace: created.value }) : created;
  },
});

/** The same Idempotency-Key names the same object, so a repetition after a crash half-way creates nothing twice. */
function workspaceIdFor({ WORKSPACES }: Env, { principal }: Caller, idempotency: Idempotency | null): WorkspaceId {
  const id = idempotency === null ? WORKSPACES.newUniqueId() : WORKSPACES.idFromName(`${principal} ${idempotency.key}`);
  return id.toString() as WorkspaceId;
}

const listWorkspaces = directoryOperation({
  name: "list_workspaces",
  title: "List workspaces",
  description: "Lists the workspaces of your organization, in pages. What you may do in each is its own affair.",
  method: "GET",
  path: "/api/workspaces",
  permission: "organization:member",
  effect: "reads",
  input: z.strictObject({
    limit,
    cursor: z.coerce.number().int().min(0).default(0).describe("`next` of the page before"),
  }),
  output: z.object({ workspaces: z.array(listedWorkspace), next: z.number().nullable() }),
  async handle(context, input) {
    const found = await new Directory(context.env).workspaces(organizationOf(context), input.cursor, input.limit);
    const workspaces = found.map(({ id, name, createdAt }) => ({ id, name, createdAt: isoTime(createdAt) }));
    return ok({ workspaces, next: found.length === input.limit ? (found.at(-1)?.number ?? null) : null });
  },
});

const directoryEvent = z.object({
  seq: z.number(),
  at: time,
  action: z.string(),
  outcome: z.enum(["accepted", "refused"]),
  code: z.string().nullable(),
  agent: z.string().nullable().describe("null: the operator"),
  key: z.string().nullable(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

const listOrganizationEvents = directoryOperation({
  name: "list_organization_events",
  title: "Read the organization's audit log",
  description: "What was done with agents and keys of your organization, newest first, in pages.",
  method: "GET",
  path: "/api/events",
  permission: "organization:admin",
  effect: "reads",
  input: z.strictObject({ limit, cursor: z.coerce.number().int().min(1).default(Number.MAX_SAFE_INTEGER) }),
  output: z.object({ events: z.array(directoryEvent), next: z.number().nullable() }),
  async handle(context, input) {
    const events = await new Directory(context.env).events(organizationOf(context), input.cursor, input.limit);
    const next = events.length === input.limit ? (events.at(-1)?.seq ?? null) : null;
    return ok({ events: events.map((event) => ({ ...event, at: isoTime(event.at) })), next });
  },
});

function organizationOf({ agent }: DirectoryContext): OrganizationId {
  if (agent === null) throw new Error("an organization's operation is performed for an agent");
  return agent.organization;
}

export const directoryOperations = [
  createOrganization,
  createAgent,
  listAgents,
  whoAmI,
  createWorkspace,
  listWorkspaces,
  listOrganizationEvents,
];
