// Owns who has which role in a workspace, and that a role taken away is gone everywhere once that is said.

import type { Call } from "../../src/domain/calls.ts";
import { accepted } from "../../src/domain/events.ts";
import type { PrincipalId } from "../../src/domain/ids.ts";
import { reduces, type Role } from "../../src/domain/permissions.ts";
import { ok, type Result } from "../../src/domain/result.ts";
import type { Member } from "../../src/domain/workspaces.ts";
import type { WorkspaceShell } from "./shell.ts";
import type { WorkspaceRecord } from "./tables.ts";

/** Gives an agent a role, or (null) takes away the one it has. */
export async function setMember(
  shell: WorkspaceShell,
  call: Call,
  { agent, name, role }: { agent: PrincipalId; name: string; role: Role | null },
): Promise<Result<Member | null>> {
  const opened = shell.open(call);
  if (!opened.ok) return opened;
  const answered = shell.replies.find<{ member: Member | null }>(call);
  if (!answered.ok) return answered;
  if (answered.value !== null) return whenRecalled(shell, agent, answered.value.member);

  const before = shell.tables.member(agent);
  if (before === null && role === null) {
    // Taken away before; the recall may still be under way.
    if (shell.grants.isUnconfirmed(agent)) return whenRecalled(shell, agent, null);
    return shell.refuse(call, { code: "not_found", what: "member" });
  }
  if (before?.role === "admin" && role !== "admin" && admins(shell) === 1) {
    return shell.refuse(call, { code: "last_admin" });
  }
  const after = role === null ? null : { agent, name, role, since: before?.since ?? Date.now() };
  change(shell, call, opened.value.record, agent, before, after);
  return whenRecalled(shell, agent, after);
}

function admins({ tables }: WorkspaceShell): number {
  return tables.members().filter((member) => member.role === "admin").length;
}

/** The change, its event and the fact that a recall has begun are one transaction. */
function change(
  shell: WorkspaceShell,
  call: Call,
  record: WorkspaceRecord,
  agent: PrincipalId,
  before: Member | null,
  after: Member | null,
): void {
  const now = Date.now();
  const taken = before !== null && reduces(before.role, after?.role ?? null);
  const next = taken ? { ...record, epoch: record.epoch + 1 } : record;
  const detail = { member: agent, role: after?.role ?? null, before: before?.role ?? null };
  shell.commit([accepted(call.caller, call.action, detail)], () => {
    if (after === null) shell.tables.removeMember(agent);
    else shell.tables.saveMember(after);
    shell.replies.remember(call, { member: after }, now);
    if (!taken) return;
    shell.tables.save(next);
    shell.tables.saveRecall(agent, next.epoch, now);
  });
  shell.record = next;
}

/** Answers once no file honours what was taken away from the agent. */
async function whenRecalled(
  shell: WorkspaceShell,
  agent: PrincipalId,
  member: Member | null,
): Promise<Result<Member | null>> {
  const epoch = shell.record?.epoch ?? 0;
  if (shell.grants.isUnconfirmed(agent)) {
    await shell.grants.recall(agent, epoch, (file, newest, whose) => shell.file(file).recall(newest, whose));
  }
  return ok(member);
}
