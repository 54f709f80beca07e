// Files as agents meet them over REST: creating, reading, overwriting, versions, names, folders.

import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { sha256Hex } from "../../src/platform/encoding.ts";
import type { Answer, Options } from "../support/http.ts";
import { until } from "../support/until.ts";
import { fileObject, runAlarm, workspaceObject, world } from "../support/workerd.ts";
import {
  type Agent,
  askForLock,
  byId,
  byPath,
  type FileView,
  lock,
  locksOf,
  newFile,
  overwrite,
  put,
  release,
} from "../support/world.ts";

let ada: Agent;
let ben: Agent;
let workspace: string;
let files = 0;

beforeAll(async () => {
  ada = await world.organization();
  ben = await world.agent(ada, "ben");
  workspace = await world.workspace(ada, [[ben, "editor"]]);
});

const freshPath = (): string => `/files/${++files}.csv`;
const fresh = (content = "one"): Promise<FileView> => newFile(ada, workspace, freshPath(), content);
const read = (file: { fileId: string }, options: Options = {}): Promise<Answer> =>
  ada.api.get(byId(file, "/content"), options);
const look = async (file: { fileId: string }): Promise<FileView> => (await ada.api.get(byId(file))).as<FileView>(200);
const at = (path: string, rest = "", options: Options = {}): Promise<Answer> =>
  ada.api.get(byPath(workspace, rest), { ...options, query: { ...options.query, path } });

const INLINE_MAX = 32 * 1024;
const LARGE = INLINE_MAX * 3;

/** Content whose every part differs, so that a wrong range shows. */
function patterned(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8) * 7) & 0xff;
  return bytes;
}

function streamed(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}

const digest = async (content: string | Uint8Array<ArrayBuffer>): Promise<string> =>
  `sha-256=:${Uint8Array.fromHex(await sha256Hex(content)).toBase64()}:`;

const move = (agent: Agent, file: FileView, to: string, headers: Record<string, string> = {}): Promise<Answer> =>
  agent.api.post(byId(file, "/move"), { json: { to }, headers });

const copy = (file: FileView, to: string): Promise<Answer> => ada.api.post(byId(file, "/copy"), { json: { to } });

describe("creating", () => {
  test("by path makes version 1 and says everything about it", async () => {
    const path = freshPath();
    const before = Date.now();
    const answer = await put(ada, workspace, path, "hello", { headers: { "Content-Type": "text/csv" } });
    const view = answer.as<FileView>(201);
    expect(view).toMatchObject({
      workspaceId: workspace,
      path,
      version: 1,
      size: 5,
      sha256: await sha256Hex("hello"),
      contentType: "text/csv",
      modifiedBy: ada.id,
      writer: null,
    });
    expect(view.etag).toMatch(/^"[^"]+"$/);
    expect(answer.header("ETag")).toBe(view.etag);
    expect(Date.parse(view.modifiedAt)).toBeGreaterThanOrEqual(before);
    expect(await look(view)).toEqual(view);
    expect((await at(path)).as(200)).toEqual(view);
  });

  test("never overwrites by accident: what is there asks for a precondition, and gives the tag to send", async () => {
    const file = await fresh();
    const answer = await put(ada, workspace, file.path, "two");
    expect(answer.outcome).toBe("428 precondition_required");
    expect(answer.header("ETag")).toBe(file.etag);
    expect(answer.problem["etag"]).toBe(file.etag);
    expect((await read(file)).text).toBe("one");
  });

  test("with If-None-Match: * happens only where nothing is", async () => {
    const path = freshPath();
    const headers = { "If-None-Match": "*" };
    expect((await put(ada, workspace, path, "one", { headers })).outcome).toBe("201");
    expect((await put(ada, workspace, path, "two", { headers })).outcome).toBe("412 precondition_failed");
  });

  test("where nothing is, If-Match fails and a lock is not found", async () => {
    for (const content of ["small", patterned(LARGE)]) {
      const path = freshPath();
      const withTag = await put(ada, workspace, path, content, { headers: { "If-Match": "*" } });
      expect(withTag.outcome).toBe("412 precondition_failed");
      const lockId = `lk_${"x".repeat(22)}`;
      const withLock = await put(ada, workspace, path, content, { headers: { "Holdfast-Lock": lockId } });
      expect(withLock.outcome).toBe("404 not_found");
      expect((await at(path)).outcome).toBe("404 not_found");
    }
  });

  test.each([["small"], ["large"]])("of ten who create the same path at once, one does: %s", async (size) => {
    const path = freshPath();
    const content = (n: number): string => `${n} `.repeat(size === "small" ? 10 : 50_000);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => put(n % 2 === 0 ? ada : ben, workspace, path, content(n))),
    );
    const winners = answers.flatMap((answer, n) => (answer.status === 201 ? [n] : []));
    expect(winners).toHaveLength(1);
    for (const answer of answers) {
      expect(["201", "409 path_taken", "428 precondition_required"]).toContain(answer.outcome);
    }
    expect((await at(path, "/content")).text).toBe(content(winners[0] ?? -1));
  });

  test("keeps the content type it is told, and does not believe one it was not told", async () => {
    const types = [
      ["text/markdown; charset=utf-8", "text/markdown; charset=utf-8"],
      ["application/x-www-form-urlencoded", "application/octet-stream"],
      [`text/${"x".repeat(300)}`, "application/octet-stream"],
    ];
    for (const [told = "", contentType] of types) {
      const answer = await put(ada, workspace, freshPath(), "x", { headers: { "Content-Type": told } });
      expect(answer.as<FileView>(201)).toMatchObject({ contentType });
    }
  });
});

