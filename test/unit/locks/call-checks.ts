// Owns the checks of a single call against the ledger: the tokens and grants that it made, what it ended, and whether
// its answer is the one that its caller must get.

import type { LockCommand } from "../../../src/domain/locks/decide.ts";
import { LIMITS } from "../../../src/domain/limits.ts";
import type { LockPolicy } from "../../../src/domain/locks/policy.ts";
import type { LockState } from "../../../src/domain/locks/state.ts";
import type { LateUse } from "../../../src/domain/problems.ts";
import type { Judgement, Report } from "./invariants.ts";
import type { Change, Entry, Ledger } from "./ledger.ts";
import { checkTaking } from "./taking-checks.ts";

/** Checks what one call changed and answered. */
export function checkChange(ledger: Ledger, change: Change, before: Snapshot, report: Report): void {
  checkTokens(change, before, report);
  for (const entry of change.granted) checkGrant(ledger, entry, change, before, report);
  for (const entry of change.ended) checkEnd(entry, change.now, before, report);
  checkAnswer(ledger, change, before, report);
  checkTaking(change, before.idle, before.policy, report);
}

/** What was known just before a call. */
export interface Snapshot {
  policy: LockPolicy;
  lastToken: number;
  isLive: Judgement;
  /** What was over already, whatever the call did. */
  wasOver: ReadonlySet<Entry>;
  /** The state that the mere passing of time would have left. */
  idle: LockState;
}

function checkTokens({ tokens }: Change, { lastToken }: Snapshot, report: Report): void {
  tokens
    .toSorted((a, b) => a - b)
    .reduce((last, token) => {
      if (token <= last) report("2", `token ${token} after ${last}`);
      return token;
    }, lastToken);
}

function checkGrant(ledger: Ledger, entry: Entry, change: Change, { wasOver }: Snapshot, report: Report): void {
  if (wasOver.has(entry)) report("5", `${entry.id} was granted after its own lease had ended`);
  const late = change.now - ledger.boundOf(entry);
  if (late > 0) report("11", `${entry.id} was granted ${late} ms after its bound`);
  if (change.converting !== null) report("6", `${entry.id} was granted while ${change.converting} was converting`);
  if (entry.level !== "read" && ledger.conversions.over.size > 0) {
    report("6", `${entry.id} was let in beside ${[...ledger.conversions.over].join()} after its conversion`);
  }
}

function checkEnd(entry: Entry, now: number, { isLive }: Snapshot, report: Report): void {
  if (entry.end?.cause !== "expiry" && entry.end?.cause !== "lapse") return;
  const { grantedAt, toldUntil } = entry;
  const early = grantedAt === null ? isLive(entry) : now < (toldUntil ?? grantedAt + LIMITS.CLAIM_WINDOW_MS);
  if (early) report("told", `${entry.id} ended at ${now}, told ${toldUntil ?? "its window"}`);
}

const USES: Partial<Record<LockCommand["type"], LateUse>> = {
  claim: "claim",
  renew: "renewal",
  release: "release",
  authorizeWrite: "write",
};

function checkAnswer(ledger: Ledger, change: Change, before: Snapshot, report: Report): void {
  const { command, outcome, now } = change;
  if (!outcome.ok && outcome.problem.code === "locked") {
    const over = outcome.problem.holders.filter((holder) => holder.expiresAt <= now);
    if (over.length > 0) report("8", `refused because of ${over.length} holders that had expired`);
  }
  if (outcome.ok && outcome.value.type === "token") checkCommit(ledger, change, outcome.value.token, report);
  const use = USES[command.type];
  const id = command.type === "authorizeWrite" ? command.lock : "id" in command ? command.id : null;
  if (use === undefined || id === null || !("holder" in command)) return;
  const entry = ledger.entries.get(id);
  if (entry?.holder === command.holder && (entry.end === null || (entry.end.cause === "release" && outcome.ok))) {
    if (before.wasOver.has(entry) && outcome.ok) report("4", `${use} by ${id} was accepted after its end`);
    checkLiveUse(use, entry, change, report);
  } else {
    checkVainUse(ledger, use, entry, change, before, report);
  }
}

/** A commit needs the file for itself, and a token that nothing newer has fenced off. */
function checkCommit(ledger: Ledger, { command, now }: Change, token: number, report: Report): void {
  if (token < ledger.fence) report("3", `a commit with token ${token} below ${ledger.fence} was accepted`);
  const own = command.type === "authorizeWrite" ? command.lock : null;
  const others = [...ledger.open.values()].filter((entry) => entry.id !== own && ledger.isBelieved(entry, now));
  if (others.length > 0) report("1", `a commit was accepted beside ${others.map((entry) => entry.id).join()}`);
}

/** A waiter may only poll and leave; a holder is refused only what its lock cannot give. */
function checkLiveUse(use: LateUse, entry: Entry, { outcome }: Change, report: Report): void {
  const usable = entry.toldUntil !== null || use === "claim" || use === "release";
  const code = outcome.ok ? "success" : outcome.problem.code;
  if (usable ? !MAY_BE_TOLD.has(code) : code !== "lock_not_granted") {
    report(usable ? "told" : "4", `${use} by ${entry.id}, which had not ended, got ${code}`);
  }
}

const MAY_BE_TOLD = new Set(["success", "lock_ttl_too_long", "upgrade_conflict", "readers_present"]);

/** Use of what has ended, or is somebody else's. */
function checkVainUse(
  ledger: Ledger,
  use: LateUse,
  entry: Entry | undefined,
  { command, outcome, state, now }: Change,
  before: Snapshot,
  report: Report,
): void {
  const invariant = use === "release" ? "10" : "4";
  const mine = entry !== undefined && "holder" in command && entry.holder === command.holder;
  const end = mine ? entry.end : null;
  const expected = end === null ? "lock_unknown" : `${use}_after_${end.cause}`;
  const forgotten = mine && ledger.ends.lastIndexOf(entry.id) < ledger.ends.length - LIMITS.ENDED_REMEMBERED;
  const code = outcome.ok ? "success" : outcome.problem.code;
  if (code !== expected && !(forgotten && code === "lock_unknown")) report(invariant, `got ${code}, not ${expected}`);
  if (!outcome.ok && "lock" in outcome.problem) {
    const { at, by, reason } = outcome.problem;
    if (at > now) report(invariant, "ended in the future");
    if (by !== end?.by || reason !== end.reason) report(invariant, `ended by ${by}, because ${reason}`);
  }
  if (JSON.stringify(state) !== JSON.stringify(before.idle)) report("4", `a vain ${use} changed the locks`);
}
