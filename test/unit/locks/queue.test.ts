// Owns examples of who goes next: order, priority with aging, fairness, phases, turns that nobody takes, bounds.

import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/domain/limits.ts";
import { DEFAULT_POLICY } from "../../../src/domain/locks/policy.ts";
import { codeOf, Example, FIFO, lockOf, SECOND, TTL } from "./example.ts";

/** A file held exclusively by "h". */
function busy(policy = DEFAULT_POLICY): Example {
  const file = new Example(policy);
  file.acquire("h", "exclusive", { ttlMs: policy.maxTtlMs });
  return file;
}

describe("order", () => {
  test("first come, first served, whatever the priority, when a step is worth nothing", () => {
    const file = busy(FIFO);
    file.acquire("a", "exclusive");
    file.acquire("b", "exclusive", { priority: LIMITS.PRIORITY_MAX });
    file.acquire("c", "write", { priority: 50 });
    expect(file.waiting).toBe("a b c");
  });

  test("a higher priority goes first, by one step of time for each point", () => {
    const file = busy();
    file.acquire("a", "exclusive", { priority: 0 });
    file.pass(10 * SECOND);
    file.acquire("b", "exclusive", { priority: 9 });
    file.acquire("c", "exclusive", { priority: 11 });
    expect(file.waiting).toBe("c a b");
  });

  test("who has waited long enough is not passed by any priority", () => {
    const file = busy();
    file.acquire("a", "exclusive", { priority: 0 });
    file.pass(LIMITS.PRIORITY_MAX * SECOND);
    file.acquire("b", "exclusive", { priority: LIMITS.PRIORITY_MAX });
    expect(file.waiting).toBe("a b");
  });
});

describe("fairness", () => {
  test("nobody is passed more often than the limit", () => {
    const file = busy();
    file.acquire("a", "exclusive");
    const rivals = Array.from({ length: LIMITS.BYPASS_MAX + 2 }, (_, index) => String.fromCharCode(98 + index));
    for (const rival of rivals) file.acquire(rival, "exclusive", { priority: LIMITS.PRIORITY_MAX });
    expect(file.waiting).toBe("b c d e a f g");
    expect(file.waiter("a")?.passed).toBe(LIMITS.BYPASS_MAX);
  });

  test("an agent that releases and asks again goes behind those who waited meanwhile", () => {
    const file = busy();
    file.acquire("a", "exclusive");
    file.acquire("b", "exclusive");
    file.release("h");
    file.pass(SECOND);
    file.acquire("c", "exclusive");
    file.acquire("h2", "exclusive", { priority: LIMITS.PRIORITY_MAX });
    expect(file.held).toBe("a");
    expect(file.waiting).toBe("b h2 c");
  });

  test("a holder may extend without end while nobody waits", () => {
    const file = new Example();
    file.acquire("a", "exclusive");
    for (let i = 0; i < 100; i++) {
      file.pass(TTL / 2);
      file.renew("a");
    }
    expect(file.lock("a")?.expiresAt).toBe(file.now + TTL);
  });

  test("a holder may extend for one longest hold from when somebody began to wait", () => {
    const file = new Example();
    file.acquire("a", "exclusive");
    file.pass(TTL / 2);
    file.acquire("b", "exclusive");
    const waitedSince = file.now;
    while (codeOf(file.renew("a")) === "ok") file.pass(TTL / 4);
    expect(file.now).toBe(waitedSince + file.policy.maxHoldMs);
    expect(file.held).toBe("b");
  });
});

describe("phases", () => {
  test("a write lock does not hold readers back", () => {
    const file = new Example();
    file.acquire("a", "write");
    file.acquire("b", "write");
    file.acquire("r", "read");
    expect(file.held).toBe("a r");
    expect(file.waiting).toBe("b");
  });

  test("a reader that arrives while an exclusive request waits, waits for the next read phase", () => {
    const file = new Example();
    file.acquire("r", "read");
    file.acquire("x", "exclusive");
    file.acquire("s", "read");
    expect(file.waiting).toBe("x s");
    file.release("r");
    expect(file.held).toBe("x");
  });

  test("a read phase admits all waiting readers, before the next exclusive request", () => {
    const file = new Example();
    file.acquire("x", "exclusive");
    file.acquire("y", "exclusive");
    for (const reader of ["r", "s", "t"]) file.acquire(reader, "read");
    file.release("x");
    expect(file.held).toBe("r s t");
    expect(file.waiting).toBe("y");
  });

  test("one read phase later it is the exclusive request's turn, whoever wants to read", () => {
    const file = new Example();
    file.acquire("x", "exclusive");
    file.acquire("y", "exclusive");
    file.acquire("r", "read");
    file.release("x");
    file.claim("r");
    file.acquire("s", "read");
    expect(file.waiting).toBe("y s");
    file.release("r");
    expect(file.held).toBe("y");
  });
});

