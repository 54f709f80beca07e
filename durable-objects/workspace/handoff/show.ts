// Owns what is shown of handoffs: those that have happened, undone since or not. To whoever handed over, and to those
// who may read the whole workspace.

import { WHOLE_WORKSPACE } from "../../../src/domain/access/grants.ts";
import type { Call } from "../../../src/domain/calls.ts";
import type { HandoffPage, HandoffView } from "../../../src/domain/handoffs.ts";
import type { HandoffId } from "../../../src/domain/ids.ts";
import type { Result } from "../../../src/domain/result.ts";
import type { WorkspaceShell } from "../shell.ts";
import { viewOf } from "./table.ts";

export async function showHandoff(shell: WorkspaceShell, call: Call, id: HandoffId): Promise<Result<HandoffView>> {
  const standing = await shell.standingOf(call.caller);
  if (!standing.ok) return standing;
  const handoff = shell.handoffs.find(id);
  const isOwn = handoff?.caller.principal === call.caller.principal;
  const opened = isOwn ? shell.present(call, standing.value) : shell.admit(call, standing.value, WHOLE_WORKSPACE);
  if (!opened.ok) return opened;
  const view = handoff === null ? null : viewOf(handoff, shell.id);
  if (view === null) return shell.refuse(call, { code: "not_found", what: "handoff" });
  return shell.once(call, { handoff: id }, () => view);
}

/** Newest first. */
export async function listHandoffs(
  shell: WorkspaceShell,
  call: Call,
  { before, limit }: { before: number; limit: number },
): Promise<Result<HandoffPage>> {
  return shell.act(call, {}, () => {
    const page = shell.handoffs.page(before, limit);
    const oldest = page.at(-1)?.n ?? 1;
    const handoffs = page.flatMap(({ handoff }) => viewOf(handoff, shell.id) ?? []);
    return { handoffs, next: page.length === limit && oldest > 1 ? oldest : null };
  });
}
