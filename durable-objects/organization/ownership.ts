// Owns the passing on of ownership, of the organization or of one of its workspaces: by a token that a human claims,
// or directly to a member. The organization keeps the tokens; a workspace's owner is changed in the workspace, by a
// step that may be repeated, so an interrupted claim is finished by repeating it or by the alarm.

import type { Called, OrganizationCall } from "../../src/domain/calls.ts";
import type { KeyId, PrincipalId, TransferId, WorkspaceId } from "../../src/domain/ids.ts";
import { isScoped, UNSCOPED } from "../../src/domain/access/scopes.ts";
import type { Kept, Principal, Transfer } from "../../src/domain/organizations.ts";
import type { OrganizationRole, Role } from "../../src/domain/permissions.ts";
import { err, ok, type Result } from "../../src/domain/result.ts";
import { plain } from "../../src/platform/objects.ts";
import { addKey, enter, isFull } from "./principals.ts";
import { ofPrincipal, type OrganizationShell } from "./shell.ts";

/** Who owns it now; null when there is no such workspace. */
async function ownerOf(shell: OrganizationShell, workspace: WorkspaceId): Promise<PrincipalId | null> {
  return shell.tables.hasWorkspace(workspace) ? shell.workspace(workspace).owner() : null;
}

/** Lets in those who may pass it on: an owner of the organization; of a workspace, also its own owner. */
async function openOwner(
  shell: OrganizationShell,
  call: OrganizationCall,
  workspace: WorkspaceId | null,
): Promise<Result<{ from: PrincipalId }>> {
  const first = shell.open(call);
  if (!first.ok) return first;
  const owner = workspace === null ? null : await ownerOf(shell, workspace);
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const { principal } = opened.value;
  const isOwner = principal.role === "owner" || owner === principal.id;
  if (workspace !== null && (owner === null || !isOwner))
    return shell.refuse(call, { code: "not_found", what: "workspace" });
  return isOwner ? ok({ from: owner ?? principal.id }) : shell.refuse(call, { code: "owner_only" });
}

export async function createTransfer(
  shell: OrganizationShell,
  call: OrganizationCall,
  asked: Pick<Transfer, "id" | "workspace" | "to" | "keep" | "expiresAt">,
): Promise<Result<Transfer>> {
  const opened = await openOwner(shell, call, asked.workspace);
  if (!opened.ok) return opened;
  const { from } = opened.value;
  if (asked.to !== null && shell.tables.principal(asked.to) === null)
    return shell.refuse(call, { code: "not_found", what: "principal" });
  const { id, workspace, to, keep } = asked;
  return shell.once(call, { transfer: id, workspace, to, keep }, () => {
    const made: Transfer = { ...asked, from, state: "open", createdAt: Date.now(), claimedBy: null };
    shell.tables.saveTransfer(made);
    return made;
  });
}

/** The caller's own, and those made to it; all, for an owner. */
export function listTransfers(shell: OrganizationShell, call: OrganizationCall): Result<Transfer[]> {
  return shell.act(call, {}, ({ principal }) =>
    shell.tables.transfers().filter(({ from, to }) => principal.role === "owner" || [from, to].includes(principal.id)),
  );
}

