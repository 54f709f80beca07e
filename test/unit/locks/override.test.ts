// Owns examples of locks that others end: overridden with a reason, or revoked with the right to hold them; and of the
// key that a lock goes by.

import { describe, expect, test } from "vitest";
import { mustSave } from "../../../src/domain/locks/durability.ts";
import type { KeyId } from "../../../src/domain/ids.ts";
import { LEVELS } from "../../../src/domain/locks/state.ts";
import { codeOf, Example, keyOf, lockOf, REASON, SECOND, TTL } from "./example.ts";

/** How an ended lock or place of "a" may be used late. */
const USES = {
  write: (file: Example) => file.write("a"),
  renewal: (file: Example) => file.renew("a"),
  release: (file: Example) => file.release("a"),
  claim: (file: Example) => file.claim("a"),
};

/** "a" holds the file exclusively; "b" and "c" wait for it, in this order. */
function busy(): Example {
  const file = new Example();
  file.acquire("a", "exclusive");
  file.acquire("b", "exclusive");
  file.acquire("c", "exclusive");
  return file;
}

/** "a" has a write lock, whose commit waits for "r"; "b" would write next. */
function converting(): Example {
  const file = new Example();
  file.acquire("r", "read");
  file.acquire("a", "write");
  file.acquire("b", "write");
  file.write("a");
  return file;
}

describe("override", () => {
  test("without taking a lock, ends those of everybody else, and whoever waits comes next at once", () => {
    const file = busy();
    expect(file.override("z")).toMatchObject({ value: { ended: [{ holder: "agt_a" }], lock: null } });
    expect([file.held, file.waiting]).toEqual(["b", "c"]);
  });

  test("ends the locks of the holder it names, all of them, and no others", () => {
    const file = new Example();
    for (const name of ["a", "b", "a2"]) file.acquire(name, "read");
    file.override("z", { of: "a" });
    expect(file.held).toBe("b");
  });

  test("leaves the locks of whoever overrides alone, unless they are named", () => {
    const file = new Example();
    for (const name of ["a", "z"]) file.acquire(name, "read");
    file.override("z");
    expect(file.held).toBe("z");
    file.override("z", { of: "z" });
    expect(file.held).toBe("");
  });

  test.each(Object.entries(USES))(
    "a %s afterwards names the person and the reason, and changes nothing",
    (name, use) => {
      const file = busy();
      file.pass(SECOND);
      file.override("z", { level: "exclusive" });
      const before = file.state;
      expect(use(file)).toMatchObject({
        problem: { code: `${name}_after_override`, at: SECOND, by: "agt_z", reason: REASON, lock: "lk_a" },
      });
      expect(file.state).toEqual(before);
    },
  );

  test("ends a turn that is not collected yet", () => {
    const file = busy();
    file.release("a");
    file.override("z", { of: "b" });
    expect([file.held, file.waiting]).toEqual(["c", ""]);
    expect(codeOf(file.claim("b"))).toBe("claim_after_override");
  });

  test("leaves the waits of the holder it names in the queue", () => {
    const file = busy();
    file.acquire("a2", "exclusive");
    file.override("z", { of: "a" });
    expect([file.held, file.waiting]).toEqual(["b", "c a2"]);
  });

  test("an expired lock is nothing to override", () => {
    const file = new Example();
    file.acquire("a", "exclusive");
    file.now += TTL;
    expect(codeOf(file.override("z"))).toBe("not_locked");
    expect(codeOf(file.write("a"))).toBe("write_after_expiry");
  });

  test.each<[string, string | null]>([
    ["on a free file", null],
    ["of somebody who holds nothing", "b"],
  ])("%s, without taking a lock, is refused", (_, of) => {
    const file = new Example();
    if (of !== null) file.acquire("a", "exclusive");
    const before = file.state;
    expect(codeOf(file.override("z", { of }))).toBe("not_locked");
    expect(file.state).toEqual(before);
  });

  test("of one's own locks alone is refused, without a name and without taking one", () => {
    const file = new Example();
    file.acquire("z", "exclusive");
    expect(codeOf(file.override("z"))).toBe("not_locked");
    expect(file.held).toBe("z");
  });
});

