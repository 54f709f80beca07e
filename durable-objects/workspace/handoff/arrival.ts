// Owns what it takes for names and grants to come into a workspace, whether a handoff brings them from here or from
// another workspace: rights on each path, free names, and the rule that nobody gives more than they hold.

import type { Grant } from "../../../src/domain/access/grants.ts";
import { OF_ALL, type Standing, type Whose, whoseOf } from "../../../src/domain/access/standing.ts";
import type { Call } from "../../../src/domain/calls.ts";
import type { EventDetail } from "../../../src/domain/events.ts";
import type { HandoffId, WorkspacePath } from "../../../src/domain/ids.ts";
import { LIMITS } from "../../../src/domain/limits.ts";
import { ok, type Result } from "../../../src/domain/result.ts";
import { findSubject, fullFault, givingFault } from "../access.ts";
import { occupant } from "../names.ts";
import type { WorkspaceShell } from "../shell.ts";

export interface Arrival {
  paths: WorkspacePath[];
  /** Paths that become free in the same moment. */
  leaving: ReadonlySet<WorkspacePath>;
  grants: readonly Grant[];
  /** Whether the organization knows everyone whom the grants are for. */
  areKnown: boolean;
}

/** Whether the organization knows all of these; to be asked before `admitArrival`, which tells the caller. */
export async function areKnown(shell: WorkspaceShell, call: Call, grants: readonly Grant[]): Promise<Result<boolean>> {
  const found = await Promise.all(grants.map(({ to }) => findSubject(shell, call, to)));
  const failed = found.find((one) => !one.ok);
  return failed ?? ok(found.every((one) => one.ok && one.value.exists));
}

/** To be called in the same turn as what it admits to. */
export function admitArrival(shell: WorkspaceShell, call: Call, standing: Standing, arrival: Arrival): Result<true> {
  const { paths, leaving, grants } = arrival;
  for (const path of paths) {
    // A right on a file alone is none on the place where it is to be.
    const opened = shell.admit({ ...call, permission: "files:write" }, standing, { path, file: null });
    if (!opened.ok) return opened;
    const taken = occupant(shell, path, leaving);
    if (taken !== null) return shell.refuse(call, { code: "path_taken", path, by: taken.by });
  }
  const [first] = grants;
  if (first === undefined) return ok(true);
  const opened = shell.admit({ ...call, permission: "access:manage" }, standing, shell.targetOf(first.on));
  if (!opened.ok) return opened;
  if (!arrival.areKnown) return shell.refuse(call, { code: "not_found", what: "principal" });
  const faults = grants.map((grant) => givingFault(shell, standing, grant, grant.on));
  const fault = faults.find((one) => one !== null) ?? fullFault(shell, grants.length);
  return fault === null ? ok(true) : shell.refuse(call, fault);
}

/** Whose leases the end of these grants bears on; null when there are none. */
export function whoseOfAll(grants: readonly Grant[]): Whose | null {
  const [first, ...more] = grants;
  if (first === undefined) return null;
  return more.length === 0 ? whoseOf(first.to) : OF_ALL;
}

/** What the event of a handoff says, and that of its undoing. */
export function describe(
  handoff: HandoffId,
  { outputs, grants, ...rest }: { outputs: readonly string[]; grants: readonly Grant[] } & EventDetailParts,
): EventDetail {
  const recipients = grants.map(({ to, bundle }) => `${to} ${"role" in bundle ? bundle.role : ""}`);
  const all = outputs.join("\n");
  const isCut = all.length > LIMITS.HANDOFF_EVENT_MAX_CHARS;
  return {
    handoff,
    ...rest,
    files: outputs.length,
    outputs: isCut ? `${all.slice(0, LIMITS.HANDOFF_EVENT_MAX_CHARS)}…` : all,
    recipients: recipients.join("\n"),
  };
}

type EventDetailParts = Partial<Record<"mode" | "workspace" | "from" | "phase" | "note", string | null>>;
