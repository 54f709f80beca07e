// Owns what the Worker and a file's object tell each other about contents. Pure data.

import type { FileId, LockId, WorkspaceId, WorkspacePath } from "./ids.ts";
import type { HolderView } from "./problems.ts";
import type { Preconditions, Version } from "./versions.ts";

/** Bytes on their way into a version: small ones travel along, others already lie in the blob store. */
export type NewContent = {
  /** Lower-case hex. */
  sha256: string;
  size: number;
  contentType: string;
} & ({ kind: "inline"; bytes: Uint8Array } | { kind: "blob"; key: string });

/** Where a version's bytes are to be had. */
export type ContentSource = { kind: "inline"; bytes: Uint8Array } | { kind: "blob"; key: string };

export interface WriteTerms extends Preconditions {
  lock: LockId | null;
  /** Whether the commit also releases the lock, in the same transaction. */
  release: boolean;
}

export interface NewFile {
  workspace: WorkspaceId;
  path: WorkspacePath;
  content: NewContent;
  ifMatch: string | null;
}

export interface FileView {
  file: FileId;
  workspace: WorkspaceId;
  path: WorkspacePath;
  version: Version;
  /** Who holds a lock that excludes other writers, if anyone. */
  writer: HolderView | null;
}

export interface FileContent extends FileView {
  source: ContentSource;
}

/** Where large content may be put; or, of a request answered before, that answer. */
export type Announced = { key: string } | { answered: FileView };
