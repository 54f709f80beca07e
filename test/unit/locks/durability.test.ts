// Owns examples of what is written to disk and what a restart makes of it.

import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/domain/limits.ts";
import { mustSave, nextDeadline, restore, type Witness } from "../../../src/domain/locks/durability.ts";
import { Example, FIFO, lockOf, SECOND, TTL } from "./example.ts";

/** Restarts the file from `saved`. */
function restart(file: Example, saved: Example["state"], witness: Witness | null = null): void {
  file.state = restore(saved, file.at, witness);
}

/** Whether a change to a file with a holder and a waiter must be saved. */
function mustSaveAfter(change: (file: Example) => void): boolean {
  const file = new Example();
  file.acquire("a", "write");
  file.acquire("b", "write");
  const saved = file.state;
  file.pass(SECOND);
  change(file);
  return mustSave(saved, file.state, file.now);
}

describe("what must be saved", () => {
  test.each<[string, (file: Example) => void, boolean]>([
    ["a heartbeat", (file) => file.renew("a"), false],
    ["a poll", (file) => file.claim("b"), false],
    ["a closed connection", (file) => file.do({ type: "disconnect", id: lockOf("b") }), false],
    ["a refusal", (file) => file.acquire("c", "exclusive", { queue: false }), false],
    ["a heartbeat that changes the time to live", (file) => file.renew("a", 2 * TTL), true],
    ["a grant", (file) => file.acquire("c", "read"), true],
    ["a place in the queue", (file) => file.acquire("c", "write"), true],
    ["a release", (file) => file.release("a"), true],
    ["a lapse", (file) => file.pass(TTL), true],
  ])("%s", (_, change, expected) => {
    expect(mustSaveAfter(change)).toBe(expected);
  });

  test("a write without a lock, which takes a token", () => {
    const file = new Example();
    const saved = file.state;
    file.writeWithoutLock();
    expect(mustSave(saved, file.state, file.now)).toBe(true);
  });
});

/** A file whose holder's heartbeats are not on disk. */
function heartbeaten(): { file: Example; saved: Example["state"] } {
  const file = new Example(FIFO);
  file.acquire("a", "exclusive");
  const saved = file.state;
  for (let i = 0; i < 5; i++) {
    file.pass(TTL / 2);
    file.renew("a");
  }
  return { file, saved };
}

/** A file with a waiter that is gone. */
function deserted(): Example {
  const file = new Example(FIFO);
  file.acquire("a", "exclusive", { ttlMs: 3 * TTL });
  file.acquire("b", "exclusive");
  file.connected.clear();
  file.now += TTL;
  return file;
}

describe("restart", () => {
  test("without a witness, a lock gets one time to live of grace", () => {
    const { file, saved } = heartbeaten();
    restart(file, saved);
    expect(file.lock("a")).toMatchObject({ expiresAt: file.now + TTL, inGrace: true });
    expect(mustSave(saved, file.state, file.now)).toBe(true);
  });

  test("with a witness, a lock lasts as long as its holder was told", () => {
    const { file, saved } = heartbeaten();
    const told = file.now + TTL;
    file.pass(SECOND);
    restart(file, saved, new Map([[lockOf("a"), told]]));
    expect(file.lock("a")).toMatchObject({ expiresAt: told, inGrace: false });
  });

  test("grace is given once", () => {
    const { file, saved } = heartbeaten();
    restart(file, saved);
    const ends = file.now + TTL;
    file.pass(TTL / 2);
    restart(file, file.state);
    expect(file.lock("a")?.expiresAt).toBe(ends);
    restart(file, file.state, new Map([[lockOf("a"), ends]]));
    expect(file.lock("a")?.inGrace).toBe(true);
  });

  test("a heartbeat in grace is saved, and earns grace again", () => {
    const { file, saved } = heartbeaten();
    restart(file, saved);
    const graced = file.state;
    file.pass(TTL / 2);
    file.renew("a");
    expect(mustSave(graced, file.state, file.now)).toBe(true);
    restart(file, file.state);
    file.pass(SECOND);
    restart(file, file.state);
    expect(file.lock("a")).toMatchObject({ expiresAt: file.now + TTL, inGrace: true });
  });

  test("grace does not outlast the longest hold while somebody waits", () => {
    const file = new Example({ ...FIFO, maxHoldMs: TTL + LIMITS.CLAIM_WINDOW_MS });
    file.acquire("a", "exclusive");
    file.acquire("b", "exclusive");
    file.now += TTL - SECOND;
    restart(file, file.state);
    expect(file.lock("a")?.expiresAt).toBe(TTL + LIMITS.CLAIM_WINDOW_MS);
  });

  test("a turn that nobody has taken gets no grace", () => {
    const file = new Example(FIFO);
    file.acquire("a", "exclusive");
    file.acquire("b", "exclusive");
    file.release("a");
    file.now += LIMITS.CLAIM_WINDOW_MS;
    restart(file, file.state);
    file.pass(0);
    expect(file.held).toBe("");
  });

  test("a waiter without a connection keeps its place for one lease of its own", () => {
    const file = deserted();
    restart(file, file.state);
    file.pass(LIMITS.WAITER_LEASE_MS - 1);
    expect(file.waiting).toBe("b");
    file.pass(1);
    expect(file.waiting).toBe("");
  });

  test("a waiter gets that grace once, and again after a poll", () => {
    const file = deserted();
    const saved = file.state;
    restart(file, saved);
    expect(mustSave(saved, file.state, file.now)).toBe(true);
    const gone = file.waiter("b")?.seenUntil;
    file.pass(SECOND);
    restart(file, file.state);
    expect(file.waiter("b")?.seenUntil).toBe(gone);
    file.claim("b");
    file.pass(SECOND);
    restart(file, file.state);
    expect(file.waiter("b")?.seenUntil).toBe(file.now + LIMITS.WAITER_LEASE_MS);
  });

  test("a waiter whose connection is open needs no grace", () => {
    const file = deserted();
    file.connected.add(lockOf("b"));
    const saved = file.state;
    restart(file, saved);
    file.pass(TTL);
    expect(file.waiting).toBe("b");
    expect(mustSave(saved, file.state, file.now)).toBe(false);
  });
});

describe("the next deadline", () => {
  test("there is none on a free file", () => {
    expect(nextDeadline(new Example().state, new Set())).toBeNull();
  });

  test("it is the first expiry, or the end of a conversion", () => {
    const file = new Example();
    file.acquire("r", "read");
    file.acquire("a", "write", { ttlMs: 2 * TTL });
    expect(nextDeadline(file.state, file.connected)).toBe(TTL);
    file.write("a");
    expect(nextDeadline(file.state, file.connected)).toBe(LIMITS.CONVERSION_WAIT_MS);
  });

  test("it is the lease of an exclusive waiter that holds others back without a connection", () => {
    const file = new Example();
    file.acquire("r", "read");
    file.acquire("x", "exclusive");
    expect(nextDeadline(file.state, new Set())).toBe(TTL);
    file.acquire("s", "read");
    expect(nextDeadline(file.state, new Set())).toBe(LIMITS.WAITER_LEASE_MS);
    expect(nextDeadline(file.state, file.connected)).toBe(TTL);
  });
});
