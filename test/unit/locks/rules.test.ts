// Owns examples of what each command does to a file's locks: levels, conversion at commit, writes, late use.

import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/domain/limits.ts";
import { compatible } from "../../../src/domain/locks/queue.ts";
import { LEVELS } from "../../../src/domain/locks/state.ts";
import { codeOf, Example, lockOf, SECOND, TTL } from "./example.ts";

describe("levels", () => {
  test.each([
    ["read", "read", true],
    ["read", "write", true],
    ["read", "exclusive", false],
    ["write", "write", false],
    ["write", "exclusive", false],
    ["exclusive", "exclusive", false],
  ] as const)("%s and %s are compatible: %s, in either order", (one, other, expected) => {
    expect(compatible(one, other)).toBe(expected);
    expect(compatible(other, one)).toBe(expected);
  });

  test.each(LEVELS.flatMap((held) => LEVELS.map((asked) => [held, asked] as const)))(
    "with %s held, %s is granted exactly if it is compatible",
    (held, asked) => {
      const file = new Example();
      file.acquire("a", held);
      expect(codeOf(file.acquire("b", asked, { queue: false }))).toBe(compatible(held, asked) ? "ok" : "locked");
    },
  );
});

describe("acquire", () => {
  test("asking again with the same request answers where it stands and keeps its token", () => {
    const file = new Example();
    const first = file.acquire("a", "write");
    expect(file.acquire("a", "write")).toEqual(first);
    expect(file.state.lastToken).toBe(1);
  });

  test("a refusal says who holds the file, how many wait and when to try again", () => {
    const file = new Example();
    file.acquire("a", "exclusive", { priority: 7 });
    file.acquire("b", "read");
    file.pass(SECOND);
    expect(file.acquire("c", "read", { queue: false })).toMatchObject({
      problem: {
        code: "locked",
        holders: [{ holder: "agt_a", level: "exclusive", priority: 7, grantedAt: 0, expiresAt: TTL }],
        queueLength: 1,
        retryAfterMs: TTL - SECOND,
      },
    });
  });

  test("a time to live above the workspace's maximum is refused, by renewal too", () => {
    const file = new Example();
    const tooLong = file.policy.maxTtlMs + 1;
    const problem = { code: "lock_ttl_too_long", maxMs: file.policy.maxTtlMs };
    expect(file.acquire("a", "read", { ttlMs: tooLong })).toMatchObject({ problem });
    file.acquire("b", "read");
    expect(file.renew("b", tooLong)).toMatchObject({ problem });
    expect(file.lock("b")?.expiresAt).toBe(TTL);
  });

  test("a full queue takes nobody more", () => {
    const file = new Example();
    file.acquire("a", "exclusive");
    for (let i = 0; i < LIMITS.QUEUE_MAX; i++) file.acquire(`b${i}`, "read");
    expect(file.acquire("c", "read")).toMatchObject({ problem: { code: "queue_full", limit: LIMITS.QUEUE_MAX } });
  });
});

