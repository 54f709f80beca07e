// Owns the operations on what bears on access in all workspaces: groups, the organization's own roles, and grants at
// its level.

import { z } from "zod";
import type { Group } from "../domain/organizations.ts";
import { PERMISSIONS } from "../domain/permissions.ts";
import { ok } from "../domain/result.ts";
import { newGroupId } from "../platform/ids.ts";
import { reach } from "../platform/objects.ts";
import {
  grant,
  grantFields,
  ONE_BUNDLE,
  oneBundle,
  permissions,
  roleName,
  showGrant,
  toBundle,
  toTime,
} from "./access-schemas.ts";
import { organizationOperation } from "./operation.ts";
import { DONE, done, grantId, groupId, name, principalId } from "./schemas.ts";

const group = z.object({ id: z.string(), name: z.string(), members: z.array(z.string()) });
const showGroup = ({ id, name, members }: Group): z.infer<typeof group> => ({ id, name, members });

const createGroup = organizationOperation({
  name: "create_group",
  title: "Create a group",
  description: "Makes a group of agents and humans, to whom access can be granted together.",
  method: "POST",
  path: "/api/groups",
  permission: "organization:manage",
  effect: "writes",
  input: z.strictObject({ name }),
  output: z.object({ group }),
  status: () => 201,
  async handle({ organization, call, repeatable }, input) {
    const made = await reach("organization", repeatable, () =>
      organization().createGroup(call, { id: newGroupId(), name: input.name }),
    );
    return made.ok ? ok({ group: showGroup(made.value) }) : made;
  },
});

const listGroups = organizationOperation({
  name: "list_groups",
  title: "List groups",
  description: "The groups of your organization, with who is in them.",
  method: "GET",
  path: "/api/groups",
  permission: "organization:read",
  effect: "reads",
  input: z.strictObject({}),
  output: z.object({ groups: z.array(group) }),
  async handle({ organization, call }) {
    const groups = await reach("organization", true, () => organization().listGroups(call));
    return groups.ok ? ok({ groups: groups.value.map(showGroup) }) : groups;
  },
});

const deleteGroup = organizationOperation({
  name: "delete_group",
  title: "Delete a group",
  description:
    "Ends a group. What was granted to it is granted to nobody any more, and what was denied to it is denied to nobody. Not for those who are in it, but for owners.",
  method: "DELETE",
  path: "/api/groups/{groupId}",
  permission: "organization:manage",
  effect: "destroys",
  input: z.strictObject({ groupId }),
  output: done,
  async handle({ organization, call, repeatable }, input) {
    const deleted = await reach("organization", repeatable, () => organization().deleteGroup(call, input.groupId));
    return deleted.ok ? ok(DONE) : deleted;
  },
});

const addToGroup = organizationOperation({
  name: "add_to_group",
  title: "Put somebody into a group",
  description: "Adds an agent or a human to a group; not yourself, unless you own the organization.",
  method: "PUT",
  path: "/api/groups/{groupId}/members/{principalId}",
  permission: "organization:manage",
  effect: "writes",
  input: z.strictObject({ groupId, principalId }),
  output: z.object({ group }),
  async handle({ organization, call, repeatable }, input) {
    const change = { group: input.groupId, principal: input.principalId, isIn: true };
    const changed = await reach("organization", repeatable, () => organization().setGroupMember(call, change));
    return changed.ok ? ok({ group: showGroup(changed.value) }) : changed;
  },
});

const removeFromGroup = organizationOperation({
  name: "remove_from_group",
  title: "Take somebody out of a group",
  description:
    "Answered only when what the group gave them is honoured nowhere any more. Not for yourself, unless you own the organization.",
  method: "DELETE",
  path: "/api/groups/{groupId}/members/{principalId}",
  permission: "organization:manage",
  effect: "destroys",
  input: z.strictObject({ groupId, principalId }),
  output: z.object({ group }),
  async handle({ organization, call, repeatable }, input) {
    const change = { group: input.groupId, principal: input.principalId, isIn: false };
    const changed = await reach("organization", repeatable, () => organization().setGroupMember(call, change));
    return changed.ok ? ok({ group: showGroup(changed.value) }) : changed;
  },
});

