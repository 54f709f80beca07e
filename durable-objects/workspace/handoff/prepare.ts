// Owns what is got ready before a handoff or its undoing happens. All of it may be repeated, nothing of it shows to
// readers, and all of it goes away again if nothing comes of it.

import type { Call } from "../../../src/domain/calls.ts";
import type { FileId } from "../../../src/domain/ids.ts";
import { LIMITS } from "../../../src/domain/limits.ts";
import { ok, type Result } from "../../../src/domain/result.ts";
import { etagOf } from "../../../src/domain/versions.ts";
import type { Entry } from "../../../src/domain/workspaces.ts";
import { reach } from "../../../src/platform/objects.ts";
import type { WorkspaceShell } from "../shell.ts";
import { inOrder, naming } from "./begin.ts";
import type { Reservation } from "./reservations.ts";
import { type Handoff, isCopying, type Output } from "./table.ts";

export async function prepare(shell: WorkspaceShell, call: Call, handoff: Handoff): Promise<Result<true>> {
  const { outputs, mode, target } = handoff;
  if (target !== null && mode === "move") {
    const held = await hold(shell, call, handoff, (o) => ({ ...o, path: o.from, file: o.source, n: o.sourceVersion }));
    if (!held.ok) return held;
  }
  const reserved = await reserve(shell, call, handoff, "arriving");
  if (!reserved.ok || !isCopying(handoff)) return reserved;
  const staged = inOrder(await Promise.all(outputs.map((output) => stage(shell, handoff, output))));
  return staged.ok ? ok(true) : staged;
}

/** An undoing that finds an output changed is refused here. */
export async function prepareUndo(shell: WorkspaceShell, call: Call, handoff: Handoff): Promise<Result<true>> {
  const held = await hold(shell, call, handoff, (o) => ({ ...o, path: o.to, n: o.version.n }));
  return held.ok ? reserve(shell, call, handoff, "leaving") : held;
}

/**
 * Freezes files. A lease that was given before the names change may be used for its whole time afterwards; no write
 * through one must reach a file that has gone, so the freeze outlasts the deadline by that time and the clocks' difference.
 */
async function hold(
  shell: WorkspaceShell,
  { caller }: Call,
  { id, outputs, dueAt }: Handoff,
  which: (output: Output) => { path: Output["to"]; file: FileId; n: number },
): Promise<Result<true>> {
  const until = (dueAt ?? 0) + LIMITS.ACCESS_LEASE_MS + LIMITS.CLOCK_SKEW_MS;
  const frozen = await Promise.all(
    outputs.map(which).map(async ({ path, file, n }) => {
      const freeze = { handoff: id, by: caller.principal, path, version: n, until };
      return naming(path, await reach("file", true, () => shell.file(file).freeze(freeze)));
    }),
  );
  const held = inOrder(frozen);
  return held.ok ? ok(true) : held;
}

/** Tells another workspace which names will come to it, or leave it again. */
async function reserve(
  shell: WorkspaceShell,
  call: Call,
  { id, target, outputs, grants }: Handoff,
  kind: Reservation["kind"],
): Promise<Result<true>> {
  if (target === null) return ok(true);
  const entries = outputs.map(entryOf);
  const reservation = { handoff: id, source: shell.id, kind, caller: call.caller, entries, grants };
  return reach("workspace", true, () => shell.workspace(target).reserve(call, reservation));
}

async function stage(
  shell: WorkspaceShell,
  { id, caller, target }: Handoff,
  { from, to, source, sourceVersion, file, version }: Output,
): Promise<Result<true>> {
  const carried = await reach("file", true, () => shell.file(source).carry(sourceVersion));
  if (!carried.ok) return naming(from, carried);
  const copy = { handoff: id, workspace: target ?? shell.id, path: to, caller, version, source: carried.value };
  return reach("file", true, () => shell.file(file).stage(copy));
}

/** The name of an output at the target. */
export function entryOf({ to, file, version }: Output): Entry {
  return { path: to, file, version: version.n, size: version.size, etag: etagOf(version), updatedAt: version.at };
}
