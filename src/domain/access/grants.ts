// Owns what a grant is: who is allowed or denied what, where, until when. Pure data, and what of it applies when.

import type { FileId, GrantId, GroupId, PrincipalId } from "../ids.ts";
import { type Permission, ROLE_PERMISSIONS } from "../permissions.ts";

export const EVERYONE = "everyone";

/** Whom a grant is for: one, a group, or everyone in the organization. */
export type Subject = PrincipalId | GroupId | typeof EVERYONE;

/** What a grant is on. Everything below is included. */
export type Resource =
  | { level: "organization" }
  | { level: "workspace" }
  /** With its closing slash. */
  | { level: "folder"; folder: string }
  /** By id: it follows the file wherever that is moved. */
  | { level: "file"; file: FileId };

/** Permissions, by the name of a role or one by one. */
export type Bundle = { role: string } | { permissions: readonly Permission[] };

export type Effect = "allow" | "deny";

export interface Grant {
  id: GrantId;
  on: Resource;
  to: Subject;
  effect: Effect;
  bundle: Bundle;
  /** Epoch milliseconds; null: for good. */
  until: number | null;
  by: PrincipalId;
  /** Epoch milliseconds. */
  at: number;
}

/** The organization's own roles, by name; the built-in ones are known everywhere. */
export type Roles = Readonly<Record<string, readonly Permission[]>>;

/** A role that is not known (any more) bundles nothing. */
export function permissionsOf(bundle: Bundle, roles: Roles): readonly Permission[] {
  if ("permissions" in bundle) return bundle.permissions;
  const known = [ROLE_PERMISSIONS as Roles, roles].find((some) => Object.hasOwn(some, bundle.role));
  return known?.[bundle.role] ?? [];
}

/** What is asked about: a workspace (no path), a folder in it (closing slash), or a file or a path for one. */
export interface Target {
  path: string | null;
  file: FileId | null;
}

export const WHOLE_WORKSPACE: Target = { path: null, file: null };

export function covers(on: Resource, { path, file }: Target): boolean {
  switch (on.level) {
    case "organization":
    case "workspace":
      return true;
    case "folder":
      return path?.startsWith(on.folder) ?? false;
    case "file":
      return file === on.file;
  }
}

export const isInForce = ({ until }: Pick<Grant, "until">, now: number): boolean => until === null || until > now;
