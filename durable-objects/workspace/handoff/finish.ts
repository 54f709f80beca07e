// Owns what follows once a handoff is decided, either way: everyone concerned hears of it. The decision stands whatever
// fails here; all of it may be repeated, and is, until it has come about.

import { OF_ALL } from "../../../src/domain/access/standing.ts";
import type { HandoffView } from "../../../src/domain/handoffs.ts";
import type { FileId, HandoffId } from "../../../src/domain/ids.ts";
import { LIMITS } from "../../../src/domain/limits.ts";
import { ok, type Result } from "../../../src/domain/result.ts";
import { reach } from "../../../src/platform/objects.ts";
import type { WorkspaceShell } from "../shell.ts";
import { whoseOfAll } from "./arrival.ts";
import { keep } from "./begin.ts";
import { type Handoff, isCopying } from "./table.ts";

/** Answers once everyone concerned has heard. */
export async function finishing(shell: WorkspaceShell, id: HandoffId, view: HandoffView): Promise<Result<HandoffView>> {
  return reach("file", true, async () => {
    await finish(shell, id);
    return ok(view);
  });
}

/** Tells everyone concerned what has been decided. Throws when somebody cannot be reached now. */
export async function finish(shell: WorkspaceShell, id: HandoffId): Promise<void> {
  // One at a time: what an earlier decision still has to say must not arrive after a later one.
  return shell.runs.join(`finish ${id}`, () => tell(shell, id));
}

async function tell(shell: WorkspaceShell, id: HandoffId): Promise<void> {
  const handoff = shell.handoffs.find(id);
  const isOpen = handoff?.state === "preparing" || handoff?.state === "undoing";
  if (handoff === null || isOpen || handoff.told) return;
  await tellTarget(shell, handoff);
  await tellFiles(shell, handoff);
  const releasedThrough = handoff.state === "committed" ? await releaseLocks(shell, handoff) : null;
  const now = shell.handoffs.find(id);
  if (now?.state === handoff.state) await toldOf(shell, now, releasedThrough);
}

async function tellTarget(shell: WorkspaceShell, { id, state, target, grants }: Handoff): Promise<void> {
  const whose = state === "undone" ? whoseOfAll(grants) : null;
  if (target !== null) await shell.workspace(target).decided(id, state, whose);
  else if (whose !== null) await shell.settle(whose, null);
}

async function tellFiles(shell: WorkspaceShell, handoff: Handoff): Promise<void> {
  const { outputs } = handoff;
  await Promise.all(outputs.map(({ source, file }) => tellFile(shell, handoff, { source, file })));
}

async function tellFile(
  shell: WorkspaceShell,
  { id, state, mode, target, frozen, ...rest }: Handoff,
  files: { source: FileId; file: FileId },
): Promise<void> {
  const [source, file] = [shell.file(files.source), shell.file(files.file)];
  const copies = isCopying({ mode, target, ...rest });
  const epoch = shell.record?.epoch ?? 0;
  if (mode === "move" && state !== "aborted") await source.recall(epoch, OF_ALL, null);
  if (copies && state === "committed") await file.goLive();
  if (copies && state !== "committed") await file.abandon();
  if (frozen && state === "committed") await file.thaw(id);
  if (mode === "move" && state !== "committed") await source.thaw(id);
}

/**
 * Whoever hands work over has done with it: the locks it had then end, in the whole workspace, and its places in queues.
 * Answers up to which file that is done; null: everywhere.
 */
async function releaseLocks(shell: WorkspaceShell, { caller, at, releasedThrough }: Handoff): Promise<FileId | null> {
  const holders = shell.lending.holdersFor(caller.principal).toSorted();
  const left = holders.filter((holder) => releasedThrough === null || holder > releasedThrough);
  const some = left.slice(0, LIMITS.RECALL_FANOUT_MAX);
  await Promise.all(some.map((holder) => shell.file(holder).releaseAll(caller, at)));
  return some.length < left.length ? (some.at(-1) ?? null) : null;
}

async function toldOf(shell: WorkspaceShell, handoff: Handoff, releasedThrough: FileId | null): Promise<void> {
  if (handoff.state === "aborted") return shell.handoffs.remove(handoff.id);
  if (releasedThrough !== null) return keep(shell, { ...handoff, releasedThrough, dueAt: Date.now() });
  const hasParked = shell.handoffs.parked(handoff.id).length > 0;
  keep(shell, { ...handoff, told: true, frozen: false, dueAt: hasParked ? handoff.undoUntil : null });
}
