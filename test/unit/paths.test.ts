// Owns what a path may be: examples of what is refused, and properties of what is accepted.

import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { LIMITS } from "../../src/domain/limits.ts";
import { ancestors, parseFolder, parsePath } from "../../src/domain/paths.ts";
import { numRuns, seed, tellHowToReplay } from "./replay.ts";

const runs = { seed, numRuns: Math.ceil(numRuns / 5) };

const bytes = (text: string): number => new TextEncoder().encode(text).length;

function accepted(raw: string): string {
  const path = parsePath(raw);
  if (!path.ok) throw new Error(`${JSON.stringify(raw)} was refused: ${path.problem.reason}`);
  return path.value;
}

const LETTERS = Array.from("abzAZ09._-~éüøßñÅ한글日本क़🦊♥");

/** Visible segments of several scripts, some of whose letters have a decomposed twin. */
const segment = fc
  .string({
    unit: fc.constantFrom(...LETTERS),
    minLength: 1,
    maxLength: 12,
  })
  .filter((drawn) => drawn !== "." && drawn !== "..");
const segments = fc.array(segment, { minLength: 1, maxLength: 12 });

describe("parsePath", () => {
  beforeAll(tellHowToReplay);

  test.each([
    ["the root", "/", "root"],
    ["nothing", "", "root"],
    ["a double slash", "/a//b", "empty"],
    ["a trailing slash", "/a/", "empty"],
    ["two leading slashes", "//a", "empty"],
    ["the segment .", "/a/./b", '"."'],
    ["the segment ..", "/a/../b", '".."'],
    ["a closing ..", "/a/..", '".."'],
    ["a backslash", "/a\\b", "backslash"],
    ["a leading space in a segment", "/a/ b", "white space"],
    ["a trailing space in a segment", "/a /b", "white space"],
    ["a trailing ideographic space", "/a\u3000", "white space"],
    ["a NUL", "/a\u0000", "invisible"],
    ["a line feed", "/a\nb", "invisible"],
    ["a C1 control", "/a\u0085b", "invisible"],
    ["a zero-width space", "/a\u200Bb", "invisible"],
    ["a variation selector", "/\u2764\uFE0F", "invisible"],
    ["a filler that shows as nothing", "/a\u3164", "invisible"],
    ["a zero-width joiner", "/a\u200Db", "invisible"],
    ["a soft hyphen", "/a\u00ADb", "invisible"],
    ["a byte order mark", "/\uFEFFa", "invisible"],
    ["a right-to-left override", "/gpj.\u202Etxt", "invisible"],
    ["a bidi isolate", "/a\u2067b", "invisible"],
    ["a tag character", "/a\u{E0041}", "invisible"],
    ["a line separator", "/a\u2028b", "invisible"],
    ["a lone surrogate", "/a\uD800b", "invisible"],
    ["private use", "/a\uE000", "invisible"],
  ])("refuses %s", (_, raw, reason) => {
    expect(parsePath(raw)).toMatchObject({
      ok: false,
      problem: { code: "path_invalid", reason: expect.stringContaining(reason) },
    });
  });

  test.each([
    ["a missing leading slash, which it adds", "a/b", "/a/b"],
    ["dots that are not alone", "/.env/..a/a..b/...", "/.env/..a/a..b/..."],
    ["inner spaces", "/my file.txt", "/my file.txt"],
    ["other scripts and emoji", "/日本/🦊", "/日本/🦊"],
    ["upper and lower case, which it keeps apart", "/ReadMe", "/ReadMe"],
    ["percent signs, which it does not decode", "/a%2F..%2Fb", "/a%2F..%2Fb"],
  ])("accepts %s", (_, raw, path) => {
    expect(accepted(raw)).toBe(path);
  });

  test("composed and decomposed twins are the same path", () => {
    expect(accepted("/caf\u0065\u0301")).toBe(accepted("/caf\u00E9"));
    expect(accepted("/\u212B")).toBe(accepted("/A\u030A"));
    expect(accepted("/\u1112\u1161\u11AB")).toBe(accepted("/\uD55C"));
  });

  test("lengths are counted in bytes, after normalization", () => {
    const longest = "é".repeat(Math.floor(LIMITS.PATH_SEGMENT_MAX_BYTES / 2));
    expect(parsePath(`/${longest}`).ok).toBe(true);
    expect(parsePath(`/${longest.normalize("NFD")}`).ok).toBe(true);
    expect(parsePath(`/${longest}éa`).ok).toBe(false);
    expect(parsePath(`/${"a".repeat(LIMITS.PATH_SEGMENT_MAX_BYTES)}`).ok).toBe(true);
    expect(parsePath(`/${"a".repeat(LIMITS.PATH_SEGMENT_MAX_BYTES + 1)}`).ok).toBe(false);
  });

  test("a whole path may have its limit in bytes and no more, the slash included", () => {
    const longest = `/${"a".repeat(127)}`.repeat(LIMITS.PATH_MAX_BYTES / 128);
    expect(parsePath(longest).ok).toBe(true);
    expect(parsePath(`${longest}a`).ok).toBe(false);
  });

  test("a path may be as deep as its limit and no deeper", () => {
    expect(parsePath("/a".repeat(LIMITS.PATH_DEPTH_MAX)).ok).toBe(true);
    expect(parsePath("/a".repeat(LIMITS.PATH_DEPTH_MAX + 1)).ok).toBe(false);
  });

  test("whatever is accepted is normal, within its limits, and parses to itself", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "grapheme" }),
      segments.map((s) => s.join("/")),
    );
    const property = fc.property(text, (raw) => {
      const path = parsePath(raw);
      if (!path.ok) return;
      expect(path.value).toMatch(/^\/[^/\\]+(\/[^/\\]+)*$/u);
      expect(path.value).toBe(path.value.normalize("NFC"));
      expect(bytes(path.value)).toBeLessThanOrEqual(LIMITS.PATH_MAX_BYTES);
      expect(parsePath(path.value)).toEqual(path);
    });
    fc.assert(property, runs);
  });

  test("twins and paths without their leading slash get the same answer", () => {
    const property = fc.property(
      fc.oneof(
        fc.string({ unit: "grapheme" }),
        segments.map((s) => s.join("/")),
      ),
      (raw) => {
        expect(parsePath(raw.normalize("NFD"))).toEqual(parsePath(raw));
        fc.pre(!raw.startsWith("/"));
        expect(parsePath(`/${raw}`)).toEqual(parsePath(raw));
      },
    );
    fc.assert(property, runs);
  });

  test("visible segments are accepted, and refused with one hostile character or segment among them", () => {
    const character = fc.constantFrom("\u0000", "\u007F", "\u200B", "\u202E", "\u2066", "\u2028", "\uDC00", "\\");
    const property = fc.property(
      segments,
      fc.nat(),
      character,
      fc.constantFrom("", ".", ".."),
      (drawn, at, bad, dots) => {
        const raw = `/${drawn.join("/")}`;
        expect(accepted(raw)).toBe(raw.normalize("NFC"));
        const cut = 1 + (at % raw.length);
        expect(parsePath(raw.slice(0, cut) + bad + raw.slice(cut)).ok).toBe(false);
        expect(parsePath(`/${drawn.toSpliced(at % drawn.length, 0, dots).join("/")}`).ok).toBe(false);
      },
    );
    fc.assert(property, runs);
  });
});

