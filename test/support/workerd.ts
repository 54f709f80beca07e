// Owns what tests inside workerd share: the deployment under test, and a hand on its objects.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { Client } from "./http.ts";
import { OPERATOR_KEY } from "./secrets.ts";
import { World } from "./world.ts";

export const operator = new Client((request) => exports.default.fetch(request), "https://holdfast.test", OPERATOR_KEY);
export const world = new World(operator);

export const fileObject = (id: string) => env.FILES.get(env.FILES.idFromString(id));
export const workspaceObject = (id: string) => env.WORKSPACES.get(env.WORKSPACES.idFromString(id));

export const organizationObject = (id: string) => env.ORGANIZATIONS.get(env.ORGANIZATIONS.idFromName(id));

export const runAlarm = runDurableObjectAlarm;

/** The tables of an object, those of the platform aside. */
export function tablesOf(stub: DurableObjectStub): Promise<string[]> {
  return runInDurableObject(stub, (_, { storage }) => {
    const tables = storage.sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'");
    return tables.toArray().flatMap(({ name }) => (name.startsWith("_cf") ? [] : [name]));
  });
}
