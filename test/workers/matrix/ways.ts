// Owns the ways to stand to a scene, as plain data for the model; and how each is brought about through the API.

import type { Client } from "../../support/http.ts";
import { newScene, type Scene, type Stage } from "../../support/scene.ts";
import { world } from "../../support/workerd.ts";
import {
  type Agent,
  type FileView,
  type GrantTerms,
  makeGrant,
  makeGroup,
  makeKey,
  release,
  type Scopes,
} from "../../support/world.ts";
import { BUNDLES, type Given, holds, LEVELS, RULES, type Standing, type Walls } from "./model.ts";

export type Way = readonly [name: string, standing: Standing];

const SUBJECTS = ["principal", "group", "everyone"] as const;
const PLAIN = ["member", "guest"] as const;

type Some = Pick<Given, "bundle" | "level" | "to">;
/** Each bundle at each level to each kind of subject. */
const COMPLETE: Some[] = Object.keys(BUNDLES).flatMap((bundle) =>
  LEVELS.flatMap((level) => SUBJECTS.map((to) => ({ bundle, level, to }))),
);
/** Each bundle at each level, and at each level each kind of subject. */
const ROTATED: Some[] = Object.keys(BUNDLES).flatMap((bundle, row) =>
  LEVELS.map((level, column) => ({ bundle, level, to: SUBJECTS[(row + column) % SUBJECTS.length] ?? "everyone" })),
);
const nameOf = ({ bundle, level, to }: Some): string => `${bundle} at the ${level} to ${to}`;
const roleAt = (index: number) => PLAIN[index % PLAIN.length] ?? "member";
/** Everything, whatever else is said. */
const ALL_ALLOWED: Given = { level: "organization", to: "principal", effect: "allow", bundle: "admin", over: false };

const ways = (given: Some[], standing: (given: Given, index: number) => Standing): Way[] =>
  given.map((some, index) => [nameOf(some), standing({ ...some, effect: "allow", over: false }, index)]);

const WALLS: Record<string, Walls> = {
  "a read-only key": { readOnly: true },
  "a read-only key that names all operations": { readOnly: true, operations: "all named" },
  "a key for other operations": { operations: "none named" },
  "a key for all operations by name": { operations: "all named" },
  "a key for the workspace": { place: "the workspace" },
  "a key for the workspace and all operations by name": { place: "the workspace", operations: "all named" },
  "a key for another workspace": { place: "another workspace" },
  "a key for the folder": { place: "the folder" },
  "a read-only key for the folder": { place: "the folder", readOnly: true },
  "a key for another folder": { place: "another folder" },
};

export const WAYS: Record<string, Way[]> = {
  "with a role in the organization": [
    ["owner", { role: "owner" }],
    ["admin", { role: "admin" }],
    ["member", { role: "member" }],
    ["guest", { role: "guest" }],
    ["member who owns the workspace", { role: "member", ownsWorkspace: true }],
    ["guest who owns the workspace", { role: "guest", ownsWorkspace: true }],
  ],
  "turned away, though an owner": [
    ["stranger", { role: "owner", out: "stranger" }],
    ["no key", { role: "owner", out: "no key" }],
    ["revoked key", { role: "owner", out: "revoked" }],
    ["expired key", { role: "owner", out: "expired" }],
    ["paused", { role: "owner", out: "paused" }],
  ],
  "an owner with": Object.entries(WALLS).map(([name, walls]): Way => [name, { role: "owner", walls }]),
  allowed: ways(COMPLETE, (given, index) => ({ role: roleAt(index), given: [given] })),
  "allowed, and its time has passed:": ways(ROTATED, (given, index) => ({
    role: roleAt(index),
    given: [{ ...given, over: true }],
  })),
  "allowed everything, and denied": ways(COMPLETE, (given, index) => ({
    role: roleAt(index),
    given: [ALL_ALLOWED, { ...given, effect: "deny" }],
  })),
  "allowed everything, and denied what is over:": ways(ROTATED, (given, index) => ({
    role: roleAt(index),
    given: [ALL_ALLOWED, { ...given, effect: "deny", over: true }],
  })),
  "an admin of the organization, and denied": ways(ROTATED, (given) => ({
    role: "admin",
    given: [{ ...given, effect: "deny" }],
  })),
};

