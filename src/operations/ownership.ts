// Owns the operations by which ownership passes on: transfers, offered by a token or made directly.

import { z } from "zod";
import type { Called } from "../domain/calls.ts";
import type { KeyId, PrincipalId, WorkspaceId } from "../domain/ids.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Kept, Transfer } from "../domain/organizations.ts";
import { ORGANIZATION_ROLES, ROLES } from "../domain/permissions.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { isWorkspaceId, newKeyId, newPrincipalId, newTransferId } from "../platform/ids.ts";
import { mintKey, mintTransfer, verifyTransfer } from "../platform/keys.ts";
import { organizationStub, reach } from "../platform/objects.ts";
import { organizationOperation, tokenOperation } from "./operation.ts";
import { principal, showPrincipal } from "./principals.ts";
import { isoTime, name, principalId, time, transferId } from "./schemas.ts";
import { lifetime, TICKET_STATES, token } from "./ticket-schemas.ts";

const transfer = z.object({
  id: z.string(),
  workspaceId: z.string().nullable().describe("null: the organization itself"),
  from: z.string().describe("who owned it when it was offered"),
  by: z.string().describe("who offered it"),
  to: z.string().nullable().describe("the only one who may claim it; null: any human"),
  keep: z.string().nullable().describe("the role that the former owner keeps"),
  state: z.enum(TICKET_STATES),
  createdAt: time,
  expiresAt: time,
  claimedBy: z.string().nullable(),
});

const showTransfer = ({ workspace, createdAt, expiresAt, ...rest }: Transfer): z.infer<typeof transfer> => ({
  ...rest,
  workspaceId: workspace,
  createdAt: isoTime(createdAt),
  expiresAt: isoTime(expiresAt),
});

/** `none` is kept as nothing; every other role is kept as it is, if there is such a one where it is kept. */
const KEEP = ["admin", "member", "guest", "steward", "editor", "viewer", "none"] as const;
const ownership = {
  workspaceId: z.string().optional().describe("without, the organization itself"),
  keep: z.enum(KEEP).default("admin").describe("the role that the former owner keeps; none: its part ends"),
};

function whatPasses(
  env: Env,
  { workspaceId, keep }: { workspaceId?: string | undefined; keep: (typeof KEEP)[number] },
): Result<{ workspace: WorkspaceId | null; keep: Kept }> {
  if (workspaceId !== undefined && !isWorkspaceId(env, workspaceId))
    return err({ code: "not_found", what: "workspace" });
  const kept = [...(workspaceId === undefined ? ORGANIZATION_ROLES : ROLES)].find((known) => known === keep) ?? null;
  if (kept !== null || keep === "none") return ok({ workspace: workspaceId ?? null, keep: kept });
  return err({ code: "input_invalid", issues: [{ at: "keep", message: "is no role of what is passed on" }] });
}

const createTransfer = organizationOperation({
  name: "create_transfer",
  title: "Offer ownership",
  description:
    "Makes a token with which a human becomes owner of your organization and of the workspaces that you own in it, or of one workspace. It is good once, and can be cancelled until then; it ends with your right to offer it. You keep a role; in the workspaces that pass with the organization, what that role gives.",
  method: "POST",
  path: "/api/transfers",
  permission: "self:manage",
  effect: "writes",
  input: z.strictObject({
    ...ownership,
    to: principalId.optional().describe("the only one who may claim it; without, any human"),
    expiresIn: lifetime(LIMITS.TRANSFER_DEFAULT_MS),
  }),
  output: z.object({ transfer, token: z.string().describe("shown this once") }),
  status: () => 201,
  async handle({ env, caller, call, organization, repeatable }, input) {
    const what = whatPasses(env, input);
    if (!what.ok) return what;
    const expiresAt = Date.now() + input.expiresIn * 1000;
    const asked = { ...what.value, id: newTransferId(), to: input.to ?? null, expiresAt };
    const made = await reach("organization", repeatable, () => organization().createTransfer(call, asked));
    if (!made.ok) return made;
    const { id } = made.value;
    const token = await mintTransfer(env.SIGNING_SECRET, { organization: caller.organization, id });
    return ok({ transfer: showTransfer(made.value), token });
  },
});