describe("overwriting", () => {
  test("with the tag that was read makes the next version; with an older one it fails and tells the present one", async () => {
    const file = await fresh();
    const second = (await overwrite(ada, file, "two", { "If-Match": file.etag })).as<FileView>(200);
    expect(second).toMatchObject({ version: 2, size: 3, path: file.path });
    expect(second.fencingToken).toBeGreaterThan(file.fencingToken);
    const stale = await overwrite(ben, file, "three", { "If-Match": file.etag });
    expect(stale.outcome).toBe("412 precondition_failed");
    expect(stale.header("ETag")).toBe(second.etag);
    expect((await read(file)).text).toBe("two");
  });

  test.each<[string, (etag: string) => Record<string, string>, string]>([
    ["If-Match: *", () => ({ "If-Match": "*" }), "200"],
    ["one tag of several", (etag) => ({ "If-Match": `"other", ${etag}` }), "200"],
    ["a weak tag, which matches nothing", (etag) => ({ "If-Match": `W/${etag}` }), "412 precondition_failed"],
    ["a tag without quotes", (etag) => ({ "If-Match": etag.slice(1, -1) }), "412 precondition_failed"],
    ["If-None-Match with the tag", (etag) => ({ "If-None-Match": etag, "If-Match": "*" }), "412 precondition_failed"],
    ["If-None-Match with another tag alone", () => ({ "If-None-Match": '"x"' }), "428 precondition_required"],
    ["an empty If-Match, which is none", () => ({ "If-Match": "" }), "428 precondition_required"],
  ])("with %s", async (_, headers, outcome) => {
    const file = await fresh();
    expect((await overwrite(ada, file, "two", headers(file.etag))).outcome).toBe(outcome);
    const large = await fresh();
    expect((await overwrite(ada, large, patterned(LARGE), headers(large.etag))).outcome).toBe(outcome);
  });

  test("of ten who read the same version, one overwrites it", async () => {
    const file = await fresh();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        overwrite(n % 2 === 0 ? ada : ben, file, `writer ${n}`, { "If-Match": file.etag }),
      ),
    );
    const winners = answers.flatMap((answer, n) => (answer.status === 200 ? [n] : []));
    expect(winners).toHaveLength(1);
    expect((await read(file)).text).toBe(`writer ${winners[0]}`);
    expect((await look(file)).version).toBe(2);
  });

  test("against somebody else's lock is refused, whatever the precondition; under one's own lock it needs none", async () => {
    const file = await fresh();
    const held = await lock(ben, file);
    for (const headers of [{ "If-Match": file.etag }, { "If-Match": "*" }]) {
      expect((await overwrite(ada, file, "two", headers)).outcome).toBe("423 locked");
      expect((await overwrite(ada, file, patterned(LARGE), headers)).outcome).toBe("423 locked");
    }
    expect((await overwrite(ben, file, "two", { "Holdfast-Lock": held.lockId })).outcome).toBe("200");
    // A precondition counts under a lock, too.
    const stale = { "Holdfast-Lock": held.lockId, "If-Match": file.etag };
    expect((await overwrite(ben, file, "three", stale)).outcome).toBe("412 precondition_failed");
  });
});

