// Owns what invitations and transfers share outside: their tokens are shown once, are good once, and are all that is
// needed to use them.

import { z } from "zod";
import { LIMITS } from "../domain/limits.ts";

export const TICKET_STATES = ["open", "passing", "claimed", "cancelled"] as const;
export const lifetime = (defaultMs: number) =>
  z
    .number()
    .min(1)
    .max(LIMITS.TICKET_MAX_MS / 1000)
    .default(defaultMs / 1000)
    .describe("seconds until the token is good no more");

export const token = z.string().min(1).max(500);
