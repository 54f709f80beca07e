// Owns the undoing of a handoff, within its window and while nobody has changed what was handed over.

import type { Standing } from "../../../src/domain/access/standing.ts";
import { type Target, WHOLE_WORKSPACE } from "../../../src/domain/access/grants.ts";
import type { Call } from "../../../src/domain/calls.ts";
import type { HandoffView } from "../../../src/domain/handoffs.ts";
import type { HandoffId } from "../../../src/domain/ids.ts";
import { LIMITS } from "../../../src/domain/limits.ts";
import { err, ok, type Result } from "../../../src/domain/result.ts";
import type { Phase } from "../../../src/domain/workspaces.ts";
import { reach } from "../../../src/platform/objects.ts";
import { occupant } from "../names.ts";
import type { WorkspaceShell } from "../shell.ts";
import { describe, whoseOfAll } from "./arrival.ts";
import { keep } from "./begin.ts";
import { finish, finishing } from "./finish.ts";
import { prepareUndo } from "./prepare.ts";
import { type Handoff, UNAVAILABLE, viewOf } from "./table.ts";

/** Undoes a handoff. Undone already, it answers so. */
export async function undoHandoff(shell: WorkspaceShell, call: Call, id: HandoffId): Promise<Result<HandoffView>> {
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const admitted = admitUndo(shell, call, standing.value, shell.handoffs.find(id));
  if (!admitted.ok) return admitted;
  const before = shell.replies.find<HandoffView>(call);
  if (!before.ok) return before;
  return shell.runs.join(id, () => run(shell, call, id));
}

async function run(shell: WorkspaceShell, call: Call, id: HandoffId): Promise<Result<HandoffView>> {
  const handoff = await whole(shell, id);
  if (!handoff.ok) return handoff;
  const view = viewOf(handoff.value, shell.id);
  if (view?.state === "undone") return ok(view);
  const { undoUntil } = handoff.value;
  const now = Date.now();
  if (undoUntil <= now) return shell.refuse(call, { code: "handoff_final", at: undoUntil });
  const undoing: Handoff = { ...handoff.value, state: "undoing", dueAt: now + LIMITS.HANDOFF_PREPARE_MS };
  keep(shell, undoing);
  const prepared = await prepareUndo(shell, call, undoing);
  const done = prepared.ok ? await commit(shell, call, id) : shell.refuse(call, prepared.problem);
  if (done.ok) return finishing(shell, id, done.value);
  await keepAsItIs(shell, id).catch((error: unknown) =>
    console.warn({ message: "undoing not cleared away yet", handoff: id, error: String(error) }),
  );
  return done;
}

/** Whatever was decided last has come about everywhere before anything else is begun. */
async function whole(shell: WorkspaceShell, id: HandoffId): Promise<Result<Handoff>> {
  return reach("file", true, async () => {
    await finish(shell, id);
    const handoff = shell.handoffs.find(id);
    return handoff === null ? err({ code: "not_found", what: "handoff" }) : ok(handoff);
  });
}

/** Whoever handed over may undo it while it has the rights that this needs, and so may who manages the workspace. */
function admitUndo(shell: WorkspaceShell, call: Call, standing: Standing, handoff: Handoff | null): Result<Handoff> {
  const present = shell.present(call, standing);
  if (!present.ok) return present;
  if (handoff === null || viewOf(handoff, shell.id) === null)
    return shell.refuse(call, { code: "not_found", what: "handoff" });
  if (handoff.caller.principal !== call.caller.principal) {
    const opened = shell.admit({ ...call, permission: "workspace:manage" }, standing, WHOLE_WORKSPACE);
    return opened.ok ? ok(handoff) : opened;
  }
  for (const target of touched(handoff)) {
    const opened = shell.admit(call, standing, target);
    if (!opened.ok) return opened;
  }
  return ok(handoff);
}

