// Owns what the Worker and a workspace's object tell each other. Pure data.

import type { PrincipalId, FileId, OrganizationId, WorkspacePath } from "./ids.ts";
import type { LockPolicy } from "./locks/policy.ts";
import type { Role } from "./permissions.ts";

export interface NewWorkspace {
  /** Its short name in the audit log. */
  number: number;
  organization: OrganizationId;
  name: string;
  creator: { agent: PrincipalId; name: string };
}

export interface WorkspaceView {
  name: string;
  policy: LockPolicy;
  /** Epoch milliseconds. */
  createdAt: number;
  createdBy: PrincipalId;
  /** The caller's own. */
  role: Role;
}

export interface Member {
  agent: PrincipalId;
  name: string;
  role: Role;
  /** Epoch milliseconds. */
  since: number;
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
