// Owns the leases that an object has given out, and their recall. A recall is acknowledged only when every holder that
// may have anything of the one concerned has confirmed, or the lease has run out. In memory it is known exactly who
// holds what; on disk only which holders may have something until when, so that eviction forgets nothing.
//
// Beyond its lease a holder may have something at stake: locks and places in the queue, which end later than the lease
// under which they were asked for. It is called back for these too.

import type { KeyId, PrincipalId } from "../src/domain/ids.ts";
import { OF_ALL, type Whose } from "../src/domain/access/standing.ts";
import { LIMITS } from "../src/domain/limits.ts";
import type { Database } from "./sql.ts";

export const LENDING_SCHEMA = `CREATE TABLE holders (
     holder  TEXT PRIMARY KEY,
     until   INTEGER NOT NULL         -- epoch ms; the holder may have something until then
   ) WITHOUT ROWID;
   CREATE TABLE recalls (
     whose  TEXT PRIMARY KEY,         -- a principal, a key, or everyone
     epoch  INTEGER NOT NULL,
     at     INTEGER NOT NULL          -- epoch ms
   ) WITHOUT ROWID;`;

/** Tells a holder to give something up; resolves when it has. */
export type CallBack<Holder> = (holder: Holder) => Promise<void>;

/** Leases noted for a principal between two removals of those that are over. */
const PRUNE_EVERY = 1000;

export class Lending<Holder extends string> {
  readonly #db: Database;
  /** How long its leases last, milliseconds. */
  readonly #leaseMs: number;
  /** When nothing matters any more of what an earlier life has given; epoch milliseconds. */
  readonly #earlierUntil: number;
  /** For each principal, until when each holder may have something of it. */
  readonly #given = new Map<PrincipalId, Map<Holder, number>>();
  /** Newest epoch whose recall every holder has confirmed. */
  readonly #confirmed = new Map<string, number>();
  /** Recalls that are being settled in this life, how often each. */
  readonly #settling = new Map<string, number>();

  constructor(db: Database, leaseMs: number) {
    this.#db = db;
    this.#leaseMs = leaseMs;
    const row = db.has("holders")
      ? db.first<{ until: number | null }>("SELECT MAX(until) AS until FROM holders")
      : null;
    this.#earlierUntil = row?.until ?? 0;
  }

  /** Notes a lease that is given now. What is begun under it may last `stakeMs` longer. */
  note(holder: Holder, principal: PrincipalId, stakeMs: number): void {
    const until = Date.now() + this.#leaseMs + stakeMs;
    const given = this.#given.get(principal) ?? new Map<Holder, number>();
    this.#given.set(principal, given.set(holder, until));
    this.#record(holder, until);
    if (given.size % PRUNE_EVERY !== 0) return;
    for (const [held, end] of given) if (end <= Date.now()) given.delete(held);
  }

