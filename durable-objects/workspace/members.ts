// Owns the short way to give access: members, who have a role in the workspace as a whole, personally and for good; and
// its owner. Both are grants, or stand above them, like any others (access.ts).

import { whoseOf } from "../../src/domain/access/standing.ts";
import { EVERYONE, type Grant, WHOLE_WORKSPACE } from "../../src/domain/access/grants.ts";
import { notHeld } from "../../src/domain/access/rights.ts";
import type { Call } from "../../src/domain/calls.ts";
import type { PrincipalId } from "../../src/domain/ids.ts";
import { ROLE_PERMISSIONS, ROLES, type Role } from "../../src/domain/permissions.ts";
import { err, ok, type Result } from "../../src/domain/result.ts";
import type { Member } from "../../src/domain/workspaces.ts";
import { plain } from "../../src/platform/objects.ts";
import { newGrantId } from "../../src/platform/ids.ts";
import { beyondOwn, findSubject, rightsToGive } from "./access.ts";
import type { WorkspaceShell } from "./shell.ts";

type MemberGrant = Grant & { to: PrincipalId; bundle: { role: Role } };

const isRole = (role: string): role is Role => ROLES.some((known) => known === role);

function isMemberGrant(grant: Grant): grant is MemberGrant {
  const { on, to, effect, bundle, until } = grant;
  const isPersonal = to !== EVERYONE && !to.startsWith("grp_");
  if (on.level !== "workspace" || effect !== "allow" || until !== null || !isPersonal) return false;
  return "role" in bundle && isRole(bundle.role);
}

const memberGrants = (shell: WorkspaceShell): MemberGrant[] => shell.grants.all().filter(isMemberGrant);

/** The grant that makes a member. */
const membership = (to: PrincipalId, role: Role, by: PrincipalId, at: number): Grant => ({
  id: newGrantId(),
  on: { level: "workspace" },
  to,
  effect: "allow",
  bundle: { role },
  until: null,
  by,
  at,
});

export async function members(shell: WorkspaceShell, call: Call): Promise<Result<Member[]>> {
  const opened = await shell.open(call);
  if (!opened.ok) return opened;
  const roster = await plain(shell.organization(opened.value.record).roster());
  const nameOf = (id: PrincipalId) => roster?.principals.find(({ principal }) => principal === id)?.name ?? null;
  return shell.act(call, {}, ({ record }) => {
    const { owner, createdAt } = record;
    const own = { principal: owner, name: nameOf(owner) ?? "", role: "owner" as const, since: createdAt };
    const others = memberGrants(shell).flatMap(({ to, bundle, at }) => {
      const name = nameOf(to);
      return name === null || to === owner ? [] : [{ principal: to, name, role: bundle.role, since: at }];
    });
    return [own, ...others];
  });
}

/** Gives a principal of the organization a role here, in place of the one it has. */
export async function setMember(
  shell: WorkspaceShell,
  call: Call,
  { principal, role }: { principal: PrincipalId; role: Role },
): Promise<Result<Member>> {
  const known = await findSubject(shell, call, principal);
  if (!known.ok) return known;
  const opened = shell.admit(call, known.value.standing, WHOLE_WORKSPACE);
  if (!opened.ok) return opened;
  if (!known.value.exists) return shell.refuse(call, { code: "not_found", what: "principal" });
  const before = memberGrants(shell).filter(({ to }) => to === principal);
  const had = before.flatMap(({ bundle }) => ROLE_PERMISSIONS[bundle.role]);
  const gets = ROLE_PERMISSIONS[role];
  const { standing, rights } = opened.value;
  const giving = rightsToGive(shell, standing, { level: "workspace" });
  const beyond = shell.isRepeated(call) ? [] : [...notHeld(rights, had, Date.now()), ...notHeld(giving, gets, null)];
  if (beyond.length > 0) return shell.refuse(call, { code: "exceeds_own_rights", permissions: [...new Set(beyond)] });

  const now = Date.now();
  const reduced = had.some((permission) => !gets.includes(permission));
  const detail = { principal, role, before: before.at(-1)?.bundle.role ?? null };
  return shell.change(call, detail, reduced ? whoseOf(principal) : null, () => {
    for (const { id } of before) shell.grants.end(id, now);
    shell.grants.save(membership(principal, role, call.caller.principal, now));
    return { principal, name: known.value.name, role, since: before[0]?.at ?? now };
  });
}

/** Takes away everything that is allowed to a principal personally, anywhere in the workspace. What is denied to it stays so. */
export async function removeMember(shell: WorkspaceShell, call: Call, principal: PrincipalId): Promise<Result<true>> {
  const opened = await shell.open(call);
  if (!opened.ok) return opened;
  const { standing, record } = opened.value;
  const answered = shell.replies.find(call);
  if (!answered.ok) return answered;
  const held = shell.grants.all().filter(({ to, effect }) => to === principal && effect === "allow");
  if (principal === record.owner) return shell.refuse(call, { code: "owner_stays" });
  if (held.length === 0 && answered.value === null) return shell.refuse(call, { code: "not_found", what: "member" });
  const beyond = held.flatMap((grant) => beyondOwn(shell, grant, standing));
  if (beyond.length > 0) return shell.refuse(call, { code: "exceeds_own_rights", permissions: [...new Set(beyond)] });
  return shell.change(call, { principal, grants: held.length }, whoseOf(principal), () => {
    for (const { id } of held) shell.grants.end(id, Date.now());
    return true as const;
  });
}

/**
 * Makes another principal the owner. The former one keeps a role or (null) nothing; what it was granted otherwise ends.
 * Asked by the organization alone, which keeps the tokens and has checked them. Once passed on, repeating it changes
 * nothing.
 */
export async function setOwner(
  shell: WorkspaceShell,
  call: Call,
  { from: former, to, keep }: { from: PrincipalId; to: PrincipalId; keep: Role | null },
): Promise<Result<true>> {
  const { record } = shell;
  if (record === null) return err({ code: "not_found", what: "workspace" });
  if (former === to) return ok(true);
  if (record.owner !== former) {
    // Passed on before, by a life of this object that may have ended before all files had heard of it.
    await shell.settle(whoseOf(former), to);
    return ok(true);
  }
  const now = Date.now();
  return shell.change(call, { from: former, to, keep }, whoseOf(former), () => {
    shell.save({ ...(shell.record ?? record), owner: to });
    for (const { id, to: whom, effect } of shell.grants.all()) {
      if (whom === former && effect === "allow") shell.grants.end(id, now);
    }
    if (keep !== null) shell.grants.save(membership(former, keep, to, now));
    return true as const;
  });
}
