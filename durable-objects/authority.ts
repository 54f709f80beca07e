// Owns how an object lends its word on what some may do, and takes it back. A change that bears on it, the change's event
// and the fact that a recall has begun are one transaction; it is answered when everyone who may go by the old word has
// confirmed. An organization is one for its workspaces, a workspace for its files.

import type { Whose } from "../src/domain/access/standing.ts";
import type { Called } from "../src/domain/calls.ts";
import type { EventDetail, Unnumbered } from "../src/domain/events.ts";
import type { OrganizationId, PrincipalId, WorkspaceId } from "../src/domain/ids.ts";
import type { Result } from "../src/domain/result.ts";
import { GrantTable } from "./grants.ts";
import { Journal } from "./journal/journal.ts";
import { Lending } from "./lending.ts";

export abstract class Authority<Stored extends { epoch: number }, Holder extends string> extends Journal {
  abstract readonly tables: { save(record: Stored): void };
  readonly grants: GrantTable;
  readonly lending: Lending<Holder>;
  readonly env: Env;
  /** Null until the object is created. */
  record: Stored | null = null;

  constructor(ctx: DurableObjectState, env: Env, leaseMs: number) {
    super(ctx, env);
    this.env = env;
    this.grants = new GrantTable(this.db);
    this.lending = new Lending(this.db, leaseMs);
  }

  /** Tells a holder of a recall; resolves when it goes by nothing older any more. */
  protected abstract callBack(holder: Holder, epoch: number, whose: Whose, by: PrincipalId | null): Promise<void>;

  /** A change to what some (null: nobody) may do. Once this answers, nobody goes by the old word any more. */
  async change<T>(call: Called, detail: EventDetail, whose: Whose | null, work: () => T): Promise<Result<T>> {
    const done = this.once(call, detail, () => {
      if (whose !== null) this.beginRecall(whose);
      return work();
    });
    if (done.ok && whose !== null) await this.settle(whose, call.caller.principal);
    return done;
  }

  /** To be called within the transaction that changes something; `settle` comes after it. */
  beginRecall(whose: Whose): void {
    this.raiseEpoch();
    this.lending.begin(whose, this.record?.epoch ?? 0, Date.now());
  }

  /** From now on holders honour only leases given from now on, once they have heard of it. */
  raiseEpoch(): void {
    if (this.record !== null) this.save({ ...this.record, epoch: this.record.epoch + 1 });
  }

  /** To be called within a transaction. */
  save(record: Stored): void {
    this.tables.save(record);
    this.record = record;
  }

  /** Resolves when a recall that has begun has reached everyone. */
  async settle(whose: Whose, by: PrincipalId | null): Promise<void> {
    const epoch = this.record?.epoch ?? 0;
    await this.lending.settle(whose, (holder) => this.callBack(holder, epoch, whose, by));
  }

  override commit<T>(events: Unnumbered[], work: () => T): T {
    const before = this.record;
    try {
      return super.commit(events, work);
    } catch (error) {
      this.record = before;
      throw error;
    }
  }

  /** Recalls, too, that an earlier life has begun and did not live to finish. */
  override async ring(owner: WorkspaceId | OrganizationId, also?: () => Promise<void>): Promise<void> {
    await Promise.all(this.lending.interrupted().map((whose) => this.settle(whose, null)));
    await super.ring(owner, also);
  }
}
