// Owns what is said of each problem: status, words and headers, in one exhaustive switch. The words say what to do next.

import type { Wall } from "../domain/access/scopes.ts";
import type { LateUse, Problem } from "../domain/problems.ts";
import type { EndCause } from "../domain/locks/state.ts";

export interface Wire {
  status: number;
  title: string;
  detail: string;
  retryAfterMs?: number;
  headers?: Record<string, string>;
}

const USES: Record<LateUse, string> = { write: "write", renewal: "heartbeat", release: "release", claim: "claim" };
const CAUSES: Record<EndCause, string> = {
  expiry: "the lock had expired",
  release: "the lock had been released",
  lapse: "it was not collected, or not asked for again, in time",
  revocation: "the right to hold the lock was taken away",
  override: "the lock was taken over",
};

const UNAUTHENTICATED: Record<Extract<Problem, { code: "unauthenticated" }>["reason"], string> = {
  missing: "Send your API key as `Authorization: Bearer hfk_…`.",
  invalid: "This API key was not issued by this deployment, or is not complete.",
  unknown: "Whom this API key stood for is not in the organization any more.",
  revoked: "This API key has been revoked.",
  expired: "This API key has expired.",
};

const WALLS: Record<Wall, string> = {
  "read-only": "This API key can only read.",
  operations: "This API key is for other operations.",
  places: "This API key does not reach so far.",
  powers: "This operation is not done with a key that has scopes. Use one that has none.",
};

const seconds = (ms: number): string => `${Math.ceil(ms / 1000)} s`;

