// Owns byte ranges (RFC 9110 §14): one range is served, anything else is answered with the whole. Pure.

import { err, ok, type Result } from "./result.ts";

/** Bytes `offset` … `offset + length - 1`. */
export interface ByteRange {
  offset: number;
  length: number;
}

/** The range a header asks of content of this size; null for the whole (no header, several ranges, other units). */
export function parseRange(header: string | null, size: number): Result<ByteRange | null> {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(" ", "") ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return ok(null);
  const [first, last] = [match[1] ?? "", match[2] ?? ""];
  if (first === "") return suffix(Number(last), size);
  const offset = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && Number(last) < offset) return ok(null);
  if (offset >= size) return err({ code: "range_not_satisfiable", size });
  return ok({ offset, length: end - offset + 1 });
}

function suffix(wanted: number, size: number): Result<ByteRange | null> {
  if (wanted === 0 || size === 0) return err({ code: "range_not_satisfiable", size });
  const length = Math.min(wanted, size);
  return ok({ offset: size - length, length });
}
