// Owns one organization: its principals and their keys, groups, roles, its workspaces by name, and what is granted at
// its level. The only authority over them: a workspace relies on its word, for as long as that lasts and is not recalled.
//
// This class is the RPC surface; the state and its parts are in organization/.

import { DurableObject } from "cloudflare:workers";
import { EVERYONE, type Grant, type Subject } from "../src/domain/access/grants.ts";
import { UNSCOPED } from "../src/domain/access/scopes.ts";
import type { Roster, Standing } from "../src/domain/access/standing.ts";
import type { Called, Caller, OrganizationCall } from "../src/domain/calls.ts";
import { accepted } from "../src/domain/events.ts";
import type { GrantId, GroupId, InvitationId, KeyId, PrincipalId, TransferId, WorkspaceId } from "../src/domain/ids.ts";
import { LIMITS } from "../src/domain/limits.ts";
import type {
  Group,
  Invitation,
  Kept,
  KeyView,
  ListedWorkspace,
  NewKey,
  NewOrganization,
  NewOrganizationGrant,
  OrganizationAudit,
  OrganizationView,
  Principal,
  RoleView,
  Transfer,
} from "../src/domain/organizations.ts";
import type { OrganizationRole, Permission } from "../src/domain/permissions.ts";
import type { Problem } from "../src/domain/problems.ts";
import { err, ok, type Result } from "../src/domain/result.ts";
import {
  createGroup,
  deleteGroup,
  find,
  grantOnAll,
  listRoles,
  revokeOnAll,
  setGroupMember,
  setRoleDefinition,
} from "./organization/access.ts";
import {
  acceptInvitation,
  cancelInvitation,
  createInvitation,
  withdrawInvitation,
} from "./organization/invitations.ts";
import { createKey, listKeys, revokeKey, rotateKey } from "./organization/keys.ts";
import {
  cancelTransfer,
  type Claimant,
  type Claimed,
  claimTransfer,
  createTransfer,
  finishTransfers,
  listTransfers,
  transferOwnership,
} from "./organization/ownership.ts";
import { addKey, createAgent, enter, pause, remove, resume, setRole } from "./organization/principals.ts";
import { OrganizationShell } from "./organization/shell.ts";

export class OrganizationObject extends DurableObject<Env> {
  /** Tells one life of the object from the next. */
  readonly bootId = crypto.randomUUID();
  readonly #shell: OrganizationShell;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#shell = new OrganizationShell(ctx, env);
    void ctx.blockConcurrencyWhile(() => this.#shell.alarm.load());
  }

  // ── the organization itself ────────────────────────────────────────────────────────────────────────────────────

  /** Creates the organization with its first agent, which owns it. Repeating it answers the same again. */
  async initialize({
    organization,
    name,
    owner,
  }: NewOrganization): Promise<Result<{ principal: Principal; key: KeyId }>> {
    const shell = this.#shell;
    if (shell.record === null) {
      const by = { organization, principal: owner.principal, key: owner.key };
      shell.commit([accepted(by, "create_organization", { name, principal: owner.principal })], () => {
        shell.tables.create();
        shell.record = { id: organization, name, epoch: 1, createdAt: Date.now() };
        shell.tables.save(shell.record);
        const { principal: id } = owner;
        enter(shell, { id, kind: "agent", name: owner.name, role: "owner", createdBy: null });
        addKey(shell, id, owner.key, { name: "the first", scopes: UNSCOPED, expiresAt: null }, null);
      });
    }
    const principal = shell.tables.principal(owner.principal);
    const isSame = principal?.name === owner.name && shell.record?.name === name;
    return isSame ? ok({ principal, key: owner.key }) : err({ code: "idempotency_key_reused" });
  }

  async view(call: OrganizationCall): Promise<Result<OrganizationView>> {
    return this.#shell.act(call, {}, ({ record: { id, name, createdAt } }) => ({ id, name, createdAt }));
  }

