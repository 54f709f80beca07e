// Owns the passing on of ownership, of the organization or of one of its workspaces: by a token that a human claims,
// or directly to a member. Who owns what is decided here, in one transaction; the workspace is told of it afterwards,
// by a step that may be repeated, so an interrupted claim is finished by repeating it or by the alarm. One passing is
// finished before the next begins, so that the workspace hears of them in their order.
//
// With the organization pass the workspaces that its former owner owns: nobody who has handed over is left with more
// than the role that it keeps.

import { ofPrincipal } from "../../src/domain/access/standing.ts";
import type { Called, OrganizationCall } from "../../src/domain/calls.ts";
import type { KeyId, PrincipalId, TransferId, WorkspaceId } from "../../src/domain/ids.ts";
import { UNSCOPED } from "../../src/domain/access/scopes.ts";
import type { Kept, Principal, Transfer } from "../../src/domain/organizations.ts";
import type { OrganizationRole, Role } from "../../src/domain/permissions.ts";
import type { Problem } from "../../src/domain/problems.ts";
import { err, ok, type Result } from "../../src/domain/result.ts";
import { newTransferId } from "../../src/platform/ids.ts";
import { plain } from "../../src/platform/objects.ts";
import { addKey, enter, isFull } from "./principals.ts";
import { type OrganizationShell } from "./shell.ts";

/** Lets in those who may pass it on: an owner of the organization; of a workspace, also its own owner. */
function openOwner(
  shell: OrganizationShell,
  call: OrganizationCall,
  workspace: WorkspaceId | null,
): Result<{ from: PrincipalId; by: PrincipalId }> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const { principal } = opened.value;
  const owner = workspace === null ? null : shell.tables.ownerOf(workspace);
  const isOwner = principal.role === "owner" || owner === principal.id;
  if (workspace !== null && (owner === null || !isOwner))
    return shell.refuse(call, { code: "not_found", what: "workspace" });
  return isOwner ? ok({ from: owner ?? principal.id, by: principal.id }) : shell.refuse(call, { code: "owner_only" });
}

export function createTransfer(
  shell: OrganizationShell,
  call: OrganizationCall,
  asked: Pick<Transfer, "id" | "workspace" | "to" | "keep" | "expiresAt">,
): Result<Transfer> {
  const opened = openOwner(shell, call, asked.workspace);
  if (!opened.ok) return opened;
  const claimant = asked.to === null ? null : shell.tables.principal(asked.to);
  if (asked.to !== null && claimant === null) return shell.refuse(call, { code: "not_found", what: "principal" });
  if (claimant?.kind === "agent") return shell.refuse(call, { code: "humans_only" });
  const { from, by } = opened.value;
  const { id, workspace, to, keep } = asked;
  return shell.once(call, { transfer: id, workspace, from, to, keep }, () => {
    const made: Transfer = { ...asked, from, by, state: "open", createdAt: Date.now(), claimedBy: null };
    shell.tickets.saveTransfer(made);
    return made;
  });
}

/** The caller's own, and those made to it; all, for an owner. */
export function listTransfers(shell: OrganizationShell, call: OrganizationCall): Result<Transfer[]> {
  return shell.act(call, {}, ({ principal }) =>
    shell.tickets
      .transfers()
      .filter(({ from, by, to }) => principal.role === "owner" || [from, by, to].includes(principal.id)),
  );
}

export function cancelTransfer(shell: OrganizationShell, call: OrganizationCall, id: TransferId): Result<Transfer> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const found = shell.tickets.transfer(id);
  const { principal } = opened.value;
  const isTheirs = found !== null && (principal.role === "owner" || [found.from, found.by].includes(principal.id));
  if (!isTheirs) return shell.refuse(call, { code: "not_found", what: "transfer" });
  if (found.state !== "open" && !shell.isRepeated(call))
    return shell.refuse(call, { code: "ticket_spent", state: found.state });
  return shell.once(call, { transfer: id }, () => {
    const cancelled: Transfer = { ...found, state: "cancelled" };
    shell.tickets.saveTransfer(cancelled);
    return cancelled;
  });
}