const shownRole = z.object({
  name: z.string(),
  permissions: z.array(z.enum(PERMISSIONS)),
  builtIn: z.boolean(),
});

const listRoles = organizationOperation({
  name: "list_roles",
  title: "List roles",
  description: "The roles that can be granted, built in and your organization's own, with the permissions they bundle.",
  method: "GET",
  path: "/api/roles",
  permission: "organization:read",
  effect: "reads",
  input: z.strictObject({}),
  output: z.object({ roles: z.array(shownRole) }),
  async handle({ organization, call }) {
    const roles = await reach("organization", true, () => organization().listRoles(call));
    if (!roles.ok) return roles;
    return ok({ roles: roles.value.map((role) => ({ ...role, permissions: [...role.permissions] })) });
  },
});

const setRole = organizationOperation({
  name: "set_role",
  title: "Define a role",
  description:
    "Makes a role of your organization's own, or changes what it bundles, wherever it has been granted or denied; answered only when what it bundled before is honoured nowhere any more.",
  method: "PUT",
  path: "/api/roles/{role}",
  permission: "organization:manage",
  effect: "writes",
  input: z.strictObject({ role: roleName, permissions }),
  output: z.object({ role: shownRole }),
  async handle({ organization, call, repeatable }, input) {
    const asked = { name: input.role, permissions: [...new Set(input.permissions)] };
    const set = await reach("organization", repeatable, () => organization().defineRole(call, asked));
    return set.ok ? ok({ role: { ...set.value, permissions: [...set.value.permissions] } }) : set;
  },
});

const listOrganizationGrants = organizationOperation({
  name: "list_organization_grants",
  title: "List what is granted everywhere",
  description: "The grants at the level of the organization: they bear on all its workspaces.",
  method: "GET",
  path: "/api/grants",
  permission: "organization:read",
  effect: "reads",
  input: z.strictObject({}),
  output: z.object({ grants: z.array(grant) }),
  async handle({ organization, call }) {
    const grants = await reach("organization", true, () => organization().listGrants(call));
    return grants.ok ? ok({ grants: grants.value.map(showGrant) }) : grants;
  },
});

const grantEverywhere = organizationOperation({
  name: "grant_everywhere",
  title: "Grant or deny in all workspaces",
  description:
    "Allows or denies something in every workspace of your organization, present and to come. Never more than you hold yourself. A denial is answered only when the old right is honoured nowhere any more.",
  method: "POST",
  path: "/api/grants",
  permission: "organization:manage",
  effect: "writes",
  input: z.strictObject(grantFields).refine(oneBundle, ONE_BUNDLE),
  output: z.object({ grant }),
  status: () => 201,
  async handle({ organization, call, repeatable }, input) {
    const asked = { to: input.to, effect: input.effect, bundle: toBundle(input), until: toTime(input.until) };
    const made = await reach("organization", repeatable, () => organization().grant(call, asked));
    return made.ok ? ok({ grant: showGrant(made.value) }) : made;
  },
});

const revokeEverywhere = organizationOperation({
  name: "revoke_everywhere",
  title: "End a grant on all workspaces",
  description: "Ends a grant at the level of the organization. Answered only when it is honoured nowhere any more.",
  method: "DELETE",
  path: "/api/grants/{grantId}",
  permission: "organization:manage",
  effect: "destroys",
  input: z.strictObject({ grantId }),
  output: z.object({ grant }),
  async handle({ organization, call, repeatable }, input) {
    const ended = await reach("organization", repeatable, () => organization().revokeGrant(call, input.grantId));
    return ended.ok ? ok({ grant: showGrant(ended.value) }) : ended;
  },
});

export const groupOperations = [
  createGroup,
  listGroups,
  deleteGroup,
  addToGroup,
  removeFromGroup,
  listRoles,
  setRole,
  listOrganizationGrants,
  grantEverywhere,
  revokeEverywhere,
];
