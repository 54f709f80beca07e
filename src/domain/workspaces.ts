// Owns what the Worker and a workspace's object tell each other. Pure data.

import type { Bundle, Effect, Grant, Subject } from "./access/grants.ts";
import type { Right } from "./access/rights.ts";
import type { PrincipalKind } from "./access/standing.ts";
import type { FileId, OrganizationId, PrincipalId, WorkspacePath } from "./ids.ts";
import type { LockPolicy } from "./locks/policy.ts";
import type { Permission, Role } from "./permissions.ts";

export interface NewWorkspace {
  organization: OrganizationId;
  name: string;
}

/** What the team is at. */
export interface Phase {
  name: string;
  by: PrincipalId;
  /** Epoch milliseconds. */
  since: number;
}

export interface WorkspaceView {
  name: string;
  owner: PrincipalId;
  policy: LockPolicy;
  phase: Phase | null;
  /** Epoch milliseconds. */
  createdAt: number;
  createdBy: PrincipalId;
  /** The caller's own, on the workspace as a whole. */
  permissions: Permission[];
}

export interface WorkspaceChange {
  name?: string;
  policy: Partial<LockPolicy>;
  phase?: string | null;
}

/** The owner, or who has a role in the workspace as a whole, given to it personally and for good. */
export interface Member {
  principal: PrincipalId;
  name: string;
  role: Role | "owner";
  /** Epoch milliseconds. */
  since: number;
}

/** A grant that is asked for. */
export interface NewGrant {
  /** A folder with its closing slash, or a file; null: the workspace as a whole. */
  path: string | null;
  to: Subject;
  effect: Effect;
  bundle: Bundle;
  /** Epoch milliseconds; null: for good. */
  until: number | null;
}

/** A grant, with the present path of the file it is on, if it is on one. */
export interface GrantView extends Grant {
  path: string | null;
}

/** What one principal may do there. */
export interface Access {
  principal: PrincipalId;
  name: string;
  kind: PrincipalKind;
  rights: Right[];
}

/** What a principal may do at one place of a workspace. */
export interface AccessAt {
  /** null: the workspace as a whole. */
  path: string | null;
  rights: Right[];
}

/** A name, with what the workspace last heard of the file behind it (trailing by seconds; the file is the authority). */
export interface Entry {
  path: WorkspacePath;
  file: FileId;
  version: number;
  size: number;
  etag: string;
  /** Epoch milliseconds. */
  updatedAt: number;
}

export interface ListQuery {
  /** With its closing slash. */
  folder: string;
  recursive: boolean;
  /** The last name of the page before; null for the first page. */
  after: string | null;
  limit: number;
}

export interface ListPage {
  files: Entry[];
  /** Folders directly below, with their closing slash. Empty when recursive. */
  folders: string[];
  /** Where the next page begins; null when this is the last. */
  next: string | null;
}