/** Who claims: someone known by a key, or a human who joins by claiming. */
export type Claimant = { known: PrincipalId } | { joins: { principal: PrincipalId; key: KeyId; name: string } };

export interface Claimed {
  transfer: Transfer;
  principal: Principal;
  /** Of the one who joined by claiming; null for one who was there. */
  key: KeyId | null;
}

/** The human who claims becomes owner. The token has been verified; it is good once. */
export async function claimTransfer(
  shell: OrganizationShell,
  call: Called,
  id: TransferId,
  claimant: Claimant,
): Promise<Result<Claimed>> {
  if (shell.tickets.transfer(id) === null) return err({ code: "not_found", what: "transfer" });
  while (shell.tickets.passing().length > 0) await finishTransfers(shell);
  // From here to the transaction nothing is waited for: what is found stays so.
  const found = shell.tickets.transfer(id);
  if (found === null) return err({ code: "not_found", what: "transfer" });
  const opened = "known" in claimant ? shell.open({ ...call, permission: "self:manage" }) : ok(null);
  if (!opened.ok) return opened;
  const known = opened.value?.principal ?? null;
  if (known !== null && known.id === found.claimedBy) return ok({ transfer: found, principal: known, key: null });
  const fault = shell.isRepeated(call) ? null : claimFault(shell, found, known, claimant);
  if (fault !== null) return shell.refuse(call, fault);
  const { workspace, from, keep } = found;
  const to = "known" in claimant ? claimant.known : claimant.joins.principal;
  const done = shell.once<Claimed>(call, { transfer: id, workspace, from, to, keep }, () => {
    const { principal, key } = known === null ? join(shell, claimant) : { principal: known, key: null };
    const transfer = pass(shell, { ...found, claimedBy: principal.id });
    return { transfer, principal: shell.tables.principal(principal.id) ?? principal, key };
  });
  if (!done.ok) return done;
  await finishTransfers(shell);
  return ok({ ...done.value, transfer: { ...done.value.transfer, state: "claimed" } });
}

function claimFault(
  shell: OrganizationShell,
  transfer: Transfer,
  known: Principal | null,
  claimant: Claimant,
): Problem | null {
  const { state, expiresAt, to } = transfer;
  if (state !== "open") return { code: "ticket_spent", state };
  if (expiresAt <= Date.now()) return { code: "ticket_expired", at: expiresAt };
  if (known !== null && known.kind !== "human") return { code: "humans_only" };
  if (to !== null && to !== known?.id) return { code: "wrong_claimant" };
  if (!isStillOffered(shell, transfer)) return { code: "ticket_spent", state: "cancelled" };
  return "joins" in claimant ? isFull(shell) : null;
}

/** An offer stands as long as it could be made again: by one who may act, of what has not passed to somebody else. */
function isStillOffered({ tables }: OrganizationShell, { workspace, from, by }: Transfer): boolean {
  const offerer = tables.principal(by);
  if (offerer === null || offerer.pause !== null) return false;
  if (workspace === null) return offerer.role === "owner";
  return tables.ownerOf(workspace) === from && (offerer.role === "owner" || by === from);
}

function join(shell: OrganizationShell, claimant: Claimant): { principal: Principal; key: KeyId } {
  if (!("joins" in claimant)) throw new Error("one who is known does not join");
  const { principal, key, name } = claimant.joins;
  const joined = enter(shell, { id: principal, kind: "human", name, role: "member", createdBy: null });
  addKey(shell, principal, key, { name: "from the claim", scopes: UNSCOPED, expiresAt: null }, null);
  return { principal: joined, key };
}

/** Within a transaction: decides who owns it now. What others must hear of it is left to `finishTransfers`. */
function pass(shell: OrganizationShell, transfer: Transfer & { claimedBy: PrincipalId }): Transfer {
  const passing: Transfer = { ...transfer, state: "passing" };
  shell.tickets.saveTransfer(passing);
  const { workspace, claimedBy } = transfer;
  if (workspace === null) passOrganization(shell, transfer);
  else shell.tables.setOwnerOf(workspace, claimedBy);
  return passing;
}

