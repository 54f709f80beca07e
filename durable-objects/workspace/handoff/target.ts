// Owns a workspace's part in a handoff that another workspace coordinates: names that will arrive or leave, and learning
// what has become of them.

import type { Whose } from "../../../src/domain/access/standing.ts";
import type { Call } from "../../../src/domain/calls.ts";
import { accepted } from "../../../src/domain/events.ts";
import type { HandoffState } from "../../../src/domain/handoffs.ts";
import type { HandoffId } from "../../../src/domain/ids.ts";
import { ok, type Result } from "../../../src/domain/result.ts";
import { reach } from "../../../src/platform/objects.ts";
import type { WorkspaceShell } from "../shell.ts";
import { admitArrival, areKnown, describe, whoseOfAll } from "./arrival.ts";
import type { Reservation } from "./reservations.ts";

/** Reserves names that will arrive, or marks names that will leave, for those who may write there. */
export async function reserve(shell: WorkspaceShell, call: Call, reservation: Reservation): Promise<Result<true>> {
  const { entries, kind, grants } = reservation;
  const known = await areKnown(shell, call, kind === "arriving" ? grants : []);
  if (!known.ok) return known;
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  if (shell.reservations.find(reservation.handoff) !== null) return ok(true);
  const may =
    kind === "leaving"
      ? admitDeparture(shell, call, standing.value, entries)
      : admitArrival(shell, call, standing.value, {
          paths: entries.map(({ path }) => path),
          leaving: new Set(),
          grants,
          areKnown: known.value,
        });
  if (may.ok) shell.db.transaction(() => shell.reservations.save(reservation));
  return may;
}

function admitDeparture(
  shell: WorkspaceShell,
  call: Call,
  standing: Parameters<typeof admitArrival>[2],
  entries: Reservation["entries"],
): Result<true> {
  for (const { path, file } of entries) {
    const opened = shell.admit({ ...call, permission: "files:write" }, standing, { path, file });
    if (!opened.ok) return opened;
    const isThere = shell.tables.entryOf(file)?.path === path;
    if (!isThere) return shell.refuse(call, { code: "handoff_changed", path });
  }
  return ok(true);
}

/** Asks the coordinators of all reservations what has become of them. */
export async function learnOutcomes(shell: WorkspaceShell): Promise<Result<true>> {
  for (const { handoff, source } of shell.reservations.all()) {
    const state = await reach("workspace", true, async () => ok(await shell.workspace(source).handoffOutcome(handoff)));
    if (!state.ok) return state;
    follow(shell, handoff, state.value);
  }
  return ok(true);
}

/** Told by the coordinator. Once this answers, nothing is honoured any more of what has ended. */
export async function decided(
  shell: WorkspaceShell,
  handoff: HandoffId,
  state: HandoffState,
  whose: Whose | null,
): Promise<void> {
  follow(shell, handoff, state);
  if (whose !== null) await shell.settle(whose, null);
}

/** Does what a decision means here. One that the coordinator does not know (any more) has not happened. */
function follow(shell: WorkspaceShell, handoff: HandoffId, state: HandoffState | null): void {
  const reservation = shell.reservations.find(handoff);
  if (reservation === null) return;
  if (state === (reservation.kind === "arriving" ? "preparing" : "undoing")) return;
  const happens = reservation.kind === "arriving" ? state !== "aborted" && state !== null : state === "undone";
  if (!happens) return shell.db.transaction(() => shell.reservations.remove(handoff));
  const { caller, kind, grants, entries, source } = reservation;
  const action = kind === "arriving" ? "hand_off" : "undo_handoff";
  const detail = describe(handoff, { from: source, outputs: entries.map(({ path }) => path), grants });
  shell.commit([accepted(caller, action, detail)], () => {
    if (kind === "arriving") arrive(shell, reservation);
    else leave(shell, reservation);
    shell.reservations.remove(handoff);
  });
}

function arrive(shell: WorkspaceShell, { entries, grants }: Reservation): void {
  for (const entry of entries) shell.tables.addEntry(entry);
  for (const grant of grants) shell.grants.save(grant);
}

function leave(shell: WorkspaceShell, { entries, grants }: Reservation): void {
  for (const { path } of entries) shell.tables.removeEntry(path);
  for (const { id } of grants) if (shell.grants.find(id) !== null) shell.grants.end(id, Date.now());
  const whose = whoseOfAll(grants);
  if (whose !== null) shell.beginRecall(whose);
}
