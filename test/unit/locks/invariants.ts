// Owns the list of invariants that the lock rules are checked for, and how a violation is told. Numbers are those of
// the lock rules; those that are missing span several files.

import type { Entry } from "./ledger.ts";

export const INVARIANTS = {
  "1": "incompatible grants never coexist",
  "2": "tokens strictly increase",
  "3": "no commit below the fence is accepted",
  "4": "late or foreign use fails with its own code and touches nothing",
  "5": "a waiter whose own lease ended is never granted",
  "6": "the end of a conversion lets no queued writer in",
  "7": "a crashed waiter never blocks the queue",
  "8": "what is over is absent on read, grant and list alike",
  "10": "a release that released nothing is an error naming the reason",
  "11": "every live waiter is granted within its stated bound, overtaken at most BYPASS_MAX times",
  told: "nothing ends earlier than its holder was told, unless it is given up or taken away",
  taken: "what is overridden or revoked is gone at once, and nothing else is",
  key: "a lock goes by the key of its last use",
  grace: "restarts do not keep for ever what nobody renews",
} as const;

export type Invariant = keyof typeof INVARIANTS;

export interface Violation {
  invariant: Invariant;
  detail: string;
}

export type Report = (invariant: Invariant, detail: string) => void;

/**
 * Where the ledger cannot know what a restart has lost, it knows two things: a waiter is live while it may count on
 * its place, and over when it must have lost it. Between the two the rules may do either.
 */
export type Judgement = (entry: Entry) => boolean;
