// Owns how access looks outside: roles, permissions, grants, scopes of keys.

import { z } from "zod";
import { type Bundle, EVERYONE, type Grant, type Subject } from "../domain/access/grants.ts";
import type { Right } from "../domain/access/rights.ts";
import { type Scopes, UNSCOPED } from "../domain/access/scopes.ts";
import { LIMITS } from "../domain/limits.ts";
import { PERMISSIONS, ROLES } from "../domain/permissions.ts";
import type { GrantView } from "../domain/workspaces.ts";
import type { WorkspaceId } from "../domain/ids.ts";
import { groupId, isoTime, place, principalId, time } from "./schemas.ts";

export const role = z.enum(ROLES);
export const permissions = z.array(z.enum(PERMISSIONS)).min(1).max(PERMISSIONS.length);
export const roleName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, "must be lower-case letters, digits and hyphens, 40 at most");

export const subject = z.union([z.literal(EVERYONE), principalId, groupId]).transform((to): Subject => to);

/** What is asked for in a grant, wherever it is on. */
export const grantFields = {
  to: subject.describe("the id of an agent, a human or a group, or `everyone` in the organization"),
  effect: z.enum(["allow", "deny"]).default("allow").describe("a denial beats whatever is allowed, at any level"),
  role: roleName.optional().describe("viewer, editor, steward, admin, or one of the organization's own"),
  permissions: permissions.optional().describe("instead of a role"),
  until: time.optional().describe("it ends by itself then"),
};

export const oneBundle = ({ role, permissions }: { role?: string | undefined; permissions?: unknown }): boolean =>
  (role === undefined) !== (permissions === undefined);
export const ONE_BUNDLE = { message: "give either a role or permissions", path: ["role"] };

interface Asked {
  role?: string | undefined;
  permissions?: readonly (typeof PERMISSIONS)[number][] | undefined;
  until?: string | undefined;
}

export const toBundle = ({ role, permissions }: Asked): Bundle =>
  role === undefined ? { permissions: permissions ?? [] } : { role };
export const toTime = (iso: string | undefined): number | null => (iso === undefined ? null : Date.parse(iso));

export const grant = z.object({
  id: z.string(),
  level: z.enum(["organization", "workspace", "folder", "file"]),
  path: z.string().nullable().describe("of the folder, or where the file is now; null for a whole"),
  to: z.string(),
  effect: z.enum(["allow", "deny"]),
  role: z.string().nullable(),
  permissions: z.array(z.string()).nullable().describe("null: those of the role"),
  until: time.nullable(),
  by: z.string(),
  at: time,
});

export const showGrant = ({
  id,
  on,
  to,
  effect,
  bundle,
  until,
  by,
  at,
  ...rest
}: Grant | GrantView): z.infer<typeof grant> => ({
  id,
  level: on.level,
  path: "path" in rest ? rest.path : null,
  to,
  effect,
  role: "role" in bundle ? bundle.role : null,
  permissions: "permissions" in bundle ? [...bundle.permissions] : null,
  until: until === null ? null : isoTime(until),
  by,
  at: isoTime(at),
});

export const right = z.object({
  permission: z.enum(PERMISSIONS),
  until: time.nullable(),
  through: z.array(z.string()).describe("the ids of the grants that give it, `ownership`, or `organization admin`"),
});

export const showRight = ({ permission, until, through }: Right): z.infer<typeof right> => ({
  permission,
  until: until === null ? null : isoTime(until),
  through,
});

/** A key's scopes as they are given and shown. */
export const scopes = z.strictObject({
  readOnly: z.boolean().default(false),
  operations: z
    .array(z.string().max(LIMITS.NAME_MAX_CHARS))
    .min(1)
    .max(200)
    .nullable()
    .default(null)
    .describe("names of operations; null: all"),
  places: z
    .array(
      z.strictObject({
        workspaceId: z.string().regex(/^[0-9a-f]{64}$/, "is not a workspace's id"),
        folder: place.default(null).describe("with its closing slash; / is the whole workspace"),
      }),
    )
    .min(1)
    .max(LIMITS.PLACES_MAX)
    .nullable()
    .default(null)
    .describe("workspaces, or folders in them; null: everywhere"),
});

export const shownScopes = z.object({
  readOnly: z.boolean(),
  operations: z.array(z.string()).nullable(),
  places: z.array(z.object({ workspaceId: z.string(), folder: z.string() })).nullable(),
});

export function toScopes(asked: z.infer<typeof scopes> | undefined): Scopes {
  if (asked === undefined) return UNSCOPED;
  const { readOnly, operations, places } = asked;
  const at = places?.map(({ workspaceId, folder }) => ({
    workspace: workspaceId as WorkspaceId,
    folder: folder === null ? "/" : folder.endsWith("/") ? folder : `${folder}/`,
  }));
  return { readOnly, operations, places: at ?? null };
}

export const showScopes = ({ readOnly, operations, places }: Scopes): z.infer<typeof shownScopes> => ({
  readOnly,
  operations: operations === null ? null : [...operations],
  places: places?.map(({ workspace, folder }) => ({ workspaceId: workspace, folder })) ?? null,
});
