// Owns the operations on access in a workspace: members, grants at every level below it, and who can do what.

import { z } from "zod";
import type { Member } from "../domain/workspaces.ts";
import { ok } from "../domain/result.ts";
import { reach } from "../platform/objects.ts";
import {
  grant,
  grantFields,
  ONE_BUNDLE,
  oneBundle,
  right,
  role,
  showGrant,
  showRight,
  toBundle,
  toTime,
} from "./access-schemas.ts";
import { workspaceOperation } from "./operation.ts";
import { DONE, done, grantId, isoTime, place, principalId, time } from "./schemas.ts";

const member = z.object({
  principalId: z.string(),
  name: z.string(),
  role: z.union([role, z.literal("owner")]),
  since: time,
});
const showMember = ({ principal, name, role, since }: Member): z.infer<typeof member> => ({
  principalId: principal,
  name,
  role,
  since: isoTime(since),
});

const listMembers = workspaceOperation({
  name: "list_members",
  title: "List members",
  description: "The owner, and who has a role in the workspace as a whole, personally and for good.",
  method: "GET",
  path: "/members",
  permission: "workspace:read",
  effect: "reads",
  input: z.strictObject({}),
  output: z.object({ members: z.array(member) }),
  async handle({ workspace, call }) {
    const members = await reach("workspace", true, () => workspace().members(call));
    return members.ok ? ok({ members: members.value.map(showMember) }) : members;
  },
});

const setMember = workspaceOperation({
  name: "set_member",
  title: "Give somebody a role",
  description:
    "Gives an agent or a human of your organization a role in the whole workspace, in place of the one it has. Lowering a role is answered only when the old right is honoured nowhere any more.",
  method: "PUT",
  path: "/members/{principalId}",
  permission: "access:manage",
  effect: "writes",
  input: z.strictObject({ principalId, role }),
  output: z.object({ member }),
  async handle({ workspace, call, repeatable }, input) {
    const asked = { principal: input.principalId, role: input.role };
    const set = await reach("workspace", repeatable, () => workspace().setMember(call, asked));
    return set.ok ? ok({ member: showMember(set.value) }) : set;
  },
});

const removeMember = workspaceOperation({
  name: "remove_member",
  title: "Remove a member",
  description:
    "Ends everything that is allowed to somebody personally in the workspace, at whatever level; what is denied stays denied. Answered only when none of it is honoured anywhere any more. Groups, the organization and ownership may still let them in: see who_can.",
  method: "DELETE",
  path: "/members/{principalId}",
  permission: "access:manage",
  effect: "destroys",
  input: z.strictObject({ principalId }),
  output: done,
  async handle({ workspace, call, repeatable }, input) {
    const removed = await reach("workspace", repeatable, () => workspace().removeMember(call, input.principalId));
    return removed.ok ? ok(DONE) : removed;
  },
});

/** One right, as a row of a table. */
const rowOf = ({ permission, until, through }: z.infer<typeof right>) => ({
  permission,
  until,
  through: through.join(" "),
});

const at = place.default(null).describe("a folder (with its closing slash) or a file; / is the workspace as a whole");

const listGrants = workspaceOperation({
  name: "list_grants",
  title: "List grants",
  description: "What is allowed and denied to whom, on a path and below it.",
  method: "GET",
  path: "/grants",
  permission: "access:read",
  effect: "reads",
  input: z.strictObject({ path: at }),
  output: z.object({ grants: z.array(grant) }),
  rows: ({ grants }) =>
    grants.map(({ permissions, ...rest }) => ({ ...rest, permissions: permissions?.join(" ") ?? null })),
  async handle({ workspace, call }, input) {
    const grants = await reach("workspace", true, () => workspace().listGrants(call, input.path));
    return grants.ok ? ok({ grants: grants.value.map(showGrant) }) : grants;
  },
});

const grantAccess = workspaceOperation({
  name: "grant_access",
  title: "Grant or deny access",
  description:
    "Allows or denies something to an agent, a human, a group or everyone: in the workspace, in a folder, or on a file, which it follows when that is moved. Never more than you hold there yourself, nor for longer. A denial beats whatever is allowed, and is answered only when the old right is honoured nowhere any more.",
  method: "POST",
  path: "/grants",
  permission: "access:manage",
  effect: "writes",
  input: z.strictObject({ path: at, ...grantFields }).refine(oneBundle, ONE_BUNDLE),
  output: z.object({ grant }),
  status: () => 201,
  async handle({ workspace, call, repeatable }, input) {
    const { path, to, effect, until } = input;
    const asked = { path, to, effect, bundle: toBundle(input), until: toTime(until) };
    const made = await reach("workspace", repeatable, () => workspace().grant(call, asked));
    return made.ok ? ok({ grant: showGrant(made.value) }) : made;
  },
});

const revokeAccess = workspaceOperation({
  name: "revoke_access",
  title: "End a grant",
  description:
    "Ends what was allowed or denied. Never more than you hold there yourself. Answered only when it is honoured nowhere any more.",
  method: "DELETE",
  path: "/grants/{grantId}",
  permission: "access:manage",
  effect: "destroys",
  input: z.strictObject({ grantId }),
  output: z.object({ grant }),
  async handle({ workspace, call, repeatable }, input) {
    const ended = await reach("workspace", repeatable, () => workspace().revokeGrant(call, input.grantId));
    return ended.ok ? ok({ grant: showGrant(ended.value) }) : ended;
  },
});

const whoCan = workspaceOperation({
  name: "who_can",
  title: "Who can do what here",
  description:
    "Everybody's effective access to the workspace, a folder or a file, with what gives each right: grants, ownership, or being an admin of the organization.",
  method: "GET",
  path: "/access",
  permission: "access:read",
  effect: "reads",
  input: z.strictObject({ path: at }),
  output: z.object({
    access: z.array(
      z.object({ principalId: z.string(), name: z.string(), kind: z.enum(["agent", "human"]), rights: z.array(right) }),
    ),
  }),
  rows: ({ access }) => access.flatMap(({ rights, ...who }) => rights.map((right) => ({ ...who, ...rowOf(right) }))),
  async handle({ workspace, call }, input) {
    const access = await reach("workspace", true, () => workspace().whoCan(call, input.path));
    if (!access.ok) return access;
    return ok({
      access: access.value.map(({ principal, rights, ...rest }) => ({
        principalId: principal,
        ...rest,
        rights: rights.map(showRight),
      })),
    });
  },
});

const whatCan = workspaceOperation({
  name: "what_can",
  title: "What can somebody do",
  description:
    "The effective access of one agent or human: in the workspace as a whole, and at every folder and file where something else was allowed or denied.",
  method: "GET",
  path: "/access/{principalId}",
  permission: "access:read",
  effect: "reads",
  input: z.strictObject({ principalId }),
  output: z.object({ places: z.array(z.object({ path: z.string(), rights: z.array(right) })) }),
  rows: ({ places }) => places.flatMap(({ path, rights }) => rights.map((right) => ({ path, ...rowOf(right) }))),
  async handle({ workspace, call }, input) {
    const places = await reach("workspace", true, () => workspace().whatCan(call, input.principalId));
    if (!places.ok) return places;
    return ok({
      places: places.value.map(({ path, rights }) => ({ path: path ?? "/", rights: rights.map(showRight) })),
    });
  },
});

export const accessOperations = [
  listMembers,
  setMember,
  removeMember,
  listGrants,
  grantAccess,
  revokeAccess,
  whoCan,
  whatCan,
];
