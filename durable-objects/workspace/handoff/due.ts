// Owns what the alarm does about handoffs: what was interrupted comes to its end, and what was parked goes when it
// cannot be wanted back any more.

import type { HandoffId } from "../../../src/domain/ids.ts";
import { LIMITS } from "../../../src/domain/limits.ts";
import type { WorkspaceShell } from "../shell.ts";
import { keep } from "./begin.ts";
import { finish } from "./finish.ts";
import { abort } from "./handoff.ts";
import type { Handoff } from "./table.ts";
import { keepAsItIs } from "./undo.ts";

/** One that fails is tried again later, and keeps none of the others waiting. */
export async function attendToHandoffs(shell: WorkspaceShell): Promise<void> {
  for (const handoff of shell.handoffs.due(Date.now())) {
    await attendTo(shell, handoff).catch((error: unknown) => putOff(shell, handoff.id, error));
  }
}

async function attendTo(shell: WorkspaceShell, { id, state, told }: Handoff): Promise<void> {
  if (state === "preparing") await abort(shell, id);
  else if (state === "undoing") await keepAsItIs(shell, id);
  else if (told) await endParked(shell, id);
  else await finish(shell, id);
}

async function endParked(shell: WorkspaceShell, id: HandoffId): Promise<void> {
  await Promise.all(shell.handoffs.parked(id).map(({ file }) => shell.file(file).abandon()));
  const handoff = shell.handoffs.find(id);
  if (handoff === null) return;
  shell.db.transaction(() => {
    shell.handoffs.unpark(id);
    shell.handoffs.save({ ...handoff, dueAt: null });
  });
}

function putOff(shell: WorkspaceShell, id: HandoffId, error: unknown): void {
  console.warn({ message: "handoff put off", handoff: id, error: String(error) });
  const handoff = shell.handoffs.find(id);
  if (handoff !== null) keep(shell, { ...handoff, dueAt: Date.now() + LIMITS.SHIP_DELAY_MS });
}
