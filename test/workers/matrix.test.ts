// The matrix: every operation of the registry, by every route, for every way to stand to what it acts on, with the
// answer that a model written by hand expects (matrix/model.ts). A refusal must have changed nothing.

import { afterAll, describe, expect, test } from "vitest";
import { type Route, routesOf } from "../../src/faces/routes.ts";
import { OPERATIONS } from "../../src/operations/registry.ts";
import type { Answer } from "../support/http.ts";
import { sampleOf, trySample } from "../support/samples.ts";
import type { Scene } from "../support/scene.ts";
import { past } from "../support/until.ts";
import { world } from "../support/workerd.ts";
import { byId, byPath, lock, makeGrant, newFile, renew } from "../support/world.ts";
import { expected, LEVELS, NEW_FILE, RULES } from "./matrix/model.ts";
import { type Cast, castFor, WAYS } from "./matrix/ways.ts";

/** What is asked in one cell. */
interface Question {
  name: string;
  /** As it is told when it is answered otherwise than expected. */
  label: string;
  byPath: boolean;
  isChange: boolean;
  ask: (cast: Cast, scene: Scene) => Promise<Answer>;
}

const LOCKED = new Set(["write_file", "delete_file", "move_file"]);

const toQuestion = (route: Route): Question => ({
  name: route.operation.name,
  label: `${route.operation.name}${route.byPath ? ", by path" : ""}`,
  byPath: route.byPath,
  isChange: route.operation.effect !== "reads",
  // Who cannot hold the lock that the sample names, overwrites what is there.
  ask: ({ client, canHold }, scene) => {
    const instead = !canHold && LOCKED.has(route.operation.name) ? { headers: { "If-Match": "*" } } : {};
    return trySample(client, route, scene, {}, instead);
  },
});

const creation: Question = {
  name: NEW_FILE,
  label: NEW_FILE,
  byPath: true,
  isChange: true,
  ask: ({ client }, { workspace, fileFolder }) =>
    client.put(byPath(workspace, "/content"), { query: { path: `${fileFolder}new.csv` }, content: "new" }),
};

const QUESTIONS = [...OPERATIONS.flatMap(routesOf).map(toQuestion), creation];

/** After these, when they are served, the scene is no good for others. */
const USE_UP = new Set([
  "pause_principal",
  "resume_principal",
  "remove_principal",
  "move_file",
  "copy_file",
  "delete_file",
  "release_lock",
  "override_lock",
  "hand_off",
  "undo_handoff",
]);
/** After these, the workspace is somebody else's. */
const LAST = new Set(["claim_transfer", "transfer_ownership"]);

/** Many heartbeats at once are answered each for itself; here it is one. */
function outcomeOf(answer: Answer): string {
  if (answer.status >= 400) return answer.outcome;
  const isJson = answer.header("Content-Type") === "application/json";
  const { failed } = (isJson ? JSON.parse(answer.text) : {}) as { failed?: { code: string }[] };
  return failed?.[0] === undefined ? "served" : `failed ${failed[0].code}`;
}

/** All that a refused request might have changed. When a key was last used is no change. */
async function stateOf({ owner, workspace, file, newcomer }: Scene): Promise<Record<string, string>> {
  const paths = [
    "/api/groups",
    "/api/roles",
    "/api/grants",
    "/api/invitations",
    "/api/transfers",
    "/api/principals",
    "/api/workspaces",
    "/api/keys",
    `/api/keys?principalId=${newcomer.id}`,
    `/api/workspaces/${workspace}`,
    `/api/workspaces/${workspace}/members`,
    `/api/workspaces/${workspace}/grants`,
    `/api/workspaces/${workspace}/files?recursive=true`,
    byId(file),
    byId(file, "/lock"),
    byId(file, "/versions"),
  ];
  const texts = paths.map(async (path) => [path, (await owner.api.get(path)).must(200).text.replaceAll(USED_AT, "")]);
  return Object.fromEntries((await Promise.all(texts)) as [string, string][]);
}
const USED_AT = /"usedAt":(null|"[^"]*")/g;

let cells = 0;

interface Cell {
  question: Question;
  expected: string;
}

/** Asks, and says what was answered otherwise than expected. */
async function judge(cast: Cast, scene: Scene, { question, expected }: Cell): Promise<string[]> {
  cells++;
  const answer = await question.ask(cast, scene);
  const seen = outcomeOf(answer);
  return seen === expected
    ? []
    : [`${question.label}: ${expected} expected, ${seen} seen (${answer.text.slice(0, 200)})`];
}

test("no operation can be added without appearing in the model", () => {
  expect(Object.keys(RULES).sort()).toEqual(OPERATIONS.map(({ name }) => name).sort());
});

describe.each(Object.entries(WAYS))("%s", (_, ways) => {
  test.each(ways)("%s", async (_, standing) => {
    const cast = await castFor(standing);
    const all = QUESTIONS.map((question) => ({
      question,
      expected: expected(question.name, question.byPath, standing),
    }));
    const refused = all.filter((cell) => cell.expected !== "served");
    const served = all.filter((cell) => cell.expected === "served");
    const wrong: string[] = [];

    let scene = await cast.newScene();
    for (const { question } of refused) if (question !== creation) await sampleOf(question.name, scene);
    const before = await stateOf(scene);
    for (const cell of refused) wrong.push(...(await judge(cast, scene, cell)));
    expect(wrong).toEqual([]);
    expect(await stateOf(scene)).toEqual(before);

    for (const cell of inOrder(served)) {
      wrong.push(...(await judge(cast, scene, cell)));
      if (USE_UP.has(cell.question.name)) scene = await cast.newScene();
    }
    expect(wrong).toEqual([]);
  });
});

/** What only looks comes first; then what leaves the scene good for others. */
function inOrder(cells: Cell[]): Cell[] {
  const rank = ({ question: { name, isChange } }: Cell): number =>
    LAST.has(name) ? 3 : USE_UP.has(name) ? 2 : isChange ? 1 : 0;
  return cells.toSorted((a, b) => rank(a) - rank(b));
}

test("a right that ends by time is gone at that time, whatever is in use under it", async () => {
  const ada = await world.organization();
  const workspace = await world.workspace(ada);
  const until = Date.now() + 2000;
  const used = await Promise.all(
    LEVELS.map(async (level) => {
      const file = await newFile(ada, workspace, `/ending-${level}/a.csv`);
      const ben = await world.agent(ada, level);
      const path = { folder: `/ending-${level}/`, file: file.path, organization: undefined, workspace: undefined }[
        level
      ];
      const terms = { to: ben.id, role: "editor", until: new Date(until).toISOString() };
      await makeGrant(ada, level === "organization" ? null : workspace, { ...terms, ...(path ? { path } : {}) });
      (await ben.api.get(byId(file, "/content"))).must(200);
      return { level, ben, file, held: await lock(ben, file) };
    }),
  );
  await past(until);
  for (const { level, ben, file, held } of used) {
    const late = [
      await ben.api.get(byId(file, "/content")),
      await ben.api.put(byId(file, "/content"), { content: "two", headers: { "Holdfast-Lock": held.lockId } }),
      await renew(ben, file, held.lockId),
      await ben.api.get(byPath(workspace), { query: { path: file.path } }),
      await ben.api.get(`/api/workspaces/${workspace}`),
    ];
    expect([level, late.map(({ outcome }) => outcome)]).toEqual([level, late.map(() => "404 not_found")]);
  }
});

afterAll(() => {
  console.log(`the matrix: ${cells} cells`);
});
