// Owns how API keys look outside, without being shown themselves.

import { z } from "zod";
import type { KeyView, NewKey } from "../domain/organizations.ts";
import { scopes, showScopes, shownScopes, toScopes } from "./access-schemas.ts";
import { isoTime, name, time } from "./schemas.ts";

/** Whether there is an operation of that name; only the registry, which lists them all, can tell. */
export type IsOperation = (name: string) => boolean;

export const keyFields = (isOperation: IsOperation) => ({
  name: name.default("unnamed").describe("for those who look after keys"),
  scopes: scopes
    .refine(({ operations }) => operations?.every(isOperation) ?? true, {
      message: "names an operation that there is not; the OpenAPI document has them all",
      path: ["operations"],
    })
    .optional()
    .describe("walls that hold whatever its principal may do; without, the key may do all that"),
  expiresAt: time.optional().describe("without, it does not expire"),
});

export const toNewKey = (asked: {
  name: string;
  scopes?: z.infer<typeof scopes> | undefined;
  expiresAt?: string | undefined;
}): NewKey => ({
  name: asked.name,
  scopes: toScopes(asked.scopes),
  expiresAt: asked.expiresAt === undefined ? null : Date.parse(asked.expiresAt),
});

export const key = z.object({
  id: z.string(),
  principal: z.string(),
  name: z.string(),
  scopes: shownScopes,
  createdAt: time,
  createdBy: z.string().nullable(),
  expiresAt: time.nullable(),
  revokedAt: time.nullable(),
  revokedBy: z.string().nullable(),
  usedAt: time.nullable().describe("to the hour"),
});

const orNull = (at: number | null): string | null => (at === null ? null : isoTime(at));

export const showKey = ({
  scopes,
  createdAt,
  expiresAt,
  revokedAt,
  usedAt,
  ...rest
}: KeyView): z.infer<typeof key> => ({
  ...rest,
  scopes: showScopes(scopes),
  createdAt: isoTime(createdAt),
  expiresAt: orNull(expiresAt),
  revokedAt: orNull(revokedAt),
  usedAt: orNull(usedAt),
});