/** What an undoing changes here. A right on a file alone is none on the place where it is to be. */
const touched = ({ mode, target, outputs }: Handoff): Target[] =>
  outputs.flatMap(({ from, to, file }) => [
    ...(mode === "move" ? [{ path: from, file: null }] : []),
    ...(target === null ? [{ path: to, file }] : []),
  ]);

/** The moment it is undone. */
async function commit(shell: WorkspaceShell, call: Call, id: HandoffId): Promise<Result<HandoffView>> {
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const now = Date.now();
  const admitted = admitUndo(shell, call, standing.value, shell.handoffs.find(id));
  if (!admitted.ok) return admitted;
  const handoff = admitted.value;
  if (handoff.state !== "undoing" || (handoff.dueAt ?? 0) <= now) return err(UNAVAILABLE);
  const may = mayReturn(shell, call, handoff);
  if (!may.ok) return may;
  const undone = { by: call.caller.principal, at: now };
  const done: Handoff = { ...handoff, state: "undone", undone, told: false, dueAt: now + LIMITS.SHIP_DELAY_MS };
  const view = viewOf(done, shell.id);
  if (view === null) return err(UNAVAILABLE);
  return shell.once(call, detailOf(done), () => {
    changeNames(shell, done);
    if (done.target === null) endGrants(shell, done);
    if (shell.record !== null) shell.save({ ...shell.record, phase: phaseAfter(shell.record.phase, done) });
    shell.handoffs.save(done);
    return view;
  });
}

/** Whether the outputs are still where they were handed over, and their former places free. */
function mayReturn(shell: WorkspaceShell, call: Call, { mode, target, outputs }: Handoff): Result<true> {
  const leaving = new Set(target === null ? outputs.map(({ to }) => to) : []);
  for (const { from, to, file } of outputs) {
    if (target === null && shell.tables.entryOf(file)?.path !== to)
      return shell.refuse(call, { code: "handoff_changed", path: to });
    const taken = mode === "move" ? occupant(shell, from, leaving) : null;
    if (taken !== null) return shell.refuse(call, { code: "path_taken", path: from, by: taken.by });
  }
  return ok(true);
}

function changeNames(shell: WorkspaceShell, { id, mode, target, outputs }: Handoff): void {
  const entries = outputs.flatMap(({ from, to }) => {
    const entry = shell.tables.entryAt(to);
    return entry === null ? [] : [{ ...entry, path: from }];
  });
  if (target === null) for (const { to } of outputs) shell.tables.removeEntry(to);
  if (mode === "copy") return;
  for (const entry of target === null ? entries : shell.handoffs.parked(id)) shell.tables.addEntry(entry);
  shell.handoffs.unpark(id);
  shell.raiseEpoch();
}

function endGrants(shell: WorkspaceShell, { grants }: Handoff): void {
  for (const { id } of grants) if (shell.grants.find(id) !== null) shell.grants.end(id, Date.now());
  const whose = whoseOfAll(grants);
  if (whose !== null) shell.beginRecall(whose);
}

/** The former phase, unless somebody has said something else since. */
function phaseAfter(present: Phase | null, { phase }: Handoff): Phase | null {
  return JSON.stringify(present) === JSON.stringify(phase.after) ? phase.before : present;
}

const detailOf = ({ id, mode, target, outputs, grants }: Handoff) =>
  describe(id, {
    mode,
    workspace: target,
    outputs: outputs.map(({ from, to }) => `${from} ← ${to}`),
    grants,
  });

/** It is not undone, and everything goes on as before. What cannot be thawed now is left to the alarm. */
export async function keepAsItIs(shell: WorkspaceShell, id: HandoffId): Promise<void> {
  const handoff = shell.handoffs.find(id);
  if (handoff?.state !== "undoing") return;
  keep(shell, { ...handoff, state: "committed", frozen: true, told: false, dueAt: Date.now() + LIMITS.SHIP_DELAY_MS });
  await finish(shell, id);
}