const listTransfers = organizationOperation({
  name: "list_transfers",
  title: "List transfers of ownership",
  description: "Those by you and to you; all of them, if you own the organization.",
  method: "GET",
  path: "/api/transfers",
  permission: "self:read",
  effect: "reads",
  input: z.strictObject({}),
  output: z.object({ transfers: z.array(transfer) }),
  async handle({ organization, call }) {
    const found = await reach("organization", true, () => organization().listTransfers(call));
    return found.ok ? ok({ transfers: found.value.map(showTransfer) }) : found;
  },
});

const cancelTransfer = organizationOperation({
  name: "cancel_transfer",
  title: "Cancel a transfer",
  description: "Makes a transfer's token good no more.",
  method: "DELETE",
  path: "/api/transfers/{transferId}",
  permission: "self:manage",
  effect: "destroys",
  input: z.strictObject({ transferId }),
  output: z.object({ transfer }),
  async handle({ organization, call, repeatable }, input) {
    const cancelled = await reach("organization", repeatable, () =>
      organization().cancelTransfer(call, input.transferId),
    );
    return cancelled.ok ? ok({ transfer: showTransfer(cancelled.value) }) : cancelled;
  },
});

const claimTransfer = tokenOperation({
  name: "claim_transfer",
  title: "Claim ownership",
  description:
    "Makes the one who claims the owner: a human of the organization, by its key beside the token; or, without a key, a human who joins by claiming, and whose API key is answered once.",
  method: "POST",
  path: "/api/transfers/claim",
  effect: "writes",
  input: z.strictObject({ token, name: name.default("owner").describe("of one who joins by claiming") }),
  output: z.object({
    transfer,
    principal,
    key: z.string().nullable().describe("of one who has joined; shown this once"),
  }),
  async handle({ env, caller, idempotency, repeatable }, input) {
    const ticket = await verifyTransfer(env.SIGNING_SECRET, input.token);
    if (ticket === null) return err({ code: "ticket_invalid" });
    const { organization, id } = ticket;
    if (caller !== null && caller.organization !== organization) return err({ code: "wrong_claimant" });
    const key: KeyId = newKeyId();
    const joining = { organization, principal: id as string as PrincipalId, key };
    const called: Called = { caller: caller ?? joining, action: "claim_transfer", idempotency };
    const claimant =
      caller === null
        ? { joins: { principal: newPrincipalId("human"), key, name: input.name } }
        : { known: caller.principal };
    const claimed = await reach("organization", repeatable, () =>
      organizationStub(env, organization).claimTransfer(called, id, claimant),
    );
    if (!claimed.ok) return claimed;
    const { transfer, principal, key: made } = claimed.value;
    const claims = made === null ? null : { organization, principal: principal.id, key: made };
    const text = claims === null ? null : await mintKey(env.SIGNING_SECRET, claims);
    return ok({ transfer: showTransfer(transfer), principal: showPrincipal(principal), key: text });
  },
});

const transferOwnership = organizationOperation({
  name: "transfer_ownership",
  title: "Pass ownership on",
  description:
    "Makes a member of your organization the owner of it and of the workspaces that you own in it, or of one workspace, at once. You keep a role; in the workspaces that pass with the organization, what that role gives.",
  method: "POST",
  path: "/api/ownership",
  permission: "self:manage",
  effect: "destroys",
  input: z.strictObject({ ...ownership, to: principalId }),
  output: z.object({ transfer }),
  async handle({ env, call, organization, repeatable }, input) {
    const what = whatPasses(env, input);
    if (!what.ok) return what;
    const asked = { ...what.value, id: newTransferId(), to: input.to };
    const passed = await reach("organization", repeatable, () => organization().transferOwnership(call, asked));
    return passed.ok ? ok({ transfer: showTransfer(passed.value) }) : passed;
  },
});

export const ownershipOperations = [createTransfer, listTransfers, cancelTransfer, claimTransfer, transferOwnership];