describe("turns that nobody takes", () => {
  test("a turn passes on when the claim window is over", () => {
    const file = busy(FIFO);
    file.acquire("a", "exclusive");
    file.acquire("b", "exclusive");
    file.release("h");
    file.pass(LIMITS.CLAIM_WINDOW_MS - 1);
    expect(file.held).toBe("a");
    file.pass(1);
    expect(file.held).toBe("b");
    expect(codeOf(file.claim("a"))).toBe("claim_after_lapse");
  });

  test("a turn that is taken lives for its time to live from then", () => {
    const file = busy(FIFO);
    file.acquire("a", "exclusive");
    file.release("h");
    file.pass(SECOND);
    file.claim("a");
    expect(file.lock("a")).toMatchObject({ claimed: true, grantedAt: 0, expiresAt: SECOND + TTL });
  });

  test("a waiter that is gone is passed over", () => {
    const file = busy(FIFO);
    file.acquire("a", "exclusive");
    file.acquire("b", "exclusive");
    file.connected.delete(lockOf("a"));
    file.now += LIMITS.WAITER_LEASE_MS;
    file.release("h");
    expect(file.held).toBe("b");
  });

  test("a waiter that polls keeps its place", () => {
    const file = busy(FIFO);
    file.acquire("a", "exclusive");
    file.connected.clear();
    for (let i = 0; i < 5; i++) {
      file.pass(LIMITS.WAITER_LEASE_MS - 1);
      expect(codeOf(file.claim("a"))).toBe("ok");
    }
  });

  test("a waiter's own lease starts when its connection closes", () => {
    const file = busy(FIFO);
    file.acquire("a", "exclusive");
    file.pass(2 * LIMITS.WAITER_LEASE_MS);
    file.connected.clear();
    file.do({ type: "disconnect", id: lockOf("a") });
    file.pass(LIMITS.WAITER_LEASE_MS - 1);
    expect(file.waiting).toBe("a");
    file.pass(1);
    expect(file.waiting).toBe("");
  });
});

describe("the bound told to a waiter", () => {
  const { maxHoldMs } = DEFAULT_POLICY;

  test("a reader waits for the present phase and one exclusive hold", () => {
    const file = busy();
    file.acquire("r", "read");
    expect(file.waiter("r")?.promisedBy).toBe(2 * maxHoldMs);
  });

  test("a writer waits for those before it, those that may pass it, and its own turn", () => {
    const file = busy();
    file.acquire("a", "exclusive");
    file.acquire("b", "exclusive");
    expect(file.waiter("b")?.promisedBy).toBe(2 * maxHoldMs * (1 + LIMITS.BYPASS_MAX + 1));
  });

  test("the highest priority cannot be passed, unless fairness has put it back", () => {
    const file = busy();
    file.acquire("a", "exclusive", { priority: LIMITS.PRIORITY_MAX });
    expect(file.waiter("a")?.promisedBy).toBe(2 * maxHoldMs);
    file.acquire("b", "exclusive");
    file.release("h");
    file.acquire("h2", "exclusive", { priority: LIMITS.PRIORITY_MAX });
    expect(file.waiting).toBe("b h2");
    expect(file.waiter("h2")?.promisedBy).toBe(2 * maxHoldMs * (1 + LIMITS.BYPASS_MAX + 1));
  });

  test("it is reached when everybody holds for as long as allowed and readers never stop coming", () => {
    const policy = { maxTtlMs: TTL, maxHoldMs: TTL + LIMITS.CLAIM_WINDOW_MS, priorityStepMs: 0 };
    const file = busy(policy);
    file.acquire("x", "exclusive");
    file.acquire("w", "exclusive");
    const bound = file.waiter("w")?.promisedBy ?? 0;
    while (file.lock("w") === undefined && file.now <= bound) {
      if (!file.state.queue.some(({ level }) => level === "read")) file.acquire(`r${file.now}`, "read");
      for (const name of file.held.split(" ")) {
        file.claim(name);
        file.renew(name);
      }
      file.pass(SECOND);
    }
    expect(file.now).toBe(bound);
  });
});
