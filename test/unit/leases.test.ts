// A lease on its way can cross a recall. Whatever the order of arrival, no lease older than an acknowledged recall is
// honoured.

import { expect, test } from "vitest";
import { Leases } from "../../durable-objects/file/leases.ts";
import type { AccessLease, Call } from "../../src/domain/calls.ts";
import type { PrincipalId, KeyId, OrganizationId } from "../../src/domain/ids.ts";
import { DEFAULT_POLICY } from "../../src/domain/locks/policy.ts";
import { ok } from "../../src/domain/result.ts";

const principal = "agt_a" as PrincipalId;
const call: Call = {
  caller: { organization: "org_a" as OrganizationId, principal, key: "key_a" as KeyId },
  action: "read_file",
  permission: "files:read",
  idempotency: null,
  lease: null,
};

const lease = (epoch: number, lifeMs = 60_000): AccessLease => ({
  principal,
  role: "editor",
  permissions: ["files:read"],
  policy: DEFAULT_POLICY,
  path: null,
  epoch,
  expiresAt: Date.now() + lifeMs,
});

test("a lease that a recall overtook is refused, and asked for again", async () => {
  const leases = new Leases();
  let epoch = 1;
  const asked: number[] = [];
  const got = await leases.get(
    call,
    () => ({ epoch }),
    async () => {
      const answer = lease(epoch);
      asked.push(answer.epoch);
      if (asked.length === 1) epoch = 2; // the recall arrives while the answer is on its way
      return ok(answer);
    },
  );
  expect(asked).toEqual([1, 2]);
  expect(got).toMatchObject({ ok: true, value: { epoch: 2 } });
});

test("a lease that came along is refused when it is older than the recall", async () => {
  const leases = new Leases();
  const got = await leases.get(
    { ...call, lease: lease(1) },
    () => ({ epoch: 2 }),
    async () => ok(lease(2)),
  );
  expect(got).toMatchObject({ ok: true, value: { epoch: 2 } });
});

test("a lease of another agent that came along is not used", async () => {
  const leases = new Leases();
  const stray = { ...lease(1), principal: "agt_b" as PrincipalId };
  const got = await leases.get(
    { ...call, lease: stray },
    () => ({ epoch: 1 }),
    async () => ok(lease(1)),
  );
  expect(got).toMatchObject({ ok: true, value: { principal } });
});

test("what is held is used until it runs out, and not after it is dropped", async () => {
  const leases = new Leases();
  let asked = 0;
  const get = () =>
    leases.get(
      call,
      () => ({ epoch: 1 }),
      async () => (asked++, ok(lease(1))),
    );
  await get();
  await get();
  expect(asked).toBe(1);
  leases.drop(principal);
  await get();
  expect(asked).toBe(2);
});

test("recalls that overtake every answer end in an honest refusal", async () => {
  let epoch = 1;
  const got = await new Leases().get(
    call,
    () => ({ epoch }),
    async () => ok(lease(epoch++)),
  );
  expect(got).toMatchObject({ ok: false, problem: { code: "unavailable" } });
});