  async whoAmI(call: OrganizationCall): Promise<Result<{ principal: Principal; key: KeyView; groups: GroupId[] }>> {
    return this.#shell.act(call, {}, ({ principal, key }) => ({
      principal,
      key,
      groups: this.#shell.groups.groupsOf(principal.id),
    }));
  }

  /** Lets a caller in who is served elsewhere (the audit log). */
  async admit(call: OrganizationCall): Promise<Result<true>> {
    return this.#shell.act(call, {}, () => true as const);
  }

  // ── principals and keys ────────────────────────────────────────────────────────────────────────────────────────
  // What takes something away is answered only when the old right is honoured nowhere any more.

  async createAgent(
    call: OrganizationCall,
    asked: { principal: PrincipalId; key: KeyId; name: string; role: OrganizationRole; newKey: NewKey },
  ): Promise<Result<{ principal: Principal; key: KeyId }>> {
    return createAgent(this.#shell, call, asked);
  }

  async listPrincipals(call: OrganizationCall, after: string, limit: number): Promise<Result<Principal[]>> {
    return this.#shell.act(call, {}, () => this.#shell.tables.principals(after, limit));
  }

  async setRole(call: OrganizationCall, id: PrincipalId, role: OrganizationRole): Promise<Result<Principal>> {
    return setRole(this.#shell, call, id, role);
  }

  async pause(call: OrganizationCall, id: PrincipalId, reason: string): Promise<Result<Principal>> {
    return pause(this.#shell, call, id, reason);
  }

  async resume(call: OrganizationCall, id: PrincipalId): Promise<Result<Principal>> {
    return resume(this.#shell, call, id);
  }

  async removePrincipal(call: OrganizationCall, id: PrincipalId): Promise<Result<true>> {
    return remove(this.#shell, call, id);
  }

  async createKey(
    call: OrganizationCall,
    asked: { principal: PrincipalId; id: KeyId; asked: NewKey },
  ): Promise<Result<KeyView>> {
    return createKey(this.#shell, call, asked);
  }

  async listKeys(call: OrganizationCall, principal: PrincipalId): Promise<Result<KeyView[]>> {
    return listKeys(this.#shell, call, principal);
  }

  async rotateKey(
    call: OrganizationCall,
    asked: { id: KeyId; next: KeyId; overlapMs: number; expiresAt: number | null | undefined },
  ): Promise<Result<KeyView>> {
    return rotateKey(this.#shell, call, asked);
  }

  async revokeKey(call: OrganizationCall, id: KeyId): Promise<Result<KeyView>> {
    return revokeKey(this.#shell, call, id);
  }

  // ── groups, roles, grants ──────────────────────────────────────────────────────────────────────────────────────

  async createGroup(call: OrganizationCall, group: { id: GroupId; name: string }): Promise<Result<Group>> {
    return createGroup(this.#shell, call, group);
  }

  async listGroups(call: OrganizationCall): Promise<Result<Group[]>> {
    return this.#shell.act(call, {}, () => this.#shell.groups.groups());
  }

  async deleteGroup(call: OrganizationCall, id: GroupId): Promise<Result<true>> {
    return deleteGroup(this.#shell, call, id);
  }

  async setGroupMember(
    call: OrganizationCall,
    change: { group: GroupId; principal: PrincipalId; isIn: boolean },
  ): Promise<Result<Group>> {
    return setGroupMember(this.#shell, call, change);
  }

  async listRoles(call: OrganizationCall): Promise<Result<RoleView[]>> {
    return this.#shell.act(call, {}, () => listRoles(this.#shell));
  }

  async defineRole(
    call: OrganizationCall,
    role: { name: string; permissions: readonly Permission[] },
  ): Promise<Result<RoleView>> {
    return setRoleDefinition(this.#shell, call, role);
  }

  async listGrants(call: OrganizationCall): Promise<Result<readonly Grant[]>> {
    return this.#shell.act(call, {}, () => this.#shell.grants.all());
  }

  async grant(call: OrganizationCall, asked: NewOrganizationGrant): Promise<Result<Grant>> {
    return grantOnAll(this.#shell, call, asked);
  }

  async revokeGrant(call: OrganizationCall, id: GrantId): Promise<Result<Grant>> {
    return revokeOnAll(this.#shell, call, id);
  }

  async audit(call: OrganizationCall): Promise<Result<OrganizationAudit>> {
    const { tables, groups, grants } = this.#shell;
    return this.#shell.act(call, {}, () => ({
      keys: tables.allKeys(),
      roles: groups.roles(),
      grants: grants.all(),
      history: grants.history(),
    }));
  }

  // ── invitations and ownership ──────────────────────────────────────────────────────────────────────────────────

  async createInvitation(
    call: OrganizationCall,
    asked: Pick<Invitation, "id" | "principal" | "kind" | "name" | "role" | "expiresAt">,
  ): Promise<Result<Invitation>> {
    return createInvitation(this.#shell, call, asked);
  }

  async listInvitations(call: OrganizationCall): Promise<Result<Invitation[]>> {
    return this.#shell.act(call, {}, () => this.#shell.tickets.invitations());
  }

  async cancelInvitation(call: OrganizationCall, id: InvitationId): Promise<Result<Invitation>> {
    return cancelInvitation(this.#shell, call, id);
  }

  async withdrawInvitation(call: OrganizationCall, id: InvitationId, because: Problem): Promise<void> {
    withdrawInvitation(this.#shell, call, id, because);
  }

  async acceptInvitation(
    call: Called,
    accepted: { id: InvitationId; key: KeyId; name: string | null },
  ): Promise<Result<{ principal: Principal; key: KeyId }>> {
    return acceptInvitation(this.#shell, call, accepted);
  }

  async createTransfer(
    call: OrganizationCall,
    asked: Pick<Transfer, "id" | "workspace" | "to" | "keep" | "expiresAt">,
  ): Promise<Result<Transfer>> {
    return createTransfer(this.#shell, call, asked);
  }

  async listTransfers(call: OrganizationCall): Promise<Result<Transfer[]>> {
    return listTransfers(this.#shell, call);
  }

  async cancelTransfer(call: OrganizationCall, id: TransferId): Promise<Result<Transfer>> {
    return cancelTransfer(this.#shell, call, id);
  }

  async claimTransfer(call: Called, id: TransferId, claimant: Claimant): Promise<Result<Claimed>> {
    return claimTransfer(this.#shell, call, id, claimant);
  }

  async transferOwnership(
    call: OrganizationCall,
    asked: { id: TransferId; workspace: WorkspaceId | null; to: PrincipalId; keep: Kept },
  ): Promise<Result<Transfer>> {
    return transferOwnership(this.#shell, call, asked);
  }

  // ── workspaces ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether the caller may create a workspace; if this very request has, that one. */
  async mayCreateWorkspace(call: OrganizationCall): Promise<Result<ListedWorkspace | null>> {
    const opened = this.#shell.open(call);
    return opened.ok ? this.#shell.replies.find<ListedWorkspace>(call) : opened;
  }

  /** Enters a workspace that has been made. */
  async enterWorkspace(call: OrganizationCall, id: WorkspaceId, name: string): Promise<Result<ListedWorkspace>> {
    const { tables } = this.#shell;
    // Its id follows from an Idempotency-Key, which may be older than answers are remembered.
    if (tables.ownerOf(id) !== null && !this.#shell.isRepeated(call)) return err({ code: "idempotency_key_reused" });
    return this.#shell.act(call, { workspace: id, name }, () => {
      const createdAt = Date.now();
      tables.enterWorkspace(id, name, call.caller.principal, createdAt);
      return { id, name, createdAt, number: 0 };
    });
  }

  async listWorkspaces(call: OrganizationCall, after: number, limit: number): Promise<Result<ListedWorkspace[]>> {
    return this.#shell.act(call, {}, () => this.#shell.tables.workspaces(after, limit));
  }

  // ── asked by workspaces ────────────────────────────────────────────────────────────────────────────────────────

  async grantStanding(caller: Caller, workspace: WorkspaceId): Promise<Result<Standing>> {
    return this.#shell.grantStanding(caller, workspace);
  }

  async roster(): Promise<Roster | null> {
    return this.#shell.roster();
  }

  /** Whom an id names; null when nobody. */
  async find(to: Subject): Promise<{ name: string; role: string | null } | null> {
    return to === EVERYONE ? null : find(this.#shell, to);
  }

  override async alarm(): Promise<void> {
    const { record } = this.#shell;
    if (record === null) return;
    await this.#shell.ring(record.id, () =>
      finishTransfers(this.#shell).catch((error: unknown) =>
        console.warn({ message: "ownership not passed everywhere, to be tried again", error: String(error) }),
      ),
    );
    if (this.#shell.tickets.passing().length > 0) this.#shell.alarm.wakeBy(Date.now() + LIMITS.SHIP_DELAY_MS);
  }
}
