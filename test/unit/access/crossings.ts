// Owns a small world of lenders and holders around the real lending and leases, in which every message is delivered
// when chance says so: an organization, a workspace and two files, each of which may lose its memory at any moment.

import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type * as fc from "fast-check";
import { Leases } from "../../../durable-objects/leases.ts";
import { Lending, LENDING_SCHEMA } from "../../../durable-objects/lending.ts";
import { Database } from "../../../durable-objects/sql.ts";
import type { Lease } from "../../../src/domain/access/leases.ts";
import { OF_ALL, type Whose } from "../../../src/domain/access/standing.ts";
import type { Caller } from "../../../src/domain/calls.ts";
import type { FileId, KeyId, OrganizationId, PrincipalId, WorkspaceId } from "../../../src/domain/ids.ts";
import { err, ok, type Result } from "../../../src/domain/result.ts";

const principal = "agt_a" as PrincipalId;
const key = "key_a" as KeyId;
const CALLER: Caller = { organization: "org_a" as OrganizationId, principal, key };
const MINUTE_MS = 60_000;

/** What a mutation leaves out. */
export type Fault = "no epochs" | "no holders on disk" | "no waiting for holders" | "no calling on" | null;

/** SQLite as an object has it. */
function storage(): DurableObjectStorage {
  const db = new DatabaseSync(":memory:");
  const exec = (sql: string, ...params: SQLInputValue[]): { toArray: () => unknown[] } => {
    const isScript = sql.trimEnd().endsWith(";");
    if (isScript) db.exec(sql);
    const all = isScript ? [] : db.prepare(sql).all(...params);
    return { toArray: () => all };
  };
  return { sql: { exec }, transactionSync: (work: () => unknown) => work() } as unknown as DurableObjectStorage;
}

/** Delivers messages in an order that fast-check chooses. */
export type Network = <T>(work: () => Promise<T> | T) => Promise<T>;

export const networkOf =
  (scheduler: fc.Scheduler): Network =>
  async (work) => {
    await scheduler.schedule(Promise.resolve(), "request");
    const answer = await work();
    await scheduler.schedule(Promise.resolve(), "answer");
    return answer;
  };

/** Somebody who lends, as an organization or a workspace does. What is on disk outlives its memory. */
class Lender<Holder extends string> {
  readonly #db: Database;
  readonly #fault: Fault;
  #lending: Lending<Holder>;
  epoch = 1;

  constructor(fault: Fault) {
    this.#fault = fault;
    this.#db = new Database(storage());
    this.#db.migrate([LENDING_SCHEMA]);
    this.#lending = new Lending(this.#db, MINUTE_MS);
  }

  lend(holder: Holder): Lease {
    this.#lending.note(holder, principal, MINUTE_MS);
    return { principal, key, epoch: this.epoch, expiresAt: Date.now() + MINUTE_MS };
  }

  async recall(whose: Whose, callBack: (holder: Holder, epoch: number) => Promise<void>): Promise<void> {
    this.epoch++;
    const { epoch } = this;
    this.#lending.begin(whose, epoch, Date.now());
    const settled = this.#lending.settle(whose, (holder) => callBack(holder, epoch));
    if (this.#fault !== "no waiting for holders") await settled;
  }

  evict(): void {
    if (this.#fault === "no holders on disk") this.#db.run("DELETE FROM holders");
    this.#lending = new Lending(this.#db, MINUTE_MS);
  }
}

/** Somebody who holds leases, as a workspace or a file does. The mark is on disk. */
class Borrower {
  readonly #fault: Fault;
  #mark = 0;
  #leases = this.#fresh();

  constructor(fault: Fault) {
    this.#fault = fault;
  }

  #fresh(): Leases<Lease> {
    return new Leases<Lease>(() => (this.#fault === "no epochs" ? 0 : this.#mark));
  }

  get(ask: () => Promise<Result<Lease>>): Promise<Result<Lease>> {
    return this.#leases.get(CALLER, ask);
  }

  drop(epoch: number): void {
    this.#leases.drop({ principal, key: null });
    this.#mark = Math.max(this.#mark, epoch);
  }

  evict(): void {
    this.#leases = this.#fresh();
  }
}

export class World {
  readonly #network: Network;
  readonly #fault: Fault;
  readonly #organization: Lender<WorkspaceId>;
  readonly #standings: Borrower;
  readonly #workspace: Lender<FileId>;
  readonly #files: Map<FileId, Borrower>;
  /** Whether the right is there, by each of the two that may take it away. */
  readonly #held = { organization: true, workspace: true };
  /** How often it was given back. */
  readonly #given = { organization: 0, workspace: 0 };
  /** Where it was answered that the right is gone, and it was not given back since. */
  readonly #gone = new Set<"organization" | "workspace">();
  readonly violations: string[] = [];
  accepted = 0;

  constructor(network: Network, fault: Fault = null) {
    this.#network = network;
    this.#fault = fault;
    this.#organization = new Lender(fault);
    this.#standings = new Borrower(fault);
    this.#workspace = new Lender(fault);
    this.#files = new Map(["one", "two"].map((id) => [id as FileId, new Borrower(fault)]));
  }

  /** A request at a file: accepted in the very turn in which its lease is found good. */
  async use(file: "one" | "two"): Promise<void> {
    const lease = await this.#file(file).get(() => this.#network(() => this.#grantLease(file as FileId)));
    if (!lease.ok) return;
    this.accepted++;
    if (this.#gone.size > 0) this.violations.push(`${file} accepted what was gone at the ${[...this.#gone].join()}`);
  }

  async #grantLease(file: FileId): Promise<Result<Lease>> {
    const standing = await this.#standings.get(() => this.#network(async () => this.#grantStanding()));
    if (!standing.ok || !this.#held.workspace) return err({ code: "not_found", what: "file" });
    return ok(this.#workspace.lend(file));
  }

  #grantStanding(): Result<Lease> {
    if (!this.#held.organization) return err({ code: "unauthenticated", reason: "revoked" });
    return ok(this.#organization.lend("workspace" as WorkspaceId));
  }

  async take(where: "organization" | "workspace", all: boolean): Promise<void> {
    this.#held[where] = false;
    const given = this.#given[where];
    const whose = all ? OF_ALL : { principal, key: null };
    if (where === "workspace") await this.#recallFiles(whose);
    else await this.#organization.recall(whose, (_, epoch) => this.#network(() => this.#recallStandings(epoch, whose)));
    if (this.#given[where] === given) this.#gone.add(where);
  }

  give(where: "organization" | "workspace"): void {
    this.#held[where] = true;
    this.#given[where]++;
    this.#gone.delete(where);
  }

  async #recallStandings(epoch: number, whose: Whose): Promise<void> {
    this.#standings.drop(epoch);
    if (this.#fault !== "no calling on") await this.#recallFiles(whose);
  }

  #recallFiles(whose: Whose): Promise<void> {
    return this.#workspace.recall(whose, (file, epoch) => this.#network(() => this.#file(file).drop(epoch)));
  }

  #file(id: string): Borrower {
    const file = this.#files.get(id as FileId);
    if (file === undefined) throw new Error(`${id} is a file`);
    return file;
  }

  evict(whom: "organization" | "workspace" | "one" | "two"): void {
    if (whom === "organization") this.#organization.evict();
    else if (whom !== "workspace") this.#file(whom).evict();
    else {
      this.#workspace.evict();
      this.#standings.evict();
    }
  }
}