export function cancelTransfer(shell: OrganizationShell, call: OrganizationCall, id: TransferId): Result<Transfer> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const found = shell.tables.transfer(id);
  const { principal } = opened.value;
  const isTheirs = found !== null && (found.from === principal.id || principal.role === "owner");
  if (!isTheirs) return shell.refuse(call, { code: "not_found", what: "transfer" });
  const answered = shell.replies.find(call);
  if (found.state !== "open" && answered.ok && answered.value === null)
    return shell.refuse(call, { code: "ticket_spent", state: found.state });
  return shell.once(call, { transfer: id }, () => {
    const cancelled: Transfer = { ...found, state: "cancelled" };
    shell.tables.saveTransfer(cancelled);
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
  const found = shell.tables.transfer(id);
  if (found === null) return err({ code: "not_found", what: "transfer" });
  const key = "known" in claimant ? keyFault(shell, call) : ok(null);
  if (!key.ok) return key;
  const answered = shell.replies.find<Claimed>(call);
  if (!answered.ok) return answered;
  if (answered.value !== null) return finished(shell, answered.value);
  if (found.state !== "open" && "known" in claimant && claimant.known === found.claimedBy) {
    const { principal } = settleIn(shell, claimant);
    return finished(shell, { transfer: found, principal, key: null });
  }
  const fault = await claimFault(shell, call, found, claimant);
  if (!fault.ok) return fault;
  const current = shell.tables.transfer(id);
  if (current === null || current.state !== "open")
    return shell.refuse(call, { code: "ticket_spent", state: current?.state ?? "cancelled" });
  const done = shell.once(call, { transfer: id, workspace: current.workspace, from: current.from }, () => {
    const { principal, key } = settleIn(shell, claimant);
    const transfer: Transfer = { ...current, state: "passing", claimedBy: principal.id };
    shell.tables.saveTransfer(transfer);
    if (transfer.workspace === null) passOrganization(shell, transfer.from, principal.id, transfer.keep);
    return { transfer, principal: shell.tables.principal(principal.id) ?? principal, key };
  });
  return done.ok ? finished(shell, done.value) : done;
}

/** Ownership is a power over rights: it is not claimed with a key that is dead, has scopes, or whose human is paused. */
function keyFault(shell: OrganizationShell, call: Called): Result<null> {
  const known = shell.identify(call.caller);
  if (!known.ok) return known;
  const wall = isScoped(known.value.key.scopes) ? "powers" : null;
  return wall === null ? ok(null) : shell.refuse(call, { code: "key_scope", wall });
}

async function claimFault(
  shell: OrganizationShell,
  call: Called,
  { state, expiresAt, to, workspace, from }: Transfer,
  claimant: Claimant,
): Promise<Result<null>> {
  if (state !== "open") return shell.refuse(call, { code: "ticket_spent", state });
  if (expiresAt <= Date.now()) return shell.refuse(call, { code: "ticket_expired", at: expiresAt });
  const known = "known" in claimant ? shell.tables.principal(claimant.known) : null;
  if ("known" in claimant && known?.kind !== "human") return shell.refuse(call, { code: "humans_only" });
  if (to !== null && to !== known?.id) return shell.refuse(call, { code: "wrong_claimant" });
  if (known === null && isFull(shell) !== null) return shell.refuse(call, { code: "wrong_claimant" });
  // What was promised may have passed to somebody else meanwhile.
  const owner = workspace === null ? shell.tables.principal(from) : await ownerOf(shell, workspace);
  const still = workspace === null ? (owner as Principal | null)?.role === "owner" : owner === from;
  return still ? ok(null) : shell.refuse(call, { code: "ticket_spent", state: "cancelled" });
}

function settleIn(shell: OrganizationShell, claimant: Claimant): { principal: Principal; key: KeyId | null } {
  if ("known" in claimant) {
    const principal = shell.tables.principal(claimant.known);
    if (principal === null) throw new Error("a claimant who was checked is there");
    return { principal, key: null };
  }
  const { principal, key, name } = claimant.joins;
  const joined = enter(shell, { id: principal, kind: "human", name, role: "member", createdBy: null });
  addKey(shell, principal, key, { name: "from the claim", scopes: UNSCOPED, expiresAt: null }, null);
  return { principal: joined, key };
}

/** Within a transaction: one becomes owner of the organization, the other keeps a role; null ends its part. */
function passOrganization(shell: OrganizationShell, from: PrincipalId, to: PrincipalId, keep: Kept): void {
  const [former, next] = [shell.tables.principal(from), shell.tables.principal(to)];
  if (former === null || next === null) throw new Error("both ends of a transfer are there");
  shell.tables.savePrincipal({ ...next, role: "owner", pause: null });
  if (from === to) return;
  if (keep === null) shell.tables.removePrincipal(from);
  else shell.tables.savePrincipal({ ...former, role: keep as OrganizationRole });
  shell.beginRecall(ofPrincipal(from));
}

/** What must have happened elsewhere before the claim is answered. Each step may be repeated. */
async function finished(shell: OrganizationShell, claimed: Claimed): Promise<Result<Claimed>> {
  await finishTransfer(shell, claimed.transfer);
  return ok({ ...claimed, transfer: { ...claimed.transfer, state: "claimed" } });
}

async function finishTransfer(shell: OrganizationShell, transfer: Transfer): Promise<void> {
  const { workspace, from, claimedBy, keep } = transfer;
  if (claimedBy === null) return;
  if (workspace === null) await shell.settle(ofPrincipal(from), claimedBy);
  else {
    const call = ownershipCall(shell, claimedBy);
    const passed = await plain(
      shell.workspace(workspace).setOwner(call, { from, to: claimedBy, keep: keep as Role | null }),
    );
    if (!passed.ok) throw new Error(`ownership not passed: ${passed.problem.code}`);
  }
  if (shell.tables.transfer(transfer.id)?.state === "passing")
    shell.tables.saveTransfer({ ...transfer, state: "claimed" });
}

/** Carries out what a crash has left half passed. Whether anything is left; then it wants to be tried again. */
export async function finishTransfers(shell: OrganizationShell): Promise<boolean> {
  const passing = shell.tables.transfers().filter(({ state }) => state === "passing");
  const tries = await Promise.allSettled(passing.map((transfer) => finishTransfer(shell, transfer)));
  return tries.some(({ status }) => status === "rejected");
}

/** The workspace records who became its owner, not who relayed it. */
function ownershipCall({ record }: OrganizationShell, principal: PrincipalId) {
  if (record === null) throw new Error("an organization that passes ownership exists");
  const caller = { organization: record.id, principal, key: "key_" as KeyId };
  return { caller, action: "own_workspace", permission: "workspace:manage", idempotency: null, lease: null } as const;
}

/** Directly to a member. */
export async function transferOwnership(
  shell: OrganizationShell,
  call: OrganizationCall,
  asked: { id: TransferId; workspace: WorkspaceId | null; to: PrincipalId; keep: Kept },
): Promise<Result<Transfer>> {
  const caller = shell.open(call);
  if (!caller.ok) return caller;
  const answered = shell.replies.find<Transfer>(call);
  if (!answered.ok) return answered;
  if (answered.value !== null) return passed(shell, answered.value);
  const opened = await openOwner(shell, call, asked.workspace);
  if (!opened.ok) return opened;
  if (shell.tables.principal(asked.to) === null) return shell.refuse(call, { code: "not_found", what: "principal" });
  const now = Date.now();
  const { from } = opened.value;
  const made: Transfer = { ...asked, from, state: "passing", createdAt: now, expiresAt: now, claimedBy: asked.to };
  const { id, workspace, to, keep } = asked;
  const done = shell.once(call, { transfer: id, workspace, from, to, keep }, () => {
    shell.tables.saveTransfer(made);
    if (workspace === null) passOrganization(shell, from, to, keep);
    return made;
  });
  return done.ok ? passed(shell, done.value) : done;
}

async function passed(shell: OrganizationShell, transfer: Transfer): Promise<Result<Transfer>> {
  await finishTransfer(shell, transfer);
  return ok({ ...transfer, state: "claimed" });
}
