// Owns how events of an audit log are asked for and shown, be it a workspace's or an organization's.

import { z } from "zod";
import type { OrganizationId, WorkspaceId } from "../domain/ids.ts";
import { LIMITS } from "../domain/limits.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { findEvents, type EventQuery, type LoggedEvent } from "../platform/audit.ts";
import { isoTime, limit, principalId, time } from "./schemas.ts";

export const event = z.object({
  seq: z.number().describe("the log's order, without gaps"),
  at: time,
  action: z.string().describe("an operation's name, or lock_expired or lock_lapsed"),
  outcome: z.enum(["accepted", "refused"]),
  code: z.string().nullable().describe("why it was refused"),
  agent: z.string().nullable().describe("who; null: time did it"),
  key: z.string().nullable(),
  fileId: z.string().nullable(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

const showEvent = (logged: LoggedEvent): z.infer<typeof event> => {
  const { seq, at, action, outcome, code, agent, key, file, detail } = logged;
  return { seq, at: isoTime(at), action, outcome, code, agent, key, fileId: file, detail };
};

export const eventFilters = {
  agent: principalId.optional().describe("who did it: an agent or a human"),
  action: z.string().max(LIMITS.NAME_MAX_CHARS).optional(),
  outcome: z.enum(["accepted", "refused"]).optional(),
  since: time.optional().describe("from this time on"),
  until: time.optional().describe("before this time"),
  limit,
  cursor: z.coerce.number().int().min(1).optional().describe("`next` of the page before"),
};

interface Asked extends Pick<EventQuery, "agent" | "file" | "action" | "outcome" | "limit"> {
  since?: string | undefined;
  until?: string | undefined;
  cursor?: number | undefined;
}

const epochMs = (iso: string | undefined): number | undefined => (iso === undefined ? undefined : Date.parse(iso));

export async function readEvents(
  { DB }: Env,
  log: WorkspaceId | OrganizationId,
  { since, until, cursor, ...rest }: Asked,
): Promise<Result<{ events: z.infer<typeof event>[]; next: number | null }>> {
  try {
    const query = { ...rest, since: epochMs(since), until: epochMs(until), before: cursor };
    const events = await findEvents(DB, log, query);
    return ok({
      events: events.map(showEvent),
      next: events.length === rest.limit ? (events.at(-1)?.seq ?? null) : null,
    });
  } catch (error) {
    console.warn({ message: "audit log not reached", error: String(error) });
    return err({ code: "unavailable", part: "audit log", retryAfterMs: LIMITS.SHIP_RETRY_MIN_MS });
  }
}
