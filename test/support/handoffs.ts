// Owns what tests of handoffs share: a scene with work to hand over, and a look at it from outside.

import type { Answer } from "./http.ts";
import { type Agent, byPath, type FileView, put, type World } from "./world.ts";

export interface Handoff {
  id: string;
  state: "committed" | "undone";
  mode: "move" | "copy";
  to: { workspaceId: string; folder: string };
  files: { from: string; to: string; fileId: string }[];
  recipients: { to: string; role: string; grantId: string }[];
  phase: { before: string | null; after: string | null };
  note: string | null;
  by: string;
  at: string;
  undoUntil: string;
  undone: { by: string; at: string } | null;
}

export type Mode = "move" | "copy";
export type Reach = "within" | "to another";

/** Ada owns it all. Ben works in `source`, and may do everything in /out/ of `target`. Rex may do nothing yet. */
export interface HandoffScene {
  ada: Agent;
  ben: Agent;
  rex: Agent;
  source: string;
  /** The source itself, or another workspace. */
  target: string;
}

export const LARGE = "large ".repeat(7_000);
/** What ben hands over: what each path holds, and where it goes. */
export const OUTPUTS = [
  { from: "/work/report.md", to: "/out/report.md", content: "the report" },
  { from: "/work/data/all.bin", to: "/out/data/all.bin", content: LARGE },
] as const;

type Cast = Pick<HandoffScene, "ada" | "ben" | "rex">;

export async function newCast(world: World): Promise<Cast> {
  const ada = await world.organization();
  return { ada, ben: await world.agent(ada, "ben"), rex: await world.agent(ada, "rex") };
}

export async function handoffScene(world: World, reach: Reach, cast?: Cast): Promise<HandoffScene> {
  const { ada, ben, rex } = cast ?? (await newCast(world));
  const source = await world.workspace(ada, [[ben, "editor"]]);
  const target = reach === "within" ? source : await world.workspace(ada);
  const scene = { ada, ben, rex, source, target };
  await allow(scene, ben, "/out/", "admin");
  (await ada.api.patch(`/api/workspaces/${source}`, { json: { phase: "writing" } })).must(200);
  for (const { from, content } of OUTPUTS) (await put(ben, source, from, content)).must(201);
  return scene;
}

export async function allow({ ada, target }: HandoffScene, { id }: Agent, path: string, role: string): Promise<void> {
  (await ada.api.post(`/api/workspaces/${target}/grants`, { json: { path, to: id, role } })).must(201);
}

export interface Asked {
  mode?: Mode;
  files?: string[];
  to?: { workspaceId?: string; folder: string };
  [field: string]: unknown;
}

/** Ben hands everything over to rex, unless told otherwise. */
export function handOff(
  { ben, rex, source, target }: HandoffScene,
  asked: Asked = {},
  { by = ben, key = null }: { by?: Agent; key?: string | null } = {},
): Promise<Answer> {
  const json = {
    files: OUTPUTS.map(({ from }) => from),
    from: "/work",
    to: { workspaceId: target, folder: "/out" },
    recipients: [{ to: rex.id, role: "viewer" }],
    ...asked,
  };
  const headers: Record<string, string> = key === null ? {} : { "Idempotency-Key": key };
  return by.api.post(`/api/workspaces/${source}/handoffs`, { json, headers });
}

export const handoffOf = (answer: Answer, status = 201): Handoff => answer.as<{ handoff: Handoff }>(status).handoff;

export function undo({ ben, source }: HandoffScene, id: string, by = ben, key: string | null = null): Promise<Answer> {
  const headers: Record<string, string> = key === null ? {} : { "Idempotency-Key": key };
  return by.api.post(`/api/workspaces/${source}/handoffs/${id}/undo`, { headers, json: {} });
}

/** Whether this content is found at a path; what is there must be whole. */
async function holds({ api }: Agent, workspace: string, path: string, content: string): Promise<boolean> {
  const answer = (await api.get(byPath(workspace, "/content"), { query: { path } })).must(200, 404);
  if (answer.status === 200 && answer.text !== content) throw new Error(`other content at ${path}`);
  return answer.status === 200;
}

/** Everything that an outsider can tell of a scene: contents by path, lists, phase, what rex can read. */
export async function look({ ada, rex, source, target }: HandoffScene): Promise<string[]> {
  const seen: string[] = [];
  for (const { from, to, content } of OUTPUTS) {
    if (await holds(ada, source, from, content)) seen.push(`source ${from}`);
    if (await holds(ada, target, to, content)) seen.push(`target ${to}`);
    if (await holds(rex, target, to, content)) seen.push(`rex ${to}`);
  }
  const lists: [string, string][] = [
    [source, "/work"],
    [target, "/out"],
  ];
  for (const [workspace, folder] of lists) {
    const answer = await ada.api.get(`/api/workspaces/${workspace}/files`, { query: { folder, recursive: true } });
    seen.push(...answer.as<{ files: FileView[] }>(200).files.map(({ path }) => `listed ${path}`));
  }
  const { workspace } = (await ada.api.get(`/api/workspaces/${source}`)).as<{
    workspace: { phase: { name: string } | null };
  }>(200);
  return [...seen, `phase ${workspace.phase?.name}`].sort();
}

/** What `look` sees before and after a handoff. */
export function expectedLooks(mode: Mode): { before: string[]; after: string[] } {
  const there = OUTPUTS.flatMap(({ from }) => [`source ${from}`, `listed ${from}`]);
  const here = OUTPUTS.flatMap(({ to }) => [`target ${to}`, `rex ${to}`, `listed ${to}`]);
  return {
    before: [...there, "phase writing"].sort(),
    after: [...here, ...(mode === "copy" ? there : []), "phase undefined"].sort(),
  };
}
