// Owns what a path is. No I/O. A WorkspacePath is absolute, NFC-normalized, case-sensitive, without empty, `.` or
// `..` segments and without characters that cannot be seen, so two paths that look the same are the same.

import type { WorkspacePath } from "./ids.ts";
import { LIMITS } from "./limits.ts";
import type { Problem } from "./problems.ts";
import { err, ok, type Result } from "./result.ts";

export type PathFault = Extract<Problem, { code: "path_invalid" }>;

const utf8 = new TextEncoder();
const bytes = (text: string): number => utf8.encode(text).length;

/** Control, format (zero-width, bidi) and other ignorable characters, line separators, lone surrogates, private use. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/u;

function segmentFault(segment: string): string | null {
  if (segment === "") return "a segment is empty (double or trailing slash)";
  if (segment === "." || segment === "..") return `the segment "${segment}" is not allowed`;
  if (segment !== segment.trim()) return "a segment begins or ends with white space";
  if (bytes(segment) > LIMITS.PATH_SEGMENT_MAX_BYTES)
    return `a segment is longer than ${LIMITS.PATH_SEGMENT_MAX_BYTES} bytes`;
  return null;
}

function pathFault(path: string): string | null {
  if (path === "/") return "the root is not a file";
  if (INVISIBLE.test(path)) return "it contains control or invisible characters";
  if (path.includes("\\")) return "it contains a backslash; segments are separated by /";
  if (bytes(path) > LIMITS.PATH_MAX_BYTES) return `it is longer than ${LIMITS.PATH_MAX_BYTES} bytes`;
  const segments = path.slice(1).split("/");
  if (segments.length > LIMITS.PATH_DEPTH_MAX) return `it is deeper than ${LIMITS.PATH_DEPTH_MAX} segments`;
  for (const segment of segments) {
    const fault = segmentFault(segment);
    if (fault !== null) return fault;
  }
  return null;
}

/** Parses a file's path. A missing leading slash is added; nothing else is repaired. */
export function parsePath(raw: string): Result<WorkspacePath, PathFault> {
  const path = (raw.startsWith("/") ? raw : `/${raw}`).normalize("NFC");
  const reason = pathFault(path);
  return reason === null ? ok(path as WorkspacePath) : err({ code: "path_invalid", reason });
}

/** Parses a folder for listing: `/`, or a path with or without its closing slash. Answers it with the slash. */
export function parseFolder(raw: string): Result<string, PathFault> {
  if (raw === "" || raw === "/") return ok("/");
  const path = parsePath(raw.endsWith("/") ? raw.slice(0, -1) : raw);
  return path.ok ? ok(`${path.value}/`) : path;
}

/** The folders above a path, nearest first, as paths that a file must not occupy: `/a/b/c` → `/a/b`, `/a`. */
export function ancestors(path: WorkspacePath): WorkspacePath[] {
  const found: WorkspacePath[] = [];
  for (let cut = path.lastIndexOf("/"); cut > 0; cut = path.lastIndexOf("/", cut - 1)) {
    found.push(path.slice(0, cut) as WorkspacePath);
  }
  return found;
}