describe("reading", () => {
  test.each([
    ["empty", 0],
    ["of one byte", 1],
    ["just below the inline limit", INLINE_MAX - 1],
    ["of the inline limit", INLINE_MAX],
    ["just above the inline limit", INLINE_MAX + 1],
    ["large", LARGE],
    ["of several megabytes", 3 * 1024 * 1024 + 7],
  ])("gives back what was written, to the byte: a file %s", async (_, size) => {
    const content = patterned(size);
    const view = (await put(ada, workspace, freshPath(), content)).as<FileView>(201);
    expect(view).toMatchObject({ size, sha256: await sha256Hex(content) });
    const answer = (await read(view)).must(200);
    expect(await sha256Hex(answer.bytes)).toBe(view.sha256);
    expect(answer.header("Content-Length")).toBe(String(size));
    expect(answer.header("Repr-Digest")).toBe(await digest(content));
    const { objects } = await env.BLOBS.list({ prefix: `${workspace}/${view.fileId}/` });
    expect(objects).toHaveLength(size > INLINE_MAX ? 1 : 0);
    await evictDurableObject(fileObject(view.fileId));
    expect(await sha256Hex((await read(view)).bytes)).toBe(view.sha256);
  });

  test("tells tag, time, file and version, and keeps browsers from running what it is", async () => {
    const path = freshPath();
    const html = { headers: { "Content-Type": "text/html" } };
    const view = (await put(ada, workspace, path, "<script>alert(1)</script>", html)).as<FileView>(201);
    for (const answer of [await read(view), await at(path, "/content")]) {
      expect(answer.status).toBe(200);
      expect(answer.header("ETag")).toBe(view.etag);
      expect(answer.header("Content-Type")).toBe("text/html");
      expect(answer.header("Holdfast-File")).toBe(view.fileId);
      expect(answer.header("Holdfast-Version")).toBe("1");
      expect(answer.header("Accept-Ranges")).toBe("bytes");
      expect(Date.parse(answer.header("Last-Modified") ?? "")).toBe(
        Math.floor(Date.parse(view.modifiedAt) / 1000) * 1000,
      );
      expect(answer.header("X-Content-Type-Options")).toBe("nosniff");
      expect(answer.header("Content-Security-Policy")).toContain("sandbox");
      expect(answer.header("Cache-Control")).toContain("private");
    }
  });

  describe.each([
    ["inline", 1000],
    ["in the blob store", LARGE],
  ])("a part of content %s", (_, size) => {
    const content = patterned(size);
    let file: FileView;
    beforeAll(async () => {
      file = (await put(ada, workspace, freshPath(), content)).as<FileView>(201);
    });

    test.each<[string, number, number]>([
      ["bytes=0-0", 0, 1],
      ["bytes=0-9", 0, 10],
      ["bytes=10-19", 10, 20],
      ["bytes=990-", 990, Infinity],
      ["bytes=0-", 0, Infinity],
      ["bytes=-10", -10, Infinity],
      ["bytes=-999999", 0, Infinity],
      ["bytes=5-999999", 5, Infinity],
      ["bytes=0-99999999999999999999", 0, Infinity],
    ])("%s", async (Range, from, to) => {
      const answer = await read(file, { headers: { Range } });
      const expected = content.slice(from, to === Infinity ? size : to);
      expect(answer.status).toBe(206);
      expect(answer.bytes).toEqual(expected);
      const first = from < 0 ? size + from : from;
      expect(answer.header("Content-Range")).toBe(`bytes ${first}-${first + expected.length - 1}/${size}`);
      expect(answer.header("Content-Length")).toBe(String(expected.length));
      expect(answer.header("ETag")).toBe(file.etag);
    });

    test.each([`bytes=${size}-`, `bytes=${size + 5}-${size + 9}`, "bytes=-0", "bytes=99999999999999999999-"])(
      "%s is outside, and the size is told",
      async (Range) => {
        const answer = await read(file, { headers: { Range } });
        expect(answer.outcome).toBe("416 range_not_satisfiable");
        expect(answer.header("Content-Range")).toBe(`bytes */${size}`);
      },
    );

    test.each(["bytes=9-5", "bytes=0-1,3-4", "lines=0-1", "bytes=", "bytes=-", "bytes=a-b", "0-1"])(
      "%s is no range that is served: the whole",
      async (Range) => {
        const answer = (await read(file, { headers: { Range } })).must(200);
        expect(answer.bytes).toEqual(content);
        expect(answer.header("Content-Range")).toBeNull();
      },
    );

    test("If-Range serves the part of the same version, and the whole of another", async () => {
      const Range = "bytes=0-9";
      expect((await read(file, { headers: { Range, "If-Range": file.etag } })).status).toBe(206);
      expect((await read(file, { headers: { Range, "If-Range": '"other"' } })).status).toBe(200);
      expect((await read(file, { headers: { Range, "If-Range": `W/${file.etag}` } })).status).toBe(200);
    });

    test("HEAD says what GET says, without the content", async () => {
      const [head, get] = [await ada.api.ask("HEAD", byId(file, "/content")), await read(file)];
      expect(head.status).toBe(200);
      expect(head.bytes).toHaveLength(0);
      for (const name of ["ETag", "Content-Length", "Content-Type", "Last-Modified", "Repr-Digest"]) {
        expect([name, head.header(name)]).toEqual([name, get.header(name)]);
      }
      const part = await ada.api.ask("HEAD", byId(file, "/content"), { headers: { Range: "bytes=0-9" } });
      expect([part.status, part.header("Content-Length")]).toEqual([206, "10"]);
    });

    test("If-None-Match with the present tag is answered 304 without content", async () => {
      for (const tag of [file.etag, `W/${file.etag}`, "*", `"x", ${file.etag}`]) {
        const answer = await read(file, { headers: { "If-None-Match": tag } });
        expect([answer.status, answer.bytes.length, answer.header("ETag")]).toEqual([304, 0, file.etag]);
      }
      expect((await read(file, { headers: { "If-None-Match": '"x"' } })).status).toBe(200);
    });

    test("If-Match with another tag is answered 412, before If-None-Match is looked at", async () => {
      expect((await read(file, { headers: { "If-Match": '"x"' } })).outcome).toBe("412 precondition_failed");
      expect((await read(file, { headers: { "If-Match": file.etag } })).status).toBe(200);
      const both = { "If-Match": '"x"', "If-None-Match": file.etag };
      expect((await read(file, { headers: both })).outcome).toBe("412 precondition_failed");
    });
  });

  test("no part of an empty file can be served", async () => {
    const file = (await put(ada, workspace, freshPath(), "")).as<FileView>(201);
    expect((await read(file, { headers: { Range: "bytes=0-" } })).outcome).toBe("416 range_not_satisfiable");
    expect((await read(file)).bytes).toHaveLength(0);
  });
});

