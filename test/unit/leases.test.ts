// A lease on its way can cross a recall. Whatever the order of arrival, no lease older than an acknowledged recall is
// honoured.

import { expect, test } from "vitest";
import { Leases } from "../../durable-objects/leases.ts";
import type { Lease } from "../../src/domain/access/leases.ts";
import type { Caller } from "../../src/domain/calls.ts";
import type { KeyId, OrganizationId, PrincipalId } from "../../src/domain/ids.ts";
import { ok } from "../../src/domain/result.ts";

const principal = "agt_a" as PrincipalId;
const key = "key_a" as KeyId;
const caller: Caller = { organization: "org_a" as OrganizationId, principal, key };

const lease = (epoch: number, lifeMs = 60_000): Lease => ({ principal, key, epoch, expiresAt: Date.now() + lifeMs });

test("a lease that a recall overtook is refused, and asked for again", async () => {
  let epoch = 1;
  const leases = new Leases<Lease>(() => epoch);
  const asked: number[] = [];
  const got = await leases.get(caller, async () => {
    const answer = lease(epoch);
    asked.push(answer.epoch);
    if (asked.length === 1) epoch = 2; // the recall arrives while the answer is on its way
    return ok(answer);
  });
  expect(asked).toEqual([1, 2]);
  expect(got).toMatchObject({ ok: true, value: { epoch: 2 } });
});

test("a lease that came along is refused when it is older than the recall", async () => {
  const leases = new Leases<Lease>(() => 2);
  const got = await leases.get(caller, async () => ok(lease(2)), { carried: lease(1) });
  expect(got).toMatchObject({ ok: true, value: { epoch: 2 } });
});

test("a lease of another principal, or of another key, that came along is not used", async () => {
  const leases = new Leases<Lease>(() => 1);
  for (const stray of [
    { ...lease(1), principal: "agt_b" as PrincipalId },
    { ...lease(1), key: "key_b" as KeyId },
  ]) {
    const got = await leases.get(caller, async () => ok(lease(1)), { carried: stray });
    expect(got).toMatchObject({ ok: true, value: { principal, key } });
  }
});

test.each([
  ["the key", { principal, key }],
  ["the principal", { principal, key: null }],
  ["all", { principal: null, key: null }],
])("what is held is used until it runs out, and not after a recall of %s", async (_, whose) => {
  const leases = new Leases<Lease>(() => 1);
  let asked = 0;
  const get = () => leases.get(caller, async () => (asked++, ok(lease(1))));
  await get();
  await get();
  expect(asked).toBe(1);
  leases.drop({ principal: "agt_b" as PrincipalId, key: null });
  await get();
  expect(asked).toBe(1);
  leases.drop(whose);
  await get();
  expect(asked).toBe(2);
});

test("what is held and does not suffice is asked for anew", async () => {
  const leases = new Leases<Lease>(() => 1);
  const get = (epoch: number) =>
    leases.get(caller, async () => ok(lease(epoch)), { suffices: (held) => held.epoch >= 2 });
  await get(1);
  expect(await get(2)).toMatchObject({ ok: true, value: { epoch: 2 } });
});

test("recalls that overtake every answer end in an honest refusal", async () => {
  let epoch = 1;
  const leases = new Leases<Lease>(() => epoch);
  expect(await leases.get(caller, async () => ok(lease(epoch++)))).toMatchObject({
    ok: false,
    problem: { code: "unavailable" },
  });
});
