// Owns the access leases that a file holds: under which rights it may act without asking the workspace. They live in
// memory; a file that was evicted asks again. What was recalled is remembered durably, in the file's record.

import { type AccessLease, type Call, honours, type RecallMark } from "../../src/domain/calls.ts";
import type { PrincipalId } from "../../src/domain/ids.ts";
import { ok, type Result } from "../../src/domain/result.ts";

/** Asks the workspace for a lease. */
export type AskForLease = (call: Call) => Promise<Result<AccessLease>>;

/** A recall that keeps overtaking the leases asked for is waited for at most this often. */
const ATTEMPTS = 3;

export class Leases {
  readonly #held = new Map<PrincipalId, AccessLease>();

  /**
   * A lease that is good now: one that is held, one that came along, or a new one. `mark` is read after every wait,
   * because a recall may have arrived meanwhile.
   */
  async get(call: Call, mark: () => RecallMark, ask: AskForLease): Promise<Result<AccessLease>> {
    const { principal } = call.caller;
    for (const lease of [call.lease, this.#held.get(principal)]) {
      if (lease?.principal !== principal || !honours(lease, mark(), Date.now())) continue;
      // One that does not carry the right may be older than a role that was raised since.
      if (lease.permissions.includes(call.permission)) return this.#keep(lease);
    }
    for (let attempt = 1; ; attempt++) {
      const answer = await ask(call);
      if (!answer.ok) return answer;
      if (honours(answer.value, mark(), Date.now())) return this.#keep(answer.value);
      if (attempt === ATTEMPTS) {
        return { ok: false, problem: { code: "unavailable", part: "workspace", retryAfterMs: 1000 } };
      }
    }
  }

  /** Forgets the leases of one agent, or of all. */
  drop(agent: PrincipalId | null): void {
    if (agent === null) this.#held.clear();
    else this.#held.delete(agent);
  }

  accept(lease: AccessLease): void {
    this.#held.set(lease.principal, lease);
  }

  #keep(lease: AccessLease): Result<AccessLease> {
    this.accept(lease);
    return ok(lease);
  }
}