  /** A row covers some time beyond what is needed, so that holders in constant use cost few. */
  #record(holder: Holder, until: number): void {
    const known = this.#db.first<{ until: number }>("SELECT until FROM holders WHERE holder = ?", holder)?.until ?? 0;
    if (known >= until) return;
    this.#db.run(
      "INSERT INTO holders (holder, until) VALUES (?, ?) ON CONFLICT (holder) DO UPDATE SET until = excluded.until",
      holder,
      until + LIMITS.LEASE_RECORD_MS,
    );
  }

  /** Remembers that a recall begins; to be called in the transaction that takes the right away. */
  begin(whose: Whose, epoch: number, now: number): void {
    this.#db.run(
      `INSERT INTO recalls (whose, epoch, at) VALUES (?, ?, ?)
       ON CONFLICT (whose) DO UPDATE SET epoch = excluded.epoch, at = excluded.at`,
      nameOf(whose),
      epoch,
      now,
    );
  }

  /** Resolves when no lease given before the last recall of these can be used any more. */
  async settle(whose: Whose, callBack: CallBack<Holder>): Promise<void> {
    const begun = this.#unconfirmed(whose);
    if (begun === null) return;
    const name = nameOf(whose);
    this.#settling.set(name, (this.#settling.get(name) ?? 0) + 1);
    try {
      await this.#reachAll(whose, callBack);
      this.#confirmed.set(name, Math.max(begun, this.#confirmed.get(name) ?? 0));
    } finally {
      this.#settling.set(name, (this.#settling.get(name) ?? 1) - 1);
    }
  }

  async #reachAll(whose: Whose, callBack: CallBack<Holder>): Promise<void> {
    const now = Date.now();
    const holders = this.#holdersOf(whose, now);
    const [called, rest] = [holders.slice(0, LIMITS.RECALL_FANOUT_MAX), holders.slice(LIMITS.RECALL_FANOUT_MAX)];
    const waits = rest.length === 0 ? [] : [waitUntil(now + this.#leaseMs)];
    await Promise.all([...called.map((holder) => this.#takeBack(holder, now, callBack)), ...waits]);
  }

  /** Recalls of late that nobody is settling: an earlier life has begun them. */
  interrupted(): Whose[] {
    if (!this.#db.has("recalls")) return [];
    const rows = this.#db.all<{ whose: string }>("SELECT whose FROM recalls WHERE at > ?", Date.now() - this.#memoryMs);
    return rows
      .map(({ whose }) => named(whose))
      .filter((whose) => this.#unconfirmed(whose) !== null && (this.#settling.get(nameOf(whose)) ?? 0) === 0);
  }

  /** By then, every lease from before a recall has run out. */
  get #memoryMs(): number {
    return this.#leaseMs + LIMITS.LEASE_RECORD_MS;
  }

  /** The epoch of a recall that may not yet have reached everyone; null when there is none. */
  #unconfirmed(whose: Whose): number | null {
    const recall = this.#db.first<{ epoch: number; at: number }>(
      "SELECT epoch, at FROM recalls WHERE whose = ?",
      nameOf(whose),
    );
    if (recall === null || recall.at + this.#memoryMs <= Date.now()) return null;
    return (this.#confirmed.get(nameOf(whose)) ?? 0) < recall.epoch ? recall.epoch : null;
  }

  /** Holders that may have something of a principal: exactly those, once memory reaches back far enough. */
  holdersFor(principal: PrincipalId): Holder[] {
    return this.#holdersOf({ principal, key: null }, Date.now());
  }

  async #takeBack(holder: Holder, begun: number, callBack: CallBack<Holder>): Promise<void> {
    try {
      await callBack(holder);
    } catch (error) {
      console.warn({ message: "holder not reached, its lease is waited out", holder, error: String(error) });
      await waitUntil(begun + this.#leaseMs);
    }
  }

  /** Exactly those that may have something of it, once memory reaches back far enough; until then all that may. */
  #holdersOf({ principal }: Whose, now: number): Holder[] {
    if (principal === null || this.#earlierUntil > now) {
      return this.#db
        .all<{ holder: string }>("SELECT holder FROM holders WHERE until > ? ORDER BY until DESC", now)
        .map((row) => row.holder as Holder);
    }
    const given = this.#given.get(principal) ?? new Map<Holder, number>();
    const live = [...given].filter(([, until]) => until > now);
    return live.toSorted(([, a], [, b]) => b - a).map(([holder]) => holder);
  }
}

const EVERYONE = "everyone";
const nameOf = ({ principal, key }: Whose): string => key ?? principal ?? EVERYONE;

function named(name: string): Whose {
  if (name === EVERYONE) return OF_ALL;
  return name.startsWith("key_")
    ? { principal: null, key: name as KeyId }
    : { principal: name as PrincipalId, key: null };
}

async function waitUntil(time: number): Promise<void> {
  await scheduler.wait(Math.max(0, time - Date.now()));
}