describe("versions", () => {
  test("are listed newest first in pages, and each can still be read", async () => {
    const file = await fresh("content 1");
    let { etag } = file;
    for (let n = 2; n <= 7; n++) {
      const content = n === 4 ? "content 4".padEnd(LARGE, ".") : `content ${n}`;
      ({ etag } = (await overwrite(n % 2 === 0 ? ben : ada, file, content, { "If-Match": etag })).as<FileView>(200));
    }
    const found: FileView[] = [];
    let query: Record<string, number> = { limit: 3 };
    for (let pages = 1; ; pages++) {
      const page = (await ada.api.get(byId(file, "/versions"), { query })).as<{
        versions: FileView[];
        next: number | null;
      }>(200);
      found.push(...page.versions);
      if (page.next === null) {
        expect(pages).toBe(3);
        break;
      }
      query = { limit: 3, cursor: page.next };
    }
    expect(found.map(({ version }) => version)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(found.map(({ modifiedBy }) => modifiedBy)).toEqual([ada, ben, ada, ben, ada, ben, ada].map(({ id }) => id));
    for (const { version, sha256, etag: tag } of found) {
      const old = (await read(file, { query: { version } })).must(200);
      expect(old.text.slice(0, 9)).toBe(`content ${version}`);
      expect(await sha256Hex(old.bytes)).toBe(sha256);
      expect([old.header("ETag"), old.header("Holdfast-Version")]).toEqual([tag, String(version)]);
    }
    const part = await read(file, { query: { version: 4 }, headers: { Range: "bytes=0-8" } });
    expect([part.status, part.text]).toEqual([206, "content 4"]);
  });

  test("that do not exist are not found, and those that cannot are refused", async () => {
    const file = await fresh();
    expect((await read(file, { query: { version: 2 } })).outcome).toBe("404 not_found");
    for (const version of ["0", "-1", "1.5", "one", "", "99999999999999999999"]) {
      expect([version, (await read(file, { query: { version } })).outcome]).toEqual([version, "400 input_invalid"]);
    }
  });
});

describe("what a sender says about its content", () => {
  test.each([["Repr-Digest"], ["Content-Digest"]])("%s is held against what arrives", async (name) => {
    for (const content of [patterned(100), patterned(LARGE)]) {
      const good = await put(ada, workspace, freshPath(), content, { headers: { [name]: await digest(content) } });
      expect(good.outcome).toBe("201");
      const path = freshPath();
      const bad = await put(ada, workspace, path, content, { headers: { [name]: await digest("other") } });
      expect(bad.outcome).toBe("400 digest_mismatch");
      expect((await at(path)).outcome).toBe("404 not_found");
      const file = good.as<FileView>(201);
      const over = await overwrite(ada, file, content, { "If-Match": "*", [name]: await digest("other") });
      expect(over.outcome).toBe("400 digest_mismatch");
      expect((await look(file)).version).toBe(1);
    }
  });

  test.each(["sha-256=:AAAA:", "md5=:AAAAAAAAAAAAAAAAAAAAAA==:", "nonsense", "sha-256=abc"])(
    "a digest that is none is refused: %s",
    async (value) => {
      const answer = await put(ada, workspace, freshPath(), "x", { headers: { "Repr-Digest": value } });
      expect(answer.outcome).toBe("400 input_invalid");
    },
  );

  test("the length may be missing from small content, and must be there for large", async () => {
    const small = await put(ada, workspace, freshPath(), streamed(patterned(1000)));
    expect(small.as<FileView>(201).size).toBe(1000);
    const most = await put(ada, workspace, freshPath(), streamed(patterned(INLINE_MAX)));
    expect(most.as<FileView>(201).size).toBe(INLINE_MAX);
    const path = freshPath();
    const large = await put(ada, workspace, path, streamed(patterned(INLINE_MAX + 1)));
    expect(large.outcome).toBe("411 length_required");
    expect((await at(path)).outcome).toBe("404 not_found");
  });
});

describe("deleting", () => {
  test("needs a precondition or a lock, and takes file, versions and name with it", async () => {
    const file = await fresh();
    const remove = (headers: Record<string, string>): Promise<Answer> => ada.api.delete(byId(file), { headers });
    expect((await remove({})).outcome).toBe("428 precondition_required");
    expect((await remove({ "If-Match": '"x"' })).outcome).toBe("412 precondition_failed");
    expect((await remove({ "If-Match": file.etag })).as(200)).toEqual({ done: true });
    for (const rest of ["", "/content", "/versions", "/lock"]) {
      expect((await ada.api.get(byId(file, rest))).outcome).toBe("404 not_found");
      expect((await at(file.path, rest)).outcome).toBe("404 not_found");
    }
    expect((await read(file, { query: { version: 1 } })).outcome).toBe("404 not_found");
    expect((await remove({ "If-Match": "*" })).outcome).toBe("404 not_found");
    const again = await newFile(ben, workspace, file.path, "anew");
    expect(again.fileId).not.toBe(file.fileId);
    expect((await at(file.path, "/content")).text).toBe("anew");
  });

  test("is refused to others while a lock is held, and ends the wait of those who queue", async () => {
    const file = await fresh();
    const held = await lock(ada, file);
    expect((await ben.api.delete(byId(file), { headers: { "If-Match": "*" } })).outcome).toBe("423 locked");
    const waiting = askForLock(ben, file, { wait: 30 });
    await until("one waits", 5000, async () => ((await locksOf(ada, file)).queue.length === 1 ? true : null));
    (await ada.api.delete(byId(file), { headers: { "Holdfast-Lock": held.lockId } })).must(200);
    expect((await waiting).outcome).toBe("404 not_found");
    expect((await release(ada, file, held.lockId)).outcome).toBe("404 not_found");
  });

  test("by path works the same", async () => {
    const file = await fresh();
    const options = { query: { path: file.path }, headers: { "If-Match": file.etag } };
    (await ada.api.delete(byPath(workspace), options)).must(200);
    expect((await at(file.path)).outcome).toBe("404 not_found");
  });
});

describe("moving", () => {
  test("gives the file its new path everywhere at once, and keeps id, versions and locks", async () => {
    const file = await fresh();
    const second = (await overwrite(ada, file, "two", { "If-Match": file.etag })).as<FileView>(200);
    const held = await lock(ada, file);
    // Others have used the file under its old name.
    (await ben.api.get(byId(file))).must(200);
    const to = freshPath();
    const moved = (await move(ada, file, to, { "Holdfast-Lock": held.lockId })).as<FileView>(200);
    expect(moved).toMatchObject({ fileId: file.fileId, path: to, version: 2, etag: second.etag });

    for (const agent of [ada, ben]) {
      expect((await agent.api.get(byId(file))).as<FileView>(200).path).toBe(to);
      expect((await agent.api.get(byPath(workspace), { query: { path: to } })).as<FileView>(200).path).toBe(to);
    }
    expect((await at(file.path)).outcome).toBe("404 not_found");
    expect((await at(to, "/content", { query: { version: 1 } })).text).toBe("one");
    expect((await locksOf(ada, file)).locks).toMatchObject([{ mine: held.lockId }]);
    await evictDurableObject(fileObject(file.fileId));
    expect((await look(file)).path).toBe(to);
    // The old name is free.
    await newFile(ben, workspace, file.path);
  });

  test("is refused while somebody else holds a lock, and where the path is taken", async () => {
    const [file, other] = [await fresh(), await fresh()];
    await newFile(ada, workspace, "/move-folder/inside.txt");
    const taken: [string, string][] = [
      [other.path, "file"],
      [`${other.path}/below`, "file"],
      ["/move-folder", "folder"],
    ];
    for (const [to, by] of taken) {
      const answer = await move(ada, file, to);
      expect(answer.outcome).toBe("409 path_taken");
      expect(answer.problem).toMatchObject({ path: to, by });
    }
    await lock(ben, file);
    expect((await move(ada, file, freshPath())).outcome).toBe("423 locked");
    expect((await look(file)).path).toBe(file.path);
  });

  test("to where it is changes nothing; a file may also move below its own old name", async () => {
    const file = await fresh();
    expect((await move(ada, file, file.path)).as<FileView>(200)).toEqual(file);
    const below = `${file.path}/inner.csv`;
    expect((await move(ada, file, below)).as<FileView>(200).path).toBe(below);
    expect((await move(ada, file, file.path)).as<FileView>(200).path).toBe(file.path);
  });

  test("of two files that move to the same path at once, one does", async () => {
    const [one, two] = [await fresh(), await fresh()];
    const to = freshPath();
    const outcomes = (await Promise.all([move(ada, one, to), move(ben, two, to)])).map(({ outcome }) => outcome);
    expect(outcomes.toSorted()).toEqual(["200", "409 path_taken"]);
  });
});

describe("copying", () => {
  test.each([
    ["small", 100],
    ["large", LARGE],
  ])("makes a new file of the last version: %s", async (_, size) => {
    const content = patterned(size);
    const file = (
      await put(ada, workspace, freshPath(), content, { headers: { "Content-Type": "text/csv" } })
    ).as<FileView>(201);
    const to = freshPath();
    const made = (await copy(file, to)).as<FileView>(201);
    expect(made).toMatchObject({ path: to, version: 1, sha256: file.sha256, size, contentType: "text/csv" });
    expect(made.fileId).not.toBe(file.fileId);
    (await ada.api.delete(byId(file), { headers: { "If-Match": "*" } })).must(200);
    await runAlarm(fileObject(file.fileId));
    expect((await read(made)).bytes).toEqual(content);
  });

  test("does not wait for a lock, and is refused where the path is taken", async () => {
    const [file, other] = [await fresh(), await fresh()];
    await lock(ben, file);
    expect((await copy(file, freshPath())).outcome).toBe("201");
    expect((await copy(file, other.path)).outcome).toBe("409 path_taken");
    expect((await copy(file, file.path)).outcome).toBe("409 path_taken");
  });
});

describe("files and folders", () => {
  test("a file cannot be where a folder is, nor below a file", async () => {
    const file = await newFile(ada, workspace, "/tree/leaf");
    const below = await put(ada, workspace, "/tree/leaf/below", "x");
    expect(below.outcome).toBe("409 path_taken");
    expect(below.problem).toMatchObject({ by: "file" });
    const above = await put(ada, workspace, "/tree", "x");
    expect(above.outcome).toBe("409 path_taken");
    expect(above.problem).toMatchObject({ by: "folder" });
    (await ada.api.delete(byId(file), { headers: { "If-Match": "*" } })).must(200);
    // A folder is there only as long as something is in it.
    await newFile(ada, workspace, "/tree");
  });

  interface Page {
    files: { path: string; fileId: string; version: number; size: number; etag: string }[];
    folders: string[];
    next: string | null;
  }
  const list = async (id: string, query: Options["query"] = {}): Promise<Page> =>
    (await ada.api.get(`/api/workspaces/${id}/files`, { query })).as<Page>(200);
  /** Everything on all pages, as names in the order of the pages. */
  async function all(id: string, query: NonNullable<Options["query"]>): Promise<string[]> {
    const names: string[] = [];
    let page = await list(id, query);
    for (;;) {
      expect(page.files.length + page.folders.length).toBeLessThanOrEqual(Number(query["limit"] ?? 100));
      names.push(...[...page.files.map(({ path }) => path), ...page.folders].toSorted());
      if (page.next === null) return names;
      page = await list(id, { ...query, cursor: page.next });
    }
  }

  test("are listed by level or as a whole, in pages of any size", async () => {
    const own = await world.workspace(ada);
    expect(await list(own)).toEqual({ files: [], folders: [], next: null });
    const paths = ["/a.txt", "/a/1", "/a/2/x", "/a/2/y", "/a/3", "/b", "/b.d/z", "/c/d/e/f", "/Ä/ö", "/😀/x", "/z"];
    for (const path of paths) await newFile(ada, own, path);
    const top = ["/a.txt", "/a/", "/b", "/b.d/", "/c/", "/z", "/Ä/", "/😀/"];
    for (const limit of [1, 2, 3, 100]) {
      expect(await all(own, { limit })).toEqual(top);
      expect(await all(own, { limit, folder: "/a" })).toEqual(["/a/1", "/a/2/", "/a/3"]);
      expect(await all(own, { limit, folder: "/a/" })).toEqual(["/a/1", "/a/2/", "/a/3"]);
      expect((await all(own, { limit, recursive: true })).toSorted()).toEqual(paths.toSorted());
      expect(await all(own, { limit, folder: "/a", recursive: true })).toEqual(["/a/1", "/a/2/x", "/a/2/y", "/a/3"]);
    }
    expect(await list(own, { folder: "/nothing" })).toEqual({ files: [], folders: [], next: null });
    // A folder is what its name says, not what begins alike.
    expect(await all(own, { folder: "/b", recursive: true })).toEqual([]);
  });

  test("a page's cursor skips and repeats nothing when files come and go between pages", async () => {
    const own = await world.workspace(ada);
    const made = new Map<string, FileView>();
    for (const name of ["b", "d", "f", "h", "j"]) made.set(name, await newFile(ada, own, `/${name}`));
    const first = await list(own, { limit: 2 });
    expect(first.files.map(({ path }) => path)).toEqual(["/b", "/d"]);
    // The file that the cursor stands on goes; one comes before it, one after.
    for (const name of ["d", "f"]) {
      const gone = made.get(name);
      if (gone === undefined) throw new Error("it was made");
      (await ada.api.delete(byId(gone), { headers: { "If-Match": "*" } })).must(200);
    }
    await newFile(ada, own, "/a");
    await newFile(ada, own, "/g");
    const second = await list(own, { limit: 2, cursor: first.next ?? "" });
    expect(second.files.map(({ path }) => path)).toEqual(["/g", "/h"]);
    const third = await list(own, { limit: 2, cursor: second.next ?? "" });
    expect(third).toMatchObject({ files: [{ path: "/j" }], next: null });
  });

  test("a listing shows the newest version once its event has arrived", async () => {
    const own = await world.workspace(ada);
    const file = await newFile(ada, own, "/listed.txt");
    const second = (await overwrite(ada, file, "longer", { "If-Match": file.etag })).as<FileView>(200);
    await runAlarm(fileObject(file.fileId));
    expect((await list(own)).files).toMatchObject([
      { path: "/listed.txt", fileId: file.fileId, version: 2, size: 6, etag: second.etag },
    ]);
    await runAlarm(workspaceObject(own));
  });

  test.each<[string, NonNullable<Options["query"]>]>([
    ["a limit of none", { limit: 0 }],
    ["a limit beyond the largest page", { limit: 1001 }],
    ["a folder that is no path", { folder: "/a//b" }],
    ["a folder above itself", { folder: "/a/.." }],
    ["a recursion that is neither yes nor no", { recursive: "perhaps" }],
    ["what is not known", { order: "size" }],
  ])("are not listed with %s", async (_, query) => {
    const answer = await ada.api.get(`/api/workspaces/${workspace}/files`, { query });
    expect(answer.status).toBe(400);
    expect(["input_invalid", "path_invalid"]).toContain(answer.problem.code);
  });
});

describe("paths", () => {
  test.each<[string, string]>([
    ["the parent of a folder", "/a/../b"],
    ["the parent at the end", "/a/.."],
    ["the folder itself", "/a/./b"],
    ["an empty segment", "/a//b"],
    ["a closing slash", "/a/"],
    ["the root", "/"],
    ["nothing", ""],
    ["a NUL", "/a\u0000b"],
    ["a line feed", "/a\nb"],
    ["a delete character", "/a\u007fb"],
    ["a C1 control", "/a\u0085b"],
    ["a zero-width space", "/a\u200bb"],
    ["a zero-width joiner", "/a\u200db"],
    ["a byte order mark", "/\ufeffa"],
    ["a right-to-left override", "/a\u202etxt.exe"],
    ["a bidi isolate", "/a\u2066b"],
    ["a line separator", "/a\u2028b"],
    ["a soft hyphen", "/a\u00adb"],
    ["a private character", "/a\ue000b"],
    ["a backslash", "/a\\b"],
    ["white space at the end", "/a "],
    ["white space around a segment", "/ a/b"],
    ["a no-break space at the end", "/a\u00a0"],
    ["a segment of 256 bytes", `/${"x".repeat(256)}`],
    ["a segment of 256 bytes in fewer characters", `/${"ä".repeat(128)}`],
    ["more than 1024 bytes", `/${Array.from({ length: 5 }, () => "x".repeat(250)).join("/")}`],
    ["33 levels", "/x".repeat(33)],
  ])("with %s are refused in every place", async (_, path) => {
    const written = await put(ada, workspace, path, "x");
    expect(written.outcome).toBe("400 path_invalid");
    expect((await at(path, "/content")).outcome).toBe("400 path_invalid");
    const locked = await ada.api.post(byPath(workspace, "/lock"), { query: { path } });
    expect(locked.outcome).toBe("400 path_invalid");
    const file = await fresh();
    for (const action of ["/move", "/copy"]) {
      expect((await ada.api.post(byId(file, action), { json: { to: path } })).status).toBe(400);
    }
  });

  test.each(["%2e%2e", "%2E%2E/a", "a/%2e%2e/b", "a%2f%2fb", "a%5cb", "a%00", "%e2%80%8b", "a%2f..%2fb"])(
    "cannot be smuggled in by percent-encoding: %s",
    async (encoded) => {
      const answer = await ada.api.put(`${byPath(workspace, "/content")}?path=/${encoded}`, { content: "x" });
      expect(answer.outcome).toBe("400 path_invalid");
    },
  );

  test("of the largest permitted size are fine", async () => {
    const longest = `/${[...Array.from({ length: 4 }, () => "y".repeat(254)), "yyy"].join("/")}`;
    expect(longest).toHaveLength(1024);
    for (const path of [longest, `/${"z".repeat(255)}`, `/${"ü".repeat(127)}`, "/w".repeat(32)]) {
      expect((await newFile(ada, workspace, path)).path).toBe(path);
      expect((await at(path, "/content")).text).toBe("one");
    }
  });

  test("that look the same are the same: composed and decomposed letters name one file", async () => {
    const [composed, decomposed] = ["/caf\u00e9/\u1e69.txt", "/cafe\u0301/s\u0323\u0307.txt"];
    const file = await newFile(ada, workspace, decomposed);
    expect(file.path).toBe(composed);
    for (const path of [composed, decomposed, decomposed.slice(1)]) {
      expect((await at(path)).as<FileView>(200).fileId).toBe(file.fileId);
      expect((await put(ada, workspace, path, "two")).outcome).toBe("428 precondition_required");
    }
  });

  test("differ by the case of their letters, and may hold whatever can be seen", async () => {
    const paths = [
      "/Case",
      "/case",
      "/with space",
      "/%41",
      "/+",
      "/a&b=c?d#e",
      "/日本/語",
      "/'\";--",
      "/...",
      "/~",
      "/😀",
    ];
    const made = new Set<string>();
    for (const path of paths) {
      const file = await newFile(ada, workspace, path, path);
      expect(file.path).toBe(path);
      expect((await at(path, "/content")).text).toBe(path);
      made.add(file.fileId);
    }
    expect(made.size).toBe(paths.length);
  });

  test("a missing slash at the front is added, nothing else is repaired", async () => {
    expect((await newFile(ada, workspace, "no/slash.txt")).path).toBe("/no/slash.txt");
  });

  test("by path, the path must be there", async () => {
    expect((await ada.api.get(byPath(workspace))).outcome).toBe("400 input_invalid");
  });
});