/** Somebody who stands so, before scenes in which they are let do what they can. */
export interface Cast {
  stage: Stage;
  /** As whom they ask. */
  client: Client;
  newScene: () => Promise<Scene>;
  /** Whether they can hold a lock; otherwise the files in their scenes are free, or somebody else's. */
  canHold: boolean;
}

export async function castFor(standing: Standing): Promise<Cast> {
  const owner = await world.organization();
  const workspace = await world.workspace(owner);
  const stage: Stage = { world, owner, workspace, folder: "/stage/" };
  const caller =
    standing.out === "stranger" ? await world.organization("Rival") : await world.agent(owner, "it", standing.role);
  if (standing.ownsWorkspace === true) {
    const passed = { workspaceId: workspace, to: caller.id };
    (await owner.api.post("/api/ownership", { json: passed })).must(200);
  }
  const permissions = BUNDLES["the role auditor"];
  (await owner.api.put("/api/roles/auditor", { json: { permissions } })).must(200);
  const later: GrantTerms[] = [];
  for (const given of standing.given ?? []) {
    const terms = await termsOf(given, owner, caller);
    if (given.level === "file") later.push(terms);
    else await makeGrant(owner, given.level === "organization" ? null : workspace, terms);
  }
  const arrange = async ({ path }: FileView): Promise<void> => {
    for (const terms of later) await makeGrant(owner, workspace, { ...terms, path });
  };
  const canHold = standing.out === undefined && holds(standing, "locks:acquire", "file");
  return {
    stage,
    canHold,
    client: await clientOf(standing, stage, caller),
    newScene: async () => {
      const scene = await newScene(stage, canHold ? caller : owner, arrange);
      if (!canHold) for (const id of [scene.ticket, scene.lockId]) (await release(owner, scene.file, id)).must(200);
      return scene;
    },
  };
}

async function termsOf({ level, to, effect, bundle, over }: Given, owner: Agent, caller: Agent): Promise<GrantTerms> {
  const whom = to === "everyone" ? to : to === "group" ? await makeGroup(owner, [caller]) : caller.id;
  const permissions = [...(BUNDLES[bundle] ?? [])];
  const own = bundle === "the role auditor" ? { role: "auditor" } : { role: bundle };
  return {
    to: whom,
    effect,
    ...(bundle === "listed permissions" ? { permissions } : own),
    ...(level === "folder" ? { path: "/stage/" } : {}),
    ...(over ? { until: "2020-01-01T00:00:00Z" } : {}),
  };
}

async function clientOf({ out, walls }: Standing, { owner, workspace }: Stage, caller: Agent): Promise<Client> {
  if (out === "no key") return caller.api.with(null);
  if (out === "revoked" || out === "expired") {
    const end = out === "expired" ? { expiresAt: "2020-01-01T00:00:00Z" } : {};
    const { api, keyId } = await makeKey(owner, caller, end);
    if (out === "revoked") (await owner.api.delete(`/api/keys/${keyId}`)).must(200);
    return api;
  }
  if (out === "paused") {
    const json = { reason: "it runs wild" };
    (await owner.api.post(`/api/principals/${caller.id}/pause`, { json })).must(200);
  }
  if (walls === undefined) return caller.api;
  return (await makeKey(owner, caller, { scopes: await scopesOf(walls, owner, workspace) })).api;
}

async function scopesOf({ readOnly, operations, place }: Walls, owner: Agent, workspace: string): Promise<Scopes> {
  const workspaceId = place === "another workspace" ? await world.workspace(owner) : workspace;
  const folder = place === "the folder" ? "/stage/" : place === "another folder" ? "/stages/" : "/";
  return {
    ...(readOnly === undefined ? {} : { readOnly }),
    ...(operations === undefined
      ? {}
      : { operations: operations === "all named" ? Object.keys(RULES) : ["create_organization"] }),
    ...(place === undefined ? {} : { places: [{ workspaceId, folder }] }),
  };
}