describe("writing under a lock", () => {
  test("a write lock commits with its own token when nobody reads", () => {
    const file = new Example();
    file.acquire("a", "write");
    expect(file.write("a")).toEqual({ ok: true, value: { type: "token", token: 1 } });
    expect(file.state.conversion).toBeNull();
  });

  test("while readers are present the commit waits for them, and stops new readers and the queue", () => {
    const file = new Example();
    file.acquire("r", "read");
    file.acquire("a", "write");
    expect(file.write("a")).toMatchObject({
      problem: { code: "readers_present", holders: [{ holder: "agt_r" }], retryAfterMs: TTL },
    });
    file.acquire("s", "read");
    file.acquire("b", "write");
    expect(file.held).toBe("r a");
    expect(file.waiting).toBe("s b");
  });

  test("when the readers are gone the commit goes through, and readers come back, but no queued writer", () => {
    const file = new Example();
    file.acquire("r", "read");
    file.acquire("a", "write");
    file.write("a");
    file.acquire("b", "write");
    file.acquire("s", "read");
    file.release("r");
    expect(file.held).toBe("a");
    expect(codeOf(file.write("a"))).toBe("ok");
    expect(file.held).toBe("a s");
    expect(file.waiting).toBe("b");
  });

  test("a conversion ends at its deadline, and what waited for it comes in", () => {
    const file = new Example();
    file.acquire("r", "read");
    file.acquire("a", "write");
    file.write("a");
    file.acquire("s", "read");
    file.pass(LIMITS.CONVERSION_WAIT_MS - 1);
    expect(file.held).toBe("r a");
    file.pass(1);
    expect(file.state.conversion).toBeNull();
    expect(file.held).toBe("r a s");
  });

  test("asking again while converting does not move the deadline", () => {
    const file = new Example();
    file.acquire("r", "read");
    file.acquire("a", "write");
    file.write("a");
    file.pass(SECOND);
    file.write("a");
    expect(file.state.conversion?.deadline).toBe(LIMITS.CONVERSION_WAIT_MS);
  });

  test("a holder may give up converting, and only the holder may", () => {
    const file = new Example();
    file.acquire("r", "read");
    const reader = file.lock("r")?.holder;
    file.acquire("a", "write");
    const writer = file.lock("a")?.holder;
    file.write("a");
    if (reader !== undefined) file.do({ type: "endConversion", id: lockOf("a"), holder: reader });
    expect(file.state.conversion).not.toBeNull();
    if (writer !== undefined) file.do({ type: "endConversion", id: lockOf("a"), holder: writer });
    expect(file.state.conversion).toBeNull();
  });

  test("of two readers that both write, the first is upgraded and the second is told of the conflict at once", () => {
    const file = new Example();
    file.acquire("a", "read");
    file.acquire("b", "read");
    expect(codeOf(file.write("a"))).toBe("readers_present");
    expect(file.lock("a")).toMatchObject({ level: "write", token: 3 });
    expect(file.write("b")).toMatchObject({ problem: { code: "upgrade_conflict", holders: [{ holder: "agt_a" }] } });
    file.release("b");
    expect(file.write("a")).toMatchObject({ value: { type: "token", token: 3 } });
  });
});

describe("writing without a lock", () => {
  test("it is refused while anybody holds one, a reader included", () => {
    const file = new Example();
    file.acquire("r", "read");
    expect(file.writeWithoutLock()).toMatchObject({ problem: { code: "locked", holders: [{ holder: "agt_r" }] } });
  });

  test("on a free file it gets a token of its own, which fences off what came before", () => {
    const file = new Example();
    file.acquire("a", "write");
    file.release("a");
    expect(file.writeWithoutLock()).toMatchObject({ value: { type: "token", token: 2 } });
    expect(file.state).toMatchObject({ lastToken: 2, fence: 2 });
  });
});

describe("late use", () => {
  const uses = {
    write: (file: Example) => file.write("a"),
    renewal: (file: Example) => file.renew("a"),
    release: (file: Example) => file.release("a"),
    claim: (file: Example) => file.claim("a"),
  };

  test.each(Object.entries(uses))("a %s after expiry says so and leaves the next holder alone", (name, use) => {
    const file = new Example();
    file.acquire("a", "exclusive");
    file.acquire("b", "exclusive");
    file.pass(TTL);
    file.claim("b");
    const before = file.state;
    expect(use(file)).toMatchObject({ problem: { code: `${name}_after_expiry`, at: TTL, by: null, lock: "lk_a" } });
    expect(file.state).toEqual(before);
  });

  test.each(Object.entries(uses))("a %s after a release names who released it", (name, use) => {
    const file = new Example();
    file.acquire("a", "write");
    file.release("a");
    expect(use(file)).toMatchObject({ problem: { code: `${name}_after_release`, by: "agt_a" } });
  });

  test("a place in the queue is not a lock", () => {
    const file = new Example();
    file.acquire("a", "exclusive");
    file.acquire("b", "exclusive");
    expect([codeOf(file.write("b")), codeOf(file.renew("b"))]).toEqual(["lock_not_granted", "lock_not_granted"]);
  });

  test("another agent's lock is unknown", () => {
    const file = new Example();
    file.acquire("a", "write");
    expect(codeOf(file.release("a", "b"))).toBe("lock_unknown");
    expect(file.held).toBe("a");
  });

  test("an expired lock stands in nobody's way, however late the alarm", () => {
    const file = new Example();
    file.acquire("a", "exclusive");
    file.now += TTL;
    expect(codeOf(file.acquire("b", "exclusive", { queue: false }))).toBe("ok");
  });
});
