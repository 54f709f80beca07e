// Owns the beginning of a handoff: everything is looked at that could refuse it, and the whole plan is written down
// before anybody else hears of it.

import type { Grant } from "../../../src/domain/access/grants.ts";
import type { Standing } from "../../../src/domain/access/standing.ts";
import type { Call } from "../../../src/domain/calls.ts";
import { type NewHandoff, type Way, waysOf } from "../../../src/domain/handoffs.ts";
import type { FileId, WorkspacePath } from "../../../src/domain/ids.ts";
import { LIMITS } from "../../../src/domain/limits.ts";
import type { Permission } from "../../../src/domain/permissions.ts";
import { err, ok, type Result } from "../../../src/domain/result.ts";
import type { Version } from "../../../src/domain/versions.ts";
import { newGrantId, newHandoffId } from "../../../src/platform/ids.ts";
import { reach } from "../../../src/platform/objects.ts";
import { carriedBeyond } from "../access.ts";
import type { WorkspaceShell } from "../shell.ts";
import { admitArrival, areKnown, type Arrival } from "./arrival.ts";
import { askedBy, type Handoff, isCopying, type Output } from "./table.ts";

/** Plans a handoff and keeps the plan. Nothing else has changed when this answers. */
export async function begin(shell: WorkspaceShell, call: Call, asked: NewHandoff): Promise<Result<Handoff>> {
  const ways = waysOf(asked);
  if (!ways.ok) return shell.refuse(call, ways.problem);
  const grants = grantsOf(call, asked);
  // The recipients of another workspace are its own business.
  const known = asked.target === null ? await areKnown(shell, call, grants) : ok(true);
  if (!known.ok) return known;
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const wanted = { ...asked, ways: ways.value, grants, areKnown: known.value };
  const sources = admitAll(shell, call, standing.value, wanted);
  if (!sources.ok) return sources;
  const outputs = await offersFor(shell, call, asked, sources.value);
  if (!outputs.ok) return outputs;
  const handoff = plan(shell, call, asked, { outputs: outputs.value, grants });
  keep(shell, handoff);
  return ok(handoff);
}

/** Whether a handoff that has been planned may happen now; to be called in the same turn as that. */
export function mayHappen(shell: WorkspaceShell, call: Call, standing: Standing, handoff: Handoff): Result<true> {
  const { outputs } = handoff;
  const sources = admitAll(shell, call, standing, { ...handoff, ways: outputs, areKnown: true });
  if (!sources.ok) return sources;
  const changed = outputs.find(({ source }, k) => sources.value[k]?.source !== source);
  return changed === undefined ? ok(true) : shell.refuse(call, { code: "handoff_changed", path: changed.from });
}

type Source = Way & { source: FileId };
type Wanted = Pick<NewHandoff, "mode" | "target"> & Pick<Arrival, "grants" | "areKnown"> & { ways: readonly Way[] };

/** The files meant, if the caller may take them from there and bring them here, and everything here has room for them. */
function admitAll(shell: WorkspaceShell, call: Call, standing: Standing, wanted: Wanted): Result<Source[]> {
  const { ways, mode, target, grants, areKnown } = wanted;
  const sources: Source[] = [];
  for (const { from, to } of ways) {
    const admitted = admitSource(shell, call, standing, { mode, from });
    if (!admitted.ok) return admitted;
    const beyond = mode === "move" && target === null ? carriedBeyond(shell, standing, admitted.value, to) : [];
    if (beyond.length > 0) return naming(from, shell.refuse(call, { code: "exceeds_own_rights", permissions: beyond }));
    sources.push({ from, to, source: admitted.value });
  }
  if (target !== null) return ok(sources);
  const leaving = new Set(mode === "move" ? ways.map(({ from }) => from) : []);
  const arrival = { paths: ways.map(({ to }) => to), leaving, grants, areKnown };
  const admitted = admitArrival(shell, call, standing, arrival);
  return admitted.ok ? ok(sources) : admitted;
}

