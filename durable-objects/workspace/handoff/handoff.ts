// Owns handing finished work over, and undoing it: as one step from the outside, whatever fails half-way.
//
//   the source's workspace (coordinator)        the files                        another workspace (target)
//   begin    checks; row `preparing`  ◀──────── offer: version, locks
//   prepare  moved away: ─────────────────────▶ freeze
//            to another workspace: ──────────────────────────────────────────▶  reserve: names occupied, not shown
//            copied: ─────────────────────────▶ carry, stage: durable, no name
//   commit   ONE transaction: row `committed`, names, grants, phase, event.  Here it happens.
//   finish   ────────────────────────────────────────────────────────────────▶  decided: names shown, grants
//            ─────────────────────────────────▶ goLive, recall, releaseAll
//
// The coordinator's row is the commit point. What another workspace has reserved becomes real by that row alone: told
// of it at once, and until then asking the coordinator (`handoffOutcome`) before it lets anybody in. So whoever has seen
// one side after the handoff sees the other side after it too. What has no decision by its deadline has not happened.
//
// Undoing goes the same way: row `undoing`; outputs frozen, in another workspace names marked as leaving; one
// transaction to `undone`; everybody told. Files that were moved away are parked without a name until then.
//
// Everything but the transactions may be repeated: by the caller with its Idempotency-Key, and by the alarm (due.ts).

import type { Call } from "../../../src/domain/calls.ts";
import { accepted } from "../../../src/domain/events.ts";
import type { HandoffView, NewHandoff } from "../../../src/domain/handoffs.ts";
import type { HandoffId } from "../../../src/domain/ids.ts";
import { LIMITS } from "../../../src/domain/limits.ts";
import { err, ok, type Result } from "../../../src/domain/result.ts";
import type { WorkspaceShell } from "../shell.ts";
import { describe } from "./arrival.ts";
import { begin, keep, mayHappen } from "./begin.ts";
import { finish, finishing } from "./finish.ts";
import { entryOf, prepare } from "./prepare.ts";
import { askedBy, type Handoff, isCopying, UNAVAILABLE, viewOf } from "./table.ts";

/** Hands files over, or answers again if this very request has. */
export async function handOff(shell: WorkspaceShell, call: Call, asked: NewHandoff): Promise<Result<HandoffView>> {
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const present = shell.present(call, standing.value);
  if (!present.ok) return present;
  // Sent twice at once, it is done once.
  const by = askedBy(call);
  if (by === null) return run(shell, call, asked);
  return shell.runs.join(`${by.id} ${by.fingerprint}`, () => run(shell, call, asked));
}

async function run(shell: WorkspaceShell, call: Call, asked: NewHandoff): Promise<Result<HandoffView>> {
  const before = shell.replies.find<HandoffView>(call);
  if (!before.ok) return before;
  if (before.value !== null) return finishing(shell, before.value.id, before.value);
  const begun = (await goingOn(shell, call)) ?? (await begin(shell, call, asked));
  if (!begun.ok) return begun;
  const handoff = begun.value;
  const prepared = await prepare(shell, call, handoff);
  const done = prepared.ok ? await commit(shell, call, handoff.id) : prepared;
  if (done.ok) return finishing(shell, handoff.id, done.value);
  // Whoever can ask again goes on from here, until the deadline.
  const goesOn = done.problem.code === "unavailable" && handoff.asked !== null && (handoff.dueAt ?? 0) > Date.now();
  if (!goesOn) await abort(shell, handoff.id);
  return done;
}

/** What an earlier life of the object, or a failure, has left half-done of this very request; null when nothing. */
async function goingOn(shell: WorkspaceShell, call: Call): Promise<Result<Handoff> | null> {
  const handoff = shell.handoffs.preparing(call);
  if (handoff === null) return null;
  if (handoff.asked?.fingerprint !== call.idempotency?.fingerprint) return err({ code: "idempotency_key_reused" });
  if ((handoff.dueAt ?? 0) > Date.now()) return ok(handoff);
  await abort(shell, handoff.id);
  return null;
}

/** The moment it happens. Rights and names are looked at once more, since others have gone on meanwhile. */
async function commit(shell: WorkspaceShell, call: Call, id: HandoffId): Promise<Result<HandoffView>> {
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const now = Date.now();
  const handoff = shell.handoffs.find(id);
  if (handoff?.state !== "preparing" || (handoff.dueAt ?? 0) <= now) return err(UNAVAILABLE);
  const may = mayHappen(shell, call, standing.value, handoff);
  if (!may.ok) return may;
  const done = committed(shell, handoff, now);
  const view = viewOf(done, shell.id);
  if (view === null) return err(UNAVAILABLE);
  shell.commit([accepted(call.caller, call.action, detailOf(done))], () => {
    changeNames(shell, done);
    if (done.target === null) for (const grant of done.grants) shell.grants.save(grant);
    if (shell.record !== null) shell.save({ ...shell.record, phase: done.phase.after });
    shell.handoffs.save(done);
    shell.replies.remember(call, view, now);
  });
  return ok(view);
}

function committed({ record }: WorkspaceShell, handoff: Handoff, now: number): Handoff {
  return {
    ...handoff,
    state: "committed",
    phase: { ...handoff.phase, before: record?.phase ?? null },
    at: now,
    undoUntil: now + LIMITS.HANDOFF_UNDO_MS,
    dueAt: now + LIMITS.SHIP_DELAY_MS,
  };
}

function changeNames(shell: WorkspaceShell, { id, mode, target, outputs, ...rest }: Handoff): void {
  const entries = outputs.map(({ from }) => shell.tables.entryAt(from));
  if (mode === "move") {
    for (const { from } of outputs) shell.tables.removeEntry(from);
    if (target !== null) for (const entry of entries) if (entry !== null) shell.handoffs.park(id, entry);
    // Other rights may hold where they come to lie.
    shell.raiseEpoch();
  }
  if (target !== null) return;
  const copies = isCopying({ mode, target, ...rest });
  outputs.forEach((output, k) => {
    const entry = copies ? entryOf(output) : entries[k];
    if (entry !== null && entry !== undefined) shell.tables.addEntry({ ...entry, path: output.to });
  });
}

const detailOf = ({ id, mode, target, outputs, grants, phase, note }: Handoff) =>
  describe(id, {
    mode,
    workspace: target,
    outputs: outputs.map(({ from, to }) => `${from} → ${to}`),
    grants,
    phase: phase.after?.name ?? null,
    note,
  });

/** It has not happened, and leaves nothing. What cannot be cleared away now is left to the alarm. */
export async function abort(shell: WorkspaceShell, id: HandoffId): Promise<void> {
  const handoff = shell.handoffs.find(id);
  if (handoff?.state !== "preparing") return;
  keep(shell, { ...handoff, state: "aborted", dueAt: Date.now() + LIMITS.SHIP_DELAY_MS });
  await finish(shell, id).catch((error: unknown) =>
    console.warn({ message: "handoff not cleared away yet", handoff: id, error: String(error) }),
  );
}