/** One becomes owner of the organization and of what the other owned in it; the other keeps a role, or leaves (null). */
function passOrganization(shell: OrganizationShell, transfer: Transfer & { claimedBy: PrincipalId }): void {
  const { from, claimedBy: to, keep } = transfer;
  const [former, next] = [shell.tables.principal(from), shell.tables.principal(to)];
  if (former === null || next === null) throw new Error("both ends of a transfer are there");
  shell.tables.savePrincipal({ ...next, role: "owner", pause: null });
  shell.beginRecall(ofPrincipal(to));
  if (from === to) return;
  if (keep === null) shell.tables.removePrincipal(from);
  else shell.tables.savePrincipal({ ...former, role: keep as OrganizationRole });
  shell.beginRecall(ofPrincipal(from));
  for (const workspace of shell.tables.ownedBy(from))
    pass(shell, { ...transfer, id: newTransferId(), workspace, keep: null });
}

/** Carries out what has been decided and has not been heard of everywhere. Each step may be repeated. */
export async function finishTransfers(shell: OrganizationShell): Promise<void> {
  await Promise.all(shell.tickets.passing().map((transfer) => finishTransfer(shell, transfer)));
}

async function finishTransfer(shell: OrganizationShell, transfer: Transfer): Promise<void> {
  const { id, workspace, from, claimedBy, keep } = transfer;
  if (claimedBy === null) throw new Error("what is passing has been claimed");
  if (workspace === null) {
    await Promise.all([from, claimedBy].map((whom) => shell.settle(ofPrincipal(whom), claimedBy)));
  } else {
    const change = { from, to: claimedBy, keep: keep as Role | null };
    const told = await plain(shell.workspace(workspace).setOwner(ownershipCall(shell, id, claimedBy), change));
    if (!told.ok) throw new Error(`ownership not passed: ${told.problem.code}`);
  }
  shell.tickets.saveTransfer({ ...transfer, state: "claimed" });
}

/** The workspace records who became its owner, not who relayed it; and hears of one transfer once. */
function ownershipCall({ record }: OrganizationShell, id: TransferId, principal: PrincipalId) {
  if (record === null) throw new Error("an organization that passes ownership exists");
  const caller = { organization: record.id, principal, key: "key_" as KeyId };
  const idempotency = { key: id, fingerprint: id };
  return { caller, action: "own_workspace", permission: "workspace:manage", idempotency, lease: null } as const;
}

/** Directly to a member. */
export async function transferOwnership(
  shell: OrganizationShell,
  call: OrganizationCall,
  asked: { id: TransferId; workspace: WorkspaceId | null; to: PrincipalId; keep: Kept },
): Promise<Result<Transfer>> {
  const caller = shell.open(call);
  if (!caller.ok) return caller;
  while (shell.tickets.passing().length > 0) await finishTransfers(shell);
  const answered = shell.replies.find<Transfer>(call);
  if (!answered.ok) return answered;
  const done = answered.value === null ? passDirectly(shell, call, asked) : ok(answered.value);
  if (!done.ok) return done;
  await finishTransfers(shell);
  return ok({ ...done.value, state: "claimed" });
}

function passDirectly(
  shell: OrganizationShell,
  call: OrganizationCall,
  { id, workspace, to, keep }: { id: TransferId; workspace: WorkspaceId | null; to: PrincipalId; keep: Kept },
): Result<Transfer> {
  const opened = openOwner(shell, call, workspace);
  if (!opened.ok) return opened;
  if (shell.tables.principal(to) === null) return shell.refuse(call, { code: "not_found", what: "principal" });
  const { from, by } = opened.value;
  const now = Date.now();
  const made = { id, workspace, from, by, to, keep, state: "open" as const, createdAt: now, expiresAt: now };
  return shell.once(call, { transfer: id, workspace, from, to, keep }, () => pass(shell, { ...made, claimedBy: to }));
}
