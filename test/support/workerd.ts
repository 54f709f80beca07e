// Owns what tests inside workerd share: the deployment under test, and a hand on its objects.

import { runDurableObjectAlarm } from "cloudflare:test";
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
