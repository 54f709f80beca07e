// Owns what the outside world knows about conversions: which commit waits for readers and until when at most, and whose
// conversion is over while the lock is kept. Kept from commands and answers alone.

import type { Decision, LockCommand } from "../../../src/domain/locks/decide.ts";
import type { LockId } from "../../../src/domain/ids.ts";
import { LIMITS } from "../../../src/domain/limits.ts";

export class Conversions {
  /** Locks kept after their conversion. */
  readonly over = new Set<LockId>();
  #pending: { lock: LockId; holder: string; until: number } | null = null;

  /** Takes note of one call. Answers the lock whose conversion was pending before it and is pending still. */
  record(command: LockCommand, outcome: Decision["outcome"], now: number): LockId | null {
    if (this.#pending !== null && (this.#pending.until <= now || this.#isEndedBy(command, outcome))) {
      this.over.add(this.#pending.lock);
      this.#pending = null;
    }
    const kept = this.#pending?.lock ?? null;
    const waits = !outcome.ok && outcome.problem.code === "readers_present";
    if (waits && command.type === "authorizeWrite" && command.lock !== null) {
      const { lock, holder } = command;
      this.#pending ??= { lock, holder, until: now + LIMITS.CONVERSION_WAIT_MS };
    }
    return kept;
  }

  /** The lock is gone, and its conversion with it. */
  forget(id: LockId): void {
    this.over.delete(id);
    if (this.#pending?.lock === id) this.#pending = null;
  }

  #isEndedBy(command: LockCommand, outcome: Decision["outcome"]): boolean {
    if (command.type === "authorizeWrite") return command.lock === this.#pending?.lock && outcome.ok;
    if (command.type !== "endConversion") return false;
    return command.id === this.#pending?.lock && command.holder === this.#pending.holder;
  }
}
