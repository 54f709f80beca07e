// Owns answers as tables, for those who export: CSV (RFC 4180) and NDJSON, chosen by the Accept header.

import type { Row } from "../operations/operation.ts";

const FORMATS = {
  "text/csv": toCsv,
  "application/x-ndjson": (rows: Row[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join(""),
};

/** The table as the client wants it; null when it wants none. */
export function tableResponse(accept: string | null, rows: () => Row[]): Response | null {
  const wanted = new Set((accept ?? "").split(",").map((type) => type.split(";")[0]?.trim().toLowerCase()));
  const format = Object.entries(FORMATS).find(([type]) => wanted.has(type));
  if (format === undefined) return null;
  const [type, render] = format;
  return new Response(render(rows()), {
    headers: {
      "Content-Type": `${type}; charset=utf-8`,
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    },
  });
}

function toCsv(rows: Row[]): string {
  const [first] = rows;
  if (first === undefined) return "";
  const lines = [Object.keys(first), ...rows.map((row) => Object.values(row))];
  return lines.map((cells) => `${cells.map(cell).join(",")}\r\n`).join("");
}

/** What a spreadsheet would take for a formula gets an apostrophe before it. */
function cell(value: string | number | null): string {
  const text = String(value ?? "");
  const harmless = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