/** The file that a path names, to those who may take it along. A refusal says which path it is about. */
function admitSource(
  shell: WorkspaceShell,
  call: Call,
  standing: Standing,
  { mode, from }: Pick<NewHandoff, "mode"> & Pick<Way, "from">,
): Result<FileId> {
  const file = shell.tables.entryAt(from)?.file ?? null;
  // Where it comes to lie, who may not read it here might.
  const needed: Permission[] = mode === "copy" ? ["files:read"] : ["files:write", "files:read"];
  for (const permission of needed) {
    const opened = shell.admit({ ...call, permission }, standing, { path: from, file });
    if (!opened.ok) return naming(from, opened);
  }
  return file === null ? naming(from, shell.refuse(call, { code: "not_found", what: "file" })) : ok(file);
}

async function offersFor(
  shell: WorkspaceShell,
  call: Call,
  asked: NewHandoff,
  sources: Source[],
): Promise<Result<Output[]>> {
  const { principal } = call.caller;
  const offers = await Promise.all(
    sources.map(async (way): Promise<Result<Output>> => {
      const offered = await reach("file", true, () => shell.file(way.source).offer(principal, asked.mode));
      if (!offered.ok) return naming(way.from, shell.refuse(call, offered.problem));
      return ok(outputOf(shell, call, asked, { ...way, head: offered.value }));
    }),
  );
  return inOrder(offers);
}

function outputOf(
  shell: WorkspaceShell,
  call: Call,
  asked: NewHandoff,
  { head, ...way }: Source & { head: Version },
): Output {
  const sourceVersion = head.n;
  if (!isCopying(asked)) return { ...way, sourceVersion, file: way.source, version: head };
  const file = shell.env.FILES.newUniqueId().toString() as FileId;
  const version = { ...head, n: 1, token: 1, at: Date.now(), by: call.caller.principal };
  return { ...way, sourceVersion, file, version };
}

function grantsOf({ caller }: Call, { folder, recipients }: NewHandoff): Grant[] {
  const on = folder === "/" ? { level: "workspace" as const } : { level: "folder" as const, folder };
  const [by, at] = [caller.principal, Date.now()];
  return recipients.map(({ to, role }) => ({
    id: newGrantId(),
    on,
    to,
    effect: "allow",
    bundle: { role },
    until: null,
    by,
    at,
  }));
}

function plan(
  { record }: WorkspaceShell,
  call: Call,
  { mode, target, folder, phase, note }: NewHandoff,
  { outputs, grants }: Pick<Handoff, "outputs" | "grants">,
): Handoff {
  const now = Date.now();
  const said = phase === null ? null : { name: phase, by: call.caller.principal, since: now };
  return {
    id: newHandoffId(),
    state: "preparing",
    asked: askedBy(call),
    dueAt: now + LIMITS.HANDOFF_PREPARE_MS,
    told: false,
    caller: call.caller,
    mode,
    target,
    folder,
    outputs,
    grants,
    phase: { before: record?.phase ?? null, after: said },
    note,
    at: now,
    undoUntil: now,
    undone: null,
    frozen: false,
    releasedThrough: null,
  };
}

/** Writes a handoff down, outside a transaction that does more. */
export function keep(shell: WorkspaceShell, handoff: Handoff): void {
  shell.db.transaction(() => shell.handoffs.save(handoff));
  shell.alarm.wakeBy(handoff.dueAt);
}

/** All of these, or the first that failed. */
export function inOrder<T>(results: Result<T>[]): Result<T[]> {
  const failed = results.find((result) => !result.ok);
  return failed ?? ok(results.flatMap((result) => (result.ok ? [result.value] : [])));
}

/** The same refusal, saying which of many files it is about. */
export function naming<T>(path: WorkspacePath, result: Result<T>): Result<T> {
  return result.ok ? result : err({ ...result.problem, path });
}
