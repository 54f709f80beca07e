// Owns a file's versions and the preconditions of a write (RFC 9110 §13). Pure.

import { err, ok, type Result } from "./result.ts";
import type { PrincipalId } from "./ids.ts";

/** What is known of a version without its bytes. */
export interface Version {
  /** 1, 2, 3, … */
  n: number;
  /** Bytes. */
  size: number;
  /** Of the content, lower-case hex. */
  sha256: string;
  contentType: string;
  /** The fencing token it was committed under. */
  token: number;
  /** Epoch milliseconds. */
  at: number;
  by: PrincipalId;
}

/** Conditions a caller puts on a write: values of If-Match and If-None-Match, and the lock it claims to hold. */
export interface Preconditions {
  ifMatch: string | null;
  ifNoneMatch: string | null;
}

/** Strong entity tag: unique to the version and its content, quotes included. */
export const etagOf = ({ n, sha256 }: Pick<Version, "n" | "sha256">): string => `"${n}-${sha256.slice(0, 16)}"`;

/** Whether a header's list of entity tags names this one; `*` names any that exists. */
export function names(list: string, etag: string | null): boolean {
  if (etag === null) return false;
  return list.trim() === "*" || list.split(",").some((tag) => tag.trim() === etag);
}

/** As `names`, by the weak comparison that If-None-Match asks for. */
export function namesWeakly(list: string, etag: string | null): boolean {
  return names(list.replaceAll("W/", ""), etag);
}

/** Checks a write's preconditions against the present version (null: the file does not exist). */
export function checkPreconditions(head: Version | null, { ifMatch, ifNoneMatch }: Preconditions): Result<null> {
  const etag = head === null ? null : etagOf(head);
  const fails = (ifMatch !== null && !names(ifMatch, etag)) || (ifNoneMatch !== null && namesWeakly(ifNoneMatch, etag));
  return fails ? err({ code: "precondition_failed", etag }) : ok(null);
}

/** A write to what exists must say what it expects: a precondition, or a lock. Nothing is overwritten by accident. */
export function mayOverwrite({ ifMatch }: Preconditions, underLock: boolean): boolean {
  return underLock || ifMatch !== null;
}
