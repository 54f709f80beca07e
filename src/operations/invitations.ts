// Owns the operations by which somebody joins: invitations.

import { z } from "zod";
import type { Call, Called } from "../domain/calls.ts";
import type { InvitationId, PrincipalId, WorkspaceId } from "../domain/ids.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Invitation } from "../domain/organizations.ts";
import type { Problem } from "../domain/problems.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { isWorkspaceId, newInvitationId, newKeyId, newPrincipalId } from "../platform/ids.ts";
import { mintInvitation, mintKey, verifyInvitation } from "../platform/keys.ts";
import { organizationStub, reach, workspaceStub } from "../platform/objects.ts";
import { role } from "./access-schemas.ts";
import { organizationOperation, type OrganizationContext, tokenOperation } from "./operation.ts";
import { organizationRole, principal, showPrincipal } from "./principals.ts";
import { invitationId, isoTime, name, time } from "./schemas.ts";
import { lifetime, TICKET_STATES, token } from "./ticket-schemas.ts";

const invitation = z.object({
  id: z.string(),
  principalId: z.string().describe("who it will be; access can be granted to it beforehand"),
  kind: z.enum(["agent", "human"]),
  name: z.string(),
  role: organizationRole,
  state: z.enum(TICKET_STATES),
  createdAt: time,
  createdBy: z.string(),
  expiresAt: time,
});

const showInvitation = ({ principal, createdAt, expiresAt, ...rest }: Invitation): z.infer<typeof invitation> => ({
  ...rest,
  principalId: principal,
  createdAt: isoTime(createdAt),
  expiresAt: isoTime(expiresAt),
});

const createInvitation = organizationOperation({
  name: "create_invitation",
  title: "Invite an agent or a human",
  description:
    "Makes a token with which somebody joins your organization and gets an API key, once. With a workspace, the access to it is given at the same time.",
  method: "POST",
  path: "/api/invitations",
  permission: "organization:manage",
  effect: "writes",
  input: z.strictObject({
    kind: z.enum(["agent", "human"]).default("human"),
    name: name.describe("as whom they will be known, unless they say otherwise"),
    role: organizationRole.default("member").describe("in the organization"),
    workspaceId: z.string().optional(),
    workspaceRole: role.default("viewer"),
    expiresIn: lifetime(LIMITS.INVITATION_DEFAULT_MS),
  }),
  output: z.object({ invitation, token: z.string().describe("shown this once") }),
  status: () => 201,
  async handle(context, { workspaceId, workspaceRole, expiresIn, ...input }) {
    const { env, caller, call, organization, repeatable } = context;
    if (workspaceId !== undefined && !isWorkspaceId(env, workspaceId))
      return err({ code: "not_found", what: "workspace" });
    const expiresAt = Date.now() + expiresIn * 1000;
    const asked = { id: newInvitationId(), principal: newPrincipalId(input.kind), ...input, expiresAt };
    const made = await reach("organization", repeatable, () => organization().createInvitation(call, asked));
    if (!made.ok) return made;
    const { id, principal } = made.value;
    if (workspaceId !== undefined) {
      const given = await giveBeforehand(context, workspaceId, { principal, role: workspaceRole });
      if (!given.ok) {
        await undo(context, id, given.problem);
        return given;
      }
    }
    const token = await mintInvitation(env.SIGNING_SECRET, { organization: caller.organization, id });
    return ok({ invitation: showInvitation(made.value), token });
  },
});

function giveBeforehand(
  { env, call, repeatable }: OrganizationContext,
  workspaceId: WorkspaceId,
  member: { principal: PrincipalId; role: z.infer<typeof role> },
): Promise<Result<unknown>> {
  const giving: Call = { ...call, action: "set_member", permission: "access:manage", lease: null };
  return reach("workspace", repeatable, () => workspaceStub(env, workspaceId).setMember(giving, member));
}

/** Half an invitation is none. Where it is not known whether access was given, a repetition tells. */
async function undo(
  { call, organization, repeatable }: OrganizationContext,
  id: InvitationId,
  problem: Problem,
): Promise<void> {
  if (problem.code === "unavailable" && repeatable) return;
  await reach("organization", false, async () => ok(await organization().withdrawInvitation(call, id, problem)));
}

const listInvitations = organizationOperation({
  name: "list_invitations",
  title: "List invitations",
  description: "The invitations of your organization, open and past.",
  method: "GET",
  path: "/api/invitations",
  permission: "organization:read",
  effect: "reads",
  input: z.strictObject({}),
  output: z.object({ invitations: z.array(invitation) }),
  async handle({ organization, call }) {
    const found = await reach("organization", true, () => organization().listInvitations(call));
    return found.ok ? ok({ invitations: found.value.map(showInvitation) }) : found;
  },
});

const cancelInvitation = organizationOperation({
  name: "cancel_invitation",
  title: "Cancel an invitation",
  description: "Makes an invitation's token good no more.",
  method: "DELETE",
  path: "/api/invitations/{invitationId}",
  permission: "organization:manage",
  effect: "destroys",
  input: z.strictObject({ invitationId }),
  output: z.object({ invitation }),
  async handle({ organization, call, repeatable }, input) {
    const cancelled = await reach("organization", repeatable, () =>
      organization().cancelInvitation(call, input.invitationId),
    );
    return cancelled.ok ? ok({ invitation: showInvitation(cancelled.value) }) : cancelled;
  },
});

const acceptInvitation = tokenOperation({
  name: "accept_invitation",
  title: "Accept an invitation",
  description:
    "Joins an organization with an invitation's token, and answers the API key, once. For a repetition to be answered again, send an Idempotency-Key.",
  method: "POST",
  path: "/api/invitations/accept",
  effect: "writes",
  input: z.strictObject({ token, name: name.optional() }),
  output: z.object({ organizationId: z.string(), principal, key: z.string().describe("shown this once") }),
  status: () => 201,
  async handle({ env, idempotency, repeatable }, input) {
    const ticket = await verifyInvitation(env.SIGNING_SECRET, input.token);
    if (ticket === null) return err({ code: "ticket_invalid" });
    const { organization, id } = ticket;
    const key = newKeyId();
    // Until it has joined, whoever has the token acts for the invitation.
    const called: Called = {
      caller: { organization, principal: id as string as PrincipalId, key },
      action: "accept_invitation",
      idempotency,
    };
    const joined = await reach("organization", repeatable, () =>
      organizationStub(env, organization).acceptInvitation(called, { id, key, name: input.name ?? null }),
    );
    if (!joined.ok) return joined;
    const claims = { organization, principal: joined.value.principal.id, key: joined.value.key };
    const made = await mintKey(env.SIGNING_SECRET, claims);
    return ok({ organizationId: organization, principal: showPrincipal(joined.value.principal), key: made });
  },
});

export const invitationOperations = [createInvitation, listInvitations, cancelInvitation, acceptInvitation];