/** Exhaustive: a new code does not compile until it has words. */
export function toWire(problem: Problem): Wire {
  switch (problem.code) {
    case "unauthenticated":
      return {
        status: 401,
        title: "No valid API key",
        detail: UNAUTHENTICATED[problem.reason],
        headers: { "WWW-Authenticate": "Bearer" },
      };
    case "forbidden":
      return {
        status: 403,
        title: "Not allowed",
        detail: `This needs the permission ${problem.permission}, which you do not hold here. Somebody with access:manage can grant it.`,
      };
    case "key_scope":
      return { status: 403, title: "Beyond this key's scope", detail: WALLS[problem.wall] };
    case "paused":
      return {
        status: 403,
        title: "Paused",
        detail: `${problem.by} has paused you: ${problem.reason}. Nothing you ask is done until you are resumed.`,
      };
    case "exceeds_own_rights":
      return {
        status: 403,
        title: "More than you hold",
        detail: `You can give or take only what you hold there yourself, and no longer than you hold it. Not so: ${problem.permissions.join(", ")}.`,
      };
    case "above_own_role":
      return {
        status: 403,
        title: "Above your own role",
        detail: "In the organization you can neither give a role above your own nor change somebody who has one.",
      };
    case "not_oneself":
      return {
        status: 403,
        title: "Not for oneself",
        detail: "Nobody changes their own standing. Ask somebody else who manages the organization.",
      };
    case "owner_only":
      return { status: 403, title: "Only an owner may", detail: "Ownership is passed on by those who have it." };
    case "owner_stays":
      return {
        status: 409,
        title: "The owner stays",
        detail: "An owner cannot be removed, nor anything be denied to it. Pass the ownership on first.",
      };
    case "humans_only":
      return {
        status: 403,
        title: "Only a human may claim this",
        detail: "Send the token without a key, to join by claiming, or with a person's key (hfp_…).",
      };
    case "wrong_claimant":
      return { status: 403, title: "Not for you", detail: "This transfer was made to somebody else." };
    case "ticket_invalid":
      return {
        status: 400,
        title: "The token is not valid",
        detail: "This deployment has not issued it, or it is not complete.",
      };
    case "ticket_spent":
      return {
        status: 409,
        title: "The token is spent",
        detail: `It is good once, and is ${problem.state === "cancelled" ? "cancelled" : "claimed"} already. Ask for a new one.`,
      };
    case "ticket_expired":
      return {
        status: 410,
        title: "The token has expired",
        detail: `It was good until ${new Date(problem.at).toISOString()}. Ask for a new one.`,
      };
    case "key_outlives":
      return {
        status: 403,
        title: "The key would outlive the one in hand",
        detail: "Give it an end no later than your own key's, or ask somebody who manages the organization.",
      };
    case "key_ended":
      return { status: 409, title: "The key has ended", detail: "It is revoked or has expired; create a new one." };
    case "role_built_in":
      return { status: 409, title: "The role is built in", detail: "Choose another name for your own." };
    case "too_many":
      return {
        status: 409,
        title: "Too many",
        detail: `There are ${problem.limit} ${problem.what} already; end some first.`,
      };
    case "operator_only":
      return {
        status: 403,
        title: "Only the operator may",
        detail: "Use the operator's key (hfo_…) of this deployment.",
      };
    case "not_found":
      return {
        status: 404,
        title: "Not found",
        detail: `There is no such ${problem.what}, or it is not yours to see.`,
      };
    case "method_not_allowed":
      return {
        status: 405,
        title: "Method not allowed",
        detail: `Here: ${problem.allowed.join(", ")}.`,
        headers: { Allow: problem.allowed.join(", ") },
      };
    case "input_invalid":
      return {
        status: 400,
        title: "The request is not valid",
        detail: problem.issues.map(({ at, message }) => (at === "" ? message : `${at}: ${message}`)).join("; "),
      };
    case "path_invalid":
      return { status: 400, title: "The path is not valid", detail: `The path cannot be used: ${problem.reason}.` };
    case "path_taken":
      return {
        status: 409,
        title: "The path is taken",
        detail: `A ${problem.by} stands in the way of ${problem.path}. Choose another path, or write to the file that is there.`,
      };
    case "lock_ttl_too_long":
      return {
        status: 400,
        title: "The time to live is too long",
        detail: `This workspace allows up to ${seconds(problem.maxMs)}; extend the lock with heartbeats.`,
      };
    case "lock_unknown":
      return {
        status: 404,
        title: "No such lock",
        detail: "You hold no such lock on this file, and none of that id has ended lately.",
      };
    case "lock_not_granted":
      return {
        status: 409,
        title: "The lock is not yours yet",
        detail: "The request still waits, or its lock was granted and not yet collected: ask with the ticket.",
      };
    case "not_locked":
      return {
        status: 409,
        title: "There is no lock to override",
        detail: "Nobody else holds this file, or not the one you named. Acquire a lock as usual.",
      };
    case "locked":
      return {
        status: 423,
        title: "The file is locked",
        detail: `Held by ${holders(problem.holders)}; ${problem.queueLength} waiting. Ask for the lock with \`wait\` to join the queue.`,
        retryAfterMs: problem.retryAfterMs,
      };
    case "queue_full":
      return {
        status: 503,
        title: "The queue is full",
        detail: `${problem.limit} requests wait for this file. Try again later.`,
        retryAfterMs: 5000,
      };
    case "upgrade_conflict":
      return {
        status: 409,
        title: "Somebody else is writing",
        detail: `Your read lock cannot become a write lock beside that of ${holders(problem.holders)}. Release it and ask for a write lock.`,
      };
    case "readers_present":
      return {
        status: 423,
        title: "Readers hold the file",
        detail: `The commit waited for ${holders(problem.holders)}. Your lock is still yours: write again, with a longer \`wait\` if need be.`,
        retryAfterMs: problem.retryAfterMs,
      };
    case "precondition_required":
      return {
        status: 428,
        title: "Say what you overwrite",
        detail: "Send If-Match with the entity tag that you read (or *), or Holdfast-Lock with the lock that you hold.",
        ...etagHeader(problem.etag),
      };
    case "precondition_failed":
      return {
        status: 412,
        title: "The file is not as you expected",
        detail:
          problem.etag === null
            ? "The file's existence is not what the request expects."
            : `Its entity tag is now ${problem.etag}. Read it again and redo your change.`,
        ...etagHeader(problem.etag),
      };
    case "range_not_satisfiable":
      return {
        status: 416,
        title: "The range is outside the file",
        detail: `The file has ${problem.size} bytes.`,
        headers: { "Content-Range": `bytes */${problem.size}` },
      };
    case "length_required":
      return {
        status: 411,
        title: "Content-Length is needed",
        detail: "Content of more than a few kilobytes needs its length beforehand.",
      };
    case "content_too_large":
      return { status: 413, title: "The content is too large", detail: `At most ${problem.maxBytes} bytes.` };
    case "content_incomplete":
      return {
        status: 400,
        title: "The content is incomplete",
        detail: "Fewer or more bytes arrived than Content-Length says. Nothing was written.",
      };
    case "digest_mismatch":
      return {
        status: 400,
        title: "The content does not have the digest",
        detail: "What arrived does not match Repr-Digest. Nothing was written.",
      };
    case "upload_expired":
      return { status: 409, title: "The upload took too long", detail: "Nothing was written. Send the content again." };
    case "being_handed_off":
      return {
        status: 409,
        title: "The file is being handed off",
        detail: "It cannot be changed or locked while that is under way, which takes moments. Then look again.",
        retryAfterMs: problem.retryAfterMs,
      };
    case "handoff_changed":
      return {
        status: 409,
        title: "The file has changed",
        detail: `${problem.path} was changed, moved or deleted meanwhile. Nothing was done.`,
      };
    case "handoff_final":
      return {
        status: 410,
        title: "The handoff is final",
        detail: `It could be undone until ${new Date(problem.at).toISOString()}.`,
      };
    case "idempotency_key_reused":
      return {
        status: 422,
        title: "The Idempotency-Key was used for something else",
        detail: "Use a new key for each new request, and the same key only to repeat one.",
      };
    case "unavailable":
      return {
        status: 503,
        title: "Part of the service is not available",
        detail: `The ${problem.part} could not be reached. Try again, with the same Idempotency-Key if you sent one.`,
        retryAfterMs: problem.retryAfterMs,
      };
    case "internal":
      return { status: 500, title: "A mistake of ours", detail: "Something unexpected happened; it was logged." };
    case "write_after_expiry":
    case "write_after_release":
    case "write_after_lapse":
    case "write_after_revocation":
    case "write_after_override":
      return late("write", problem);
    case "renewal_after_expiry":
    case "renewal_after_release":
    case "renewal_after_lapse":
    case "renewal_after_revocation":
    case "renewal_after_override":
      return late("renewal", problem);
    case "release_after_expiry":
    case "release_after_release":
    case "release_after_lapse":
    case "release_after_revocation":
    case "release_after_override":
      return late("release", problem);
    case "claim_after_expiry":
    case "claim_after_release":
    case "claim_after_lapse":
    case "claim_after_revocation":
    case "claim_after_override":
      return late("claim", problem);
  }
}

function late(use: LateUse, problem: Extract<Problem, { lock: string }>): Wire {
  const cause = problem.code.slice(problem.code.lastIndexOf("_") + 1) as EndCause;
  const who = problem.by === null ? "" : ` by ${problem.by}`;
  const why = problem.reason === null ? "" : `, who gave the reason: ${problem.reason}`;
  return {
    status: use === "write" ? 412 : 410,
    title: `A ${USES[use]} too late`,
    detail: `At ${new Date(problem.at).toISOString()} ${CAUSES[cause]}${who}${why}. Nothing was changed. Acquire a new lock and read the file again.`,
  };
}

const holders = (list: { holder: string; level: string; purpose: string | null }[]): string =>
  list.map(({ holder, level, purpose }) => `${holder} (${level}${purpose === null ? "" : `: ${purpose}`})`).join(", ");

const etagHeader = (etag: string | null): Pick<Wire, "headers"> => (etag === null ? {} : { headers: { ETag: etag } });
