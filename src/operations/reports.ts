// Owns the reports on creeping permissions: what is allowed and not used, what has widened, keys that do not end.

import { z } from "zod";
import { idle, unused, type Uses, widened, withoutEnd } from "../domain/access/creep.ts";
import type { PrincipalId, WorkspaceId } from "../domain/ids.ts";
import { LIMITS } from "../domain/limits.ts";
import { type Permission, PERMISSIONS } from "../domain/permissions.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { lastUses } from "../platform/audit.ts";
import { reach } from "../platform/objects.ts";
import { grant, showGrant } from "./access-schemas.ts";
import { key, showKey } from "./key-schemas.ts";
import { type Operation, organizationOperation, workspaceOperation } from "./operation.ts";
import { isoTime, time } from "./schemas.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const unusedFor = z.coerce.number().int().min(1).max(3650).default(30).describe("days");
const permissions = z.array(z.enum(PERMISSIONS));

/** What an accepted action shows the use of. The registry is handed in, since it lists this file's operations too. */
function permissionsByAction(operations: readonly Operation[]): Map<string, Permission> {
  return new Map(
    operations.flatMap(({ name, permission }) => {
      const used = PERMISSIONS.find((known) => known === permission);
      return used === undefined ? [] : [[name, used]];
    }),
  );
}

async function usesOf(
  env: Env,
  workspace: WorkspaceId,
  since: number,
  operations: readonly Operation[],
): Promise<Result<Uses>> {
  const permissionOf = permissionsByAction(operations);
  const uses = new Map<PrincipalId, Map<Permission, number>>();
  try {
    for (const { agent, action, at } of await lastUses(env.DB, workspace, since)) {
      const permission = permissionOf.get(action);
      if (permission === undefined) continue;
      const own = uses.get(agent) ?? new Map<Permission, number>();
      uses.set(agent, own.set(permission, Math.max(at, own.get(permission) ?? 0)));
    }
    return ok(uses);
  } catch (error) {
    console.warn({ message: "audit log not reached", error: String(error) });
    return err({ code: "unavailable", part: "audit log", retryAfterMs: LIMITS.SHIP_RETRY_MIN_MS });
  }
}

const unusedGrant = z.object({ grant, permissions: permissions.describe("that nobody it is for has used") });
const widenedAccess = z.object({
  to: z.string(),
  since: time.describe("when something was first allowed"),
  first: permissions,
  added: permissions.describe("what stands beyond that"),
});

export const accessReport = (operations: () => readonly Operation[]) =>
  workspaceOperation({
    name: "access_report",
    title: "Report on creeping permissions",
    description:
      "What was granted in a workspace and has not been used for so many days, by the audit log; and who is allowed more than at first. With `Accept: text/csv` or `application/x-ndjson`, one line for each finding.",
    method: "GET",
    path: "/access-report",
    permission: "access:read",
    effect: "reads",
    input: z.strictObject({ unusedFor }),
    output: z.object({ since: time, unused: z.array(unusedGrant), widened: z.array(widenedAccess) }),
    rows: ({ unused, widened }) => [
      ...unused.map(({ grant: { id, to, path, role }, permissions }) => ({
        finding: "unused",
        to,
        path: path ?? "/",
        grant: id,
        role,
        permissions: permissions.join(" "),
      })),
      ...widened.map(({ to, added }) => ({
        finding: "widened",
        to,
        path: null,
        grant: null,
        role: null,
        permissions: added.join(" "),
      })),
    ],
    async handle({ env, workspace, workspaceId, call }, input) {
      const found = await reach("workspace", true, () => workspace().grantHistory(call));
      if (!found.ok) return found;
      const since = Date.now() - input.unusedFor * DAY_MS;
      const uses = await usesOf(env, workspaceId, since, operations());
      if (!uses.ok) return uses;
      const { standing, history, people } = found.value;
      return ok({
        since: isoTime(since),
        unused: unused(standing, people, uses.value, since).map(({ grant, permissions }) => ({
          grant: showGrant(grant),
          permissions,
        })),
        widened: widened(history, standing, people.roles).map(({ since, first, ...rest }) => ({
          ...rest,
          first: [...first],
          since: isoTime(since),
        })),
      });
    },
  });

const organizationReport = organizationOperation({
  name: "organization_access_report",
  title: "Report on creeping keys and grants",
  description:
    "Keys without an end, keys that have not been used for so many days, and who is allowed more in all workspaces than at first. With `Accept: text/csv` or `application/x-ndjson`, one line for each finding.",
  method: "GET",
  path: "/api/access-report",
  permission: "organization:audit",
  effect: "reads",
  input: z.strictObject({ unusedFor }),
  output: z.object({
    since: time,
    keysWithoutEnd: z.array(key),
    unusedKeys: z.array(key),
    widened: z.array(widenedAccess),
  }),
  rows: ({ keysWithoutEnd, unusedKeys, widened }) => [
    ...keysWithoutEnd.map(({ id, principal, name, usedAt }) => ({
      finding: "key without end",
      principal,
      key: id,
      name,
      usedAt,
      permissions: null,
    })),
    ...unusedKeys.map(({ id, principal, name, usedAt }) => ({
      finding: "unused key",
      principal,
      key: id,
      name,
      usedAt,
      permissions: null,
    })),
    ...widened.map(({ to, added }) => ({
      finding: "widened",
      principal: to,
      key: null,
      name: null,
      usedAt: null,
      permissions: added.join(" "),
    })),
  ],
  async handle({ organization, call }, input) {
    const found = await reach("organization", true, () => organization().audit(call));
    if (!found.ok) return found;
    const { keys, grants, history, roles } = found.value;
    const now = Date.now();
    const since = now - input.unusedFor * DAY_MS;
    return ok({
      since: isoTime(since),
      keysWithoutEnd: withoutEnd(keys, now).map(showKey),
      unusedKeys: idle(keys, since, now).map(showKey),
      widened: widened(history, grants, roles).map(({ since, first, ...rest }) => ({
        ...rest,
        first: [...first],
        since: isoTime(since),
      })),
    });
  },
});

export const organizationReports = [organizationReport];
