// Owns every limit, each with its unit in its name and the threat or platform rule it answers.

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

export const LIMITS = {
  /** A lock shorter than this could not be heartbeaten across one slow request. */
  LOCK_TTL_MIN_MS: SECOND_MS,
  LOCK_TTL_DEFAULT_MS: MINUTE_MS,
  /** What a workspace allows unless set otherwise. */
  LOCK_TTL_MAX_DEFAULT_MS: 5 * MINUTE_MS,
  /** What a workspace may be set to allow: a forgotten lock must not cost a working day. */
  LOCK_TTL_MAX_CEILING_MS: HOUR_MS,
  /** How long a holder may keep extending while somebody waits: hogging. */
  LOCK_HOLD_MAX_DEFAULT_MS: 10 * MINUTE_MS,
  LOCK_HOLD_MAX_CEILING_MS: 24 * HOUR_MS,
  /** A granted waiter that does not collect its lock within this time is passed over: crashed waiters. */
  CLAIM_WINDOW_MS: 5 * SECOND_MS,
  /** A waiter without an open connection keeps its place this long after it was last seen. */
  WAITER_LEASE_MS: 30 * SECOND_MS,
  /** How long a commit stops new readers while it waits for the present ones. */
  CONVERSION_WAIT_MS: 10 * SECOND_MS,
  /** One request is held open at most this long; the ticket resumes the wait. */
  WAIT_MAX_SECONDS: 60,
  PRIORITY_MAX: 100,
  /** How much earlier one point of priority puts a request in the queue. */
  PRIORITY_STEP_DEFAULT_MS: SECOND_MS,
  PRIORITY_STEP_MAX_MS: MINUTE_MS,
  /** How many later arrivals may be served before a waiter; the stated bound rests on it. */
  BYPASS_MAX: 4,
  /** Waiters on one file: the queue lives in one row (2 MB a row). */
  QUEUE_MAX: 1000,
  /** Ended locks that still get their own explanation when they are used late. */
  ENDED_REMEMBERED: 32,
  PURPOSE_MAX_CHARS: 500,
  /** Locks renewed in one call: one object request each, 1,000 allowed per invocation. */
  RENEW_MANY_MAX: 64,

  PATH_MAX_BYTES: 1024,
  PATH_SEGMENT_MAX_BYTES: 255,
  PATH_DEPTH_MAX: 32,

  /** The platform's own limit on a request body (free plan); larger files come in parts, later. */
  FILE_MAX_BYTES: 100 * 1024 * 1024,
  /** Contents up to this size stay in the file's object; measured in docs/decisions.md. */
  INLINE_MAX_BYTES: 32 * 1024,
  /** An upload that has not committed by then cannot commit any more, and its blob is swept. */
  UPLOAD_DEADLINE_MS: 15 * MINUTE_MS,
  /** JSON bodies: nothing legitimate comes near. */
  JSON_BODY_MAX_BYTES: 64 * 1024,
  CONTENT_TYPE_MAX_CHARS: 200,

  NAME_MAX_CHARS: 100,
  PAGE_DEFAULT: 100,
  PAGE_MAX: 1000,
  IDEMPOTENCY_KEY_MAX_CHARS: 200,
  /** How long a repeated Idempotency-Key gets the first answer again. */
  IDEMPOTENCY_WINDOW_MS: 24 * HOUR_MS,

  /** How long a right may be used without asking again; also the longest a recall can have to wait. */
  ACCESS_LEASE_MS: MINUTE_MS,
  /** One "this file may hold leases" row covers this long, so that warm files cost no rows. */
  LEASE_RECORD_MS: 5 * MINUTE_MS,
  /** How long a workspace may rely on the organization's word on a principal; twice a file's lease, so that it renews seldom. */
  STANDING_LEASE_MS: 2 * MINUTE_MS,
  /** The longest that a lock or a wait may go on after the last lease it was used under: one extension, and one grace. */
  STAKE_MAX_MS: 2 * HOUR_MS + 2 * MINUTE_MS,
  /** A key's last use is noted this coarsely, so that using it costs no row. */
  KEY_USE_GRAIN_MS: HOUR_MS,
  /** Grants in one workspace, or on one organization: all of them bear on every cold request. */
  GRANTS_MAX: 2000,
  PRINCIPALS_MAX: 10_000,
  GROUPS_MAX: 500,
  CUSTOM_ROLES_MAX: 100,
  /** Keys of one principal that are neither revoked nor expired. */
  KEYS_MAX: 50,
  PLACES_MAX: 50,
  INVITATION_DEFAULT_MS: 7 * 24 * HOUR_MS,
  TRANSFER_DEFAULT_MS: 7 * 24 * HOUR_MS,
  /** Invitations and transfers wait no longer than this for their claimant: lost links. */
  TICKET_MAX_MS: 90 * 24 * HOUR_MS,
  REASON_MAX_CHARS: 500,

  /** Files in one handoff: some object requests each, 1,000 allowed per invocation. */
  HANDOFF_FILES_MAX: 64,
  HANDOFF_RECIPIENTS_MAX: 20,
  /** A handoff or its undoing that has not happened by then does not happen any more: coordinators that crash. */
  HANDOFF_PREPARE_MS: 2 * MINUTE_MS,
  /** How long a handoff can be undone; moved away, the former files are kept as long. */
  HANDOFF_UNDO_MS: 24 * HOUR_MS,
  /** What an event says of a handoff's outputs; the handoff itself names all (2 MB a batch of events). */
  HANDOFF_EVENT_MAX_CHARS: 2000,

  /** Objects called back in one recall; with more holders, the leases are waited out (1,000 subrequests). */
  RECALL_FANOUT_MAX: 900,

  /** Events wait this long to be shipped together. */
  SHIP_DELAY_MS: 10 * SECOND_MS,
  SHIP_BATCH_MAX: 500,
  /** A file that gathers this many ships without waiting. */
  SHIP_EARLY_AT: 400,
  /** Events kept in the file's own row before they spill into a row of their own (2 MB a row). */
  OUTBOX_ROW_MAX: 32,
  SHIP_RETRY_MIN_MS: 2 * SECOND_MS,
  SHIP_RETRY_MAX_MS: 5 * MINUTE_MS,
  /** How long the audit log's database may take for one batch before it counts as failed. */
  D1_PATIENCE_MS: 5 * SECOND_MS,
  /** One segment of the workspace's recent stream; at least one whole segment is always kept for deduplication. */
  STREAM_SEGMENT_MS: HOUR_MS,
  /** Allowance for two objects' clocks when an event's age decides whether it may have been delivered before. */
  CLOCK_SKEW_MS: MINUTE_MS,
} as const;