describe("parseFolder", () => {
  test.each([
    ["", "/"],
    ["/", "/"],
    ["a", "/a/"],
    ["/a/b/", "/a/b/"],
    ["/a/b", "/a/b/"],
  ])("%j is the folder %s", (raw, folder) => {
    expect(parseFolder(raw)).toEqual({ ok: true, value: folder });
  });

  test.each(["//", "/a//", "/a/../", "/a\u200B/"])("%j is refused", (raw) => {
    expect(parseFolder(raw)).toMatchObject({ ok: false, problem: { code: "path_invalid" } });
  });
});

describe("ancestors", () => {
  test("they are the folders above, nearest first, without the root", () => {
    const path = parsePath("/a/b/c");
    expect(path.ok && ancestors(path.value)).toEqual(["/a/b", "/a"]);
  });

  test("a file in the root has none", () => {
    const path = parsePath("/a");
    expect(path.ok && ancestors(path.value)).toEqual([]);
  });

  test("each is a path, and the folder of the one before", () => {
    const property = fc.property(segments, (drawn) => {
      const path = parsePath(drawn.join("/"));
      if (!path.ok) return;
      const above = ancestors(path.value);
      expect(above).toHaveLength(drawn.length - 1);
      above.reduce<string>((below, folder) => {
        expect(accepted(folder)).toBe(folder);
        expect(below.slice(0, below.lastIndexOf("/"))).toBe(folder);
        return folder;
      }, path.value);
    });
    fc.assert(property, runs);
  });
});