describe("override that takes a lock", () => {
  test("gives it at once, claimed, with the next token, before all who wait", () => {
    const file = busy();
    expect(file.override("z", { level: "write" })).toMatchObject({
      value: { lock: { id: "lk_z", level: "write", token: 2, claimed: true, expiresAt: TTL, key: "key_z" } },
    });
    expect([file.held, file.waiting]).toEqual(["z", "b c"]);
    expect(file.write("z")).toMatchObject({ value: { type: "token", token: 2 } });
  });

  test("on a free file gives it too", () => {
    const file = new Example();
    expect(file.override("z", { level: "exclusive" })).toMatchObject({ value: { ended: [], lock: { token: 1 } } });
  });

  test("the waiters come after it, in their order", () => {
    const file = busy();
    file.override("z", { level: "exclusive" });
    file.release("z");
    expect([file.held, file.waiting]).toEqual(["b", "c"]);
  });

  test("a longer time to live than the workspace allows is refused", () => {
    const file = busy();
    const before = file.state;
    const maxMs = file.policy.maxTtlMs;
    const refused = file.override("z", { level: "read", ttlMs: maxMs + 1 });
    expect(refused).toMatchObject({ problem: { code: "lock_ttl_too_long", maxMs } });
    expect(file.state).toEqual(before);
  });

  test("is refused, and ends nothing, while somebody it does not name holds what excludes it", () => {
    const file = new Example();
    for (const name of ["a", "b"]) file.acquire(name, "read");
    const before = file.state;
    const refused = file.override("z", { of: "a", level: "exclusive" });
    expect(refused).toMatchObject({ problem: { code: "locked", holders: [{ holder: "agt_b" }] } });
    expect(file.state).toEqual(before);
  });

  test("goes beside the compatible locks of those it does not name", () => {
    const file = new Example();
    file.acquire("a", "write");
    file.acquire("b", "read");
    file.override("z", { of: "a", level: "write" });
    expect(file.held).toBe("b z");
  });

  test("ends one's own incompatible locks as released, and keeps the others", () => {
    const file = new Example();
    file.acquire("z1", "write");
    file.acquire("z2", "read");
    file.acquire("a", "read");
    file.override("z", { of: "a", level: "write" });
    expect(file.held).toBe("z2 z");
    expect(file.write("z1")).toMatchObject({ problem: { code: "write_after_release", by: "agt_z", reason: null } });
  });

  test("puts off what the waiters were promised by one longest hold, and nothing else does", () => {
    const file = busy();
    const promised = file.waiter("b")?.promisedBy ?? 0;
    file.override("z", { level: "exclusive" });
    expect(file.waiter("b")?.promisedBy).toBe(promised + file.policy.maxHoldMs);
    file.override("y");
    expect(file.waiter("c")?.promisedBy).toBeGreaterThan(promised);
    expect(file.lock("b")).toBeDefined();
  });

  test("is nobody's turn: the readers' phase stays as it was", () => {
    const file = new Example();
    file.acquire("r", "read");
    file.acquire("x", "exclusive");
    file.acquire("s", "read");
    file.override("z", { level: "exclusive" });
    file.release("z");
    expect([file.held, file.waiting]).toEqual(["x", "s"]);
  });
});

describe("a commit that waits for readers", () => {
  test("goes through once the readers are overridden", () => {
    const file = converting();
    file.override("z", { of: "r" });
    expect([file.held, file.state.conversion?.lock]).toEqual(["a", "lk_a"]);
    expect(codeOf(file.write("a"))).toBe("ok");
  });

  test.each<[string, (file: Example) => unknown]>([
    ["overridden", (file) => file.override("z", { of: "a" })],
    ["revoked", (file) => file.revoke(["a"])],
  ])("ends when its lock is %s, and what it held back comes in", (_, end) => {
    const file = converting();
    file.acquire("s", "read");
    end(file);
    expect(file.state.conversion).toBeNull();
    expect(file.held).toBe("r s b");
  });

  test.each(LEVELS)("excludes a %s lock that is taken without ending it", (level) => {
    expect(codeOf(converting().override("z", { of: "r", level }))).toBe("locked");
  });
});

describe("revocation", () => {
  test("ends locks, turns and waits alike, and whoever waits comes next at once", () => {
    const file = busy();
    file.acquire("d", "exclusive");
    file.release("a");
    file.revoke(["b", "c"], "z");
    expect([file.held, file.waiting]).toEqual(["d", ""]);
    expect(codeOf(file.claim("b"))).toBe("claim_after_revocation");
    expect(codeOf(file.claim("c"))).toBe("claim_after_revocation");
  });

  test.each(Object.entries(USES))("a %s afterwards says so, and by whom", (name, use) => {
    const file = busy();
    file.revoke(["a"], "z");
    expect(use(file)).toMatchObject({
      problem: { code: `${name}_after_revocation`, at: 0, by: "agt_z", reason: null, lock: "lk_a" },
    });
  });

  test("ignores what is not there, and may be nobody's in particular", () => {
    const file = busy();
    expect(codeOf(file.revoke(["a", "nobody"]))).toBe("ok");
    expect(file.state.ended).toMatchObject([{ id: "lk_a", cause: "revocation", by: null }]);
  });
});

describe("the key that a lock goes by", () => {
  const other = "key_other" as KeyId;

  test.each<[string, (file: Example) => unknown]>([
    ["a heartbeat", (file) => file.renew("a", null, other)],
    ["a claim", (file) => file.claim("a", other)],
  ])("of a holder is that of its last use: %s, and it is saved", (_, use) => {
    const file = busy();
    const { state } = file;
    expect(file.lock("a")?.key).toBe(keyOf("a"));
    use(file);
    expect(file.lock("a")).toMatchObject({ key: other, expiresAt: TTL });
    expect(mustSave(state, file.state, file.now)).toBe(true);
  });

  test("of a waiter is that of its last poll; a closed connection leaves it", () => {
    const file = busy();
    const { state } = file;
    file.claim("b", other);
    file.do({ type: "disconnect", id: lockOf("b") });
    expect(file.waiter("b")?.key).toBe(other);
    expect(mustSave(state, file.state, file.now)).toBe(true);
  });

  test("of a turn is that of its claim", () => {
    const file = busy();
    file.release("a");
    expect(file.lock("b")?.key).toBe(keyOf("b"));
    file.claim("b", other);
    expect(file.lock("b")?.key).toBe(other);
  });

  test("a heartbeat by the same key need not be saved", () => {
    const file = busy();
    const { state } = file;
    file.pass(SECOND);
    file.renew("a");
    file.claim("a");
    expect(mustSave(state, file.state, file.now)).toBe(false);
  });
});
