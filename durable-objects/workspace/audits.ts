// Owns the answers to who can do what in a workspace: everyone's effective access at one place, and one principal's at
// every place that has grants of its own.

import type { Call } from "../../src/domain/calls.ts";
import { isFor } from "../../src/domain/access/rights.ts";
import { type Target, WHOLE_WORKSPACE } from "../../src/domain/access/grants.ts";
import type { Roster, Standing } from "../../src/domain/access/standing.ts";
import type { PrincipalId } from "../../src/domain/ids.ts";
import { err, type Result } from "../../src/domain/result.ts";
import type { Access, AccessAt, GrantView } from "../../src/domain/workspaces.ts";
import { plain } from "../../src/platform/objects.ts";
import { admitAt, viewOf } from "./access.ts";
import type { WorkspaceShell } from "./shell.ts";

type Person = Roster["principals"][number];

/** The access of everyone who has any, at the workspace (null), a folder or a file. */
export async function whoCan(shell: WorkspaceShell, call: Call, path: string | null): Promise<Result<Access[]>> {
  const asked = await roster(shell, call);
  if (!asked.ok) return asked;
  const opened = admitAt(shell, call, asked.value.standing, path);
  if (!opened.ok) return opened;
  const target = shell.targetOf(opened.value.on);
  const { people } = asked.value;
  return shell.once(call, { path }, () =>
    people.principals.flatMap((person) => {
      const rights = rightsOf(shell, people, person, target);
      const { principal, name, kind } = person;
      return rights.length === 0 ? [] : [{ principal, name, kind, rights }];
    }),
  );
}

/** What one principal may do in the workspace as a whole, and wherever something else was granted to or denied it. */
export async function whatCan(shell: WorkspaceShell, call: Call, principal: PrincipalId): Promise<Result<AccessAt[]>> {
  const asked = await roster(shell, call);
  if (!asked.ok) return asked;
  const opened = shell.admit(call, asked.value.standing, WHOLE_WORKSPACE);
  if (!opened.ok) return opened;
  const { people } = asked.value;
  const person = people.principals.find((known) => known.principal === principal);
  if (person === undefined) return shell.refuse(call, { code: "not_found", what: "principal" });
  return shell.once(call, { principal }, () =>
    placesOf(shell, person).map((target) => ({ path: target.path, rights: rightsOf(shell, people, person, target) })),
  );
}

/** All grants that stand or stood, for the report on creeping permissions. */
export async function grantHistory(
  shell: WorkspaceShell,
  call: Call,
): Promise<Result<{ standing: GrantView[]; history: GrantView[]; people: Roster }>> {
  const asked = await roster(shell, call);
  if (!asked.ok) return asked;
  const opened = shell.admit(call, asked.value.standing, WHOLE_WORKSPACE);
  if (!opened.ok) return opened;
  const view = (grants: readonly Parameters<typeof viewOf>[1][]) => grants.map((grant) => viewOf(shell, grant));
  return shell.once(call, {}, () => ({
    standing: view(shell.grants.all()),
    history: view(shell.grants.history()),
    people: asked.value.people,
  }));
}

function placesOf(shell: WorkspaceShell, person: Person): Target[] {
  const own = shell.grants.all().filter(({ to }) => isFor(to, person));
  // A grant may outlast the file that it is on.
  const placed = own.map(({ on }) => shell.targetOf(on)).filter(({ path }) => path !== null);
  const targets = new Map(placed.map((target) => [target.path, target]));
  return [WHOLE_WORKSPACE, ...targets.values()];
}

function rightsOf(shell: WorkspaceShell, { grants, roles }: Roster, person: Person, target: Target) {
  return shell.rightsOf({ ...person, grants: grants.filter(({ to }) => isFor(to, person)), roles }, target);
}

/** Who there is, for those who may ask at all; and the caller's standing as it is after asking. */
async function roster(shell: WorkspaceShell, call: Call): Promise<Result<{ people: Roster; standing: Standing }>> {
  const first = await shell.standingOf(call.caller);
  if (!first.ok) return first;
  const present = shell.present(call, first.value);
  if (!present.ok) return present;
  const people = await plain(shell.organization(present.value).roster());
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  return people === null
    ? err({ code: "not_found", what: "workspace" })
    : { ok: true, value: { people, standing: standing.value } };
}
