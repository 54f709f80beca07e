// Owns the leases that an object holds: on whose word it may act for a caller without asking again. They live in
// memory; an object that was evicted asks again. What was recalled is remembered durably, by its epoch.

import type { Caller } from "../src/domain/calls.ts";
import { concerns, type Whose } from "../src/domain/access/standing.ts";
import { honours, type Lease } from "../src/domain/access/leases.ts";
import type { KeyId } from "../src/domain/ids.ts";
import { err, ok, type Result } from "../src/domain/result.ts";

/** A recall that keeps overtaking the leases asked for is waited for at most this often. */
const ATTEMPTS = 3;

export class Leases<L extends Lease> {
  readonly #held = new Map<KeyId, L>();
  /** The epoch of the newest recall acknowledged. */
  readonly #mark: () => number;

  constructor(mark: () => number) {
    this.#mark = mark;
  }

  /**
   * A lease that is good now: one that is held, one that came along, or a new one. The mark is read after every wait,
   * because a recall may have arrived meanwhile. `suffices` says whether a lease that is known is enough.
   */
  async get(
    caller: Caller,
    ask: () => Promise<Result<L>>,
    { carried = null, suffices = () => true }: { carried?: L | null; suffices?: (lease: L) => boolean } = {},
  ): Promise<Result<L>> {
    for (const lease of [carried, this.#held.get(caller.key)]) {
      if (lease?.key !== caller.key || lease.principal !== caller.principal) continue;
      if (honours(lease, this.#mark(), Date.now()) && suffices(lease)) return this.#keep(lease);
    }
    for (let attempt = 1; ; attempt++) {
      const answer = await ask();
      if (!answer.ok) return answer;
      if (honours(answer.value, this.#mark(), Date.now())) return this.#keep(answer.value);
      if (attempt === ATTEMPTS) return err({ code: "unavailable", part: "workspace", retryAfterMs: 1000 });
    }
  }

  /** Forgets the leases that a recall takes back. */
  drop(whose: Whose): void {
    for (const [key, lease] of this.#held) if (concerns(whose, lease)) this.#held.delete(key);
  }

  accept(lease: L): void {
    this.#held.set(lease.key, lease);
  }

  #keep(lease: L): Result<L> {
    this.accept(lease);
    return ok(lease);
  }
}
